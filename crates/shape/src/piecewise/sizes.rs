use std::collections::BTreeSet;

use super::line::{NO_END, Relation, with_ends};
use super::{Piecewise, Work};
use crate::SizeSet;
use crate::set::Builder;

/// The most intervals that a set of sizes is made from.
const MOST_INTERVALS: usize = 2 << 20;

/// Between which values something lies; `None` where no bound is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: Option<i128>,
    pub(crate) high: Option<i128>,
}

impl Piecewise {
    /// The sizes, at least 0, where its value is so related to 0; `None` where these are too many to write down.
    pub(crate) fn truth(&self, relation: Relation, work: &mut Work) -> Option<SizeSet> {
        work.spend(self.lines.len())?;
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

    /// The least size of at least `least` where its value is so related to 0, or is not, if there is one.
    pub(crate) fn least_where(
        &self,
        relation: Relation,
        wanted: bool,
        least: i64,
        work: &mut Work,
    ) -> Option<Option<i64>> {
        work.spend(self.lines.len())?;
        let mut found: Option<i64> = None;
        for remainder in 0..self.period {
            let begin = self.periods_until(least, remainder);
            for (line, end) in with_ends(self.lines_of(remainder as usize)) {
                let (from, to) = line.truth(end, relation)?;
                let inside = [(from, to), (line.from, line.from)];
                let outside = match from == to {
                    true => [(line.from, end), (end, end)],
                    false => [(line.from, from), (to, end)],
                };
                let intervals = if wanted { inside } else { outside };
                for (from, to) in intervals {
                    let first = from.max(begin);
                    let size = first.checked_mul(self.period);
                    let size = size.and_then(|size| size.checked_add(remainder));
                    if let Some(size) = size.filter(|_| first < to) {
                        found = Some(found.map_or(size, |found| found.min(size)));
                    }
                }
            }
        }
        Some(found)
    }

    /// After how many whole periods a size of this remainder is at least `least`.
    fn periods_until(&self, least: i64, remainder: i64) -> i64 {
        match least > remainder {
            true => (least - remainder - 1) / self.period + 1,
            false => 0,
        }
    }

    /// The least and the greatest value for sizes within `least..=greatest`; `None` where
    /// there are none or that takes too long.
    pub(crate) fn bounds(
        &self,
        least: i64,
        greatest: Option<i64>,
        work: &mut Work,
    ) -> Option<Bounds> {
        work.spend(self.lines.len())?;
        let mut bounds: Option<Bounds> = None;
        for remainder in 0..self.period {
            for (line, end) in with_ends(self.lines_of(remainder as usize)) {
                let from = self.periods_until(least, remainder).max(line.from);
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
        bounds
    }
}

/// Two neighbours each.
fn pairs<'a>(mut edges: impl Iterator<Item = &'a i64>) -> Vec<(i64, i64)> {
    std::iter::from_fn(|| Some((*edges.next()?, *edges.next()?))).collect()
}
