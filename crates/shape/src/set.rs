use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;

mod build;
mod combine;
mod describe;
mod run;
#[cfg(test)]
mod tests;

pub(crate) use build::Builder;
use combine::{combine, first_where, same};
use run::{FOREVER, Run};

/// A set of sizes, integers from 0 to `i64::MAX - 1`: finitely many runs, the last of which may go on for ever with a period.
///
/// Each run has one pattern, so that `0..=10^12` and the multiples of 8 up to it are as small as any other.
/// Two are equal where they have the same members.
///
/// A set that would need more than some millions of numbers to be written down (the members of one of period
/// 999,983 or of another of period 1,000,003) is not made: [`intersect`](SizeSet::intersect),
/// [`union`](SizeSet::union) and [`minus`](SizeSet::minus) then give a larger one that holds it, never a
/// smaller one. Proofs never rest on such a set.
#[derive(Clone)]
pub struct SizeSet {
    /// Sorted and apart.
    runs: Vec<Run>,
}

impl SizeSet {
    /// No size at all.
    pub fn none() -> SizeSet {
        SizeSet { runs: Vec::new() }
    }

    /// All sizes of at least `least`.
    pub fn at_least(least: i64) -> SizeSet {
        SizeSet::range(least..=i64::MAX)
    }

    /// All sizes of at most `greatest`, 0 among them.
    pub fn at_most(greatest: i64) -> SizeSet {
        SizeSet::range(0..=greatest)
    }

    /// All sizes within `range`; one that ends at `i64::MAX` goes on for ever.
    pub fn range(range: RangeInclusive<i64>) -> SizeSet {
        let mut set = Builder::default();
        let from = (*range.start()).max(0);
        set.interval(from, range.end().saturating_add(1));
        set.finish()
    }

    /// All sizes `n` with `n mod modulus == remainder mod modulus`; for a modulus of 0 the remainder alone.
    pub fn congruent(modulus: i64, remainder: i64) -> SizeSet {
        let mut set = Builder::default();
        match modulus.saturating_abs() {
            0 => return SizeSet::of([remainder]),
            modulus => {
                let from = remainder.rem_euclid(modulus);
                set.pattern(from, FOREVER, modulus, vec![(0, 1)]);
            }
        }
        set.finish()
    }

    /// These sizes; what is below 0 is none.
    pub fn of(members: impl IntoIterator<Item = i64>) -> SizeSet {
        let mut members: Vec<i64> = members.into_iter().filter(|&n| n >= 0).collect();
        members.sort_unstable();
        members.dedup();
        let mut set = Builder::default();
        for member in members {
            set.interval(member, member.saturating_add(1));
        }
        set.finish()
    }

    /// The sizes that are in both; a larger set where these are too many to write down.
    pub fn intersect(&self, other: &SizeSet) -> SizeSet {
        self.checked_intersect(other)
            .unwrap_or_else(|| self.clone())
    }

    /// The sizes that are in either; a larger set where these are too many to write down.
    pub fn union(&self, other: &SizeSet) -> SizeSet {
        self.checked_union(other).unwrap_or_else(|| {
            let least = self.least().into_iter().chain(other.least()).min();
            SizeSet::at_least(least.unwrap_or(0))
        })
    }

    /// The sizes that are in this set only; a larger set where these are too many to write down.
    pub fn minus(&self, other: &SizeSet) -> SizeSet {
        self.checked_minus(other).unwrap_or_else(|| self.clone())
    }

    /// [`SizeSet::intersect`]; `None` where the exact set is too large.
    pub fn checked_intersect(&self, other: &SizeSet) -> Option<SizeSet> {
        combine(self, other, |a, b| a && b)
    }

    /// [`SizeSet::union`]; `None` where the exact set is too large.
    pub fn checked_union(&self, other: &SizeSet) -> Option<SizeSet> {
        combine(self, other, |a, b| a || b)
    }

    /// [`SizeSet::minus`]; `None` where the exact set is too large.
    pub fn checked_minus(&self, other: &SizeSet) -> Option<SizeSet> {
        combine(self, other, |a, b| a && !b)
    }

    /// The least size that is in this set only, if there is one; `None` where that takes too long to find out.
    pub(crate) fn least_outside(&self, other: &SizeSet) -> Option<Option<i64>> {
        first_where(self, other, |a, b| a && !b)
    }

    /// Whether each size of this set is in the other; `false` too where that takes too long to find out.
    pub fn is_subset(&self, other: &SizeSet) -> bool {
        self.least_outside(other) == Some(None)
    }

    /// Whether there is no size in it.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether there is a greatest size in it.
    pub fn is_finite(&self) -> bool {
        self.runs.last().is_none_or(|run| run.end != FOREVER)
    }

    /// Whether this size is in it.
    pub fn contains(&self, size: i64) -> bool {
        let later = self.runs.partition_point(|run| run.from <= size);
        self.runs[..later]
            .last()
            .is_some_and(|run| size < run.end && run.at(size).0)
    }

    /// The least size in it.
    pub fn least(&self) -> Option<i64> {
        self.runs.first().map(|run| run.from)
    }

    /// The greatest size in it, where it is finite.
    pub fn greatest(&self) -> Option<i64> {
        self.runs
            .last()
            .filter(|run| run.end != FOREVER)
            .map(|run| run.end - 1)
    }

    /// The greatest size in it that is less than `size`.
    pub fn nearest_below(&self, size: i64) -> Option<i64> {
        let later = self.runs.partition_point(|run| run.from < size);
        let run = self.runs[..later].last()?;
        let size = size.min(run.end);
        match run.below(size) {
            (true, _) => Some(size - 1),
            (false, end) => Some(end - 1),
        }
    }

    /// The least size in it that is greater than `size`.
    pub fn nearest_above(&self, size: i64) -> Option<i64> {
        let from = size.checked_add(1)?;
        let earlier = self.runs.partition_point(|run| run.end <= from);
        let run = self.runs.get(earlier)?;
        let from = from.max(run.from);
        match run.at(from) {
            (true, _) => Some(from),
            // The last member of a run is its end.
            (false, next) => Some(next).filter(|&next| next < run.end),
        }
    }

    /// How many sizes are in it, where it is finite.
    pub fn count(&self) -> Option<i64> {
        let counts = self.runs.iter().map(|run| run.count());
        self.is_finite()
            .then(|| counts.fold(0, i64::saturating_add))
    }

    /// The members in order.
    pub(crate) fn members(&self) -> impl Iterator<Item = i64> + '_ {
        std::iter::successors(self.least(), |&size| self.nearest_above(size))
    }

    /// The set as people write it, for a size of this name: `H in {1} or H mod 8 == 0`.
    pub fn describe(&self, name: &str) -> String {
        describe::describe(self, name)
    }
}

impl PartialEq for SizeSet {
    fn eq(&self, other: &SizeSet) -> bool {
        same(self, other)
    }
}

impl Eq for SizeSet {}

impl Hash for SizeSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Equal sets have equal members, however their runs are cut.
        for member in self.members().take(8) {
            member.hash(state);
        }
    }
}

impl fmt::Debug for SizeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe("n"))
    }
}
