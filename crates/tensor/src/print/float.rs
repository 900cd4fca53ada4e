//! Floating-point elements as text: NumPy's `FloatingFormat`, and `str` of a NumPy scalar.
//!
//! NumPy gets its digits from Dragon4: the shortest that tell the value from its neighbours, or,
//! where more are asked for or fewer allowed, the exact value's, a tie going to the even digit.
//! Rust's `{:e}` gives the former, up to ties, and `{:.N}` the latter.

use std::fmt::{Display, LowerExp};
use std::str::FromStr;

use half::f16;

use crate::Element;

/// The most digits after the point (NumPy's `precision`).
const PRECISION: usize = 8;

/// What the text of an `f16`, an `f32` and an `f64` needs.
pub trait Float: Element + Copy + PartialOrd + Display + LowerExp + FromStr + Into<f64> {
    /// An array with a magnitude from here on is written with exponents: 10 to the power of the
    /// type's decimal digits, at most 8.
    const ARRAY_EXPONENT_FROM: Self;
    /// As [`Float::ARRAY_EXPONENT_FROM`], of a scalar; at most 16.
    const SCALAR_EXPONENT_FROM: f64;
    /// An array with a magnitude below this is written with exponents.
    const ARRAY_EXPONENT_BELOW: Self;
    /// The magnitude.
    fn abs(self) -> Self;
    /// Whether `self / least` exceeds 1000, in the type's own arithmetic.
    fn spans(self, least: Self) -> bool;
    /// Neither infinite nor a NaN.
    fn is_finite(self) -> bool;
    /// The fewest digits that tell the value from its neighbours, without an exponent.
    fn fewest_digits(self) -> String {
        self.to_string()
    }
    /// As [`Float::fewest_digits`], with an exponent.
    fn fewest_digits_exp(self) -> String {
        format!("{self:e}")
    }
}

macro_rules! float {
    ($rust:ty, $array_from:expr, $scalar_from:expr) => {
        impl Float for $rust {
            const ARRAY_EXPONENT_FROM: Self = $array_from;
            const SCALAR_EXPONENT_FROM: f64 = $scalar_from;
            const ARRAY_EXPONENT_BELOW: Self = 1e-4;
            fn abs(self) -> Self {
                <$rust>::abs(self)
            }
            fn spans(self, least: Self) -> bool {
                self / least > 1000.0
            }
            fn is_finite(self) -> bool {
                <$rust>::is_finite(self)
            }
        }
    };
}
float!(f32, 1e6, 1e6);
float!(f64, 1e8, 1e16);

impl Float for f16 {
    const ARRAY_EXPONENT_FROM: Self = f16::from_f32_const(1e3);
    const SCALAR_EXPONENT_FROM: f64 = 1e3;
    const ARRAY_EXPONENT_BELOW: Self = f16::from_f32_const(1e-4);
    fn abs(self) -> Self {
        f16::from_bits(self.to_bits() & 0x7fff)
    }
    fn spans(self, least: Self) -> bool {
        (self / least).to_f32() > 1000.0
    }
    fn is_finite(self) -> bool {
        f16::is_finite(self)
    }
    fn fewest_digits(self) -> String {
        let text = self.fewest_digits_exp();
        let (mantissa, exponent) = split_exponent(&text);
        let digits = point_split(&mantissa).1 as i32 - exponent;
        // So few digits survive in an `f64`.
        let value: f64 = text.parse().unwrap_or_default();
        format!("{value:.digits$}", digits = digits.max(0) as usize)
    }
    fn fewest_digits_exp(self) -> String {
        // Of two texts equally near, the even one may be a neighbour's: that of 2^-6 is.
        let value = f64::from(self);
        let either = [value, value * (1.0 + f64::EPSILON)];
        (0..4)
            .flat_map(|digits| either.map(|value| format!("{value:.digits$e}")))
            .find(|text| reads_back(text, self))
            .unwrap_or_else(|| format!("{value:.4e}"))
    }
}

/// As C's `%g` writes it.
pub fn six_digits(value: f32) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    let (mantissa, exponent) = split_exponent(&format!("{value:.5e}"));
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    match exponent {
        -4..6 => trimmed(&format!(
            "{value:.digits$}",
            digits = (5 - exponent) as usize
        )),
        _ => format!("{}e{}", trimmed(&mantissa), exponent_text(exponent, 2)),
    }
}

/// The text of a tensor of rank 0: every digit that tells the value from its neighbours.
pub fn scalar_text<T: Float>(value: T) -> String {
    if !value.is_finite() {
        return not_finite(value).to_owned();
    }
    // NumPy compares in double precision, so that the `f32` next to 1e-4, which is a little less,
    // is written with an exponent.
    let magnitude = value.into().abs();
    if magnitude == 0.0 || (1e-4..T::SCALAR_EXPONENT_FROM).contains(&magnitude) {
        let text = shortest_positional(value);
        if text.contains('.') {
            text
        } else {
            text + ".0"
        }
    } else {
        let (mantissa, exponent) = shortest_scientific(value);
        format!("{mantissa}e{}", exponent_text(exponent, 2))
    }
}

/// One format for all the elements that are shown, so that their points line up.
pub struct FloatFormat {
    /// Columns before the point.
    left: usize,
    /// Columns after the point, an exponent's included.
    right: usize,
    /// For exponents: the digits after the point and the digits of the exponent.
    scientific: Option<(usize, usize)>,
}

impl FloatFormat {
    /// The format that suits `data`.
    pub fn new<T: Float>(data: &[T]) -> FloatFormat {
        let finite = data.iter().copied().filter(|value| value.is_finite());
        let mut format = if wants_exponents(finite.clone()) {
            let parts: Vec<_> = finite.map(scientific_parts).collect();
            let fraction = parts
                .iter()
                .map(|(mantissa, _)| point_split(mantissa).1)
                .max()
                .unwrap_or(0);
            let exponent = parts
                .iter()
                .map(|(_, exponent)| exponent_text(*exponent, 2).len() - 1)
                .max();
            let exponent = exponent.unwrap_or(0);
            FloatFormat {
                left: parts
                    .iter()
                    .map(|(mantissa, _)| point_split(mantissa).0)
                    .max()
                    .unwrap_or(0),
                // The letter and the sign of the exponent.
                right: fraction + exponent + 2,
                scientific: Some((fraction, exponent)),
            }
        } else {
            let widths: Vec<_> = finite
                .map(|value| point_split(&positional(value)))
                .collect();
            FloatFormat {
                left: widths.iter().map(|(left, _)| *left).max().unwrap_or(0),
                right: widths.iter().map(|(_, right)| *right).max().unwrap_or(0),
                scientific: None,
            }
        };
        for value in data.iter().filter(|value| !value.is_finite()) {
            format.left = format
                .left
                .max(not_finite(*value).len().saturating_sub(format.right + 1));
        }
        format
    }

    /// The text of one element, padded to the width that all have.
    pub fn text<T: Float>(&self, value: T) -> String {
        let (left, right) = (self.left, self.right);
        if !value.is_finite() {
            return format!("{:>width$}", not_finite(value), width = left + right + 1);
        }
        if let Some((fraction, exponent_digits)) = self.scientific {
            let (mut mantissa, mut exponent) = shortest_scientific(value);
            if point_split(&mantissa).1 != fraction {
                (mantissa, exponent) = split_exponent(&exact_exp(value, fraction));
            }
            if fraction == 0 {
                mantissa.push('.');
            }
            let exponent = exponent_text(exponent, exponent_digits);
            format!("{mantissa:>width$}e{exponent}", width = left + 1 + fraction)
        } else {
            let text = positional(value);
            let (before, after) = point_split(&text);
            let (before, after) = (left.saturating_sub(before), right.saturating_sub(after));
            format!("{:before$}{text}{:after$}", "", "")
        }
    }
}

fn wants_exponents<T: Float>(finite: impl Iterator<Item = T>) -> bool {
    let mut extremes: Option<(T, T)> = None;
    for value in finite.map(T::abs).filter(|value| *value != T::default()) {
        let (least, greatest) = extremes.unwrap_or((value, value));
        extremes = Some((
            if value < least { value } else { least },
            if value > greatest { value } else { greatest },
        ));
    }
    extremes.is_some_and(|(least, greatest)| {
        greatest >= T::ARRAY_EXPONENT_FROM
            || least < T::ARRAY_EXPONENT_BELOW
            || greatest.spans(least)
    })
}

/// The value with so many digits after the point, a tie going to the even digit.
fn exact<T: Float>(value: T, digits: usize) -> String {
    let value: f64 = value.into();
    format!("{value:.digits$}")
}

/// As [`exact`], with an exponent.
fn exact_exp<T: Float>(value: T, digits: usize) -> String {
    let value: f64 = value.into();
    format!("{value:.digits$e}")
}

fn not_finite<T: Float>(value: T) -> &'static str {
    match value.into() {
        f64::INFINITY => "inf",
        f64::NEG_INFINITY => "-inf",
        _ => "nan",
    }
}

/// The shortest digits that tell the value from its neighbours, without an exponent.
fn shortest_positional<T: Float>(value: T) -> String {
    let shortest = value.fewest_digits();
    let digits = point_split(&shortest).1;
    let even = exact(value, digits);
    if reads_back(&even, value) {
        even
    } else {
        shortest
    }
}

/// The shortest digits that tell the value from its neighbours, as mantissa and exponent.
fn shortest_scientific<T: Float>(value: T) -> (String, i32) {
    let (mantissa, exponent) = split_exponent(&value.fewest_digits_exp());
    let digits = point_split(&mantissa).1;
    let even = exact_exp(value, digits);
    if reads_back(&even, value) {
        split_exponent(&even)
    } else {
        (mantissa, exponent)
    }
}

/// Whether `text` is enough to tell the value from its neighbours.
///
/// Of two texts of the same length that both are, equally near, Rust takes the upper as the
/// shortest and NumPy the even one, which is what rounding the exact value gives. Below a power of
/// two the neighbour is nearer, and the rounded text may be that neighbour's.
fn reads_back<T: Float>(text: &str, value: T) -> bool {
    text.parse::<T>().is_ok_and(|read| read == value)
}

/// With a point and at most `PRECISION` digits after it, none of them a trailing zero.
fn positional<T: Float>(value: T) -> String {
    let shortest = shortest_positional(value);
    if point_split(&shortest).1 > PRECISION {
        exact(value, PRECISION).trim_end_matches('0').to_owned()
    } else if shortest.contains('.') {
        shortest
    } else {
        shortest + "."
    }
}

/// The mantissa with at most `PRECISION` digits after its point, none of them a trailing zero; and the exponent.
fn scientific_parts<T: Float>(value: T) -> (String, i32) {
    let (mantissa, exponent) = shortest_scientific(value);
    if point_split(&mantissa).1 <= PRECISION {
        return (mantissa, exponent);
    }
    let (mantissa, exponent) = split_exponent(&exact_exp(value, PRECISION));
    (mantissa.trim_end_matches('0').to_owned(), exponent)
}

/// Columns before the point, and after it.
fn point_split(text: &str) -> (usize, usize) {
    text.split_once('.')
        .map_or((text.len(), 0), |(before, after)| {
            (before.len(), after.len())
        })
}

/// Splits what Rust writes for `{:e}`.
fn split_exponent(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    (mantissa.to_owned(), exponent.parse().unwrap_or(0))
}

/// A sign and at least `digits` digits.
fn exponent_text(exponent: i32, digits: usize) -> String {
    format!("{exponent:+0width$}", width = digits + 1)
}
