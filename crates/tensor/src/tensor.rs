//! The tensor itself.

use std::fmt;
use std::sync::Arc;

use half::{bf16, f16};

use crate::dtype::storage::{Storage, for_each_type};
use crate::owner::Elements;
use crate::{DType, Element, Handle, Mark, Owner, TensorError};

/// Below this many bytes an allocation is not checked against the memory that can be had.
const ALWAYS_ALLOWED: usize = 64 << 20;

/// How many elements `fmt::Debug` shows.
const DEBUG_ELEMENTS: usize = 8;

/// Elements of one type in row-major order, with a shape.
///
/// A clone shares the elements; the first write through one of several owners copies them.
/// Equality compares element type, shape and elements, so a tensor with a NaN is not equal to itself.
#[derive(Clone, PartialEq)]
pub struct Tensor {
    // Invariant: the product of the sizes is the number of stored elements.
    shape: Arc<[usize]>,
    storage: Storage,
}

impl Tensor {
    /// A tensor of `shape` that takes over `data`, in row-major order.
    ///
    /// # Errors
    /// [`TensorError::WrongLength`] unless the product of the sizes is `data.len()`;
    /// [`TensorError::TooLarge`] for a product that cannot be addressed.
    pub fn new<T: Element>(shape: &[usize], data: Vec<T>) -> Result<Tensor, TensorError> {
        if addressable_len(T::DTYPE, shape)? != data.len() {
            return Err(TensorError::WrongLength {
                shape: shape.to_vec(),
                len: data.len(),
            });
        }
        Ok(Tensor::from_parts(shape, data))
    }

    /// A tensor whose `data` is known to fill `shape`.
    pub(crate) fn from_parts<T: Element>(shape: &[usize], data: Vec<T>) -> Tensor {
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        Tensor::from_elements(shape, Elements::own(data, None))
    }

    /// A tensor whose `elements` are known to fill `shape`.
    pub(crate) fn from_elements<T: Element>(shape: &[usize], elements: Elements<T>) -> Tensor {
        Tensor {
            shape: shape.into(),
            storage: T::store(elements),
        }
    }

    /// A tensor of `shape` over memory that somebody else owns: read in place, copied by the first write.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn from_owner<T: Element>(
        shape: &[usize],
        owner: Arc<dyn Owner<T>>,
    ) -> Result<Tensor, TensorError> {
        let len = owner.elements().len();
        if addressable_len(T::DTYPE, shape)? != len {
            return Err(TensorError::WrongLength {
                shape: shape.to_vec(),
                len,
            });
        }
        Ok(Tensor {
            shape: shape.into(),
            storage: T::store(Elements::Borrowed(owner)),
        })
    }

    /// A tensor of rank 0.
    pub fn scalar<T: Element>(value: T) -> Tensor {
        Tensor::from_parts(&[], vec![value])
    }

    /// A tensor of zeros; of `false` for booleans and of empty names for resources.
    ///
    /// # Errors
    /// [`TensorError::TooLarge`], as [`checked_len`].
    pub fn zeros(dtype: DType, shape: &[usize]) -> Result<Tensor, TensorError> {
        match dtype {
            DType::Float16 => Tensor::full(shape, f16::ZERO),
            DType::Bfloat16 => Tensor::full(shape, bf16::ZERO),
            DType::Float32 => Tensor::full(shape, 0f32),
            DType::Float64 => Tensor::full(shape, 0f64),
            DType::Int32 => Tensor::full(shape, 0i32),
            DType::Int64 => Tensor::full(shape, 0i64),
            DType::Uint8 => Tensor::full(shape, 0u8),
            DType::Bool => Tensor::full(shape, false),
            DType::Resource => Tensor::full(shape, Handle::default()),
        }
    }

    /// A tensor of which every element is `value` (TensorFlow's `Fill`).
    ///
    /// # Errors
    /// [`TensorError::TooLarge`], as [`checked_len`].
    pub fn full<T: Element>(shape: &[usize], value: T) -> Result<Tensor, TensorError> {
        let len = checked_len(T::DTYPE, shape)?;
        Ok(Tensor::from_parts(shape, vec![value; len]))
    }

    /// The element type.
    pub fn dtype(&self) -> DType {
        self.storage.dtype()
    }

    /// The sizes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The sizes, shared: for a caller that keeps them beyond the tensor.
    pub fn shared_shape(&self) -> Arc<[usize]> {
        self.shape.clone()
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements: the product of the sizes, 1 for rank 0.
    pub fn len(&self) -> usize {
        self.storage.len()
    }

    /// Whether there are no elements, because some size is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`.
    pub fn as_slice<T: Element>(&self) -> Result<&[T], TensorError> {
        T::get(&self.storage)
            .map(|data| &**data)
            .ok_or_else(|| self.wrong_dtype::<T>())
    }

    /// The elements in row-major order, to be written; copied first when they have another owner
    /// or are borrowed.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`;
    /// [`TensorError::TooLarge`] when there is no memory for a copy.
    pub fn make_mut<T: Element>(&mut self) -> Result<&mut [T], TensorError> {
        self.check_copy()?;
        let error = self.wrong_dtype::<T>();
        T::get_mut(&mut self.storage)
            .map(Elements::make_mut)
            .ok_or(error)
    }

    /// The elements in row-major order; copied only when they have another owner or are
    /// borrowed.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`;
    /// [`TensorError::TooLarge`] when there is no memory for a copy.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>, TensorError> {
        self.check_copy()?;
        let error = self.wrong_dtype::<T>();
        T::take(self.storage).map(Elements::into_vec).ok_or(error)
    }

    /// Whether no other tensor shares the elements, so that a write copies nothing.
    pub fn is_unique(&self) -> bool {
        self.storage.is_unique()
    }

    /// Whether the elements live in memory that somebody else owns ([`Tensor::from_owner`]).
    pub fn is_borrowed(&self) -> bool {
        self.storage.is_borrowed()
    }

    /// A mark by which these elements are known again; `None` for borrowed ones, which their owner may change.
    pub fn mark(&self) -> Option<Mark> {
        for_each_type!(&self.storage, data => data.mark())
    }

    /// Whether the elements are those of `mark`, unchanged since.
    pub fn is_marked(&self, mark: &Mark) -> bool {
        for_each_type!(&self.storage, data => data.is_marked(mark))
    }

    /// The same tensor with elements of its own: copied when they are borrowed.
    ///
    /// # Errors
    /// [`TensorError::TooLarge`] when there is no memory for a copy.
    pub fn into_owned(mut self) -> Result<Tensor, TensorError> {
        if self.is_borrowed() {
            self.check_copy()?;
            for_each_type!(&mut self.storage, data => {
                data.make_mut();
            });
        }
        Ok(self)
    }

    /// The same elements under another shape; nothing is copied.
    ///
    /// # Errors
    /// [`TensorError::WrongLength`] unless the product of the new sizes is [`Tensor::len`].
    pub fn reshape(mut self, shape: &[usize]) -> Result<Tensor, TensorError> {
        if addressable_len(self.dtype(), shape)? != self.len() {
            return Err(TensorError::WrongLength {
                shape: shape.to_vec(),
                len: self.len(),
            });
        }
        self.shape = shape.into();
        Ok(self)
    }

    /// The elements under a shape that may have more: the last one fills it (TensorFlow's `constant` with a
    /// `shape`).
    ///
    /// # Errors
    /// [`TensorError::WrongLength`] for a shape of fewer elements, or for one with elements where there are none;
    /// [`TensorError::TooLarge`].
    pub fn fill_up(self, shape: &[usize]) -> Result<Tensor, TensorError> {
        let (wanted, found) = (checked_len(self.dtype(), shape)?, self.len());
        if wanted <= found || found == 0 {
            return self.reshape(shape);
        }
        let mut filled = self;
        for_each_type!(&mut filled.storage, data => {
            let mut all = data.to_vec();
            if let Some(last) = all.last().cloned() {
                all.resize(wanted, last);
            }
            *data = Elements::own(all, None);
        });
        filled.shape = shape.into();
        Ok(filled)
    }

    /// The elements of a tensor of sizes or indices, widened.
    ///
    /// # Errors
    /// [`TensorError::NotInteger`] unless the tensor's element type is `Int32` or `Int64`;
    /// [`TensorError::TooLarge`], as [`checked_len`].
    pub fn to_i64_vec(&self) -> Result<Vec<i64>, TensorError> {
        checked_len(DType::Int64, &self.shape)?;
        match &self.storage {
            Storage::Int32(data) => Ok(data.iter().copied().map(i64::from).collect()),
            Storage::Int64(data) => Ok(data.to_vec()),
            _ => Err(TensorError::NotInteger {
                actual: self.dtype(),
            }),
        }
    }

    /// The one element of a tensor of any rank.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`;
    /// [`TensorError::NotScalar`] unless there is exactly one element.
    pub fn item<T: Element>(&self) -> Result<T, TensorError> {
        match self.as_slice::<T>()? {
            [value] => Ok(value.clone()),
            _ => Err(TensorError::NotScalar {
                shape: self.shape.to_vec(),
            }),
        }
    }

    /// Whether there is memory for the copy that a write or a take-over makes of shared elements.
    fn check_copy(&self) -> Result<(), TensorError> {
        if !self.is_unique() {
            checked_len(self.dtype(), &self.shape)?;
        }
        Ok(())
    }

    pub(crate) fn storage(&self) -> &Storage {
        &self.storage
    }

    fn wrong_dtype<T: Element>(&self) -> TensorError {
        TensorError::WrongDType {
            expected: T::DTYPE,
            actual: self.dtype(),
        }
    }
}

impl Default for Tensor {
    /// A float32 vector without elements.
    fn default() -> Tensor {
        Tensor::from_parts::<f32>(&[0], Vec::new())
    }
}

/// Writes `Tensor(float32, [2, 3]) [0.0, 1.0, ...]`: type, shape and the first elements.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tensor({}, {:?}) [", self.dtype(), self.shape)?;
        for_each_type!(&self.storage, data => {
            for (index, value) in data.iter().take(DEBUG_ELEMENTS).enumerate() {
                let separator = if index == 0 { "" } else { ", " };
                write!(f, "{separator}{value:?}")?;
            }
        });
        f.write_str(if self.len() > DEBUG_ELEMENTS {
            ", ...]"
        } else {
            "]"
        })
    }
}

/// The number of elements of a tensor that is about to be allocated.
///
/// # Errors
/// [`TensorError::TooLarge`] when the bytes overflow `isize`, or are 64 MiB or more and either more
/// than the machine has available (`MemAvailable` of `/proc/meminfo`, where that can be read) or
/// more than the allocator gives, which a process's own limit can cause.
pub fn checked_len(dtype: DType, shape: &[usize]) -> Result<usize, TensorError> {
    let len = addressable_len(dtype, shape)?;
    let bytes = len.saturating_mul(dtype.size());
    if bytes < ALWAYS_ALLOWED {
        return Ok(len);
    }
    let too_large = |available| TensorError::TooLarge {
        shape: shape.to_vec(),
        dtype,
        bytes: Some(bytes),
        available,
    };
    if let Some(available) = available_memory().filter(|available| bytes > *available) {
        return Err(too_large(Some(available)));
    }
    // Only on trial, because what is reserved can be zeroed solely by writing it, whereas the system
    // gives `vec![0; len]` zeroed pages when they are first touched.
    let mut trial = Vec::<u8>::new();
    trial
        .try_reserve_exact(bytes)
        .map_err(|_| too_large(None))?;
    // The compiler may leave out an allocation that nobody sees.
    std::hint::black_box(&trial);
    Ok(len)
}

/// The number of elements; an error when the product of the sizes other than 0 overflows `isize` bytes.
pub(crate) fn addressable_len(dtype: DType, shape: &[usize]) -> Result<usize, TensorError> {
    // A size of 0 does not excuse the others: the sizes of a slice of this tensor, or of its sum
    // over the empty axis, must fit as well.
    shape
        .iter()
        .filter(|size| **size != 0)
        .try_fold(dtype.size(), |bytes, size| bytes.checked_mul(*size))
        .filter(|bytes| isize::try_from(*bytes).is_ok())
        .map(|bytes| {
            if shape.contains(&0) {
                0
            } else {
                bytes / dtype.size()
            }
        })
        .ok_or_else(|| TensorError::TooLarge {
            shape: shape.to_vec(),
            dtype,
            bytes: None,
            available: None,
        })
}

fn available_memory() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim()
        .strip_suffix("kB")?
        .trim()
        .parse::<usize>()
        .ok()?
        .checked_mul(1024)
}

#[cfg(test)]
mod tests;
