//! Proofs of conditions over all sizes of their unknowns.

use crate::condition::{Condition, Given, Verdict};
use crate::piecewise::Work;
use crate::{SizeSet, Unknown};

mod bounds;
mod search;
mod several;
#[cfg(test)]
mod tests;
mod tree;

use tree::{Leaf, Tree};

/// As [`Condition::prove_given`].
pub(crate) fn prove(condition: &Condition, given: &Given) -> Verdict {
    let sizes = Sizes::Given(given);
    let tree = Tree::of(condition, &sizes);
    if let Tree::Known(true) = tree {
        return Verdict::Always;
    }
    let mut all = condition.unknowns();
    let deciding: Vec<Unknown> = {
        let deciding = tree.unknowns();
        all.retain(|unknown| !deciding.contains(unknown) && !unknown.is_stand_in());
        deciding.into_iter().collect()
    };
    let mut exact = true;
    let mut domain = |unknown: &Unknown| match sizes.domain(unknown) {
        Some(domain) => domain,
        None => {
            // A larger one will do for a proof.
            exact = false;
            unknown.sizes().clone()
        }
    };
    let domains: Vec<SizeSet> = deciding.iter().map(&mut domain).collect();
    let others: Vec<(Unknown, SizeSet)> = all
        .into_iter()
        .map(|unknown| (unknown.clone(), domain(&unknown)))
        .collect();
    let others_domains = others.iter().map(|(_, domain)| domain);
    if domains.iter().chain(others_domains).any(SizeSet::is_empty) {
        return Verdict::Always;
    }
    let verdict = match (&tree, &deciding[..]) {
        (Tree::Known(_), _) => return Verdict::Never,
        (_, []) => return Verdict::Undecided { fails_at: None },
        (_, [unknown]) => one(&tree, unknown, &domains[0], &sizes, exact),
        _ => several::prove(&tree, &deciding, &domains, &sizes, exact),
    };
    // What does not decide has its least size.
    let complete = |fails_at: Vec<(Unknown, i64)>| {
        let others = others
            .iter()
            .filter_map(|(unknown, domain)| Some((unknown.clone(), domain.least()?)));
        let mut fails_at: Vec<_> = fails_at.into_iter().chain(others).collect();
        if deciding.len() > 1 {
            fails_at.sort();
        }
        fails_at
    };
    match verdict {
        Verdict::Sometimes { fails_at, holds } => Verdict::Sometimes {
            fails_at: complete(fails_at),
            holds,
        },
        Verdict::Undecided { fails_at } => Verdict::Undecided {
            fails_at: fails_at.map(complete),
        },
        verdict => verdict,
    }
}

/// As [`Condition::sizes`].
pub(crate) fn sizes(condition: &Condition) -> Option<(Unknown, SizeSet)> {
    let tree = Tree::of(condition, &Sizes::AtLeastOne);
    let unknown = tree.only_unknown()?;
    let holds = tree.truth(&mut Work::new())?;
    Some((unknown, holds.checked_intersect(&SizeSet::at_least(1))?))
}

/// A condition with one unknown that may have the sizes `domain`.
fn one(tree: &Tree, unknown: &Unknown, domain: &SizeSet, sizes: &Sizes, exact: bool) -> Verdict {
    let mut work = Work::new();
    let at = |size: i64| vec![(unknown.clone(), size)];
    let decided = tree.truth(&mut work).and_then(|truth| {
        let holds = domain.checked_intersect(&truth)?;
        Some((holds, domain.least_outside(&truth)?))
    });
    match decided {
        Some((_, None)) => return Verdict::Always,
        Some((holds, Some(_))) if holds.is_empty() => return Verdict::Never,
        _ if !exact => return Verdict::Undecided { fails_at: None },
        Some((holds, Some(size))) => {
            return Verdict::Sometimes {
                fails_at: at(size),
                holds: Some(holds),
            };
        }
        None => {}
    }
    if let Some(verdict) = without_set(tree, unknown, domain, &mut work) {
        return verdict;
    }
    // Not linear from any point on, or too large: what can be tried is tried.
    let most = search::tries(tree) as i64;
    let all = domain.count().is_some_and(|count| count <= most);
    let mut holds = Vec::new();
    let mut fails = None;
    let mut unclear = false;
    for size in domain.members().take(most as usize) {
        match tree.holds(&|_| Some(size)) {
            Some(true) => holds.push(size),
            Some(false) => fails = fails.or(Some(size)),
            None => unclear = true,
        }
        if !all && fails.is_some() && !holds.is_empty() {
            break;
        }
    }
    let all = all && !unclear;
    match (fails, holds.is_empty()) {
        (None, _) if all => Verdict::Always,
        (Some(_), true) if all => Verdict::Never,
        (Some(size), false) => Verdict::Sometimes {
            fails_at: at(size),
            holds: all.then(|| SizeSet::of(holds)),
        },
        _ => {
            let unknowns = std::slice::from_ref(unknown);
            let domains = std::slice::from_ref(domain);
            match several::decide(tree, unknowns, domains, sizes, &mut work).0 {
                Some(true) => Verdict::Always,
                Some(false) => Verdict::Never,
                None => Verdict::Undecided {
                    fails_at: fails.map(at),
                },
            }
        }
    }
}

/// A condition of which the set of sizes is too large, for all sizes from some on: the comparisons one by one.
fn without_set(
    tree: &Tree,
    unknown: &Unknown,
    domain: &SizeSet,
    work: &mut Work,
) -> Option<Verdict> {
    let least = domain.least()?;
    if *domain != SizeSet::at_least(least) {
        return None;
    }
    let mut sizes = Vec::new();
    let decided = tree.least_sizes(least, &mut sizes, work)?;
    sizes.sort_unstable();
    let mut each = sizes
        .iter()
        .map(|&size| (size, tree.holds(&|_| Some(size))));
    let fails = each.clone().find(|one| one.1 == Some(false));
    let holds = each.any(|one| one.1 == Some(true));
    match (decided, fails) {
        (Some(true), _) => Some(Verdict::Always),
        (Some(false), _) => Some(Verdict::Never),
        (None, Some((size, _))) if holds => Some(Verdict::Sometimes {
            fails_at: vec![(unknown.clone(), size)],
            holds: None,
        }),
        _ => None,
    }
}

/// What is known of the sizes of unknowns.
enum Sizes<'a> {
    /// What the user promised, and more.
    Given(&'a Given),
    /// Nothing but that they are at least 1.
    AtLeastOne,
}

impl Sizes<'_> {
    /// The sizes that an unknown may have; `None` where these are too many to write down.
    fn domain(&self, unknown: &Unknown) -> Option<SizeSet> {
        match self {
            Sizes::AtLeastOne => Some(SizeSet::at_least(1)),
            Sizes::Given(given) => match given.get(unknown) {
                None => Some(unknown.sizes().clone()),
                Some(more) => unknown.sizes().checked_intersect(more),
            },
        }
    }

    /// The least and the greatest size that an unknown may have, or bounds of them; `None` for one that stands
    /// for any number.
    fn hull(&self, unknown: &Unknown) -> Option<(i64, Option<i64>)> {
        let given = match self {
            _ if unknown.is_stand_in() => return None,
            Sizes::AtLeastOne => return Some((1, None)),
            Sizes::Given(given) => given.get(unknown),
        };
        let sets = || given.into_iter().chain([unknown.sizes()]);
        Some((
            sets().filter_map(SizeSet::least).max().unwrap_or(0),
            sets().filter_map(SizeSet::greatest).min(),
        ))
    }
}
