/// What a kernel refuses: its caller's mistake, found once at entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelError {
    /// A slice's length is not what the sizes say.
    Length {
        /// Which argument.
        what: &'static str,
        /// The length that the sizes ask for, in elements.
        expected: usize,
        /// The length given, in elements.
        actual: usize,
    },
    /// Sizes that do not belong together, or whose product leaves the address range.
    Sizes(String),
    /// An instruction set, an algorithm or threads that this machine or this problem does not have.
    Unavailable(String),
    /// Halves that this algorithm would not compute as exactly as they can be: they are to be widened. What it has
    /// written is nothing.
    Inexact(&'static str),
}

impl std::error::Error for KernelError {}

impl std::fmt::Display for KernelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Length {
                what,
                expected,
                actual,
            } => {
                write!(
                    f,
                    "{what} has {actual} elements, its sizes ask for {expected}"
                )
            }
            Self::Inexact(name) => write!(
                f,
                "the algorithm '{name}' does not compute such numbers exactly: widen them to f32"
            ),
            Self::Sizes(text) | Self::Unavailable(text) => f.write_str(text),
        }
    }
}

/// Checks an argument's length.
///
/// # Errors
/// `Length` when `actual` is not `expected`.
pub fn check_len(what: &'static str, expected: usize, actual: usize) -> Result<(), KernelError> {
    if expected == actual {
        Ok(())
    } else {
        Err(KernelError::Length {
            what,
            expected,
            actual,
        })
    }
}
