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

impl From<tconv_kernels::KernelError> for Failure {
    fn from(error: tconv_kernels::KernelError) -> Failure {
        Failure::Error(error.to_string())
    }
}

/// The error of a node that is none of the user's, which it then does not name.
pub fn without_node(error: tconv::Error) -> tconv::Error {
    let bare = tconv::Error::new(error.code(), error.message());
    let help = error.help_lines().iter();
    help.fold(bare, tconv::Error::help)
}
