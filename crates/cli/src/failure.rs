use std::fmt::Display;
use std::path::Path;

/// Why a subcommand ended early.
#[derive(Debug)]
pub enum Failure {
    /// An error, with what to say about it.
    Error(String),
    /// The user asked to stop; what was saved and how to go on.
    Interrupted(String),
    /// Whoever read the output has gone away.
    BrokenPipe,
}

impl Failure {
    /// An error of a file or folder.
    pub fn at(path: &Path, error: impl Display) -> Failure {
        Failure::Error(format!("{}: {error}", path.display()))
    }
}

impl From<tconv::Error> for Failure {
    fn from(error: tconv::Error) -> Failure {
        Failure::Error(format!("{}: {error}", error.code().class()))
    }
}

impl From<tconv_tensor::TensorError> for Failure {
    fn from(error: tconv_tensor::TensorError) -> Failure {
        Failure::Error(error.to_string())
    }
}
