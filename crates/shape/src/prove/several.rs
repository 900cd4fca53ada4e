use std::collections::BTreeMap;

use super::bounds::bounds;
use super::search;
use super::{Leaf, Sizes, Tree};
use crate::condition::{Verdict, all_of, any_of};
use crate::piecewise::{Relation, Work};
use crate::{SizeSet, Unknown};

/// A condition with several unknowns, none of whose domains is empty.
pub(super) fn prove(
    tree: &Tree,
    unknowns: &[Unknown],
    domains: &[SizeSet],
    sizes: &Sizes,
    exact: bool,
) -> Verdict {
    let (decided, alone) = decide(tree, unknowns, domains, sizes, &mut Work::little());
    match decided {
        Some(true) => return Verdict::Always,
        Some(false) => return Verdict::Never,
        None if !exact => return Verdict::Undecided { fails_at: None },
        None => {}
    }
    let mut found = search::examples(tree, unknowns, domains);
    // Sizes too large to be found so, from what decides one unknown alone.
    let least: Vec<i64> = domains.iter().filter_map(SizeSet::least).collect();
    for wanted in [true, false] {
        let mut together = least.clone();
        for ((unknown, domain), place) in unknowns.iter().zip(domains).zip(0..) {
            let Some(truth) = alone.get(unknown) else {
                continue;
            };
            let size = match wanted {
                true => domain
                    .checked_intersect(truth)
                    .and_then(|holds| holds.least()),
                false => domain.least_outside(truth).flatten(),
            };
            if let Some(size) = size {
                let mut sizes = least.clone();
                sizes[place] = size;
                together[place] = size;
                found.try_one(tree, unknowns, &sizes);
            }
        }
        found.try_one(tree, unknowns, &together);
    }
    let named = |sizes: Vec<i64>| unknowns.iter().cloned().zip(sizes).collect();
    match (found.fails, found.holds) {
        (Some(fails), Some(_)) => Verdict::Sometimes {
            fails_at: named(fails),
            holds: None,
        },
        (fails, _) => Verdict::Undecided {
            fails_at: fails.map(named),
        },
    }
}

/// The sizes that an unknown must have by itself.
type Alone = BTreeMap<Unknown, SizeSet>;

/// Whether it holds for all sizes of these domains or for none, where that can be shown. With it for unknowns
/// that stand alone in parts of it: the sizes for which all of these hold, or one of them, as the condition is
/// one of all or of any.
pub(super) fn decide(
    tree: &Tree,
    unknowns: &[Unknown],
    domains: &[SizeSet],
    sizes: &Sizes,
    work: &mut Work,
) -> (Option<bool>, Alone) {
    let (all, any) = match tree {
        Tree::Known(known) => return (Some(*known), Alone::new()),
        Tree::Open => return (None, Alone::new()),
        Tree::Leaf(leaf) => return (by_bounds(leaf, sizes, work), Alone::new()),
        Tree::All(all) => (all, false),
        Tree::Any(all) => (all, true),
    };
    let domain = |unknown: &Unknown| {
        let place = unknowns.iter().position(|other| other == unknown);
        place.and_then(|place| domains.get(place))
    };
    let mut alone = Alone::new();
    let mut each = Vec::new();
    for part in all {
        let truth = part
            .only_unknown()
            .and_then(|unknown| Some((domain(&unknown)?, part.truth(work)?, unknown)));
        let Some((domain, truth, unknown)) = truth else {
            each.push(decide(part, unknowns, domains, sizes, work).0);
            continue;
        };
        each.push(compare(domain, &truth));
        // Without one that is too large to add, what the others say still holds.
        let joined = match (alone.get(&unknown), any) {
            (None, _) => Some(truth),
            (Some(others), true) => others.checked_union(&truth),
            (Some(others), false) => others.checked_intersect(&truth),
        };
        if let Some(joined) = joined {
            alone.insert(unknown, joined);
        }
    }
    let each = each.into_iter();
    let decided = if any { any_of(each) } else { all_of(each) };
    let together = || {
        let mut each = alone
            .iter()
            .filter_map(|(unknown, truth)| compare(domain(unknown)?, truth));
        each.find(|&one| one == any)
    };
    (decided.or_else(together), alone)
}

/// Whether all of these sizes are in the set or none is.
fn compare(domain: &SizeSet, truth: &SizeSet) -> Option<bool> {
    if domain.least_outside(truth)?.is_none() {
        return Some(true);
    }
    let both = domain.checked_intersect(truth)?;
    both.is_empty().then_some(false)
}

fn by_bounds(leaf: &Leaf, sizes: &Sizes, work: &mut Work) -> Option<bool> {
    let left = bounds(&leaf.left, sizes, work);
    let right = bounds(&leaf.right, sizes, work);
    let difference = left.minus(right);
    let (low, high) = (difference.low, difference.high);
    let never_less = low >= Some(0);
    let never_more = high.is_some_and(|high| high <= 0);
    let less = high.is_some_and(|high| high < 0);
    let more = low > Some(0);
    match leaf.relation {
        Relation::Equal if less || more => Some(false),
        Relation::Equal => (never_less && never_more).then_some(true),
        Relation::AtLeast if less => Some(false),
        Relation::AtLeast => never_less.then_some(true),
        Relation::AtMost if more => Some(false),
        Relation::AtMost => never_more.then_some(true),
    }
}
