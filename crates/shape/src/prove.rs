//! Proofs of conditions over all sizes of their unknowns.

use std::collections::BTreeSet;

use crate::condition::{Condition, Given, Verdict, all_of, any_of};
use crate::dim::gcd;
use crate::piecewise::{Piecewise, Relation, Work};
use crate::{Atom, Dim, Expr, SizeSet, Term, Unknown};

mod bounds;
mod search;
mod several;
#[cfg(test)]
mod tests;

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
        all.retain(|unknown| !deciding.contains(unknown));
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

    /// The least and the greatest size that an unknown may have, or bounds of them.
    fn hull(&self, unknown: &Unknown) -> (i64, Option<i64>) {
        let given = match self {
            Sizes::AtLeastOne => return (1, None),
            Sizes::Given(given) => given.get(unknown),
        };
        let sets = || given.into_iter().chain([unknown.sizes()]);
        (
            sets().filter_map(SizeSet::least).max().unwrap_or(0),
            sets().filter_map(SizeSet::greatest).min(),
        )
    }
}

/// A condition in the form in which it is decided.
enum Tree {
    Known(bool),
    Leaf(Leaf),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

/// `left - right` compared with 0; the right one is 0 where the difference has a form of its own.
struct Leaf {
    left: Dim,
    relation: Relation,
    right: Dim,
    unknowns: BTreeSet<Unknown>,
}

impl Tree {
    fn of(condition: &Condition, sizes: &Sizes) -> Tree {
        match condition {
            Condition::Equal(a, b) => Tree::compare(a, Relation::Equal, b, sizes),
            Condition::AtLeast(dim, n) => {
                Tree::compare(dim, Relation::AtLeast, &Dim::Known(*n), sizes)
            }
            Condition::AtMost(dim, n) => {
                Tree::compare(dim, Relation::AtMost, &Dim::Known(*n), sizes)
            }
            Condition::All(all) => Tree::join(all.iter().map(|one| Tree::of(one, sizes)), false),
            Condition::Any(all) => Tree::join(all.iter().map(|one| Tree::of(one, sizes)), true),
        }
    }

    /// All of them, or any: the one that decides alone, or without those that decide nothing.
    fn join(each: impl Iterator<Item = Tree>, any: bool) -> Tree {
        let mut joined = Vec::new();
        for tree in each {
            match tree {
                Tree::Known(known) if known == any => return Tree::Known(any),
                Tree::Known(_) => {}
                Tree::All(all) if !any => joined.extend(all),
                Tree::Any(all) if any => joined.extend(all),
                tree => joined.push(tree),
            }
        }
        match (joined.len(), any) {
            (0, _) => Tree::Known(!any),
            (1, _) => joined.remove(0),
            (_, true) => Tree::Any(joined),
            (_, false) => Tree::All(joined),
        }
    }

    fn compare(left: &Dim, relation: Relation, right: &Dim, sizes: &Sizes) -> Tree {
        if left == right {
            return Tree::Known(true);
        }
        // A difference that is too large would be an unknown of its own, of which nothing is known.
        let small = left.parts() + right.parts() <= Expr::LARGEST;
        let Some(difference) = left.minus(right).ok().filter(|_| small) else {
            return Tree::leaf(left.clone(), relation, right.clone());
        };
        let Dim::Expr(expr) = &difference else {
            let difference = difference.known().unwrap_or(0);
            return Tree::Known(match relation {
                Relation::Equal => difference == 0,
                Relation::AtLeast => difference >= 0,
                Relation::AtMost => difference <= 0,
            });
        };
        if relation != Relation::Equal {
            return Tree::leaf(difference, relation, Dim::Known(0));
        }
        let terms = expr.terms();
        let shared = terms.iter().fold(0, |n, term| gcd(n, term.coefficient()));
        // One of 2^63 does not fit into the number that stands for it.
        if shared != i64::MAX && expr.constant() % shared != 0 {
            return Tree::Known(false);
        }
        if expr.constant() != 0 {
            return Tree::leaf(difference, relation, Dim::Known(0));
        }
        Tree::product_is_zero(&difference, terms, sizes)
    }

    /// That one of the factors that all terms share is 0, or what is left.
    fn product_is_zero(difference: &Dim, terms: &[Term], sizes: &Sizes) -> Tree {
        let mut rest = difference.clone();
        let mut zeros = Vec::new();
        let mut tried: Option<&Atom> = None;
        for atom in terms[0].factors() {
            let again = tried.replace(atom) == Some(atom);
            while !again && let Some(smaller) = without_factor(&rest, atom) {
                if zeros.last() != Some(&atom) {
                    zeros.push(atom);
                }
                rest = smaller;
            }
        }
        let zeros = zeros.into_iter().map(|atom| {
            let never = match atom {
                Atom::Unknown(unknown) => sizes.hull(unknown).0 >= 1,
                _ => {
                    let bounds = bounds::bounds(&Dim::from(atom.clone()), sizes, &mut Work::new());
                    bounds.low > Some(0) || bounds.high.is_some_and(|high| high < 0)
                }
            };
            match never {
                true => Tree::Known(false),
                false => Tree::leaf(atom.clone().into(), Relation::Equal, Dim::Known(0)),
            }
        });
        let rest = match rest {
            Dim::Known(n) => Tree::Known(n == 0),
            rest => Tree::leaf(rest, Relation::Equal, Dim::Known(0)),
        };
        Tree::join([rest].into_iter().chain(zeros), true)
    }

    fn leaf(left: Dim, relation: Relation, right: Dim) -> Tree {
        let mut unknowns = left.unknowns();
        unknowns.append(&mut right.unknowns());
        Tree::Leaf(Leaf {
            left,
            relation,
            right,
            unknowns,
        })
    }

    fn unknowns(&self) -> BTreeSet<Unknown> {
        match self {
            Tree::Known(_) => BTreeSet::new(),
            Tree::Leaf(leaf) => leaf.unknowns.clone(),
            Tree::All(all) | Tree::Any(all) => all.iter().flat_map(Tree::unknowns).collect(),
        }
    }

    fn only_unknown(&self) -> Option<Unknown> {
        let mut unknowns = self.unknowns();
        unknowns.pop_first().filter(|_| unknowns.is_empty())
    }

    /// Exactly the sizes, at least 0, of its one unknown for which it holds.
    fn truth(&self, work: &mut Work) -> Option<SizeSet> {
        match self {
            Tree::Known(true) => Some(SizeSet::at_least(0)),
            Tree::Known(false) => Some(SizeSet::none()),
            Tree::Leaf(leaf) => {
                let left = Piecewise::of(&leaf.left, work)?;
                let right = Piecewise::of(&leaf.right, work)?;
                left.plus_times(right, -1, work)?.truth(leaf.relation)
            }
            Tree::All(all) => all.iter().try_fold(SizeSet::at_least(0), |set, one| {
                set.checked_intersect(&one.truth(work)?)
            }),
            Tree::Any(all) => all.iter().try_fold(SizeSet::none(), |set, one| {
                set.checked_union(&one.truth(work)?)
            }),
        }
    }

    /// Whether it holds for these sizes; `None` where that cannot be told.
    fn holds(&self, size: &impl Fn(&Unknown) -> Option<i64>) -> Option<bool> {
        match self {
            Tree::Known(known) => Some(*known),
            Tree::Leaf(leaf) => {
                let order = leaf.left.value(size)?.cmp(&leaf.right.value(size)?);
                Some(match leaf.relation {
                    Relation::Equal => order.is_eq(),
                    Relation::AtLeast => order.is_ge(),
                    Relation::AtMost => order.is_le(),
                })
            }
            Tree::All(all) => all_of(all.iter().map(|one| one.holds(size))),
            Tree::Any(all) => any_of(all.iter().map(|one| one.holds(size))),
        }
    }

    fn parts(&self) -> usize {
        match self {
            Tree::Known(_) => 1,
            Tree::Leaf(leaf) => leaf.left.parts() + leaf.right.parts(),
            Tree::All(all) | Tree::Any(all) => all.iter().map(Tree::parts).sum(),
        }
    }
}

/// A sum that is this one divided by a factor that all its terms have.
fn without_factor(sum: &Dim, factor: &Atom) -> Option<Dim> {
    let expr = sum.expr().filter(|expr| expr.constant() == 0)?;
    let shared = |term: &Term| term.factors().contains(factor);
    if !expr.terms().iter().all(shared) {
        return None;
    }
    sum.floor_div(Dim::from(factor.clone())).ok()
}
