//! Arithmetic on sizes, each result in canonical form.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Atom, Dim, Expr, Term, floor_div, overflow};
use crate::{Result, ShapeError};

/// A sum while it is being made: a coefficient for each product of atoms.
struct Sum {
    constant: i64,
    terms: BTreeMap<Vec<Atom>, i64>,
}

impl Sum {
    fn new(constant: i64) -> Sum {
        Sum {
            constant,
            terms: BTreeMap::new(),
        }
    }

    /// Adds `factor * dim`; `None` where a number leaves 64 bits.
    fn add(&mut self, dim: &Dim, factor: i64) -> Option<()> {
        let terms = match dim {
            Dim::Known(n) => return self.add_constant(n.checked_mul(factor)?),
            Dim::Expr(expr) => {
                self.add_constant(expr.constant.checked_mul(factor)?)?;
                &expr.terms
            }
        };
        for term in terms {
            self.add_term(term.factors.clone(), term.coefficient.checked_mul(factor)?)?;
        }
        Some(())
    }

    fn add_constant(&mut self, n: i64) -> Option<()> {
        self.constant = self.constant.checked_add(n)?;
        Some(())
    }

    fn add_term(&mut self, factors: Vec<Atom>, coefficient: i64) -> Option<()> {
        if factors.is_empty() {
            return self.add_constant(coefficient);
        }
        let sum = self.terms.entry(factors).or_default();
        *sum = sum.checked_add(coefficient)?;
        Some(())
    }

    fn dim(self) -> Dim {
        let terms: Vec<Term> = self
            .terms
            .into_iter()
            .filter(|(_, coefficient)| *coefficient != 0)
            .map(|(factors, coefficient)| Term {
                factors,
                coefficient,
            })
            .collect();
        if terms.is_empty() {
            return Dim::Known(self.constant);
        }
        let parts = 1 + terms.iter().map(Term::parts).sum::<usize>();
        match parts <= Expr::LARGEST {
            true => Dim::Expr(Arc::new(Expr {
                constant: self.constant,
                terms,
                parts,
            })),
            false => Dim::stand_in(),
        }
    }
}

impl Term {
    pub(crate) fn parts(&self) -> usize {
        1 + self.factors.iter().map(Atom::parts).sum::<usize>()
    }
}

impl Atom {
    fn parts(&self) -> usize {
        match self {
            Atom::Unknown(_) => 1,
            Atom::Floor(a, b) => a.parts() + b.parts(),
            Atom::Min(dims) | Atom::Max(dims) => dims.iter().map(Dim::parts).sum(),
        }
    }
}

impl From<Atom> for Dim {
    fn from(atom: Atom) -> Dim {
        let mut sum = Sum::new(0);
        sum.terms.insert(vec![atom], 1);
        sum.dim()
    }
}

impl Dim {
    pub(crate) fn parts(&self) -> usize {
        self.expr().map_or(1, |expr| expr.parts)
    }

    /// `self + other`.
    ///
    /// # Errors
    /// `Overflow` when a number leaves 64 bits; so for all the arithmetic here.
    pub fn plus(&self, other: impl Into<Dim>) -> Result<Dim> {
        let other = other.into();
        self.plus_times(&other, 1)
            .ok_or_else(|| overflow(self, "+", &other))
    }

    /// `self - other`.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn minus(&self, other: impl Into<Dim>) -> Result<Dim> {
        let other = other.into();
        self.plus_times(&other, -1)
            .ok_or_else(|| overflow(self, "-", &other))
    }

    fn plus_times(&self, other: &Dim, factor: i64) -> Option<Dim> {
        if let (Dim::Known(a), Dim::Known(b)) = (self, other) {
            return match factor {
                -1 => a.checked_sub(*b).map(Dim::Known),
                _ => a.checked_add(b.checked_mul(factor)?).map(Dim::Known),
            };
        }
        let mut sum = Sum::new(0);
        sum.add(self, 1)?;
        sum.add(other, factor)?;
        Some(sum.dim())
    }

    /// `self * other`.
    ///
    /// # Errors
    /// `Overflow` for known numbers; a product of unknown sizes whose numbers leave 64 bits is an unknown
    /// of its own, since a size of 0 makes it 0.
    pub fn times(&self, other: impl Into<Dim>) -> Result<Dim> {
        let other = other.into();
        match (self, &other) {
            (Dim::Known(a), Dim::Known(b)) => a
                .checked_mul(*b)
                .map(Dim::Known)
                .ok_or_else(|| overflow(self, "*", &other)),
            (Dim::Known(0), _) | (_, Dim::Known(0)) => Ok(Dim::Known(0)),
            _ if self.parts() * other.parts() > 4 * Expr::LARGEST => Ok(Dim::stand_in()),
            _ => Ok(self.product(&other).unwrap_or_else(Dim::stand_in)),
        }
    }

    fn product(&self, other: &Dim) -> Option<Dim> {
        let mut sum = Sum::new(0);
        for (a, n) in self.all_terms() {
            for (b, m) in other.all_terms() {
                let mut factors = [a, b].concat();
                factors.sort();
                sum.add_term(factors, n.checked_mul(m)?)?;
            }
        }
        Some(sum.dim())
    }

    /// The terms, the constant among them as one without factors.
    fn all_terms(&self) -> Vec<(&[Atom], i64)> {
        match self {
            Dim::Known(n) => vec![(&[], *n)],
            Dim::Expr(expr) => {
                let constant = (expr.constant != 0).then_some((&[][..], expr.constant));
                let terms = expr.terms.iter();
                constant
                    .into_iter()
                    .chain(terms.map(|term| (&term.factors[..], term.coefficient)))
                    .collect()
            }
        }
    }

    /// `floor(self / other)`.
    ///
    /// # Errors
    /// `Invalid` when `other` is 0, `Overflow`.
    pub fn floor_div(&self, other: impl Into<Dim>) -> Result<Dim> {
        let other = other.into();
        match (self, &other) {
            (_, Dim::Known(0)) => Err(ShapeError::Invalid {
                what: format!("{self:?} / 0"),
            }),
            (Dim::Known(a), Dim::Known(b)) => floor_div(*a, *b)
                .map(Dim::Known)
                .ok_or_else(|| overflow(self, "/", &other)),
            (_, Dim::Known(b)) => self
                .floor_div_known(*b)
                .ok_or_else(|| overflow(self, "/", &other)),
            (_, Dim::Expr(divisor)) => {
                if let Some((dividend, divisor)) = self.cancel(divisor) {
                    return dividend.floor_div(divisor);
                }
                Ok(match *self == other {
                    true => Dim::Known(1),
                    false => Atom::Floor(self.clone(), other).into(),
                })
            }
        }
    }

    fn floor_div_known(&self, divisor: i64) -> Option<Dim> {
        let Dim::Expr(expr) = self else {
            return floor_div(self.known()?, divisor).map(Dim::Known);
        };
        if divisor < 0 {
            return Dim::Known(0)
                .plus_times(self, -1)?
                .floor_div_known(divisor.checked_neg()?);
        }
        if divisor == 1 {
            return Some(self.clone());
        }
        // A coefficient counts by its distance from the nearest multiple of the divisor, half of it by its sign.
        let nearest = |n: i64| {
            let (rest, half) = (n.rem_euclid(divisor), divisor / 2);
            match rest > half || (rest * 2 == divisor && n < 0) {
                true => rest - divisor,
                false => rest,
            }
        };
        let first = expr
            .terms
            .iter()
            .map(|term| nearest(term.coefficient))
            .find(|&n| n != 0);
        if first < Some(0) && first.is_some() {
            // floor(-x/d) is -ceil(x/d).
            let negative = Dim::Known(divisor - 1).plus_times(self, -1)?;
            return Dim::Known(0).plus_times(&negative.floor_div_known(divisor)?, -1);
        }
        // Whole multiples of the divisor come out.
        let mut whole = Sum::new(expr.constant.div_euclid(divisor));
        let mut rest = Sum::new(expr.constant.rem_euclid(divisor));
        for Term {
            factors,
            coefficient,
        } in &expr.terms
        {
            let small = nearest(*coefficient);
            let quotient = coefficient.checked_sub(small)? / divisor;
            whole.add_term(factors.clone(), quotient)?;
            rest.add_term(factors.clone(), small)?;
        }
        let rest = rest.dim().floor_of_small(divisor)?;
        whole.dim().plus_times(&rest, 1)
    }

    /// The floor of an expression of which no whole multiple of the divisor comes out any more.
    fn floor_of_small(&self, divisor: i64) -> Option<Dim> {
        let Dim::Expr(expr) = self else {
            return floor_div(self.known()?, divisor).map(Dim::Known);
        };
        // A factor that all of it shares: floor((g*x + r)/(g*d)) is floor((x + floor(r/g))/d).
        let shared = expr
            .terms
            .iter()
            .fold(divisor, |shared, term| gcd(shared, term.coefficient));
        if shared > 1 {
            let mut smaller = Sum::new(expr.constant.div_euclid(shared));
            for term in &expr.terms {
                smaller.add_term(term.factors.clone(), term.coefficient / shared)?;
            }
            return smaller.dim().floor_div_known(divisor / shared);
        }
        // floor((floor(x/a) + y)/b) is floor((x + a*y)/(a*b)).
        let inner = |term: &&Term| matches!(term.factors[..], [Atom::Floor(_, Dim::Known(_))]);
        let mut floors = expr.terms.iter().filter(inner);
        if let (Some(term), None) = (floors.next(), floors.next())
            && term.coefficient == 1
            && let [Atom::Floor(dividend, Dim::Known(by))] = &term.factors[..]
            && let Some(product) = by.checked_mul(divisor)
        {
            let floor = Dim::from(term.factors[0].clone());
            let others = self.plus_times(&floor, -1)?;
            if let Some(dividend) = dividend.plus_times(&others, *by) {
                return dividend.floor_div_known(product);
            }
        }
        Some(Atom::Floor(self.clone(), Dim::Known(divisor)).into())
    }

    /// Dividend and divisor without the factors that all their terms share; `None` when there are none.
    fn cancel(&self, divisor: &Expr) -> Option<(Dim, Dim)> {
        let divisor = match divisor {
            Expr {
                constant: 0, terms, ..
            } if terms.len() == 1 => &terms[0],
            _ => return None,
        };
        let mut shared = Vec::new();
        let mut left: Vec<(Vec<Atom>, i64)> = self
            .all_terms()
            .into_iter()
            .map(|(factors, n)| (factors.to_vec(), n))
            .collect();
        for factor in &divisor.factors {
            let places: Option<Vec<usize>> = left
                .iter()
                .map(|(factors, _)| factors.iter().position(|other| other == factor))
                .collect();
            if let Some(places) = places {
                for ((factors, _), place) in left.iter_mut().zip(places) {
                    factors.remove(place);
                }
                shared.push(factor);
            }
        }
        if shared.is_empty() {
            return None;
        }
        let mut by = divisor.factors.clone();
        for factor in shared {
            let place = by.iter().position(|other| other == factor)?;
            by.remove(place);
        }
        let mut dividend = Sum::new(0);
        for (factors, n) in left {
            dividend.add_term(factors, n)?;
        }
        let mut rest = Sum::new(0);
        rest.add_term(by, divisor.coefficient)?;
        Some((dividend.dim(), rest.dim()))
    }

    /// The atom and the number that is added to it, where it is no more than that.
    fn atom_and_number(&self) -> Option<(&Atom, i64)> {
        let expr = self.expr()?;
        match &expr.terms[..] {
            [
                Term {
                    factors,
                    coefficient: 1,
                },
            ] if factors.len() == 1 => Some((&factors[0], expr.constant)),
            _ => None,
        }
    }

    /// The lesser of both.
    pub fn lesser(&self, other: impl Into<Dim>) -> Dim {
        extreme(self, other.into(), false)
    }

    /// The greater of both.
    pub fn greater(&self, other: impl Into<Dim>) -> Dim {
        extreme(self, other.into(), true)
    }
}

/// The least or the greatest of two: without those that another is a constant distance from, flat, sorted.
fn extreme(a: &Dim, b: Dim, greatest: bool) -> Dim {
    let mut all: Vec<Dim> = Vec::new();
    for dim in [a, &b] {
        // max(x, y) + 1 is max(x + 1, y + 1).
        let inner = match dim.atom_and_number() {
            Some((Atom::Max(inner), by)) if greatest => shifted(inner, by),
            Some((Atom::Min(inner), by)) if !greatest => shifted(inner, by),
            _ => None,
        };
        let inner = inner.unwrap_or_else(|| vec![dim.clone()]);
        for new in inner {
            // Positive where the new one is greater.
            let distance = |old: &Dim| new.plus_times(old, -1).and_then(|by| by.known());
            match all.iter().position(|old| distance(old).is_some()) {
                Some(place) if (distance(&all[place]) > Some(0)) == greatest => all[place] = new,
                Some(_) => {}
                None => all.push(new),
            }
        }
    }
    all.sort();
    match (all.len(), greatest) {
        (1, _) => all.remove(0),
        (_, true) => Atom::Max(all).into(),
        (_, false) => Atom::Min(all).into(),
    }
}

/// Each plus the same number; `None` where one leaves 64 bits.
fn shifted(dims: &[Dim], by: i64) -> Option<Vec<Dim>> {
    dims.iter().map(|dim| dim.plus(by).ok()).collect()
}

pub(crate) fn gcd(a: i64, b: i64) -> i64 {
    match b {
        0 => a.unsigned_abs().min(i64::MAX as u64) as i64,
        _ => gcd(b, a % b),
    }
}
