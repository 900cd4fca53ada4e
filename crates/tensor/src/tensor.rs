//! The tensor itself.

use std::fmt;
use std::sync::Arc;

use crate::dtype::storage::{Storage, for_each_type};
use crate::{DType, Element, Handle, TensorError};

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
        Tensor {
            shape: shape.into(),
            storage: T::store(Arc::new(data)),
        }
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
            .map(|data| data.as_slice())
            .ok_or_else(|| self.wrong_dtype::<T>())
    }

    /// The elements in row-major order, to be written; copied first when they have another owner.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`;
    /// [`TensorError::TooLarge`] when there is no memory for a copy.
    pub fn make_mut<T: Element>(&mut self) -> Result<&mut [T], TensorError> {
        self.check_copy()?;
        let error = self.wrong_dtype::<T>();
        T::get_mut(&mut self.storage)
            .map(|data| Arc::make_mut(data).as_mut_slice())
            .ok_or(error)
    }

    /// The elements in row-major order; copied only when they have another owner.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`;
    /// [`TensorError::TooLarge`] when there is no memory for a copy.
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>, TensorError> {
        self.check_copy()?;
        let error = self.wrong_dtype::<T>();
        T::take(self.storage).map(Arc::unwrap_or_clone).ok_or(error)
    }

    /// Whether no other tensor shares the elements, so that a write copies nothing.
    pub fn is_unique(&self) -> bool {
        self.storage.owners() == 1
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
mod tests {
    use super::*;

    #[test]
    fn storage_is_shared_until_written() {
        let first = Tensor::new(&[2, 2], vec![1f32, 2.0, 3.0, 4.0]).unwrap();
        let start = first.as_slice::<f32>().unwrap().as_ptr();
        let mut second = first.clone().reshape(&[4]).unwrap();
        assert_eq!(second.as_slice::<f32>().unwrap().as_ptr(), start);
        assert!(!first.is_unique());

        second.make_mut::<f32>().unwrap()[0] = 9.0;
        assert_eq!(first.as_slice::<f32>().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(second.as_slice::<f32>().unwrap(), [9.0, 2.0, 3.0, 4.0]);
        assert!(first.is_unique() && second.is_unique());

        let data = first.into_vec::<f32>().unwrap();
        assert_eq!(data.as_ptr(), start);
    }

    #[test]
    fn a_unique_tensor_is_written_in_place() {
        let mut tensor = Tensor::new(&[3], vec![1i32, 2, 3]).unwrap();
        let start = tensor.as_slice::<i32>().unwrap().as_ptr();
        tensor.make_mut::<i32>().unwrap()[2] = 7;
        assert_eq!(tensor.as_slice::<i32>().unwrap().as_ptr(), start);
        assert_eq!(tensor.to_i64_vec().unwrap(), [1, 2, 7]);
    }

    #[test]
    fn wrong_types_name_both() {
        let tensor = Tensor::scalar(1i64);
        assert_eq!(
            tensor.as_slice::<f32>().unwrap_err().to_string(),
            "expected a tensor of float32, found one of int64"
        );
        assert_eq!(tensor.item::<i64>(), Ok(1));
        assert!(tensor.clone().make_mut::<bool>().is_err());
        assert!(tensor.into_vec::<u8>().is_err());
        assert!(Tensor::scalar(1u8).to_i64_vec().is_err());
    }

    #[test]
    fn lengths_are_checked() {
        let short = Tensor::new(&[2, 3], vec![0u8; 5]).unwrap_err();
        assert_eq!(short.to_string(), "shape [2, 3] does not hold 5 elements");
        let tensor = Tensor::zeros(DType::Bool, &[2, 0, 3]).unwrap();
        assert!(tensor.is_empty() && tensor.rank() == 3);
        assert_eq!(tensor.clone().reshape(&[0]).unwrap().shape(), [0]);
        assert!(tensor.clone().reshape(&[]).is_err());
        assert!(tensor.item::<bool>().is_err());
        assert!(Tensor::new(&[usize::MAX, 2], Vec::<u8>::new()).is_err());
    }

    #[test]
    fn impossible_sizes_are_errors_with_tensorflow_words() {
        let overflow = checked_len(DType::Float32, &[1 << 40, 1 << 40]).unwrap_err();
        assert_eq!(
            overflow.to_string(),
            "OOM when allocating tensor with shape[1099511627776,1099511627776] and type float: \
             more than the 8589934592 GiB that can be addressed"
        );
        assert!(checked_len(DType::Float64, &[1 << 40, 0, 1 << 40]).is_err());
        assert_eq!(checked_len(DType::Float64, &[3, 0, 1 << 40]), Ok(0));
        // 2^62 bytes can be addressed and are in no machine.
        if available_memory().is_some() {
            let error = Tensor::zeros(DType::Float64, &[1 << 59])
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(
                    "OOM when allocating tensor with shape[576460752303423488] and type double: \
                     4294967296.00 GiB are needed, "
                ),
                "{error}"
            );
            assert!(error.ends_with(" GiB are available"), "{error}");
        }
    }

    /// Under a limit on the process's own memory, of which `MemAvailable` knows nothing.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_refused_allocation_is_an_error() {
        const LIMITED: &str = "TCONV_TEST_LIMITED";
        if std::env::var_os(LIMITED).is_some() {
            let half = [300 << 20];
            let error = Tensor::zeros(DType::Uint8, &[700 << 20]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "OOM when allocating tensor with shape[734003200] and type uint8: 0.68 GiB are needed"
            );
            assert!(Tensor::full(&[700 << 20], 1u8).is_err());
            let kept = Tensor::zeros(DType::Uint8, &half).unwrap();
            let mut shared = kept.clone();
            assert!(matches!(
                shared.make_mut::<u8>(),
                Err(TensorError::TooLarge { .. })
            ));
            assert!(shared.into_vec::<u8>().is_err());
            assert!(kept.into_vec::<u8>().is_ok());
            return;
        }
        let output = std::process::Command::new("sh")
            .args([
                "-c",
                "ulimit -v 600000 && exec \"$0\" --exact --test-threads=1 \"$1\"",
            ])
            .arg(std::env::current_exe().unwrap())
            .arg("tensor::tests::a_refused_allocation_is_an_error")
            .env(LIMITED, "1")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}\n{text}", output.status);
        assert!(text.contains("1 passed"), "{text}");
    }

    #[test]
    fn equality_is_of_type_shape_and_elements() {
        assert_eq!(Tensor::scalar(1i32), Tensor::scalar(1i32));
        assert_ne!(Tensor::scalar(1i32), Tensor::scalar(1i64));
        assert_ne!(
            Tensor::zeros(DType::Int32, &[2, 3]),
            Tensor::zeros(DType::Int32, &[3, 2])
        );
        assert_ne!(Tensor::scalar(f32::NAN), Tensor::scalar(f32::NAN));
    }

    #[test]
    fn debug_is_short() {
        let tensor = Tensor::zeros(DType::Float32, &[1, 3, 3, 1]).unwrap();
        assert_eq!(
            format!("{tensor:?}"),
            "Tensor(float32, [1, 3, 3, 1]) [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, ...]"
        );
        assert_eq!(
            format!("{:?}", Tensor::scalar(true)),
            "Tensor(bool, []) [true]"
        );
    }
}
