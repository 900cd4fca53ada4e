//! Variables' values in a file, in the format safetensors.
//!
//! ```
//! use std::collections::BTreeMap;
//! use tconv::{Tensor, checkpoint};
//!
//! let folder = std::env::temp_dir().join(format!("tconv-checkpoint-{}", std::process::id()));
//! std::fs::create_dir_all(&folder).unwrap();
//! let values = BTreeMap::from([("w".to_string(), Tensor::full(&[2, 3], 0.5f32)?)]);
//! checkpoint::save(folder.join("a.safetensors"), &values)?;
//! assert_eq!(checkpoint::load(folder.join("a.safetensors"))?, values);
//! # std::fs::remove_dir_all(folder).unwrap();
//! # Ok::<(), tconv::Error>(())
//! ```

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensorError, SafeTensors, View};
use tconv_graph::{Code, DType, Element, Error, Result, Tensor, bf16, f16};
use tconv_tensor::{checked_len, replace_file};

/// The key of the format's own that no tensor can have.
const METADATA: &str = "__metadata__";

/// Writes the values to a file, which takes the place of `path` only when it is complete.
///
/// # Errors
/// As [`to_bytes`]; `NotFound` for a missing folder and `FailedPrecondition` where the system refuses. Each
/// names the file.
pub fn save(path: impl AsRef<Path>, values: &BTreeMap<String, Tensor>) -> Result<()> {
    let path = path.as_ref();
    let bytes = to_bytes(values, BTreeMap::new()).map_err(|error| at(path, error))?;
    replace_file(path, |file| file.write_all(&bytes)).map_err(|error| refused(path, &error))
}

/// Reads the values from a file, whoever wrote it; its metadata is passed over.
///
/// # Errors
/// As [`from_bytes`]; `NotFound` for a missing file and `FailedPrecondition` where the system refuses. Each
/// names the file.
pub fn load(path: impl AsRef<Path>) -> Result<BTreeMap<String, Tensor>> {
    let path = path.as_ref();
    let bytes = read(path)?;
    from_bytes(&bytes).map_err(|error| at(path, error))
}

/// The bytes of a file, which are read when it is known that there is room for them.
fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|error| refused(path, &error))?;
    let found = file.metadata().map_err(|error| refused(path, &error))?;
    if !found.is_file() {
        let message = format!("{}: it is no regular file", path.display());
        return Err(Error::new(Code::FailedPrecondition, message));
    }
    let size = usize::try_from(found.len()).unwrap_or(usize::MAX);
    let room = checked_len(DType::Uint8, &[size]).map_err(|error| at(path, error.into()))?;
    let mut bytes = Vec::with_capacity(room);
    // The file may grow while it is read.
    let read = file.take(found.len()).read_to_end(&mut bytes);
    read.map_err(|error| refused(path, &error))?;
    Ok(bytes)
}

/// What a file of these values and this metadata holds; the same for the same values.
///
/// # Errors
/// `InvalidArgument` for a variable's handle and for a name that the format keeps for itself;
/// `ResourceExhausted` when memory does not suffice.
pub fn to_bytes(
    values: &BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
) -> Result<Vec<u8>> {
    let mut entries = Vec::with_capacity(values.len());
    let mut bytes = 0usize;
    for (name, tensor) in values {
        let Some((dtype, _)) = DTYPES.iter().find(|(_, dtype)| *dtype == tensor.dtype()) else {
            let message = format!("a checkpoint holds no variable of {}", tensor.dtype());
            return Err(Error::invalid(message).help(format!("'{name}' is one")));
        };
        if name == METADATA {
            let message = format!("no variable in a checkpoint can have the name '{name}'");
            return Err(Error::invalid(message));
        }
        bytes = bytes.saturating_add(tensor.len() * tensor.dtype().size());
        let dtype = *dtype;
        entries.push((name.as_str(), Entry { dtype, tensor }));
    }
    checked_len(DType::Uint8, &[bytes])?;
    let metadata: HashMap<String, String> = metadata.into_iter().collect();
    let metadata = (!metadata.is_empty()).then_some(metadata);
    safetensors::serialize(entries, metadata).map_err(damaged)
}

/// The values that are in a file of these bytes.
///
/// # Errors
/// `InvalidArgument` for a damaged file and for elements of a type that no tensor has; `ResourceExhausted`
/// when memory does not suffice.
pub fn from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>> {
    let tensors = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let read = |(name, view): (&str, TensorView)| Ok((name.to_string(), tensor(name, &view)?));
    tensors.iter().map(read).collect()
}

/// The format's names of the element types.
const DTYPES: &[(Dtype, DType)] = &[
    (Dtype::F16, DType::Float16),
    (Dtype::BF16, DType::Bfloat16),
    (Dtype::F32, DType::Float32),
    (Dtype::F64, DType::Float64),
    (Dtype::I32, DType::Int32),
    (Dtype::I64, DType::Int64),
    (Dtype::U8, DType::Uint8),
    (Dtype::BOOL, DType::Bool),
];

fn tensor(name: &str, view: &TensorView) -> Result<Tensor> {
    let Some((_, dtype)) = DTYPES.iter().find(|(theirs, _)| *theirs == view.dtype()) else {
        let message = format!("tensor '{name}' has elements of type {:?}", view.dtype());
        let known: Vec<_> = DTYPES.iter().map(|(_, dtype)| dtype.name()).collect();
        return Err(Error::invalid(message).help(format!("known are {}", known.join(", "))));
    };
    fn elements<T: Element, const N: usize>(
        view: &TensorView,
        read: fn([u8; N]) -> T,
    ) -> Result<Tensor> {
        checked_len(T::DTYPE, view.shape())?;
        let elements = view.data().as_chunks().0.iter().map(|&bytes| read(bytes));
        Ok(Tensor::new(view.shape(), elements.collect())?)
    }
    let made = match dtype {
        DType::Float16 => elements(view, f16::from_le_bytes),
        DType::Bfloat16 => elements(view, bf16::from_le_bytes),
        DType::Float32 => elements(view, f32::from_le_bytes),
        DType::Float64 => elements(view, f64::from_le_bytes),
        DType::Int32 => elements(view, i32::from_le_bytes),
        DType::Int64 => elements(view, i64::from_le_bytes),
        DType::Uint8 => elements(view, u8::from_le_bytes),
        DType::Bool => elements(view, |[byte]| byte != 0),
        DType::Resource => Err(Error::invalid("it is a variable's handle")),
    };
    made.map_err(|error| {
        Error::new(
            error.code(),
            format!("tensor '{name}': {}", error.message()),
        )
    })
}

/// A tensor as the format wants it.
struct Entry<'a> {
    dtype: Dtype,
    tensor: &'a Tensor,
}

impl View for Entry<'_> {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        fn bytes<T: Element, const N: usize>(tensor: &Tensor, write: fn(&T) -> [u8; N]) -> Vec<u8> {
            let elements = tensor.as_slice::<T>().unwrap_or_default();
            elements.iter().flat_map(write).collect()
        }
        let tensor = self.tensor;
        match tensor.dtype() {
            DType::Float16 => bytes(tensor, |x: &f16| x.to_le_bytes()).into(),
            DType::Bfloat16 => bytes(tensor, |x: &bf16| x.to_le_bytes()).into(),
            DType::Float32 => bytes(tensor, |x: &f32| x.to_le_bytes()).into(),
            DType::Float64 => bytes(tensor, |x: &f64| x.to_le_bytes()).into(),
            DType::Int32 => bytes(tensor, |x: &i32| x.to_le_bytes()).into(),
            DType::Int64 => bytes(tensor, |x: &i64| x.to_le_bytes()).into(),
            DType::Uint8 => tensor.as_slice::<u8>().unwrap_or_default().into(),
            DType::Bool => bytes(tensor, |&x: &bool| [x.into()]).into(),
            DType::Resource => Vec::new().into(),
        }
    }

    fn data_len(&self) -> usize {
        self.tensor.len() * self.tensor.dtype().size()
    }
}

fn damaged(error: SafeTensorError) -> Error {
    Error::invalid(error.to_string())
}

/// An error of a file's content.
fn at(path: &Path, error: Error) -> Error {
    let named = Error::new(
        error.code(),
        format!("{}: {}", path.display(), error.message()),
    );
    error.help_lines().iter().fold(named, Error::help)
}

/// An error of the system's.
fn refused(path: &Path, error: &io::Error) -> Error {
    let code = match error.kind() {
        io::ErrorKind::NotFound => Code::NotFound,
        _ => Code::FailedPrecondition,
    };
    Error::new(code, format!("{}: {error}", path.display()))
}
