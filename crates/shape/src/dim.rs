use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Result, ShapeError};

/// One size: a known number, or an expression in unknown sizes.
///
/// Two expressions are equal when they are written the same way over the same unknowns; equality
/// never claims more than that. `Display` is TensorFlow's (`None` for what is not known), `Debug`
/// shows the expression.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A known size. A value that is followed through a graph may also be negative.
    Known(i64),
    /// A size that is known only when the graph runs.
    Expr(Arc<Expr>),
}

/// An expression in unknown sizes, of at most [`Expr::LARGEST`] parts.
#[derive(PartialEq, Eq, Hash)]
pub struct Expr {
    form: Form,
    /// How many unknowns and numbers it is written with.
    parts: usize,
}

impl Expr {
    /// The most parts that an expression has; a larger one is taken for an unknown of its own, so that
    /// comparing, printing and dropping it stay cheap.
    pub const LARGEST: usize = 500;

    /// How it is made.
    pub fn form(&self) -> &Form {
        &self.form
    }
}

/// The forms of an expression.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Form {
    /// An unknown of its own.
    Unknown(Unknown),
    /// `a + b`
    Sum(Dim, Dim),
    /// `a - b`
    Difference(Dim, Dim),
    /// `a * b`
    Product(Dim, Dim),
    /// `floor(a / b)`
    FloorDiv(Dim, Dim),
}

/// The identity of one unknown size: equal only to itself, whatever its name.
#[derive(Clone)]
pub struct Unknown {
    id: u64,
    name: Arc<str>,
}

impl Unknown {
    /// The name that it was made with, such as `inputs:0[1]`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl PartialEq for Unknown {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Unknown {}

impl std::hash::Hash for Unknown {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Dim {
    /// A new unknown, different from every other; the name is for people.
    pub fn unknown(name: impl Into<Arc<str>>) -> Dim {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Dim::from(Form::Unknown(Unknown {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
        }))
    }

    /// The number, where it is known.
    pub fn known(&self) -> Option<i64> {
        match self {
            Dim::Known(n) => Some(*n),
            Dim::Expr(_) => None,
        }
    }

    /// How it is made, where it is not a known number.
    pub fn form(&self) -> Option<&Form> {
        match self {
            Dim::Known(_) => None,
            Dim::Expr(expr) => Some(&expr.form),
        }
    }

    /// Whether both can be the same size: only two different known numbers cannot.
    pub fn is_compatible_with(&self, other: &Dim) -> bool {
        !matches!((self, other), (Dim::Known(a), Dim::Known(b)) if a != b)
    }

    /// `self + other`.
    ///
    /// # Errors
    /// `Overflow` when the sum of two known numbers leaves 64 bits; so for all the arithmetic here.
    pub fn plus(&self, other: impl Into<Dim>) -> Result<Dim> {
        match (self, other.into()) {
            (Dim::Known(a), Dim::Known(b)) => checked(a.checked_add(b), *a, "+", b),
            (a, Dim::Known(0)) => Ok(a.clone()),
            (Dim::Known(a), b) => b.plus(*a),
            (a, Dim::Known(b)) => match a.form() {
                // One number at the end: (h - 1) + 1 is h.
                Some(Form::Sum(rest, Dim::Known(a))) => rest.plus(Dim::Known(*a).plus(b)?),
                _ => Ok(Form::Sum(a.clone(), Dim::Known(b)).into()),
            },
            (a, b) => Ok(Form::Sum(a.clone(), b).into()),
        }
    }

    /// `self - other`.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn minus(&self, other: impl Into<Dim>) -> Result<Dim> {
        match (self, other.into()) {
            (Dim::Known(a), Dim::Known(b)) => checked(a.checked_sub(b), *a, "-", b),
            (a, Dim::Known(b)) => match b.checked_neg() {
                Some(minus) => a.plus(minus),
                None => checked(None, 0, "-", b),
            },
            (a, b) if *a == b => Ok(Dim::Known(0)),
            (a, b) => Ok(Form::Difference(a.clone(), b).into()),
        }
    }

    /// `self * other`.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn times(&self, other: impl Into<Dim>) -> Result<Dim> {
        match (self, other.into()) {
            (Dim::Known(a), Dim::Known(b)) => checked(a.checked_mul(b), *a, "*", b),
            (a, Dim::Known(1)) => Ok(a.clone()),
            (Dim::Known(1), b) => Ok(b),
            (Dim::Known(0), _) | (_, Dim::Known(0)) => Ok(Dim::Known(0)),
            (a, b) => Ok(Form::Product(a.clone(), b).into()),
        }
    }

    /// `floor(self / other)`.
    ///
    /// # Errors
    /// `Invalid` when `other` is 0, `Overflow`.
    pub fn floor_div(&self, other: impl Into<Dim>) -> Result<Dim> {
        match (self, other.into()) {
            (a, Dim::Known(0)) => Err(ShapeError::Invalid {
                what: format!("{a:?} / 0"),
            }),
            (Dim::Known(a), Dim::Known(b)) => {
                let quotient = a.checked_div(b).map(|q| {
                    let inexact = q * b != *a;
                    q - i64::from(inexact && (*a < 0) != (b < 0))
                });
                checked(quotient, *a, "/", b)
            }
            (a, Dim::Known(1)) => Ok(a.clone()),
            (a, b) => Ok(Form::FloorDiv(a.clone(), b).into()),
        }
    }
}

fn checked(value: Option<i64>, a: i64, op: &str, b: i64) -> Result<Dim> {
    value.map(Dim::Known).ok_or_else(|| ShapeError::Overflow {
        what: format!("{a} {op} {b}"),
    })
}

impl From<i64> for Dim {
    fn from(n: i64) -> Dim {
        Dim::Known(n)
    }
}

impl From<&Dim> for Dim {
    fn from(dim: &Dim) -> Dim {
        dim.clone()
    }
}

impl From<Form> for Dim {
    fn from(form: Form) -> Dim {
        let parts = |dim: &Dim| match dim {
            Dim::Known(_) => 1,
            Dim::Expr(expr) => expr.parts,
        };
        let parts = match &form {
            Form::Unknown(_) => 1,
            Form::Sum(a, b)
            | Form::Difference(a, b)
            | Form::Product(a, b)
            | Form::FloorDiv(a, b) => parts(a) + parts(b),
        };
        match parts <= Expr::LARGEST {
            true => Dim::Expr(Arc::new(Expr { form, parts })),
            false => Dim::unknown("..."),
        }
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

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(n) => n.fmt(f),
            Dim::Expr(expr) => expr.fmt(f),
        }
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Unknown(unknown) => unknown.fmt(f),
            Form::Sum(a, Dim::Known(n @ ..0)) => write!(f, "({a:?} - {})", n.unsigned_abs()),
            Form::Sum(a, b) => write!(f, "({a:?} + {b:?})"),
            Form::Difference(a, b) => write!(f, "({a:?} - {b:?})"),
            Form::Product(a, b) => write!(f, "{a:?}*{b:?}"),
            Form::FloorDiv(a, b) => write!(f, "floor({a:?}/{b:?})"),
        }
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknowns_are_themselves() {
        let (h, w) = (Dim::unknown("n"), Dim::unknown("n"));
        assert_eq!(h, h.clone());
        assert_ne!(h, w);
        assert_eq!(h.plus(1), h.plus(1));
        assert_ne!(h.plus(1), w.plus(1));
        assert_eq!(h.minus(&h), Ok(Dim::Known(0)));
        assert_eq!(h.times(1).as_ref(), Ok(&h));
    }

    #[test]
    fn numbers_gather_and_expressions_stay_small() {
        let h = Dim::unknown("h");
        assert_eq!(h.minus(1).unwrap().plus(1).as_ref(), Ok(&h));
        assert_eq!(Dim::Known(3).plus(&h).unwrap().minus(5), h.minus(2));
        assert!(h.plus(1).unwrap().plus(i64::MAX).is_err());
        assert!(h.minus(i64::MIN).is_err());
        // Doubling and adding up a hundred thousand times: neither printing nor dropping may take long.
        let (mut twice, mut chain) = (h.clone(), h.clone());
        for _ in 0..100_000 {
            twice = twice.plus(&twice).unwrap();
            chain = chain.times(&h).unwrap();
        }
        assert!(format!("{twice:?} {chain:?}").len() < 20_000);
    }

    #[test]
    fn known_arithmetic_is_floored_and_checked() {
        for a in -7..=7i64 {
            for b in [-3, -2, -1, 1, 2, 3i64] {
                let floor = (a as f64 / b as f64).floor() as i64;
                assert_eq!(
                    Dim::Known(a).floor_div(b),
                    Ok(Dim::Known(floor)),
                    "{a} / {b}"
                );
            }
        }
        assert!(Dim::Known(i64::MAX).plus(1).is_err());
        assert!(Dim::Known(i64::MIN).minus(1).is_err());
        assert!(Dim::Known(i64::MAX).times(2).is_err());
        assert!(Dim::Known(i64::MIN).floor_div(-1).is_err());
        assert!(Dim::unknown("h").floor_div(0).is_err());
    }

    #[test]
    fn people_see_none_and_debug_shows_the_expression() {
        let h = Dim::unknown("h")
            .minus(1)
            .unwrap()
            .floor_div(4)
            .unwrap()
            .plus(1)
            .unwrap();
        assert_eq!(h.to_string(), "None");
        assert_eq!(format!("{h:?}"), "(floor((h - 1)/4) + 1)");
    }
}
