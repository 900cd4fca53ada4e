//! stub
use std::fmt;

/// A set of sizes
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SizeSet(i64);
impl SizeSet {
    /// All sizes of at least `least`.
    pub fn at_least(least: i64) -> SizeSet {
        SizeSet(least)
    }
}
impl fmt::Debug for SizeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
