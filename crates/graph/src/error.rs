use std::fmt;
use tconv_kernels::KernelError;
use tconv_shape::ShapeError;
use tconv_tensor::TensorError;

use crate::Location;

/// The class of an error: TensorFlow's status codes, and Python's classes for what is found while a
/// graph is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Building: a wrong value or shape (Python's `ValueError`).
    Value,
    /// Building: a wrong dtype or kind of argument (Python's `TypeError`).
    Type,
    /// Building: an op without a gradient (Python's `LookupError`).
    Lookup,
    /// `InvalidArgumentError`
    InvalidArgument,
    /// `FailedPreconditionError`
    FailedPrecondition,
    /// `NotFoundError`
    NotFound,
    /// `AlreadyExistsError`
    AlreadyExists,
    /// `ResourceExhaustedError`
    ResourceExhausted,
    /// `UnimplementedError`
    Unimplemented,
    /// `OutOfRangeError`
    OutOfRange,
    /// `CancelledError`
    Cancelled,
    /// `InternalError`
    Internal,
}

impl Code {
    /// The name of the Python class that TensorFlow raises.
    pub fn class(self) -> &'static str {
        match self {
            Code::Value => "ValueError",
            Code::Type => "TypeError",
            Code::Lookup => "LookupError",
            Code::InvalidArgument => "InvalidArgumentError",
            Code::FailedPrecondition => "FailedPreconditionError",
            Code::NotFound => "NotFoundError",
            Code::AlreadyExists => "AlreadyExistsError",
            Code::ResourceExhausted => "ResourceExhaustedError",
            Code::Unimplemented => "UnimplementedError",
            Code::OutOfRange => "OutOfRangeError",
            Code::Cancelled => "CancelledError",
            Code::Internal => "InternalError",
        }
    }

    /// Whether it is found while a graph is built.
    pub fn is_building(self) -> bool {
        matches!(self, Code::Value | Code::Type | Code::Lookup)
    }
}

/// An error: TensorFlow's class and first line, then where it arose and how to mend it.
///
/// `Display` prints the first line, then one indented line for each of node, inputs and help.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    code: Code,
    message: String,
    node: String,
    op: String,
    inputs: Vec<String>,
    help: Vec<String>,
    location: Option<Location>,
}

/// The result of building or running a graph.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of this class with this first line.
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error(Box::new(Parts {
            code,
            message: message.into(),
            node: String::new(),
            op: String::new(),
            inputs: Vec::new(),
            help: Vec::new(),
            location: None,
        }))
    }

    /// A building error about a value or shape.
    pub fn value(message: impl Into<String>) -> Error {
        Error::new(Code::Value, message)
    }

    /// A building error about a dtype or kind of argument.
    pub fn type_(message: impl Into<String>) -> Error {
        Error::new(Code::Type, message)
    }

    /// An `InvalidArgumentError`.
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Code::InvalidArgument, message)
    }

    /// Adds a line of help: the numbers, the legal range, the way to mend it.
    pub fn help(mut self, line: impl Into<String>) -> Error {
        self.0.help.push(line.into());
        self
    }

    /// Says at which node the error arose, unless that is known already.
    pub(crate) fn at(mut self, node: &str, op: &str, inputs: Vec<String>) -> Error {
        if self.0.op.is_empty() {
            self.0.node = node.into();
            self.0.op = op.into();
            self.0.inputs = inputs;
        }
        self
    }

    /// Says which line of the program made the node, unless that is known already.
    pub(crate) fn located(mut self, location: Option<Location>) -> Error {
        self.0.location = self.0.location.or(location);
        self
    }

    /// The class.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The first line.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The name of the node where it arose; empty when it arose at none.
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// The registered name of that node's op; empty when it arose at none.
    pub fn op(&self) -> &str {
        &self.0.op
    }

    /// The node's inputs, each as `argument: tensor:slot (shape)`.
    pub fn inputs(&self) -> &[String] {
        &self.0.inputs
    }

    /// The line of the program that made the node, or was to make it; `None` when the error arose at none.
    pub fn location(&self) -> Option<Location> {
        self.0.location
    }

    /// The lines of help.
    pub fn help_lines(&self) -> &[String] {
        &self.0.help
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        for line in &self.0.help {
            write!(f, "\n  {line}")?;
        }
        if !self.0.op.is_empty() {
            match self.0.node.as_str() {
                "" => write!(f, "\n  in op {}", self.0.op)?,
                node => write!(f, "\n  in node '{node}' (op {})", self.0.op)?,
            }
        }
        for input in &self.0.inputs {
            write!(f, "\n    {input}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {self}", self.0.code.class())
    }
}

impl From<ShapeError> for Error {
    /// Sizes are wrong while a graph is built; ops that find this while they run say so with
    /// [`Error::invalid`].
    fn from(error: ShapeError) -> Error {
        Error::value(error.to_string())
    }
}

impl From<TensorError> for Error {
    fn from(error: TensorError) -> Error {
        let code = match &error {
            TensorError::TooLarge { .. } => Code::ResourceExhausted,
            _ => Code::InvalidArgument,
        };
        Error::new(code, error.to_string())
    }
}

impl From<KernelError> for Error {
    fn from(error: KernelError) -> Error {
        let code = match &error {
            KernelError::Unavailable(_) => Code::Unimplemented,
            _ => Code::InvalidArgument,
        };
        Error::new(code, error.to_string())
    }
}
