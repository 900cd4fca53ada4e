use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use crate::{Dim, SizeSet, Unknown, prove};

/// What must hold of sizes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Both are the same.
    Equal(Dim, Dim),
    /// The size is at least the number.
    AtLeast(Dim, i64),
    /// The size is at most the number.
    AtMost(Dim, i64),
    /// All of them hold; so does an empty list.
    All(Vec<Condition>),
    /// One of them holds; of an empty list none does.
    Any(Vec<Condition>),
}

/// Sizes that unknowns have, besides what [`Unknown::sizes`] says of them.
pub type Given = BTreeMap<Unknown, SizeSet>;

/// What is proved of a condition over all sizes that its unknowns may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds for all of them; so it does where there are none.
    Always,
    /// It holds for none of them.
    Never,
    /// It holds for some and fails for others.
    Sometimes {
        /// Sizes for which it fails, one for each unknown. Where the condition comes down to one unknown,
        /// that is the first, and its size is the least for which it fails; else no size in it is greater
        /// than it must be, as far as the search for them went.
        fails_at: Vec<(Unknown, i64)>,
        /// Exactly the sizes of the first unknown of `fails_at` for which it holds, where the condition comes
        /// down to one unknown and these can be written down.
        holds: Option<SizeSet>,
    },
    /// Nothing of this could be shown.
    Undecided {
        /// Sizes for which it fails, where a search found some; as in `Sometimes`.
        fails_at: Option<Vec<(Unknown, i64)>>,
    },
}

impl Condition {
    /// The size lies within `range`.
    pub fn within(dim: Dim, range: RangeInclusive<i64>) -> Condition {
        let (least, greatest) = range.into_inner();
        if least == greatest {
            return Condition::Equal(dim, Dim::Known(least));
        }
        Condition::All(vec![
            Condition::AtLeast(dim.clone(), least),
            Condition::AtMost(dim, greatest),
        ])
    }

    /// Both broadcast to one size: they are the same, or one of them is 1.
    pub fn broadcast(a: Dim, b: Dim) -> Condition {
        let equal = Condition::Equal(a.clone(), b.clone());
        let ones = [a, b].map(|dim| Condition::Equal(dim, Dim::Known(1)));
        Condition::Any([equal].into_iter().chain(ones).collect())
    }

    /// Whether it holds where `size` gives the sizes of its unknowns; `None` where that cannot be told: one is
    /// missing, or a size has no value ([`Dim::value`]).
    pub fn holds(&self, size: &impl Fn(&Unknown) -> Option<i64>) -> Option<bool> {
        match self {
            Condition::Equal(a, b) => Some(a.value(size)? == b.value(size)?),
            Condition::AtLeast(dim, least) => Some(dim.value(size)? >= *least),
            Condition::AtMost(dim, greatest) => Some(dim.value(size)? <= *greatest),
            Condition::All(all) => all_of(all.iter().map(|one| one.holds(size))),
            Condition::Any(all) => any_of(all.iter().map(|one| one.holds(size))),
        }
    }

    /// The unknowns in it, in the order in which they were made.
    pub fn unknowns(&self) -> BTreeSet<Unknown> {
        match self {
            Condition::Equal(a, b) => {
                let mut unknowns = a.unknowns();
                unknowns.append(&mut b.unknowns());
                unknowns
            }
            Condition::AtLeast(dim, _) | Condition::AtMost(dim, _) => dim.unknowns(),
            Condition::All(all) | Condition::Any(all) => {
                all.iter().flat_map(Condition::unknowns).collect()
            }
        }
    }

    /// The unknown that decides it, where it comes down to one, and exactly the sizes of it, at least 1, for
    /// which it holds, where these can be written down; the other unknowns are taken to be at least 1.
    pub fn sizes(&self) -> Option<(Unknown, SizeSet)> {
        prove::sizes(self)
    }

    /// Decides it for all sizes that its unknowns may have, [`Unknown::sizes`].
    pub fn prove(&self) -> Verdict {
        self.prove_given(&Given::new())
    }

    /// Decides it for all sizes that its unknowns may have and that are given.
    ///
    /// With one unknown, no products of it and a common period of at most 1,000,000 the answer is never
    /// `Undecided`. With several, what canonical forms, the unknowns one by one and bounds can show is shown,
    /// and a search among small sizes finds examples. `Always` and `Never` are proofs.
    pub fn prove_given(&self, given: &Given) -> Verdict {
        prove::prove(self, given)
    }
}

/// Whether all are true, as far as can be told.
pub(crate) fn all_of(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for one in each {
        match one {
            Some(false) => return one,
            Some(true) => {}
            None => all = None,
        }
    }
    all
}

/// Whether one is true, as far as can be told.
pub(crate) fn any_of(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    Some(!all_of(each.map(|one| Some(!one?)))?)
}
