use super::SizeSet;
use super::build::Builder;
use super::run::{FOREVER, Run};
use crate::dim::gcd;

/// The most changes between in and out that are looked at, and so the most intervals of a result.
const MOST_CHANGES: usize = 4_000_000;

/// A stretch in which each of two sets has one pattern or nothing.
struct Stretch<'a> {
    from: i64,
    end: i64,
    runs: [Option<&'a Run>; 2],
}

/// The stretches in order; those between in which both have nothing are left out.
fn stretches<'a>(a: &'a SizeSet, b: &'a SizeSet) -> impl Iterator<Item = Stretch<'a>> {
    let mut left = [&a.runs[..], &b.runs[..]];
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            if from == FOREVER || left.iter().all(|runs| runs.is_empty()) {
                return None;
            }
            let mut stretch = Stretch {
                from,
                end: FOREVER,
                runs: [None, None],
            };
            for (runs, here) in left.iter().zip(&mut stretch.runs) {
                if let Some(run) = runs.first() {
                    *here = Some(run).filter(|run| run.from <= from);
                    let change = if here.is_some() { run.end } else { run.from };
                    stretch.end = stretch.end.min(change);
                }
            }
            from = stretch.end;
            for runs in &mut left {
                *runs = &runs[usize::from(runs.first().is_some_and(|run| run.end <= from))..];
            }
            if stretch.runs.iter().any(Option::is_some) {
                return Some(stretch);
            }
        }
    })
}

impl Stretch<'_> {
    /// After how many sizes both patterns begin again together.
    fn common_period(&self) -> i64 {
        let [a, b] = self.periods();
        (a / gcd(a, b)).saturating_mul(b)
    }

    /// For how many sizes two patterns must agree to be the same.
    fn both_periods(&self) -> i64 {
        let [a, b] = self.periods();
        a.saturating_add(b)
    }

    fn periods(&self) -> [i64; 2] {
        self.runs.map(|run| match run {
            Some(run) if !run.is_whole() => run.period,
            _ => 1,
        })
    }

    /// Calls `found` with the half-open intervals in the first `length` sizes in which `op` is true, until it
    /// says `false`; they may touch. `None` where `changes` are used up.
    fn each(
        &self,
        length: i64,
        op: impl Fn(bool, bool) -> bool,
        changes: &mut usize,
        mut found: impl FnMut(i64, i64) -> bool,
    ) -> Option<()> {
        let mut from = self.from;
        let end = from.saturating_add(length).min(self.end);
        while from < end {
            *changes = changes.checked_sub(1)?;
            let [(a, after_a), (b, after_b)] = self
                .runs
                .map(|run| run.map_or((false, end), |run| run.at(from)));
            let next = match (op(a, true) == op(a, false), op(true, b) == op(false, b)) {
                (true, true) => after_a.max(after_b),
                (true, false) => after_a,
                (false, true) => after_b,
                (false, false) => after_a.min(after_b),
            };
            let next = next.min(end);
            if op(a, b) && !found(from, next) {
                return Some(());
            }
            from = next;
        }
        Some(())
    }
}

/// The set of all sizes for which `op` is true of being in one and being in the other; `None` where it is too
/// large. `op(false, false)` is false.
pub(super) fn combine(
    a: &SizeSet,
    b: &SizeSet,
    op: impl Fn(bool, bool) -> bool + Copy,
) -> Option<SizeSet> {
    let mut changes = MOST_CHANGES;
    let mut set = Builder::default();
    for stretch in stretches(a, b) {
        let period = stretch.common_period();
        let mut spans: Vec<(i64, i64)> = Vec::new();
        stretch.each(period, op, &mut changes, |from, end| {
            let span = (from - stretch.from, end - stretch.from);
            match spans.last_mut() {
                Some(last) if last.1 == span.0 => last.1 = span.1,
                _ => spans.push(span),
            }
            true
        })?;
        set.pattern(stretch.from, stretch.end, period, spans);
    }
    Some(set.finish())
}

/// The least size for which `op` is true, if there is one; `None` where that takes too long to find out.
pub(super) fn first_where(
    a: &SizeSet,
    b: &SizeSet,
    op: impl Fn(bool, bool) -> bool + Copy,
) -> Option<Option<i64>> {
    let mut changes = MOST_CHANGES;
    let mut first = None;
    for stretch in stretches(a, b) {
        stretch.each(stretch.common_period(), op, &mut changes, |from, _| {
            first = Some(from);
            false
        })?;
        if first.is_some() {
            break;
        }
    }
    Some(first)
}

/// Whether both have the same members.
pub(super) fn same(a: &SizeSet, b: &SizeSet) -> bool {
    let mut same = true;
    stretches(a, b).all(|stretch| {
        // No common period is needed, so that each change is one of a run that exists: it cannot be too much.
        let mut changes = usize::MAX;
        let _ = stretch.each(
            stretch.both_periods(),
            |a, b| a != b,
            &mut changes,
            |_, _| {
                same = false;
                false
            },
        );
        same
    })
}
