use super::SizeSet;
use super::run::{FOREVER, Run};

/// A list with more members than this is shortened.
const LONG: i64 = 12;

/// More alternatives than this are shortened.
const MANY: usize = 6;

pub(super) fn describe(set: &SizeSet, name: &str) -> String {
    let (rest, tail) = match set.runs.last() {
        None => return format!("no {name}"),
        Some(run) if run.end != FOREVER => (set.clone(), None),
        Some(run) => {
            let (rest, text) = tail(set, run, name);
            (rest, Some(text))
        }
    };
    let mut parts = Vec::new();
    for run in &rest.runs {
        match run.is_list() {
            true => list(&run.intervals().collect::<Vec<_>>(), name, &mut parts),
            false => parts.push(repeating(run, name)),
        }
    }
    if let (Some(size), Some(1), None) = (set.least(), set.count(), &tail) {
        return format!("{name} == {size}");
    }
    parts.extend(tail);
    if parts.len() > MANY {
        let last = parts.pop().unwrap_or_default();
        parts.truncate(3);
        parts.extend(["...".to_string(), last]);
    }
    parts.join(" or ")
}

/// The text of the run that goes on for ever, and the members that it does not say.
fn tail(set: &SizeSet, run: &Run, name: &str) -> (SizeSet, String) {
    let before = |end: i64| SizeSet::range(0..=end - 1);
    if run.is_whole() {
        let text = match run.from {
            0 | 1 => format!("any {name}"),
            from => format!("{name} >= {from}"),
        };
        return (set.intersect(&before(run.from)), text);
    }
    let pattern = remainder(run, name);
    // The bound is left out where it says nothing: where all that the pattern has below it are members too.
    let mut everywhere = run.clone();
    everywhere.begin_at(0);
    let everywhere = SizeSet {
        runs: vec![everywhere],
    };
    let missing = everywhere
        .checked_intersect(&SizeSet::range(1..=run.from - 1))
        .and_then(|below| below.least_outside(set));
    let rest = set
        .checked_minus(&everywhere)
        .filter(|_| missing == Some(None));
    match rest {
        Some(rest) => (rest, pattern),
        None => (
            set.intersect(&before(run.from)),
            format!("{name} >= {} and {pattern}", run.from),
        ),
    }
}

/// A run with an end in which a pattern repeats.
fn repeating(run: &Run, name: &str) -> String {
    let (from, last) = (run.from, run.end - 1);
    let (inside, since) = run.below(from);
    let first = if inside { from < 2 } else { since < 2 };
    let bounds = match first {
        true => format!("{name} <= {last}"),
        false => format!("{from} <= {name} <= {last}"),
    };
    format!("{bounds} and {}", remainder(run, name))
}

/// Which remainders a run has: `H mod 8 == 0`.
fn remainder(run: &Run, name: &str) -> String {
    let period = run.period;
    let mut spans = Vec::new();
    for span in &run.spans {
        let (from, end) = (
            (run.from % period + span.0) % period,
            (run.from % period + span.1 - 1) % period + 1,
        );
        match from < end {
            true => spans.push((from, end)),
            false => spans.extend([(0, end), (from, period)]),
        }
    }
    spans.sort_unstable();
    let count: i64 = spans.iter().map(|span| span.1 - span.0).sum();
    if count == 1 {
        return format!("{name} mod {period} == {}", spans[0].0);
    }
    if count == period - 1 && period > 4 {
        // The first that is in no span.
        let missing = spans.iter().fold(0, |n, span| match span.0 == n {
            true => span.1,
            false => n,
        });
        return format!("{name} mod {period} != {missing}");
    }
    let note = format!(" ({count} of {period})");
    let note = if count > LONG { &note } else { "" };
    format!("{name} mod {period} in {}{note}", members(&spans, count))
}

/// The texts of intervals, half-open, at least one.
fn list(intervals: &[(i64, i64)], name: &str, parts: &mut Vec<String>) {
    let count: i64 = intervals
        .iter()
        .map(|interval| interval.1 - interval.0)
        .fold(0, i64::saturating_add);
    let is_long = |interval: &(i64, i64)| interval.1 - interval.0 > 3;
    let few = |intervals: &[(i64, i64)], count| format!("{name} in {}", members(intervals, count));
    if intervals.len() == 1 && is_long(&intervals[0]) || count > LONG && intervals.len() <= 3 {
        for part in intervals.chunk_by(|a, b| !is_long(a) && !is_long(b)) {
            parts.push(match part[0] {
                (0, end) if is_long(&part[0]) => format!("{name} <= {}", end - 1),
                (from, end) if is_long(&part[0]) => format!("{from} <= {name} <= {}", end - 1),
                _ => few(part, LONG),
            });
        }
        return;
    }
    let note = format!(" ({count} sizes)");
    let note = if count > LONG { &note } else { "" };
    parts.push(format!("{}{note}", few(intervals, count)));
}

/// `{1, 2, 3}`, or `{1, 2, 3, ..., 96}` where there are many.
fn members(intervals: &[(i64, i64)], count: i64) -> String {
    let each = intervals.iter().flat_map(|&(from, end)| from..end);
    let shown = if count > LONG { 3 } else { LONG };
    let mut texts: Vec<String> = each.take(shown as usize).map(|n| n.to_string()).collect();
    if let Some(last) = intervals.last().filter(|_| count > LONG) {
        texts.extend(["...".to_string(), (last.1 - 1).to_string()]);
    }
    format!("{{{}}}", texts.join(", "))
}
