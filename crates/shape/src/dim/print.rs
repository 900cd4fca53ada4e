//! Expressions as people write them: `2*H - 1`, `ceil(H/4)`, `max(H, 3)`.

use std::fmt;

use super::{Atom, Dim, Expr, Unknown};

/// Writes expressions with names of the caller's choice for the unknowns.
pub struct Named<'a, F: Fn(&Unknown) -> String> {
    dim: &'a Dim,
    name: &'a F,
}

impl Dim {
    /// The expression as people write it, with the unknowns under the names that `name` gives.
    pub fn named<'a, F: Fn(&Unknown) -> String>(&'a self, name: &'a F) -> Named<'a, F> {
        Named { dim: self, name }
    }
}

impl<F: Fn(&Unknown) -> String> fmt::Display for Named<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dim(f, self.dim, self.name)
    }
}

type Name<'a> = &'a dyn Fn(&Unknown) -> String;

fn dim(f: &mut fmt::Formatter<'_>, dim: &Dim, name: Name) -> fmt::Result {
    match dim {
        Dim::Known(n) => write!(f, "{n}"),
        Dim::Expr(e) => sum(f, e, e.constant, name),
    }
}

/// The terms of a sum and this constant: those that are added first, so that no minus leads.
fn sum(f: &mut fmt::Formatter<'_>, expr: &Expr, constant: i64, name: Name) -> fmt::Result {
    let (added, taken): (Vec<_>, Vec<_>) = expr.terms.iter().partition(|term| term.coefficient > 0);
    let mut first = true;
    let number_leads = added.is_empty() && constant > 0;
    if number_leads {
        write!(f, "{constant}")?;
        first = false;
    }
    for term in added.into_iter().chain(taken) {
        f.write_str(match (first, term.coefficient < 0) {
            (true, true) => "-",
            (true, false) => "",
            (false, true) => " - ",
            (false, false) => " + ",
        })?;
        first = false;
        if term.coefficient.unsigned_abs() != 1 {
            write!(f, "{}*", term.coefficient.unsigned_abs())?;
        }
        for (i, factor) in term.factors.iter().enumerate() {
            f.write_str(if i == 0 { "" } else { "*" })?;
            atom(f, factor, name)?;
        }
    }
    match constant {
        0 => Ok(()),
        _ if number_leads => Ok(()),
        1.. => write!(f, " + {constant}"),
        _ => write!(f, " - {}", constant.unsigned_abs()),
    }
}

fn atom(f: &mut fmt::Formatter<'_>, atom: &Atom, name: Name) -> fmt::Result {
    match atom {
        Atom::Unknown(unknown) => f.write_str(&name(unknown)),
        Atom::Floor(Dim::Expr(above), by @ Dim::Known(n)) if above.constant == n - 1 => {
            quotient(f, "ceil", above, 0, by, name)
        }
        Atom::Floor(Dim::Expr(above), by) => quotient(f, "floor", above, above.constant, by, name),
        Atom::Floor(Dim::Known(above), by) => {
            write!(f, "floor({above}/")?;
            divisor(f, by, name)
        }
        Atom::Min(dims) => list(f, "min", dims, name),
        Atom::Max(dims) => list(f, "max", dims, name),
    }
}

fn quotient(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    above: &Expr,
    constant: i64,
    by: &Dim,
    name: Name,
) -> fmt::Result {
    let several = above.terms.len() + usize::from(constant != 0) > 1;
    write!(f, "{what}({}", if several { "(" } else { "" })?;
    sum(f, above, constant, name)?;
    f.write_str(if several { ")/" } else { "/" })?;
    divisor(f, by, name)
}

fn divisor(f: &mut fmt::Formatter<'_>, by: &Dim, name: Name) -> fmt::Result {
    let simple = by.known().is_some() || by.bare().is_some();
    f.write_str(if simple { "" } else { "(" })?;
    dim(f, by, name)?;
    f.write_str(if simple { ")" } else { "))" })
}

fn list(f: &mut fmt::Formatter<'_>, what: &str, dims: &[Dim], name: Name) -> fmt::Result {
    write!(f, "{what}(")?;
    for (i, one) in dims.iter().enumerate() {
        f.write_str(if i == 0 { "" } else { ", " })?;
        dim(f, one, name)?;
    }
    f.write_str(")")
}

impl fmt::Debug for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dim(f, self, &|unknown| unknown.name().to_string())
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
