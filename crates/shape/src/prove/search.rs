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
    let mut found = Examples::default();
    let mut left = tries(tree);
    let first = |most: usize| -> Vec<Vec<i64>> {
        let each = domains.iter();
        each.map(|domain| domain.members().take(most).collect())
            .collect()
    };
    // Most are found among the first few.
    for most in [4, 256] {
        let members = first(most);
        let cut = members.iter().filter(|members| members.len() == most);
        let known = cut.filter_map(|members| members.last()).min();
        let known = known.filter(|_| most == 4).copied().unwrap_or(i64::MAX);
        by_greatest(tree, unknowns, &members, known, &mut left, &mut found);
        if found.both() {
            return found;
        }
    }
    // Too many at once: one after the other is changed.
    let members = first(32);
    let smallest: Vec<i64> = members.iter().map(|members| members[0]).collect();
    for (place, members) in members.iter().enumerate() {
        for &size in members.iter().take(left) {
            left -= 1;
            let mut sizes = smallest.clone();
            sizes[place] = size;
            found.try_one(tree, unknowns, &sizes);
        }
    }
    found
}

/// Tries all sizes of these up to `known` and up to as many as are `left`, by the greatest of them.
fn by_greatest(
    tree: &Tree,
    unknowns: &[Unknown],
    members: &[Vec<i64>],
    known: i64,
    left: &mut usize,
    found: &mut Examples,
) {
    let mut greatest: Vec<i64> = members.concat();
    greatest.sort_unstable();
    greatest.dedup();
    let begin = members.iter().map(|members| members[0]).max().unwrap_or(0);
    let greatest = greatest
        .into_iter()
        .filter(|size| (begin..=known).contains(size));
    for greatest in greatest {
        let Some(mut group) = with_greatest(members, greatest, *left) else {
            return;
        };
        *left -= group.len();
        group.sort_by(|a, b| order(a).cmp(&order(b)));
        for sizes in &group {
            found.try_one(tree, unknowns, sizes);
            if found.both() {
                return;
            }
        }
    }
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
