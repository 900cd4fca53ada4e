use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::dim::gcd;
use crate::set::Builder;
use crate::{Atom, Dim, SizeSet, Term};

#[cfg(test)]
mod tests;

/// The longest period of an expression that is decided.
const LONGEST_PERIOD: i64 = 1 << 20;

/// The most lines of one function.
const MOST_LINES: usize = 4 << 20;

/// The most intervals that a set of sizes is made from.
const MOST_INTERVALS: usize = 4 << 20;

/// A function of one size, at least 0, that is linear from some point on, but for a period.
///
/// For each remainder of the size there are lines: each gives the values from a number of whole periods on,
/// up to where the next one begins.
pub(crate) struct Piecewise {
    period: i64,
    /// For each remainder those that belong to it, at least one, the first from 0 on.
    lines: Vec<Line>,
    /// Where each remainder's lines begin, and the end; empty where each has one.
    starts: Vec<u32>,
}

/// `value + slope * periods`, from `from` whole periods on.
#[derive(Clone, Copy, PartialEq)]
struct Line {
    from: i64,
    value: i128,
    slope: i128,
}

/// After how many whole periods a line ends that has no end.
const NO_END: i64 = i64::MAX;

/// How a value must compare with 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    Equal,
    AtLeast,
    AtMost,
}

/// What is left of the lines that may be made until a proof is given up.
pub(crate) struct Work(usize);

impl Work {
    /// Enough for some ten operations on functions of the longest period.
    pub(crate) fn new() -> Work {
        Work(24 << 20)
    }

    fn spend(&mut self, lines: usize) -> Option<()> {
        self.0 = self.0.checked_sub(lines)?;
        Some(())
    }
}

impl Line {
    fn constant(value: i128) -> Line {
        Line {
            from: 0,
            value,
            slope: 0,
        }
    }

    fn at(&self, periods: i64) -> Option<i128> {
        self.slope
            .checked_mul(periods.into())?
            .checked_add(self.value)
    }

    /// The same line for a period that is `times` as long, `offset` old periods after its beginning.
    fn stretched(&self, offset: i64, times: i64) -> Option<Line> {
        Some(Line {
            from: ceil(i128::from(self.from) - i128::from(offset), times.into()).max(0) as i64,
            value: self.at(offset)?,
            slope: self.slope.checked_mul(times.into())?,
        })
    }

    fn plus_times(&self, other: &Line, factor: i128) -> Option<Line> {
        Some(Line {
            from: self.from.max(other.from),
            value: self.value.checked_add(other.value.checked_mul(factor)?)?,
            slope: self.slope.checked_add(other.slope.checked_mul(factor)?)?,
        })
    }

    /// The half-open interval in `self.from..end` in which the relation holds.
    fn truth(&self, end: i64, relation: Relation) -> Option<(i64, i64)> {
        let (value, slope) = match relation {
            Relation::AtMost => (self.value.checked_neg()?, self.slope.checked_neg()?),
            _ => (self.value, self.slope),
        };
        let all = (self.from.into(), end.into());
        let none = (0, 0);
        let (from, to) = match (relation, slope) {
            (Relation::Equal, 0) if value == 0 => all,
            (Relation::Equal, 0) => none,
            (Relation::Equal, _) if value.checked_rem(slope)? == 0 => {
                let place = value.checked_div(slope)?.checked_neg()?;
                (place, place.checked_add(1)?)
            }
            (Relation::Equal, _) => none,
            (_, 0) if value >= 0 => all,
            (_, 0) => none,
            // The first place that is not negative, the last place that is not.
            (_, 1..) => (ceil(value.checked_neg()?, slope), end.into()),
            (_, _) => (
                self.from.into(),
                value
                    .checked_div_euclid(slope.checked_neg()?)?
                    .checked_add(1)?,
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

/// `ceil(a / b)` for a positive `b`.
fn ceil(a: i128, b: i128) -> i128 {
    a.div_euclid(b) + i128::from(a.rem_euclid(b) != 0)
}

/// Where `lines` end, each with its line.
fn with_ends(lines: &[Line]) -> impl Iterator<Item = (&Line, i64)> {
    let ends = lines[1..].iter().map(|line| line.from).chain([NO_END]);
    lines.iter().zip(ends)
}

/// Adds a line to those of one remainder, which begin at `start`: a later one from the same place on replaces it.
fn push(lines: &mut Vec<Line>, start: usize, line: Line) {
    match lines[start..].last_mut() {
        Some(last) if last.from == line.from => *last = line,
        Some(last) if (last.value, last.slope) == (line.value, line.slope) => {}
        _ => lines.push(line),
    }
}

impl Piecewise {
    /// The function that an expression with at most one unknown is; `None` where it is not one, or one that is
    /// too large.
    pub(crate) fn of(dim: &Dim, work: &mut Work) -> Option<Piecewise> {
        match dim {
            Dim::Known(n) => Some(Piecewise::constant((*n).into())),
            Dim::Expr(expr) => {
                Piecewise::of_terms(expr.constant(), expr.terms().iter().collect(), work)
            }
        }
    }

    /// The same for a number and terms that are added to it.
    pub(crate) fn of_terms(
        constant: i64,
        mut terms: Vec<&Term>,
        work: &mut Work,
    ) -> Option<Piecewise> {
        // The largest first, so that few are kept at a time.
        terms.sort_by_cached_key(|term| Reverse(term.parts()));
        let mut sum = Piecewise::constant(constant.into());
        for term in terms {
            let mut product = Piecewise::atom(&term.factors()[0], work)?;
            for factor in &term.factors()[1..] {
                let factor = Piecewise::atom(factor, work)?;
                product = product.combine(&factor, work, product_of_lines)?;
            }
            sum = sum.plus_times(product, term.coefficient().into(), work)?;
        }
        Some(sum)
    }

    fn atom(atom: &Atom, work: &mut Work) -> Option<Piecewise> {
        match atom {
            Atom::Unknown(_) => Some(Piecewise {
                period: 1,
                lines: vec![Line {
                    from: 0,
                    value: 0,
                    slope: 1,
                }],
                starts: Vec::new(),
            }),
            Atom::Floor(dividend, divisor) => {
                let dividend = Piecewise::of(dividend, work)?;
                let divisor = Piecewise::of(divisor, work)?.as_constant()?;
                dividend.floor_div(divisor, work)
            }
            Atom::Min(dims) => Piecewise::extreme(dims, false, work),
            Atom::Max(dims) => Piecewise::extreme(dims, true, work),
        }
    }

    fn extreme(dims: &[Dim], greatest: bool, work: &mut Work) -> Option<Piecewise> {
        let mut dims: Vec<&Dim> = dims.iter().collect();
        dims.sort_by_cached_key(|dim| Reverse(dim.parts()));
        let mut all = dims.into_iter();
        let mut found = Piecewise::of(all.next()?, work)?;
        for dim in all {
            let other = Piecewise::of(dim, work)?;
            found = found.combine(&other, work, |a, b, end, push| {
                extreme_of_lines(a, b, end, greatest, push)
            })?;
        }
        Some(found)
    }

    fn constant(value: i128) -> Piecewise {
        Piecewise {
            period: 1,
            lines: vec![Line::constant(value)],
            starts: Vec::new(),
        }
    }

    /// The value that it has everywhere, where there is one.
    fn as_constant(&self) -> Option<i128> {
        let value = self.lines[0].value;
        let same = |line: &Line| line.slope == 0 && line.value == value;
        self.lines.iter().all(same).then_some(value)
    }

    fn lines_of(&self, remainder: usize) -> &[Line] {
        match self.starts.is_empty() {
            true => &self.lines[remainder..=remainder],
            false => {
                &self.lines[self.starts[remainder] as usize..self.starts[remainder + 1] as usize]
            }
        }
    }

    fn common_period(&self, other: &Piecewise) -> Option<i64> {
        // Both are at most 2^20.
        let period = self.period / gcd(self.period, other.period) * other.period;
        (period <= LONGEST_PERIOD).then_some(period)
    }

    /// The same function with a period `times` as long.
    fn stretched(self, times: i64, work: &mut Work) -> Option<Piecewise> {
        if times == 1 {
            return Some(self);
        }
        let mut to = Piecewise::empty(self.period.checked_mul(times)?, self.lines.len(), work)?;
        for offset in 0..times {
            for remainder in 0..self.period as usize {
                let start = to.lines.len();
                for line in self.lines_of(remainder) {
                    push(&mut to.lines, start, line.stretched(offset, times)?);
                }
                to.end_of_remainder(work)?;
            }
        }
        Some(to.finished())
    }

    /// One without lines, with room for as many as there are remainders.
    fn empty(period: i64, least: usize, work: &mut Work) -> Option<Piecewise> {
        if period > LONGEST_PERIOD {
            return None;
        }
        work.spend(least)?;
        let mut starts = Vec::with_capacity(period as usize + 1);
        starts.push(0);
        Some(Piecewise {
            period,
            lines: Vec::with_capacity(period as usize),
            starts,
        })
    }

    fn end_of_remainder(&mut self, work: &mut Work) -> Option<()> {
        let before = self.starts.last().copied()? as usize;
        work.spend(self.lines.len() - before)?;
        self.starts.push(self.lines.len() as u32);
        (self.lines.len() <= MOST_LINES).then_some(())
    }

    fn finished(mut self) -> Piecewise {
        if self.lines.len() as i64 == self.period {
            self.starts = Vec::new();
        }
        self
    }

    /// `self + factor * other`.
    pub(crate) fn plus_times(
        self,
        mut other: Piecewise,
        factor: i128,
        work: &mut Work,
    ) -> Option<Piecewise> {
        if !(self.starts.is_empty() && other.starts.is_empty()) {
            return self.combine(&other, work, |a, b, _, push| {
                push(a.plus_times(b, factor)?);
                Some(())
            });
        }
        // The one with the longer period takes in the other.
        let (mut sum, part, factor) = if self.period < other.period {
            for line in &mut other.lines {
                *line = Line::constant(0).plus_times(line, factor)?;
            }
            (other, self, 1)
        } else {
            (self, other, factor)
        };
        let period = sum.common_period(&part)?;
        let times = period / sum.period;
        sum = sum.stretched(times, work)?;
        work.spend(sum.lines.len() / 4)?;
        let times = period / part.period;
        let chunks = sum.lines.chunks_mut(part.lines.len());
        for (offset, chunk) in (0..times).zip(chunks) {
            for (line, other) in chunk.iter_mut().zip(&part.lines) {
                *line = line.plus_times(&other.stretched(offset, times)?, factor)?;
            }
        }
        Some(sum)
    }

    /// The function whose lines `each` makes from one line of both, given where the first of them ends; it
    /// pushes them in order.
    fn combine(
        &self,
        other: &Piecewise,
        work: &mut Work,
        each: impl Fn(&Line, &Line, i64, &mut dyn FnMut(Line)) -> Option<()>,
    ) -> Option<Piecewise> {
        let period = self.common_period(other)?;
        let mut to = Piecewise::empty(period, 0, work)?;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for remainder in 0..period {
            for (from, lines) in [(self, &mut left), (other, &mut right)] {
                let (offset, times) = (remainder / from.period, period / from.period);
                lines.clear();
                for line in from.lines_of((remainder % from.period) as usize) {
                    push(lines, 0, line.stretched(offset, times)?);
                }
            }
            let start = to.lines.len();
            let mut add = |line| push(&mut to.lines, start, line);
            let (mut a, mut b) = (with_ends(&left).peekable(), with_ends(&right).peekable());
            while let (Some(&(line, end)), Some(&(other, other_end))) = (a.peek(), b.peek()) {
                each(line, other, end.min(other_end), &mut add)?;
                if end <= other_end {
                    a.next();
                }
                if other_end <= end {
                    b.next();
                }
            }
            to.end_of_remainder(work)?;
        }
        Some(to.finished())
    }

    /// `floor(self / divisor)`.
    fn floor_div(mut self, mut divisor: i128, work: &mut Work) -> Option<Piecewise> {
        if divisor < 0 {
            self = Piecewise::constant(0).plus_times(self, -1, work)?;
            divisor = divisor.checked_neg()?;
        }
        let mut shared = i64::try_from(divisor).ok().filter(|&n| n > 0)?;
        for line in &self.lines {
            if shared == 1 {
                break;
            }
            shared = gcd(shared, (line.slope % i128::from(shared)) as i64);
        }
        let mut floor = self.stretched((divisor / i128::from(shared)) as i64, work)?;
        for line in &mut floor.lines {
            line.value = line.value.div_euclid(divisor);
            line.slope /= divisor;
        }
        Some(floor)
    }

    /// The sizes, at least 0, where its value is so related to 0; `None` where these are too many to write down.
    pub(crate) fn truth(&self, relation: Relation) -> Option<SizeSet> {
        // For each remainder in or out from the beginning; then the places where that changes.
        let mut edges: Vec<i64> = Vec::new();
        let mut changes: Vec<(i64, i64)> = Vec::new();
        for remainder in 0..self.period {
            let mut inside = (0, 0);
            let mut add = |(from, end): (i64, i64)| {
                if from == end {
                    return;
                }
                if from > 0 {
                    changes.push((from, remainder));
                } else if edges.last() == Some(&remainder) {
                    edges.pop();
                    edges.push(remainder + 1);
                } else {
                    edges.extend([remainder, remainder + 1]);
                }
                if end < NO_END {
                    changes.push((end, remainder));
                }
            };
            for (line, end) in with_ends(self.lines_of(remainder as usize)) {
                let next = line.truth(end, relation)?;
                if next.0 == inside.1 && next.0 < next.1 && inside.0 < inside.1 {
                    inside.1 = next.1;
                } else if next.0 < next.1 {
                    add(inside);
                    inside = next;
                }
            }
            add(inside);
        }
        let mut set = Builder::default();
        let mut intervals = MOST_INTERVALS;
        let mut add = |from: i64, end: i64, spans: Vec<(i64, i64)>| {
            intervals = intervals.checked_sub(spans.len())?;
            let (from, end) = (
                from.checked_mul(self.period),
                end.saturating_mul(self.period),
            );
            if let Some(from) = from.filter(|&from| from < end) {
                set.pattern(from, end, self.period, spans);
            }
            Some(())
        };
        changes.sort_unstable();
        let first = changes.first().map_or(NO_END, |change| change.0);
        add(0, first, pairs(edges.iter()))?;
        let mut edges: BTreeSet<i64> = match changes.is_empty() {
            true => return Some(set.finish()),
            false => edges.into_iter().collect(),
        };
        let groups: Vec<&[(i64, i64)]> = changes.chunk_by(|a, b| a.0 == b.0).collect();
        for (group, next) in groups
            .iter()
            .zip(groups[1..].iter().map(Some).chain([None]))
        {
            for &(_, remainder) in *group {
                for edge in [remainder, remainder + 1] {
                    if !edges.remove(&edge) {
                        edges.insert(edge);
                    }
                }
            }
            let end = next.map_or(NO_END, |next| next[0].0);
            add(group[0].0, end, pairs(edges.iter()))?;
        }
        Some(set.finish())
    }

    /// The least and the greatest value for sizes within `least..=greatest`, where it has such.
    pub(crate) fn bounds(&self, least: i64, greatest: Option<i64>) -> Bounds {
        let mut bounds: Option<Bounds> = None;
        for remainder in 0..self.period {
            for (line, end) in with_ends(self.lines_of(remainder as usize)) {
                let from = ceil(
                    i128::from(least) - i128::from(remainder),
                    self.period.into(),
                );
                let from = from.max(line.from.into()) as i64;
                let last = match greatest {
                    Some(greatest) => (greatest - remainder).div_euclid(self.period),
                    None => NO_END,
                };
                let last = if end == NO_END {
                    last
                } else {
                    last.min(end - 1)
                };
                if from > last {
                    continue;
                }
                let first = line.at(from);
                let last = match (last, line.slope) {
                    (NO_END, 0) => first,
                    (NO_END, _) => None,
                    (last, _) => line.at(last),
                };
                let (low, high) = match line.slope < 0 {
                    true => (last, first),
                    false => (first, last),
                };
                bounds = Some(match bounds {
                    None => Bounds { low, high },
                    Some(all) => Bounds {
                        low: all.low.zip(low).map(|(a, b)| a.min(b)),
                        high: all.high.zip(high).map(|(a, b)| a.max(b)),
                    },
                });
            }
        }
        bounds.unwrap_or(Bounds {
            low: None,
            high: None,
        })
    }
}

/// Between which values something lies; `None` where no bound is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: Option<i128>,
    pub(crate) high: Option<i128>,
}

/// Two neighbours each.
fn pairs<'a>(mut edges: impl Iterator<Item = &'a i64>) -> Vec<(i64, i64)> {
    std::iter::from_fn(|| Some((*edges.next()?, *edges.next()?))).collect()
}

fn product_of_lines(a: &Line, b: &Line, _end: i64, push: &mut dyn FnMut(Line)) -> Option<()> {
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
fn extreme_of_lines(
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
