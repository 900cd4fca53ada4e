use std::collections::BTreeSet;

use super::Sizes;
use super::bounds::bounds;
use crate::condition::{Condition, all_of, any_of};
use crate::dim::gcd;
use crate::piecewise::{Piecewise, Relation, Work};
use crate::{Atom, Dim, Expr, SizeSet, Term, Unknown};

/// A condition in the form in which it is decided.
pub(super) enum Tree {
    Known(bool),
    /// One of an expression that was too large, of which nothing is known.
    Open,
    Leaf(Leaf),
    All(Vec<Tree>),
    Any(Vec<Tree>),
}

/// `left - right` compared with 0; the right one is 0 where the difference has a form of its own.
pub(super) struct Leaf {
    pub(super) left: Dim,
    pub(super) relation: Relation,
    pub(super) right: Dim,
    pub(super) unknowns: BTreeSet<Unknown>,
}

impl Tree {
    pub(super) fn of(condition: &Condition, sizes: &Sizes) -> Tree {
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
                Atom::Unknown(unknown) => sizes.hull(unknown).is_some_and(|hull| hull.0 >= 1),
                _ => {
                    let bounds = bounds(&Dim::from(atom.clone()), sizes, &mut Work::little());
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
        if unknowns.iter().any(Unknown::is_stand_in) {
            return Tree::Open;
        }
        Tree::Leaf(Leaf {
            left,
            relation,
            right,
            unknowns,
        })
    }

    pub(super) fn unknowns(&self) -> BTreeSet<Unknown> {
        match self {
            Tree::Known(_) | Tree::Open => BTreeSet::new(),
            Tree::Leaf(leaf) => leaf.unknowns.clone(),
            Tree::All(all) | Tree::Any(all) => all.iter().flat_map(Tree::unknowns).collect(),
        }
    }

    pub(super) fn only_unknown(&self) -> Option<Unknown> {
        let mut unknowns = self.unknowns();
        unknowns.pop_first().filter(|_| unknowns.is_empty())
    }

    /// Exactly the sizes, at least 0, of its one unknown for which it holds.
    pub(super) fn truth(&self, work: &mut Work) -> Option<SizeSet> {
        match self {
            Tree::Known(true) => Some(SizeSet::at_least(0)),
            Tree::Known(false) => Some(SizeSet::none()),
            Tree::Open => None,
            Tree::Leaf(leaf) => leaf.difference(work)?.truth(leaf.relation, work),
            Tree::All(all) => all.iter().try_fold(SizeSet::at_least(0), |set, one| {
                set.checked_intersect(&one.truth(work)?)
            }),
            Tree::Any(all) => all.iter().try_fold(SizeSet::none(), |set, one| {
                set.checked_union(&one.truth(work)?)
            }),
        }
    }

    /// Whether it holds for all sizes of at least `least` or for none, where the comparisons one by one show
    /// that; adds the least for which each holds and fails.
    pub(super) fn least_sizes(
        &self,
        least: i64,
        sizes: &mut Vec<i64>,
        work: &mut Work,
    ) -> Option<Option<bool>> {
        let mut each = |all: &[Tree]| -> Option<Vec<Option<bool>>> {
            all.iter()
                .map(|one| one.least_sizes(least, sizes, work))
                .collect()
        };
        Some(match self {
            Tree::Known(known) => Some(*known),
            Tree::Open => return None,
            Tree::All(all) => all_of(each(all)?.into_iter()),
            Tree::Any(all) => any_of(each(all)?.into_iter()),
            Tree::Leaf(leaf) => {
                let difference = leaf.difference(work)?;
                let [holds, fails] = [true, false]
                    .map(|wanted| difference.least_where(leaf.relation, wanted, least, work));
                let (holds, fails) = (holds?, fails?);
                sizes.extend(holds.into_iter().chain(fails));
                match (holds, fails) {
                    (_, None) => Some(true),
                    (None, _) => Some(false),
                    _ => None,
                }
            }
        })
    }

    /// Whether it holds for these sizes; `None` where that cannot be told.
    pub(super) fn holds(&self, size: &impl Fn(&Unknown) -> Option<i64>) -> Option<bool> {
        match self {
            Tree::Known(known) => Some(*known),
            Tree::Open => None,
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

    pub(super) fn parts(&self) -> usize {
        match self {
            Tree::Known(_) | Tree::Open => 1,
            Tree::Leaf(leaf) => leaf.left.parts() + leaf.right.parts(),
            Tree::All(all) | Tree::Any(all) => all.iter().map(Tree::parts).sum(),
        }
    }
}

impl Leaf {
    /// What is compared with 0, as a function of its one unknown.
    fn difference(&self, work: &mut Work) -> Option<Piecewise> {
        let left = Piecewise::of(&self.left, work)?;
        match self.right {
            Dim::Known(0) => Some(left),
            _ => left.plus_times(Piecewise::of(&self.right, work)?, -1, work),
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
