use std::fmt;

use crate::{Condition, Dim, Result, ShapeError, Verdict};

/// A shape: a list of sizes, or `None` when not even their number is known.
///
/// Prints as TensorFlow prints it: `(3, None, 33, 20)`, `(5,)`, `()`, `<unknown>`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Shape(Option<Vec<Dim>>);

impl Shape {
    /// A shape of known rank.
    pub fn new(dims: Vec<Dim>) -> Shape {
        Shape(Some(dims))
    }

    /// A shape of unknown rank.
    pub fn unknown() -> Shape {
        Shape(None)
    }

    /// The shape of a single number, `()`.
    pub fn scalar() -> Shape {
        Shape(Some(Vec::new()))
    }

    /// A shape of a known rank whose sizes are all unknown, each on its own, named `NAME[axis]`.
    pub fn of_rank(rank: usize, name: &str) -> Shape {
        Shape(
            (0..rank)
                .map(|axis| Dim::unknown(format!("{name}[{axis}]")))
                .collect::<Vec<_>>()
                .into(),
        )
    }

    /// The number of axes, where it is known.
    pub fn rank(&self) -> Option<usize> {
        self.0.as_ref().map(Vec::len)
    }

    /// The sizes, where their number is known.
    pub fn dims(&self) -> Option<&[Dim]> {
        self.0.as_deref()
    }

    /// The sizes, where all are known.
    pub fn known(&self) -> Option<Vec<i64>> {
        self.0.as_ref()?.iter().map(Dim::known).collect()
    }

    /// The number of elements; `None` for an unknown rank.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn elements(&self) -> Result<Option<Dim>> {
        let Some(dims) = &self.0 else { return Ok(None) };
        dims.iter()
            .try_fold(Dim::Known(1), |product, dim| product.times(dim))
            .map(Some)
    }

    /// Whether some sizes give both shapes.
    pub fn is_compatible_with(&self, other: &Shape) -> bool {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is_compatible_with(b))
            }
            _ => true,
        }
    }

    /// [`Shape::is_compatible_with`] of known sizes.
    pub fn allows(&self, sizes: &[usize]) -> bool {
        self.dims().is_none_or(|dims| {
            let fits = |(dim, &size): (&Dim, &usize)| {
                i64::try_from(size).is_ok_and(|size| dim.is_compatible_with(&Dim::Known(size)))
            };
            dims.len() == sizes.len() && dims.iter().zip(sizes).all(fits)
        })
    }

    /// What is known of a shape that is both: where an unknown meets a known size the known one
    /// stands, where two unknowns meet the first stands.
    ///
    /// # Errors
    /// `Incompatible`.
    pub fn merge(&self, other: &Shape) -> Result<Shape> {
        if !self.is_compatible_with(other) {
            return Err(ShapeError::Incompatible {
                left: self.clone(),
                right: other.clone(),
            });
        }
        Ok(match (&self.0, &other.0) {
            (Some(a), Some(b)) => Shape::new(
                a.iter()
                    .zip(b)
                    .map(|(a, b)| {
                        if a.known().is_some() {
                            a
                        } else if b.known().is_some() {
                            b
                        } else {
                            a
                        }
                        .clone()
                    })
                    .collect(),
            ),
            (Some(_), None) => self.clone(),
            (None, _) => other.clone(),
        })
    }

    /// The shape of `left + right` by NumPy's rules: aligned at the last axis, a size of 1 stretches.
    ///
    /// Where two different unknowns meet the result is the greater, since one of them is 1 if they differ; but
    /// 0 where one of them is 0.
    ///
    /// # Errors
    /// `NotBroadcastable`.
    pub fn broadcast(left: &Shape, right: &Shape) -> Result<Shape> {
        let (Some(a), Some(b)) = (&left.0, &right.0) else {
            return Ok(Shape::unknown());
        };
        let rank = a.len().max(b.len());
        let aligned = |dims: &[Dim], axis: usize| match (axis + dims.len()).checked_sub(rank) {
            Some(i) => dims[i].clone(),
            None => Dim::Known(1),
        };
        let one = |axis: usize| {
            let (x, y) = (aligned(a, axis), aligned(b, axis));
            match (x.known(), y.known()) {
                _ if x == y => Ok(x),
                (Some(1), _) => Ok(y),
                (_, Some(1)) => Ok(x),
                (Some(_), Some(_)) => Err(ShapeError::NotBroadcastable {
                    left: left.clone(),
                    right: right.clone(),
                }),
                (Some(_), None) => Ok(x),
                (None, Some(_)) => Ok(y),
                (None, None) if is_positive(&x) && is_positive(&y) => Ok(x.greater(y)),
                (None, None) => x.greater(&y).times(x.lesser(y).lesser(1)),
            }
        };
        (0..rank)
            .map(one)
            .collect::<Result<Vec<_>>>()
            .map(Shape::new)
    }
}

/// Whether a size is at least 1 whatever sizes are given.
fn is_positive(size: &Dim) -> bool {
    Condition::AtLeast(size.clone(), 1).prove() == Verdict::Always
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_deref() {
            None => f.write_str("<unknown>"),
            Some([only]) => write!(f, "({only},)"),
            Some(dims) => {
                f.write_str("(")?;
                for (i, dim) in dims.iter().enumerate() {
                    write!(f, "{}{dim}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
        }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("<unknown>"),
            Some(dims) => dims.fmt(f),
        }
    }
}

impl From<&[i64]> for Shape {
    fn from(sizes: &[i64]) -> Shape {
        Shape::new(sizes.iter().map(|&n| Dim::Known(n)).collect())
    }
}

impl From<&[usize]> for Shape {
    /// A size that leaves 63 bits cannot belong to anything in memory; it becomes the largest.
    fn from(sizes: &[usize]) -> Shape {
        Shape::new(
            sizes
                .iter()
                .map(|&n| Dim::Known(i64::try_from(n).unwrap_or(i64::MAX)))
                .collect(),
        )
    }
}

impl From<&[Option<i64>]> for Shape {
    /// Each `None` becomes an unknown of its own.
    fn from(sizes: &[Option<i64>]) -> Shape {
        let one = |(axis, n): (usize, &Option<i64>)| {
            n.map_or_else(|| Dim::unknown(format!("?[{axis}]")), Dim::Known)
        };
        Shape::new(sizes.iter().enumerate().map(one).collect())
    }
}

impl<const N: usize> From<[i64; N]> for Shape {
    fn from(sizes: [i64; N]) -> Shape {
        sizes.as_slice().into()
    }
}

impl<const N: usize> From<[Option<i64>; N]> for Shape {
    fn from(sizes: [Option<i64>; N]) -> Shape {
        sizes.as_slice().into()
    }
}

impl From<Vec<i64>> for Shape {
    fn from(sizes: Vec<i64>) -> Shape {
        sizes.as_slice().into()
    }
}

impl From<Vec<Option<i64>>> for Shape {
    fn from(sizes: Vec<Option<i64>>) -> Shape {
        sizes.as_slice().into()
    }
}

/// A shape of numbers, names and `None`s: `shape!["N", "H", "W", 3]`. In one graph the same name means the
/// same size, and that is checked when tensors are fed.
///
/// ```
/// let images = tconv_shape::shape!["N", None, None, 3];
/// assert_eq!(images.to_string(), "(None, None, None, 3)");
/// ```
#[macro_export]
macro_rules! shape {
    ($($size:expr),* $(,)?) => { $crate::Shape::new(vec![$($crate::Dim::from($size)),*]) };
}

impl From<Vec<Dim>> for Shape {
    fn from(dims: Vec<Dim>) -> Shape {
        Shape::new(dims)
    }
}

impl From<&Shape> for Shape {
    fn from(shape: &Shape) -> Shape {
        shape.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(text: &str) -> Shape {
        Shape::new(
            text.split_whitespace()
                .map(|n| n.parse().map_or_else(|_| Dim::unknown(n), Dim::Known))
                .collect(),
        )
    }

    #[test]
    fn prints_as_tensorflow_prints() {
        for (sizes, text) in [
            ("3 ? 33 20", "(3, None, 33, 20)"),
            ("5", "(5,)"),
            ("", "()"),
        ] {
            assert_eq!(shape(sizes).to_string(), text);
        }
        assert_eq!(Shape::unknown().to_string(), "<unknown>");
    }

    #[test]
    fn broadcasting_follows_numpy() {
        for (a, b, c) in [
            ("2 3", "3", Some("(2, 3)")),
            ("2 1", "1 4", Some("(2, 4)")),
            ("", "5 0", Some("(5, 0)")),
            ("1", "0", Some("(0,)")),
            ("2", "3", None),
            ("2", "0", None),
            ("? 3", "1", Some("(None, 3)")),
            ("?", "7", Some("(7,)")),
            ("?", "?", Some("(None,)")),
        ] {
            let result = Shape::broadcast(&shape(a), &shape(b))
                .ok()
                .map(|s| s.to_string());
            assert_eq!(result.as_deref(), c, "{a} with {b}");
        }
        let same = shape("? 2");
        assert_eq!(Shape::broadcast(&same, &same), Ok(same.clone()));
    }

    #[test]
    fn two_unknown_sizes_give_what_their_numbers_give() {
        let (h, w) = (Dim::unknown("H"), Dim::unknown("W"));
        let less = [&h, &w].map(|size| size.minus(1).unwrap());
        for (a, b) in [(&h, &w), (&h, &less[0]), (&less[0], &less[1])] {
            let broadcast = |a: &Dim, b: &Dim| {
                let shape = Shape::broadcast(&vec![a.clone()].into(), &vec![b.clone()].into());
                shape.map(|shape| shape.dims().unwrap()[0].clone())
            };
            let size = broadcast(a, b).unwrap();
            for (m, n) in (0..36).map(|i| (i / 6 + 1, i % 6 + 1)) {
                let value = |dim: &Dim| {
                    let at = |unknown: &crate::Unknown| {
                        Some(if h == unknown.clone().into() { m } else { n })
                    };
                    Dim::Known(dim.value(&at).unwrap())
                };
                if let Ok(number) = broadcast(&value(a), &value(b)) {
                    assert_eq!(value(&size), number, "{a:?} with {b:?} at {m}, {n}");
                }
            }
        }
    }

    #[test]
    fn merging_keeps_what_is_known() {
        let first = shape("? ? 5");
        let merged = first.merge(&shape("2 ? ?")).unwrap();
        assert_eq!(merged.to_string(), "(2, None, 5)");
        assert_eq!(merged.dims().unwrap()[1], first.dims().unwrap()[1]);
        assert_eq!(
            shape("3 4").merge(&shape("3 5")).unwrap_err().to_string(),
            "Shapes (3, 4) and (3, 5) are not compatible"
        );
        assert!(shape("3").merge(&shape("3 3")).is_err());
        assert_eq!(Shape::unknown().merge(&first), Ok(first));
    }
}
