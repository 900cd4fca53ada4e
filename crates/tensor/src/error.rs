//! What can be wrong with a tensor or with a file of tensors.

use std::path::{Path, PathBuf};

use crate::DType;

/// An error of making, reading or converting a tensor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// The tensor holds another element type than was asked for.
    #[error("expected a tensor of {expected}, found one of {actual}")]
    WrongDType {
        /// The element type that was asked for.
        expected: DType,
        /// The tensor's own.
        actual: DType,
    },
    /// The tensor should hold sizes or indices, and does not.
    #[error("expected a tensor of int32 or int64, found one of {actual}")]
    NotInteger {
        /// The tensor's element type.
        actual: DType,
    },
    /// The number of elements is not the product of the sizes.
    #[error("shape {shape:?} does not hold {len} elements")]
    WrongLength {
        /// The shape.
        shape: Vec<usize>,
        /// How many elements there are.
        len: usize,
    },
    /// A tensor of this shape cannot be held; the first words are TensorFlow's.
    #[error("OOM when allocating tensor with shape[{}] and type {}: {}", list(shape), dtype.c_name(), excess(*bytes, *available))]
    TooLarge {
        /// The shape.
        shape: Vec<usize>,
        /// The element type.
        dtype: DType,
        /// The bytes it would take; `None` when that is more than can be addressed.
        bytes: Option<usize>,
        /// The bytes that the machine has available; `None` when that was not what it failed on.
        available: Option<usize>,
    },
    /// The tensor should hold exactly one element.
    #[error("expected a tensor with one element, found one of shape {shape:?}")]
    NotScalar {
        /// The tensor's shape.
        shape: Vec<usize>,
    },
    /// No element type has this name.
    #[error("unknown element type '{0}'; known are {names}", names = DType::ALL.map(DType::name).join(", "))]
    UnknownDType(
        /// The name.
        String,
    ),
    /// A `.npy` file could not be opened, read or written.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        problem: String,
    },
    /// A `.npy` file is damaged, or is not one.
    #[error("{}: not in NumPy's format: {problem}", path.display())]
    Npy {
        /// The file.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// A `.npy` file ends before the end that its header gives.
    #[error("{}: the file is cut short: {problem}", path.display())]
    NpyCutShort {
        /// The file.
        path: PathBuf,
        /// Where it ends, and where it should.
        problem: String,
    },
    /// A `.npy` file is sound and holds elements of a type that no tensor has.
    #[error("{}: element type {found} is not one of float16, float32, float64, int32, int64, uint8, bool", path.display())]
    NpyDType {
        /// The file.
        path: PathBuf,
        /// The file's element type, in NumPy's words.
        found: String,
    },
    /// A tensor of this element type cannot be written to a `.npy` file.
    #[error("{}: tensors of {dtype} cannot be written to a .npy file{}", path.display(), unwritable(*dtype))]
    NpyUnwritable {
        /// The file.
        path: PathBuf,
        /// The tensor's element type.
        dtype: DType,
    },
}

impl TensorError {
    /// A file's error in the operating system's words.
    pub(crate) fn file(path: &Path, problem: impl ToString) -> TensorError {
        TensorError::File {
            path: path.to_owned(),
            problem: problem.to_string(),
        }
    }
}

/// Why NumPy's format has no such elements, and what to do.
fn unwritable(dtype: DType) -> &'static str {
    match dtype {
        DType::Bfloat16 => ", because NumPy has no such type: cast them to float32",
        _ => "",
    }
}

fn list(shape: &[usize]) -> String {
    shape
        .iter()
        .map(usize::to_string)
        .collect::<Vec<_>>()
        .join(",")
}

fn excess(bytes: Option<usize>, available: Option<usize>) -> String {
    let gib = |bytes: usize| bytes as f64 / (1u64 << 30) as f64;
    match (bytes, available) {
        (Some(bytes), Some(available)) => {
            format!(
                "{:.2} GiB are needed, {:.2} GiB are available",
                gib(bytes),
                gib(available)
            )
        }
        (Some(bytes), None) => format!("{:.2} GiB are needed", gib(bytes)),
        (None, _) => format!(
            "more than the {:.0} GiB that can be addressed",
            gib(isize::MAX as usize)
        ),
    }
}
