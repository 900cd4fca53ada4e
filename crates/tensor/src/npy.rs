//! NumPy's `.npy` files.
//!
//! A reader believes no size that a file states before it has been compared with the file's own,
//! or, for a pipe, before the elements have arrived.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use half::f16;
use ndarray::{Array, IxDyn, ShapeBuilder};
use npyz::{
    AutoSerialize, Deserialize, NpyFile, NpyHeader, Order, TypeChar, WriteOptions, WriterBuilder,
};

use crate::dtype::storage::Storage;
use crate::replace::replace_file;
use crate::tensor::addressable_len;
use crate::{DType, Element, Tensor, TensorError, checked_len};

/// The longest header that is read; NumPy's own `max_header_size`.
const MAX_HEADER: usize = 10_000;
/// The deepest nesting of brackets that is read; an element type that a tensor has needs 2.
const MAX_NESTING: usize = 32;

/// The bytes for which room is made at first when it is not known how many will come.
const FIRST_ROOM: usize = 64 << 10;

/// Reads a `.npy` file or pipe: `f16`, `f32`, `f64`, `i32`, `i64`, `u8` or `bool`, either byte order, rows or
/// columns first, format versions 1 to 3. What follows the elements is ignored, as NumPy does.
///
/// # Errors
/// [`TensorError::File`] when the file cannot be read; [`TensorError::Npy`] when it is damaged
/// or another kind of file; [`TensorError::NpyCutShort`] when it is shorter than its header says;
/// [`TensorError::NpyDType`] for elements of another type;
/// [`TensorError::TooLarge`] when memory does not suffice.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Tensor, TensorError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|error| TensorError::file(path, error))?;
    let found = file
        .metadata()
        .map_err(|error| TensorError::file(path, error))?;
    let size = found.is_file().then_some(found.len());
    Source { path, size }.read(BufReader::new(file))
}

/// Writes a `.npy` file, row-major; it takes the place of `path` only when it is complete.
///
/// # Errors
/// [`TensorError::NpyUnwritable`] for resources and for bfloat16, which NumPy does not have; [`TensorError::File`] when the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, tensor: &Tensor) -> Result<(), TensorError> {
    let path = path.as_ref();
    check_writable(path, tensor)?;
    replace_file(path, |file| write_tensor(file, tensor))
        .map_err(|error| TensorError::file(path, error))
}

/// Where an array is read from, and how much of it there is.
struct Source<'a> {
    path: &'a Path,
    /// The file's bytes, header and all; `None` for a pipe, which ends when its writer does.
    size: Option<u64>,
}

impl Source<'_> {
    fn damaged(&self, problem: impl ToString) -> TensorError {
        TensorError::Npy {
            path: self.path.to_owned(),
            problem: problem.to_string(),
        }
    }

    fn cut_short(&self, problem: String) -> TensorError {
        TensorError::NpyCutShort {
            path: self.path.to_owned(),
            problem,
        }
    }

    fn too_few(&self, dtype: DType, shape: &[usize], promised: u64, present: u64) -> TensorError {
        self.cut_short(format!(
            "shape {shape:?} of {dtype} takes {promised} bytes, {present} follow the header"
        ))
    }

    fn read(&self, mut reader: impl Read) -> Result<Tensor, TensorError> {
        let text = self.header_bytes(&mut reader)?;
        let header = NpyHeader::from_reader(&text[..]).map_err(|error| self.damaged(error))?;
        let dtype = self.dtype(&header)?;
        let oversize = |_| self.damaged(format!("shape {:?} cannot be addressed", header.shape()));
        let shape = header.shape().iter().map(|size| usize::try_from(*size));
        let shape: Vec<usize> = shape
            .collect::<Result<_, _>>()
            .map_err(|_| self.damaged(format!("shape {:?} cannot be addressed", header.shape())))?;
        let promised = addressable_len(dtype, &shape)
            .map_err(oversize)?
            .saturating_mul(dtype.size()) as u64;
        let present = self.size.map(|size| size.saturating_sub(text.len() as u64));
        if let Some(present) = present.filter(|present| promised > *present) {
            return Err(self.too_few(dtype, &shape, promised, present));
        }
        checked_len(dtype, &shape)?;
        match dtype {
            DType::Float16 => self.elements::<f16>(header, &shape, &mut reader),
            DType::Float32 => self.elements::<f32>(header, &shape, &mut reader),
            DType::Float64 => self.elements::<f64>(header, &shape, &mut reader),
            DType::Int32 => self.elements::<i32>(header, &shape, &mut reader),
            DType::Int64 => self.elements::<i64>(header, &shape, &mut reader),
            DType::Uint8 => self.elements::<u8>(header, &shape, &mut reader),
            DType::Bool => self.elements::<bool>(header, &shape, &mut reader),
            DType::Bfloat16 | DType::Resource => {
                Err(self.damaged(format!("elements of {dtype} are not in NumPy's format")))
            }
        }
    }

    /// The bytes before the elements, known to be safe to give to the parser.
    fn header_bytes(&self, reader: &mut impl Read) -> Result<Vec<u8>, TensorError> {
        let mut bytes = Vec::new();
        let mut more = |bytes: &mut Vec<u8>, count: usize| {
            let read = reader.by_ref().take(count as u64).read_to_end(bytes);
            match read.map_err(|error| TensorError::file(self.path, error))? {
                got if got == count => Ok(()),
                got => Err(self.cut_short(format!(
                    "it ends within the header, after {} of {} bytes",
                    bytes.len(),
                    bytes.len() - got + count
                ))),
            }
        };
        let magic = more(&mut bytes, 8);
        if matches!(magic, Err(TensorError::File { .. })) || bytes.starts_with(b"\x93NUMPY") {
            magic?;
        }
        if !bytes.starts_with(b"\x93NUMPY") {
            let start = bytes.escape_ascii();
            return Err(self.damaged(format!("it starts with '{start}', not with '\\x93NUMPY'")));
        }
        let width = match bytes[6] {
            1 => 2,
            2 | 3 => 4,
            major => {
                return Err(self.damaged(format!("format version {major}.{} is unknown", bytes[7])));
            }
        };
        more(&mut bytes, width)?;
        let length = bytes[8..]
            .iter()
            .rev()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
        if length > MAX_HEADER {
            return Err(self.damaged(format!(
                "its header is {length} bytes long, {MAX_HEADER} are allowed"
            )));
        }
        let start = bytes.len();
        more(&mut bytes, length)?;
        let text = String::from_utf8_lossy(&bytes[start..]);
        if let Some(problem) = unsafe_header(&text) {
            return Err(self.damaged(format!("{problem} in its header {}", text.trim_end())));
        }
        Ok(bytes)
    }

    fn dtype(&self, header: &NpyHeader) -> Result<DType, TensorError> {
        if let npyz::DType::Plain(plain) = header.dtype() {
            match (plain.type_char(), plain.size_field()) {
                (TypeChar::Float, 2) => return Ok(DType::Float16),
                (TypeChar::Float, 4) => return Ok(DType::Float32),
                (TypeChar::Float, 8) => return Ok(DType::Float64),
                (TypeChar::Int, 4) => return Ok(DType::Int32),
                (TypeChar::Int, 8) => return Ok(DType::Int64),
                (TypeChar::Uint, 1) => return Ok(DType::Uint8),
                (TypeChar::Bool, 1) => return Ok(DType::Bool),
                _ => {}
            }
        }
        Err(TensorError::NpyDType {
            path: self.path.to_owned(),
            found: header.dtype().descr(),
        })
    }

    fn elements<T: Element + Deserialize>(
        &self,
        header: NpyHeader,
        shape: &[usize],
        reader: impl Read,
    ) -> Result<Tensor, TensorError> {
        let (order, len) = (header.order(), shape.iter().product::<usize>());
        let promised = len.saturating_mul(T::DTYPE.size());
        let mut reader = reader.take(promised as u64);
        let mut items = NpyFile::with_header(header, &mut reader)
            .data::<T>()
            .map_err(|error| self.damaged(error))?;
        let mut data = Vec::new();
        let ended = loop {
            if data.len() == data.capacity() {
                let room = match self.size {
                    Some(_) => len,
                    None => data.len().max(FIRST_ROOM / T::DTYPE.size()),
                };
                data.try_reserve_exact(room.min(len - data.len()))
                    .map_err(|_| TensorError::TooLarge {
                        shape: shape.to_vec(),
                        dtype: T::DTYPE,
                        bytes: Some(promised),
                        available: None,
                    })?;
            }
            match items.next() {
                Some(Ok(item)) => data.push(item),
                Some(Err(error)) => break Err(error),
                None => break Ok(()),
            }
        };
        match ended {
            // A regular file was long enough when it was opened, and may have been cut since.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let present = promised as u64 - reader.limit();
                return Err(self.too_few(T::DTYPE, shape, promised as u64, present));
            }
            Err(error) => return Err(TensorError::file(self.path, error)),
            Ok(()) => {}
        }
        match order {
            Order::C => Tensor::new(shape, data),
            Order::Fortran => {
                checked_len(T::DTYPE, shape)?;
                Array::from_shape_vec(IxDyn(shape).f(), data)
                    .map(Tensor::from)
                    .map_err(|error| self.damaged(error))
            }
        }
    }
}

/// What in the header would make the parser recurse too deeply, or its product of the sizes overflow.
fn unsafe_header(text: &str) -> Option<&'static str> {
    let mut depth = 0usize;
    for character in text.chars() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Some("brackets are nested too deeply");
        }
    }
    // Every number that can be a size starts with a digit; the type `<f4` does not.
    text.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| word.starts_with(|first: char| first.is_ascii_digit()))
        .try_fold(1u64, |product, word| {
            product.checked_mul(word.parse::<u64>().ok()?.max(1))
        })
        .is_none()
        .then_some("the sizes are not numbers that can be multiplied")
}

fn check_writable(path: &Path, tensor: &Tensor) -> Result<(), TensorError> {
    match tensor.dtype() {
        dtype @ (DType::Bfloat16 | DType::Resource) => Err(TensorError::NpyUnwritable {
            path: path.to_owned(),
            dtype,
        }),
        _ => Ok(()),
    }
}

fn write_tensor(writer: &mut dyn Write, tensor: &Tensor) -> io::Result<()> {
    match tensor.storage() {
        Storage::Float16(data) => write_elements(writer, tensor.shape(), data),
        Storage::Float32(data) => write_elements(writer, tensor.shape(), data),
        Storage::Float64(data) => write_elements(writer, tensor.shape(), data),
        Storage::Int32(data) => write_elements(writer, tensor.shape(), data),
        Storage::Int64(data) => write_elements(writer, tensor.shape(), data),
        Storage::Uint8(data) => write_elements(writer, tensor.shape(), data),
        Storage::Bool(data) => write_elements(writer, tensor.shape(), data),
        Storage::Bfloat16(_) | Storage::Resource(_) => Err(io::ErrorKind::Unsupported.into()),
    }
}

fn write_elements<T: Element + AutoSerialize>(
    writer: &mut dyn Write,
    shape: &[usize],
    data: &[T],
) -> io::Result<()> {
    let sizes: Vec<u64> = shape.iter().map(|size| *size as u64).collect();
    let options = WriteOptions::new().default_dtype().shape(&sizes);
    let mut file = options.writer(writer).begin_nd()?;
    data.iter().try_for_each(|value| file.push(value))?;
    file.finish()
}

#[cfg(test)]
mod tests;
