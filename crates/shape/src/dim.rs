use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Result, ShapeError, SizeSet};

mod canonical;
mod print;
#[cfg(test)]
mod tests;

pub(crate) use canonical::gcd;

/// One size: a known number, or an expression in unknown sizes.
///
/// Expressions are kept in one canonical form, so that `(h - 1) + 1` *is* `h` and
/// `ceil(ceil(h/2)/2)` is `ceil(h/4)`; two that are equal are the same for all integers. Some that are the
/// same for all integers still differ in form: [`crate::Condition::prove`] decides those. `Display` is
/// TensorFlow's (`None` for what is not known), `Debug` shows the expression as people write it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dim {
    /// A known size. A value that is followed through a graph may also be negative.
    Known(i64),
    /// A size that is known only when the graph runs.
    Expr(Arc<Expr>),
}

/// A polynomial in [`Atom`]s, of at most [`Expr::LARGEST`] parts: `constant + coefficient * atom * ... + ...`.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expr {
    constant: i64,
    /// Sorted by their factors; there is at least one, and no coefficient is 0.
    terms: Vec<Term>,
    /// How many unknowns and numbers it is written with.
    parts: usize,
}

/// `coefficient * factor * factor * ...`
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term {
    /// Sorted; there is at least one.
    factors: Vec<Atom>,
    coefficient: i64,
}

/// What sums and products do not take apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Atom {
    /// A size of its own.
    Unknown(Unknown),
    /// `floor(dividend / divisor)`; a known divisor is at least 2.
    Floor(Dim, Dim),
    /// The least of at least two, sorted.
    Min(Vec<Dim>),
    /// The greatest of at least two, sorted.
    Max(Vec<Dim>),
}

/// The identity of one unknown size: equal only to itself, whatever its name.
#[derive(Clone)]
pub struct Unknown(Arc<Identity>);

struct Identity {
    id: u64,
    name: String,
    sizes: SizeSet,
    stand_in: bool,
}

impl Expr {
    /// The most parts that an expression has; a larger one is taken for an unknown of its own, so that
    /// comparing, printing and dropping it stay cheap.
    pub const LARGEST: usize = 500;

    /// The number that is added to the terms.
    pub fn constant(&self) -> i64 {
        self.constant
    }

    /// The terms, at least one.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }
}

impl Term {
    /// The number that the factors are multiplied by, not 0.
    pub fn coefficient(&self) -> i64 {
        self.coefficient
    }

    /// The factors, at least one.
    pub fn factors(&self) -> &[Atom] {
        &self.factors
    }

    pub(crate) fn each_unknown(&self, visit: &mut impl FnMut(&Unknown)) {
        for atom in &self.factors {
            match atom {
                Atom::Unknown(unknown) => visit(unknown),
                Atom::Floor(a, b) => {
                    a.each_unknown(visit);
                    b.each_unknown(visit);
                }
                Atom::Min(all) | Atom::Max(all) => {
                    all.iter().for_each(|dim| dim.each_unknown(visit));
                }
            }
        }
    }
}

impl Unknown {
    /// The name that it was made with, such as `inputs:0[1]` or `H`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether the name was made up, as for a `None`: the user's names have no brackets.
    pub fn is_anonymous(&self) -> bool {
        self.0.name.contains('[') || self.0.stand_in
    }

    /// The sizes that it may have: at least 1, or fewer where the user said so.
    pub fn sizes(&self) -> &SizeSet {
        &self.0.sizes
    }

    /// Whether it stands for an expression that was too large to keep: its value may be any number, and what
    /// else it depends on is not known.
    pub fn is_stand_in(&self) -> bool {
        self.0.stand_in
    }
}

impl PartialEq for Unknown {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Unknown {}

impl PartialOrd for Unknown {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Unknown {
    /// The order in which they were made.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

impl std::hash::Hash for Unknown {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl Dim {
    /// A new unknown, different from every other; the name is for people.
    pub fn unknown(name: impl Into<String>) -> Dim {
        Dim::unknown_in(name, SizeSet::at_least(1))
    }

    /// A new unknown of which it is known that only `sizes` will be given.
    pub fn unknown_in(name: impl Into<String>, sizes: SizeSet) -> Dim {
        Dim::new_unknown(name.into(), sizes, false)
    }

    /// One that stands for an expression that is too large.
    fn stand_in() -> Dim {
        Dim::new_unknown("...".into(), SizeSet::at_least(0), true)
    }

    fn new_unknown(name: String, sizes: SizeSet, stand_in: bool) -> Dim {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let unknown = Unknown(Arc::new(Identity {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            name,
            sizes,
            stand_in,
        }));
        unknown.into()
    }

    /// The number, where it is known.
    pub fn known(&self) -> Option<i64> {
        match self {
            Dim::Known(n) => Some(*n),
            Dim::Expr(_) => None,
        }
    }

    /// The expression, where it is not a known number.
    pub fn expr(&self) -> Option<&Expr> {
        match self {
            Dim::Known(_) => None,
            Dim::Expr(expr) => Some(expr),
        }
    }

    /// The unknown, where it is one and nothing else.
    pub fn bare(&self) -> Option<&Unknown> {
        match self.only_factor()? {
            (1, [Atom::Unknown(unknown)]) => Some(unknown),
            _ => None,
        }
    }

    /// Its number and its other factors, where it is a product.
    pub fn factors(&self) -> Option<(i64, Vec<Dim>)> {
        match self {
            Dim::Known(n) => Some((*n, Vec::new())),
            Dim::Expr(_) => {
                let (coefficient, factors) = self.only_factor()?;
                Some((
                    coefficient,
                    factors.iter().cloned().map(Dim::from).collect(),
                ))
            }
        }
    }

    fn only_factor(&self) -> Option<(i64, &[Atom])> {
        match self.expr()? {
            Expr {
                constant: 0, terms, ..
            } if terms.len() == 1 => Some((terms[0].coefficient, &terms[0].factors)),
            _ => None,
        }
    }

    /// The unknowns in it, in the order in which they were made.
    pub fn unknowns(&self) -> BTreeSet<Unknown> {
        let mut found = BTreeSet::new();
        self.each_unknown(&mut |unknown| {
            found.insert(unknown.clone());
        });
        found
    }

    fn each_unknown(&self, visit: &mut impl FnMut(&Unknown)) {
        let terms = self.expr().map_or(&[][..], Expr::terms);
        terms.iter().for_each(|term| term.each_unknown(visit));
    }

    /// Its value where `size` gives those of its unknowns; `None` where one is missing, a divisor is 0 or a
    /// number leaves 64 bits.
    pub fn value(&self, size: &impl Fn(&Unknown) -> Option<i64>) -> Option<i64> {
        let expr = match self {
            Dim::Known(n) => return Some(*n),
            Dim::Expr(expr) => expr,
        };
        let mut sum = expr.constant;
        for term in &expr.terms {
            let mut product = term.coefficient;
            for factor in &term.factors {
                product = product.checked_mul(factor.value(size)?)?;
            }
            sum = sum.checked_add(product)?;
        }
        Some(sum)
    }

    /// The same expression over the sizes that `new` gives for its unknowns.
    ///
    /// # Errors
    /// `Overflow`, `Invalid` when a divisor becomes 0.
    pub fn replace(&self, new: &mut impl FnMut(&Unknown) -> Dim) -> Result<Dim> {
        let Dim::Expr(expr) = self else {
            return Ok(self.clone());
        };
        let mut sum = Dim::Known(expr.constant);
        for term in &expr.terms {
            let mut product = Dim::Known(term.coefficient);
            for factor in &term.factors {
                product = product.times(factor.replace(new)?)?;
            }
            sum = sum.plus(product)?;
        }
        Ok(sum)
    }

    /// Whether both can be the same size: only two different known numbers cannot.
    pub fn is_compatible_with(&self, other: &Dim) -> bool {
        !matches!((self, other), (Dim::Known(a), Dim::Known(b)) if a != b)
    }

    /// `ceil(self / other)`.
    ///
    /// # Errors
    /// As [`Dim::floor_div`].
    pub fn ceil_div(&self, other: impl Into<Dim>) -> Result<Dim> {
        Dim::Known(0).minus(Dim::Known(0).minus(self)?.floor_div(other)?)
    }

    /// `self - other * floor(self / other)`, Python's `%`.
    ///
    /// # Errors
    /// As [`Dim::floor_div`].
    pub fn modulo(&self, other: impl Into<Dim>) -> Result<Dim> {
        let other = other.into();
        self.minus(self.floor_div(&other)?.times(other)?)
    }
}

impl Atom {
    fn replace(&self, new: &mut impl FnMut(&Unknown) -> Dim) -> Result<Dim> {
        let mut fold = |dims: &[Dim], join: fn(&Dim, Dim) -> Dim| {
            let mut all = dims.iter().map(|dim| dim.replace(new));
            let first = all.next().unwrap_or(Ok(Dim::Known(0)))?;
            all.try_fold(first, |joined, dim| Ok(join(&joined, dim?)))
        };
        match self {
            Atom::Unknown(unknown) => Ok(new(unknown)),
            Atom::Floor(a, b) => a.replace(new)?.floor_div(b.replace(new)?),
            Atom::Min(dims) => fold(dims, |a, b| a.lesser(b)),
            Atom::Max(dims) => fold(dims, |a, b| a.greater(b)),
        }
    }

    fn value(&self, size: &impl Fn(&Unknown) -> Option<i64>) -> Option<i64> {
        let all =
            |dims: &[Dim]| -> Option<Vec<i64>> { dims.iter().map(|dim| dim.value(size)).collect() };
        match self {
            Atom::Unknown(unknown) => size(unknown),
            Atom::Floor(a, b) => floor_div(a.value(size)?, b.value(size)?),
            Atom::Min(dims) => all(dims)?.into_iter().min(),
            Atom::Max(dims) => all(dims)?.into_iter().max(),
        }
    }
}

/// `floor(a / b)`, where there is one.
fn floor_div(a: i64, b: i64) -> Option<i64> {
    let quotient = a.checked_div(b)?;
    Some(quotient - i64::from(quotient * b != a && (a < 0) != (b < 0)))
}

fn overflow(a: &Dim, op: &str, b: &Dim) -> ShapeError {
    ShapeError::Overflow {
        what: format!("{a:?} {op} {b:?}"),
    }
}

impl From<i64> for Dim {
    fn from(n: i64) -> Dim {
        Dim::Known(n)
    }
}

impl From<&str> for Dim {
    /// An unknown of this name. In one graph the same name means the same size.
    fn from(name: &str) -> Dim {
        Dim::unknown(name)
    }
}

impl From<Option<i64>> for Dim {
    /// `None` is an unknown without a name of the user's.
    fn from(size: Option<i64>) -> Dim {
        size.map_or_else(|| Dim::unknown("?[]"), Dim::Known)
    }
}

impl From<&Dim> for Dim {
    fn from(dim: &Dim) -> Dim {
        dim.clone()
    }
}

impl From<Unknown> for Dim {
    fn from(unknown: Unknown) -> Dim {
        Atom::Unknown(unknown).into()
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(n) => n.fmt(f),
            Dim::Expr(_) => f.write_str("None"),
        }
    }
}
