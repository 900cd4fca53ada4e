//! What people say of a size: `H % 8 == 0 and H >= 32`.

use super::{Names, Reader};
use crate::{Result, SizeSet};

impl Names {
    /// Says that only some sizes will be given under a name: `H >= 32`, `H <= 4096`, `H > 3`, `H < 9`, `H == 5`,
    /// `H % 8 == 0` or `H mod 8 == 0`, or several of these joined by `and` or commas. All bounds of a name hold
    /// together, and its sizes are at least 1 in any case.
    ///
    /// # Errors
    /// `Text` for what cannot be read, for a name that was used before it was bounded, and for bounds that no
    /// size meets.
    pub fn bound(&mut self, text: &str) -> Result<()> {
        let mut reader = Reader::new(text)?;
        loop {
            let start = reader.at;
            let (name, sizes) = bound(&mut reader)?;
            if self.unknowns.contains_key(name) {
                let legal = format!("the bounds of {name} before its first use");
                return Err(reader.error_at(start, &legal));
            }
            let bounds = self.bounds.get(name).cloned();
            let bounds = bounds.unwrap_or_else(|| SizeSet::at_least(1));
            let bounds = match bounds.checked_intersect(&sizes) {
                None => return Err(reader.error_at(start, "moduli with a smaller common multiple")),
                Some(none) if none.is_empty() => {
                    let legal = format!(
                        "a bound that some {name} meets: so far {}",
                        bounds.describe(name)
                    );
                    return Err(reader.error_at(start, &legal));
                }
                Some(bounds) => bounds,
            };
            self.bounds.insert(name.to_string(), bounds);
            if !(reader.take(",") || reader.take_word("and")) {
                return reader.end("and, a comma or the end");
            }
        }
    }

    /// The names that have bounds.
    pub fn bounded(&self) -> impl Iterator<Item = &str> {
        self.bounds.keys().map(String::as_str)
    }

    /// The names that are in use.
    pub fn used(&self) -> impl Iterator<Item = &str> {
        self.unknowns.keys().map(String::as_str)
    }
}

fn bound<'a>(reader: &mut Reader<'a>) -> Result<(&'a str, SizeSet)> {
    let name = reader.name("a name, as in H >= 32 or H % 8 == 0")?;
    if reader.take("%") || reader.take_word("mod") {
        let at = reader.at;
        let modulus = number(reader)?;
        if modulus < 1 {
            return Err(reader.error_at(at, "a number of at least 1"));
        }
        reader.expect("==", "==")?;
        let at = reader.at;
        let remainder = number(reader)?;
        return match (0..modulus).contains(&remainder) {
            true => Ok((name, SizeSet::congruent(modulus, remainder))),
            false => Err(reader.error_at(at, &format!("a remainder of 0 to {}", modulus - 1))),
        };
    }
    let symbols = ["==", ">=", "<=", ">", "<"];
    let Some(symbol) = symbols.into_iter().find(|symbol| reader.take(symbol)) else {
        return Err(reader.error("==, >=, <=, >, <, % or mod"));
    };
    let n = number(reader)?;
    let sizes = match symbol {
        "==" => SizeSet::of([n]),
        ">=" => SizeSet::at_least(n),
        "<=" => SizeSet::at_most(n),
        ">" => n
            .checked_add(1)
            .map_or_else(SizeSet::none, SizeSet::at_least),
        _ => SizeSet::at_most(n.saturating_sub(1)),
    };
    Ok((name, sizes))
}

fn number(reader: &mut Reader) -> Result<i64> {
    let sign = if reader.take("-") { "-" } else { "" };
    let number = reader.number(sign)?;
    number.ok_or_else(|| reader.error("a number"))
}
