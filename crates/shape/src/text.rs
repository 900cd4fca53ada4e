//! Sizes as people write them: `2*H - 1`, `ceil(H/4)`.

use std::collections::BTreeMap;

use crate::{Dim, Result, ShapeError, SizeSet};

mod bounds;
#[cfg(test)]
mod tests;

/// The most bytes that a text has.
const LONGEST: usize = 1000;
/// The most parentheses, calls and signs around a number or a name.
const DEEPEST: usize = 100;
/// Words that are no names of sizes.
const WORDS: [&str; 6] = ["ceil", "floor", "min", "max", "mod", "and"];

/// The unknown sizes of one place by name: the same name is the same size.
#[derive(Debug, Default)]
pub struct Names {
    unknowns: BTreeMap<String, Dim>,
    bounds: BTreeMap<String, SizeSet>,
}

impl Names {
    /// No names yet.
    pub fn new() -> Names {
        Names::default()
    }

    /// The unknown of this name, within its bounds.
    pub fn dim(&mut self, name: &str) -> Dim {
        let bounds = self.bounds.get(name).cloned();
        let new = || Dim::unknown_in(name, bounds.unwrap_or_else(|| SizeSet::at_least(1)));
        self.unknowns
            .entry(name.to_string())
            .or_insert_with(new)
            .clone()
    }

    /// The size that `text` says, as `Debug` of a [`Dim`] writes it.
    ///
    /// Integers, names, `+`, `-`, `*`, `/` or `//` (which round down), `%` or `mod`, parentheses, `ceil(x/n)`,
    /// `floor(x/n)`, `min(x, y, ...)` and `max(x, y, ...)`.
    ///
    /// # Errors
    /// `Text` for what cannot be read: where, and what is legal there; `Overflow`, `Invalid` for a division by 0.
    pub fn parse(&mut self, text: &str) -> Result<Dim> {
        let mut reader = Reader::new(text)?;
        let dim = self.sum(&mut reader)?;
        reader.end("an operator (+ - * / %)")?;
        // An expression that grew too large is an unknown that nobody named.
        let named = |unknown: &crate::Unknown| {
            self.unknowns.get(unknown.name()) == Some(&unknown.clone().into())
        };
        match dim.unknowns().iter().all(named) {
            true => Ok(dim),
            false => Err(reader.error_at(0, "a shorter expression: this one is too large")),
        }
    }

    fn sum(&mut self, reader: &mut Reader) -> Result<Dim> {
        let mut sum = self.product(reader)?.value;
        loop {
            sum = if reader.take("+") {
                sum.plus(self.product(reader)?.value)?
            } else if reader.take("-") {
                sum.minus(self.product(reader)?.value)?
            } else {
                return Ok(sum);
            };
        }
    }

    fn product(&mut self, reader: &mut Reader) -> Result<Product> {
        let mut value = self.factor(reader)?;
        let mut quotient = None;
        loop {
            if reader.take("*") {
                value = value.times(self.factor(reader)?)?;
                quotient = None;
            } else if reader.take("//") || reader.take("/") {
                let divisor = self.factor(reader)?;
                let floor = value.floor_div(&divisor)?;
                quotient = Some((value, divisor));
                value = floor;
            } else if reader.take("%") || reader.take_word("mod") {
                value = value.modulo(self.factor(reader)?)?;
                quotient = None;
            } else {
                return Ok(Product { value, quotient });
            }
        }
    }

    fn factor(&mut self, reader: &mut Reader) -> Result<Dim> {
        reader.depth += 1;
        if reader.depth > DEEPEST {
            return Err(reader.error(&format!("at most {DEEPEST} nested parentheses and signs")));
        }
        let factor = self.atom(reader);
        reader.depth -= 1;
        factor
    }

    fn atom(&mut self, reader: &mut Reader) -> Result<Dim> {
        if let Some(number) = reader.number("")? {
            return Ok(Dim::Known(number));
        }
        if reader.take("-") {
            return match reader.number("-")? {
                Some(number) => Ok(Dim::Known(number)),
                None => Dim::Known(0).minus(self.factor(reader)?),
            };
        }
        if reader.take("(") {
            let sum = self.sum(reader)?;
            reader.expect(")", "an operator or )")?;
            return Ok(sum);
        }
        let start = reader.at;
        match reader.word() {
            Some(what @ ("ceil" | "floor")) => {
                reader.expect("(", "(")?;
                let quotient = self.product(reader)?.quotient;
                let (Some((dividend, divisor)), true) = (quotient, reader.take(")")) else {
                    return Err(reader.error_at(start, &format!("one quotient, {what}(x/n)")));
                };
                match what {
                    "ceil" => dividend.ceil_div(divisor),
                    _ => dividend.floor_div(divisor),
                }
            }
            Some(what @ ("min" | "max")) => {
                reader.expect("(", "(")?;
                let mut extreme = self.sum(reader)?;
                while reader.take(",") {
                    let next = self.sum(reader)?;
                    extreme = match what {
                        "min" => extreme.lesser(next),
                        _ => extreme.greater(next),
                    };
                }
                reader.expect(")", "a comma or )")?;
                Ok(extreme)
            }
            Some(name) if !WORDS.contains(&name) => Ok(self.dim(name)),
            _ => Err(reader.error_at(start, "a number, a name, -, (, ceil(, floor(, min( or max(")),
        }
    }
}

/// A product, and what its last operation divided where that was a division.
struct Product {
    value: Dim,
    quotient: Option<(Dim, Dim)>,
}

/// A text and how far it has been read.
struct Reader<'a> {
    text: &'a str,
    /// Never inside a character.
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Result<Reader<'a>> {
        match text.len() <= LONGEST {
            true => Ok(Reader {
                text,
                at: 0,
                depth: 0,
            }),
            false => Err(ShapeError::Text {
                text: text.chars().take(20).chain("...".chars()).collect(),
                at: 0,
                legal: format!("at most {LONGEST} characters"),
            }),
        }
    }

    fn error(&self, legal: &str) -> ShapeError {
        self.error_at(self.at, legal)
    }

    fn error_at(&self, at: usize, legal: &str) -> ShapeError {
        ShapeError::Text {
            text: self.text.to_string(),
            at,
            legal: legal.to_string(),
        }
    }

    /// What is left, behind blanks.
    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start();
        self.at = self.text.len() - rest.len();
        rest
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = self.rest().starts_with(symbol);
        self.at += if found { symbol.len() } else { 0 };
        found
    }

    fn expect(&mut self, symbol: &str, legal: &str) -> Result<()> {
        match self.take(symbol) {
            true => Ok(()),
            false => Err(self.error(legal)),
        }
    }

    fn end(&mut self, legal: &str) -> Result<()> {
        match self.rest() {
            "" => Ok(()),
            _ => Err(self.error(legal)),
        }
    }

    /// The letters, digits and underscores that follow, unless they start with a digit.
    fn peek_word(&mut self) -> Option<&'a str> {
        let rest = self.rest();
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let word = &rest[..rest.find(|c| !part(c)).unwrap_or(rest.len())];
        (!word.is_empty() && !word.starts_with(|c: char| c.is_ascii_digit())).then_some(word)
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = self.peek_word()?;
        self.at += word.len();
        Some(word)
    }

    fn name(&mut self, legal: &str) -> Result<&'a str> {
        match self.peek_word() {
            Some(name) if !WORDS.contains(&name) => Ok(self.word().unwrap_or(name)),
            _ => Err(self.error(legal)),
        }
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.peek_word() == Some(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    /// The number that follows, with this sign.
    fn number(&mut self, sign: &str) -> Result<Option<i64>> {
        let rest = self.rest();
        let digits = &rest[..rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len())];
        if digits.is_empty() {
            return Ok(None);
        }
        let number = format!("{sign}{digits}")
            .parse()
            .map_err(|_| self.error(&format!("a number of at most {}", i64::MAX)))?;
        self.at += digits.len();
        match self.text[self.at..].starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            true => Err(self.error("an operator, as in 2*H")),
            false => Ok(Some(number)),
        }
    }
}
