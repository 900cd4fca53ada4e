use std::fmt;
use std::str::FromStr;

use crate::KernelError;

/// How exact the products of `f32` convolutions must be, by the names of torch's precision of `float32` matrix products.
///
/// It permits, it does not command: only where a processor multiplies shorter numbers faster are they taken, and
/// everywhere else all three are [`Precision::Highest`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// One product of bf16 numbers, of 8 bits: errors of some 2e-3 of a result's usual size.
    Medium,
    /// Three products of bf16 parts, two to a number, which have 16 bits: errors of some 4e-6.
    High,
    /// As exact as fused multiplications and additions of `f32` numbers.
    #[default]
    Highest,
}

impl Precision {
    /// All, from the least exact on.
    pub const ALL: [Precision; 3] = [Precision::Medium, Precision::High, Precision::Highest];

    /// Its name, which [`fmt::Display`] writes.
    pub fn name(self) -> &'static str {
        match self {
            Precision::Medium => "medium",
            Precision::High => "high",
            Precision::Highest => "highest",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = KernelError;

    /// # Errors
    /// `Unavailable` for any other text, with the three names.
    fn from_str(name: &str) -> Result<Precision, KernelError> {
        let mut all = Precision::ALL.into_iter();
        all.find(|one| one.name() == name).ok_or_else(|| {
            let message = format!("precision must be 'highest', 'high' or 'medium', got '{name}'");
            KernelError::Unavailable(message)
        })
    }
}
