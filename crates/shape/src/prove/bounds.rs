use std::collections::BTreeSet;

use super::Sizes;
use crate::piecewise::{Bounds, Piecewise, Work};
use crate::{Atom, Dim, Term, Unknown};

/// Between which values a size lies: exactly for each part that has one unknown of its own, else from the
/// bounds of its parts.
pub(super) fn bounds(dim: &Dim, sizes: &Sizes, work: &mut Work) -> Bounds {
    let expr = match dim {
        Dim::Known(n) => return Bounds::of((*n).into()),
        Dim::Expr(expr) => expr,
    };
    let mut parts: Vec<(BTreeSet<Unknown>, Vec<&Term>)> = Vec::new();
    for term in expr.terms() {
        let mut unknowns = BTreeSet::new();
        term.each_unknown(&mut |unknown| {
            unknowns.insert(unknown.clone());
        });
        let mut terms = vec![term];
        let shares = |part: &mut (BTreeSet<Unknown>, _)| !part.0.is_disjoint(&unknowns);
        let joined: Vec<_> = parts.extract_if(.., shares).collect();
        for (others, more) in joined {
            unknowns.extend(others);
            terms.extend(more);
        }
        parts.push((unknowns, terms));
    }
    let mut sum = Bounds::of(expr.constant().into());
    for (mut unknowns, terms) in parts {
        let only = unknowns.pop_first().filter(|_| unknowns.is_empty());
        let exact = only.and_then(|unknown| {
            let (least, greatest) = sizes.hull(&unknown)?;
            Piecewise::of_terms(0, terms.clone(), work)?.bounds(least, greatest, work)
        });
        let part = exact.unwrap_or_else(|| {
            let each = terms.iter().map(|term| product(term, sizes, work));
            each.fold(Bounds::of(0), Bounds::plus)
        });
        sum = sum.plus(part);
    }
    sum
}

fn product(term: &Term, sizes: &Sizes, work: &mut Work) -> Bounds {
    let factors = term.factors().iter();
    factors
        .map(|factor| bounds_of_atom(factor, sizes, work))
        .fold(Bounds::of(term.coefficient().into()), Bounds::times)
}

fn bounds_of_atom(atom: &Atom, sizes: &Sizes, work: &mut Work) -> Bounds {
    let mut each =
        |dims: &[Dim]| -> Vec<Bounds> { dims.iter().map(|dim| bounds(dim, sizes, work)).collect() };
    match atom {
        Atom::Unknown(unknown) => {
            let hull = sizes.hull(unknown);
            Bounds {
                low: hull.map(|(least, _)| least.into()),
                high: hull.and_then(|(_, greatest)| greatest).map(i128::from),
            }
        }
        Atom::Floor(a, b) => bounds(a, sizes, work).floor_div(bounds(b, sizes, work)),
        Atom::Min(dims) => {
            let all = each(dims);
            Bounds {
                low: all.iter().map(|one| one.low).min().flatten(),
                high: all.iter().filter_map(|one| one.high).min(),
            }
        }
        Atom::Max(dims) => {
            let all = each(dims);
            let highs: Option<Vec<i128>> = all.iter().map(|one| one.high).collect();
            Bounds {
                low: all.iter().filter_map(|one| one.low).max(),
                high: highs.and_then(|highs| highs.into_iter().max()),
            }
        }
    }
}

impl Bounds {
    fn of(value: i128) -> Bounds {
        Bounds {
            low: Some(value),
            high: Some(value),
        }
    }

    fn plus(self, other: Bounds) -> Bounds {
        let sum = |a: Option<i128>, b: Option<i128>| a?.checked_add(b?);
        Bounds {
            low: sum(self.low, other.low),
            high: sum(self.high, other.high),
        }
    }

    /// That of the first minus the second.
    pub(super) fn minus(self, other: Bounds) -> Bounds {
        self.plus(Bounds::of(-1).times(other))
    }

    fn times(self, other: Bounds) -> Bounds {
        let product = |a: Option<i128>, b: Option<i128>| a?.checked_mul(b?);
        let constant = |bounds: Bounds| bounds.low.filter(|_| bounds.low == bounds.high);
        let (a, b) = match constant(other) {
            Some(_) => (other, self),
            None => (self, other),
        };
        if let Some(number) = constant(a) {
            let (low, high) = match number {
                0 => return a,
                1.. => (b.low, b.high),
                _ => (b.high, b.low),
            };
            return Bounds {
                low: product(Some(number), low),
                high: product(Some(number), high),
            };
        }
        if a.low >= Some(0) && b.low >= Some(0) {
            return Bounds {
                low: product(a.low, b.low),
                high: product(a.high, b.high),
            };
        }
        let corners: Option<Vec<i128>> = [
            product(a.low, b.low),
            product(a.low, b.high),
            product(a.high, b.low),
            product(a.high, b.high),
        ]
        .into_iter()
        .collect();
        Bounds {
            low: corners.as_ref().and_then(|all| all.iter().min().copied()),
            high: corners.as_ref().and_then(|all| all.iter().max().copied()),
        }
    }

    /// That of the quotient; nothing is known where the divisor may be 0 or less.
    fn floor_div(self, by: Bounds) -> Bounds {
        let Some(least) = by.low.filter(|&least| least >= 1) else {
            return Bounds {
                low: None,
                high: None,
            };
        };
        // The further from 0, the less by a great divisor; without a greatest, 0 or -1 is what comes near.
        let by_greatest = |n: i128| match by.high {
            Some(greatest) => n.div_euclid(greatest),
            None if n < 0 => -1,
            None => 0,
        };
        Bounds {
            low: self.low.map(|low| match low < 0 {
                true => low.div_euclid(least),
                false => by_greatest(low),
            }),
            high: self.high.map(|high| match high < 0 {
                true => by_greatest(high),
                false => high.div_euclid(least),
            }),
        }
    }
}
