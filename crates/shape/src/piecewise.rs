//! Sizes as functions of one unknown size, made from an expression; what they are equal to is read off them.

use std::cmp::Reverse;

use crate::dim::gcd;
use crate::{Atom, Dim, Term};

mod line;
mod sizes;

pub(crate) use line::Relation;
use line::{Line, extreme_of_lines, floor, product, product_of_lines, push, with_ends};
pub(crate) use sizes::Bounds;

/// The longest period of an expression that is decided.
const LONGEST_PERIOD: i64 = 1 << 20;

/// The most lines of one function.
const MOST_LINES: usize = 4 << 20;

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

/// What is left of the lines that may be made until a proof is given up.
pub(crate) struct Work(usize);

impl Work {
    /// Enough for some ten operations on functions of the longest period.
    pub(crate) fn new() -> Work {
        Work(24 << 20)
    }

    /// Enough for a few.
    pub(crate) fn little() -> Work {
        Work(6 << 20)
    }

    fn spend(&mut self, lines: usize) -> Option<()> {
        self.0 = self.0.checked_sub(lines)?;
        Some(())
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
        // Those whose periods go together are added first, so that few sums have the longest one.
        let mut sums = vec![Piecewise::constant(constant.into())];
        for term in terms {
            let mut product = Piecewise::atom(&term.factors()[0], work)?;
            for factor in &term.factors()[1..] {
                let factor = Piecewise::atom(factor, work)?;
                product = product.combine(&factor, work, product_of_lines)?;
            }
            let together = |sum: &Piecewise| {
                sum.period % product.period == 0 || product.period % sum.period == 0
            };
            let place = sums.iter().position(together);
            let sum = match place {
                Some(place) => sums.swap_remove(place),
                None => Piecewise::constant(0),
            };
            sums.push(sum.plus_times(product, term.coefficient().into(), work)?);
            sums.iter()
                .try_fold(1, |period, sum| sum.common_period(period))?;
        }
        let mut sums = sums.into_iter();
        let first = sums.next()?;
        sums.try_fold(first, |sum, other| sum.plus_times(other, 1, work))
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

    fn common_period(&self, other: i64) -> Option<i64> {
        // Both are at most 2^20.
        let period = self.period / gcd(self.period, other) * other;
        (period <= LONGEST_PERIOD).then_some(period)
    }

    /// The same function with a period `times` as long.
    fn stretched(self, times: i64, work: &mut Work) -> Option<Piecewise> {
        if times == 1 {
            return Some(self);
        }
        let mut to = Piecewise::empty(self.period.checked_mul(times)?, 0, work)?;
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
    fn empty(period: i64, cost: usize, work: &mut Work) -> Option<Piecewise> {
        if period > LONGEST_PERIOD {
            return None;
        }
        work.spend(cost)?;
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
        other: Piecewise,
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
        let (mut sum, mut part) = (self, other);
        for line in &mut part.lines {
            *line = Line::constant(0).plus_times(line, factor)?;
        }
        if sum.period < part.period {
            (sum, part) = (part, sum);
        }
        let period = sum.common_period(part.period)?;
        let times = period / sum.period;
        sum = sum.stretched(times, work)?;
        work.spend(sum.lines.len() / 4)?;
        let times = period / part.period;
        let chunks = sum.lines.chunks_mut(part.lines.len());
        for (offset, chunk) in (0..times).zip(chunks) {
            for (line, other) in chunk.iter_mut().zip(&part.lines) {
                line.value = line.value.checked_add(other.at(offset)?)?;
                let slope = product(other.slope, times.into())?;
                line.slope = line.slope.checked_add(slope)?;
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
        let period = self.common_period(other.period)?;
        // Two lines at a time take longer than one.
        let mut to = Piecewise::empty(period, 2 * period as usize, work)?;
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
        let mut last = None;
        for line in &self.lines {
            if last.replace(line.slope) != Some(line.slope) {
                shared = gcd(shared, (line.slope % i128::from(shared)) as i64);
            }
        }
        let mut quotient = self.stretched((divisor / i128::from(shared)) as i64, work)?;
        for line in &mut quotient.lines {
            line.value = floor(line.value, divisor);
            line.slope = floor(line.slope, divisor);
        }
        Some(quotient)
    }
}
