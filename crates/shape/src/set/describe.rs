//! Sets of sizes as people write them.

use std::fmt::Display;

use super::SizeSet;
use super::run::{FOREVER, Run};

/// How many numbers of a list are written out.
const LONGEST_LIST: usize = 12;

/// Runs of at least so many neighbours are written as ranges.
const SHORTEST_RANGE: i64 = 7;

pub(super) fn describe(set: &SizeSet, name: &str) -> String {
    // Short runs go into one list, ahead of the rest.
    let (listed, others): (Vec<&Run>, Vec<&Run>) = set.runs.iter().partition(|run| {
        run.is_list() && !(run.is_whole() && run.end - run.from >= SHORTEST_RANGE)
    });
    let mut parts = Vec::new();
    let count: i64 = listed.iter().map(|run| run.count()).sum();
    if count > 0 {
        let members = || listed.iter().flat_map(|run| members(run));
        let last = listed.last().map_or(0, |run| run.end - 1);
        parts.push(format!(
            "{name} in {}",
            list(members(), count, last, "sizes")
        ));
    }
    parts.extend(others.into_iter().map(|run| describe_run(run, name)));
    match parts.is_empty() {
        true => format!("no {name}"),
        false => parts.join(" or "),
    }
}

/// The members of a run whose pattern comes once.
fn members(run: &Run) -> impl Iterator<Item = i64> + '_ {
    let spans = run.spans.iter();
    spans.flat_map(|&(from, end)| run.from + from..(run.from + end).min(run.end))
}

fn describe_run(run: &Run, name: &str) -> String {
    let mut bounds = Vec::new();
    let pattern = pattern(run, name);
    // A bound is said unless the pattern has no member beyond it.
    let below = if run.is_whole() {
        run.from > 1
    } else {
        first_of_pattern(run) < run.from
    };
    let greatest = run.end.saturating_sub(1);
    match (below, run.end) {
        (true, FOREVER) => bounds.push(format!("{name} >= {}", run.from)),
        (true, _) => bounds.push(format!("{} <= {name} <= {greatest}", run.from)),
        (false, FOREVER) => {}
        (false, _) => bounds.push(format!("{name} <= {greatest}")),
    }
    bounds.extend(pattern);
    match bounds.is_empty() {
        true => format!("any {name}"),
        false => bounds.join(" and "),
    }
}

/// The least size of at least 1 that the pattern has when it is continued downwards.
fn first_of_pattern(run: &Run) -> i64 {
    let (is_member, until) = run.at(1);
    if is_member { 1 } else { until }
}

/// `H mod 8 == 0`; nothing where every size is a member.
fn pattern(run: &Run, name: &str) -> Option<String> {
    if run.is_whole() {
        return None;
    }
    let period = run.period;
    let remainder = |size: i64| size.rem_euclid(period);
    let count: i64 = run.spans.iter().map(|span| span.1 - span.0).sum();
    if count == 1 {
        return Some(format!("{name} mod {period} == {}", remainder(run.from)));
    }
    if count == period - 1 {
        let missing = run
            .spans
            .iter()
            .map(|span| span.1)
            .find(|&end| end < period)
            .unwrap_or(0);
        let gap = run
            .spans
            .windows(2)
            .map(|pair| pair[0].1)
            .next()
            .unwrap_or(missing);
        return Some(format!(
            "{name} mod {period} != {}",
            remainder(run.from + gap)
        ));
    }
    // In the order of the remainders, which begins somewhere within the spans.
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for &(from, end) in &run.spans {
        let (from, end) = (
            remainder(run.from + from),
            remainder(run.from + end - 1) + 1,
        );
        match from < end {
            true => spans.push((from, end)),
            false => spans.extend([(0, end), (from, period)]),
        }
    }
    spans.sort_unstable();
    let last = spans.last().map_or(0, |span| span.1 - 1);
    let all = spans.iter().flat_map(|&(from, end)| from..end);
    Some(format!(
        "{name} mod {period} in {}",
        list(all, count, last, "remainders")
    ))
}

/// `{1, 2, 3}`, or its beginning, its end and how many there are.
fn list(all: impl Iterator<Item = i64>, count: i64, last: i64, what: &str) -> String {
    let join = |numbers: Vec<i64>| {
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        numbers.join(", ")
    };
    let whole = count <= LONGEST_LIST as i64;
    let shown = if whole {
        LONGEST_LIST
    } else {
        LONGEST_LIST / 2
    };
    let shown: &dyn Display = &join(all.take(shown).collect());
    match whole {
        true => format!("{{{shown}}}"),
        false => format!("{{{shown}, ..., {last}}} ({count} {what})"),
    }
}
