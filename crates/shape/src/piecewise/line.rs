/// `value + slope * periods`, from `from` whole periods on.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Line {
    pub(super) from: i64,
    pub(super) value: i128,
    pub(super) slope: i128,
}

/// After how many whole periods a line ends that has no end.
pub(super) const NO_END: i64 = i64::MAX;

/// How a value must compare with 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    Equal,
    AtLeast,
    AtMost,
}

impl Line {
    pub(super) fn constant(value: i128) -> Line {
        Line {
            from: 0,
            value,
            slope: 0,
        }
    }

    pub(super) fn at(&self, periods: i64) -> Option<i128> {
        product(self.slope, periods.into())?.checked_add(self.value)
    }

    /// The same line for a period that is `times` as long, `offset` old periods after its beginning.
    pub(super) fn stretched(&self, offset: i64, times: i64) -> Option<Line> {
        Some(Line {
            // The least at which `offset + times * from` has come.
            from: match self.from > offset {
                true => (self.from - offset - 1) / times + 1,
                false => 0,
            },
            value: self.at(offset)?,
            slope: product(self.slope, times.into())?,
        })
    }

    pub(super) fn plus_times(&self, other: &Line, factor: i128) -> Option<Line> {
        Some(Line {
            from: self.from.max(other.from),
            value: self.value.checked_add(product(other.value, factor)?)?,
            slope: self.slope.checked_add(product(other.slope, factor)?)?,
        })
    }

    /// The half-open interval in `self.from..end` in which the relation holds.
    pub(super) fn truth(&self, end: i64, relation: Relation) -> Option<(i64, i64)> {
        let (value, slope) = match relation {
            Relation::AtMost => (self.value.checked_neg()?, self.slope.checked_neg()?),
            _ => (self.value, self.slope),
        };
        let all = (self.from.into(), end.into());
        let none = (0, 0);
        let (from, to) = match (relation, slope) {
            (Relation::Equal, 0) if value == 0 => all,
            (Relation::Equal, 0) => none,
            (Relation::Equal, _) => {
                let place = floor(
                    product(value.checked_neg()?, slope.signum())?,
                    slope.checked_abs()?,
                );
                match product(place, slope)?.checked_add(value)? {
                    0 => (place, place.checked_add(1)?),
                    _ => none,
                }
            }
            (_, 0) if value >= 0 => all,
            (_, 0) => none,
            // The first place that is not negative, the last place that is not.
            (_, 1..) => (floor(value, slope).checked_neg()?, end.into()),
            (_, _) => (
                self.from.into(),
                floor(value, slope.checked_neg()?).checked_add(1)?,
            ),
        };
        let from = from.max(self.from.into());
        let to = to.min(end.into());
        Some(if from < to {
            (from as i64, to as i64)
        } else {
            (0, 0)
        })
    }
}

pub(super) fn product(a: i128, b: i128) -> Option<i128> {
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => Some(i128::from(a) * i128::from(b)),
        _ => a.checked_mul(b),
    }
}

/// `floor(a / b)` for a positive `b`.
pub(super) fn floor(a: i128, b: i128) -> i128 {
    // Most numbers are small, and their division is several times as fast.
    match (i64::try_from(a), i64::try_from(b)) {
        (Ok(a), Ok(b)) => a.div_euclid(b).into(),
        _ => a.div_euclid(b),
    }
}

/// Where `lines` end, each with its line.
pub(super) fn with_ends(lines: &[Line]) -> impl Iterator<Item = (&Line, i64)> {
    let ends = lines[1..].iter().map(|line| line.from).chain([NO_END]);
    lines.iter().zip(ends)
}

/// Adds a line to those of one remainder, which begin at `start`: a later one from the same place on replaces it.
pub(super) fn push(lines: &mut Vec<Line>, start: usize, line: Line) {
    match lines[start..].last_mut() {
        Some(last) if last.from == line.from => *last = line,
        Some(last) if (last.value, last.slope) == (line.value, line.slope) => {}
        _ => lines.push(line),
    }
}

pub(super) fn product_of_lines(
    a: &Line,
    b: &Line,
    _end: i64,
    push: &mut dyn FnMut(Line),
) -> Option<()> {
    let (line, factor) = match (a.slope, b.slope) {
        (_, 0) => (a, b.value),
        (0, _) => (b, a.value),
        _ => return None,
    };
    let mut product = Line::constant(0).plus_times(line, factor)?;
    product.from = a.from.max(b.from);
    push(product);
    Some(())
}

/// The lesser or the greater of two lines, from where both have begun to `end`: they cross at most once.
pub(super) fn extreme_of_lines(
    a: &Line,
    b: &Line,
    end: i64,
    greatest: bool,
    push: &mut dyn FnMut(Line),
) -> Option<()> {
    let from = a.from.max(b.from);
    let (a, b) = (Line { from, ..*a }, Line { from, ..*b });
    let difference = match greatest {
        true => a.plus_times(&b, -1)?,
        false => b.plus_times(&a, -1)?,
    };
    let first = difference.truth(end, Relation::AtLeast)?;
    if first.0 == first.1 {
        push(b);
        return Some(());
    }
    if first.0 > from {
        push(b);
    }
    push(Line { from: first.0, ..a });
    if first.1 < end {
        push(Line { from: first.1, ..b });
    }
    Some(())
}
