use crate::Shape;

/// What can be wrong with sizes; every variant carries the numbers that a message needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShapeError {
    /// An arithmetic result does not fit into 63 bits.
    Overflow {
        /// The operation, with its numbers, as people write it.
        what: String,
    },
    /// A size below 0, or a division by a size of 0.
    Invalid {
        /// What was asked for, with its numbers.
        what: String,
    },
    /// Two shapes that must be the same differ.
    Incompatible {
        /// The first shape.
        left: Shape,
        /// The second shape.
        right: Shape,
    },
    /// Two shapes that NumPy's rules do not broadcast.
    NotBroadcastable {
        /// The first shape.
        left: Shape,
        /// The second shape.
        right: Shape,
    },
    /// A stride, dilation or kernel size that is not positive, or a padding below 0.
    Window {
        /// Which of them: `stride`, `dilation`, `kernel` or `padding`.
        what: &'static str,
        /// The value given.
        value: i64,
    },
    /// A window that does not fit into its input.
    WindowTooLarge {
        /// The input's size with its padding.
        input: i64,
        /// The kernel's size, its dilation included.
        extent: i64,
        /// How far the window moves.
        stride: i64,
    },
    /// A text that says no size or no bound of one.
    Text {
        /// The text.
        text: String,
        /// The byte of it from which on it cannot be read.
        at: usize,
        /// What may stand there.
        legal: String,
    },
}

/// The result of work on sizes.
pub type Result<T> = std::result::Result<T, ShapeError>;

impl std::error::Error for ShapeError {}

impl std::fmt::Display for ShapeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Overflow { what } => write!(f, "{what} is too large a size"),
            Self::Invalid { what } => write!(f, "{what} is not a size"),
            Self::Incompatible { left, right } => {
                write!(f, "Shapes {left} and {right} are not compatible")
            }
            Self::NotBroadcastable { left, right } => {
                write!(f, "Incompatible shapes: {left} and {right}")
            }
            Self::Window { what, value } => {
                let least = if *what == "padding" { 0 } else { 1 };
                write!(f, "{what} must be at least {least}, got {value}")
            }
            Self::WindowTooLarge { input, extent, .. } => write!(
                f,
                "Negative dimension size caused by subtracting {extent} from {input}"
            ),
            Self::Text { text, at, legal } => match text.get(*at..).unwrap_or("").trim() {
                "" => write!(f, "cannot read '{text}' at its end: expected {legal}"),
                rest => write!(f, "cannot read '{text}' at '{rest}': expected {legal}"),
            },
        }
    }
}
