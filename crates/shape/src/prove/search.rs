use super::Tree;
use crate::{SizeSet, Unknown};

/// Sizes for which a condition fails, and for which it holds: one for each unknown, in their order.
#[derive(Default)]
pub(super) struct Examples {
    pub(super) fails: Option<Vec<i64>>,
    pub(super) holds: Option<Vec<i64>>,
}

impl Examples {
    /// Tries these sizes and keeps them where they are smaller than those kept.
    pub(super) fn try_one(&mut self, tree: &Tree, unknowns: &[Unknown], sizes: &[i64]) {
        let at = |unknown: &Unknown| {
            let place = unknowns.iter().position(|other| other == unknown)?;
            sizes.get(place).copied()
        };
        let kept = match tree.holds(&at) {
            Some(true) => &mut self.holds,
            Some(false) => &mut self.fails,
            None => return,
        };
        if kept.as_ref().is_none_or(|kept| order(sizes) < order(kept)) {
            *kept = Some(sizes.to_vec());
        }
    }

    fn both(&self) -> bool {
        self.fails.is_some() && self.holds.is_some()
    }
}

/// By the greatest size, then the sum, then the sizes themselves.
fn order(sizes: &[i64]) -> (Option<i64>, i128, &[i64]) {
    let sum = sizes.iter().map(|&size| i128::from(size)).sum();
    (sizes.iter().copied().max(), sum, sizes)
}

/// How many sizes are tried: fewer of a large condition, so that it takes about as long.
pub(super) fn tries(tree: &Tree) -> usize {
    (100_000 / tree.parts()).clamp(200, 20_000)
}

/// Small sizes from these domains, none of which is empty, tried from the smallest on.
pub(super) fn examples(tree: &Tree, unknowns: &[Unknown], domains: &[SizeSet]) -> Examples {
    const MOST_OF_ONE: usize = 256;
    let mut found = Examples::default();
    let mut left = tries(tree);
    let members: Vec<Vec<i64>> = domains
        .iter()
        .map(|domain| domain.members().take(MOST_OF_ONE).collect())
        .collect();
    let mut greatest: Vec<i64> = members.concat();
    greatest.sort_unstable();
    greatest.dedup();
    let smallest: Vec<i64> = members.iter().map(|members| members[0]).collect();
    let begin = smallest.iter().copied().max().unwrap_or(0);
    for greatest in greatest.into_iter().filter(|&size| size >= begin) {
        let Some(mut group) = with_greatest(&members, greatest, left) else {
            break;
        };
        left -= group.len();
        group.sort_by(|a, b| order(a).cmp(&order(b)));
        for sizes in &group {
            found.try_one(tree, unknowns, sizes);
            if found.both() {
                return found;
            }
        }
    }
    // Too many at once: one after the other is changed.
    for place in 0..unknowns.len() {
        for &size in members[place].iter().take(32) {
            let Some(fewer) = left.checked_sub(1) else {
                return found;
            };
            left = fewer;
            let mut sizes = smallest.clone();
            sizes[place] = size;
            found.try_one(tree, unknowns, &sizes);
        }
    }
    found
}

/// All choices of which this is the greatest size; `None` where there are more than `most`.
fn with_greatest(members: &[Vec<i64>], greatest: i64, most: usize) -> Option<Vec<Vec<i64>>> {
    let mut all = Vec::new();
    for (first, has) in members.iter().enumerate() {
        if has.binary_search(&greatest).is_err() {
            continue;
        }
        // The first place that has it: those before have less, those behind as much at most.
        let choices: Vec<&[i64]> = members
            .iter()
            .enumerate()
            .map(|(place, members)| {
                let less = members.partition_point(|&size| size < greatest);
                let most = members.partition_point(|&size| size <= greatest);
                match place.cmp(&first) {
                    std::cmp::Ordering::Less => &members[..less],
                    std::cmp::Ordering::Equal => &members[less..most],
                    std::cmp::Ordering::Greater => &members[..most],
                }
            })
            .collect();
        let count = choices
            .iter()
            .try_fold(1usize, |n, choices| n.checked_mul(choices.len()))?;
        if all.len().checked_add(count)? > most {
            return None;
        }
        let mut group = vec![Vec::with_capacity(members.len())];
        for choices in choices {
            group = group
                .iter()
                .flat_map(|begun| {
                    choices.iter().map(|&size| {
                        let mut sizes: Vec<i64> = begun.clone();
                        sizes.push(size);
                        sizes
                    })
                })
                .collect();
        }
        all.append(&mut group);
    }
    Some(all)
}
