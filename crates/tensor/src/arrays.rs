//! Tensors from Rust values and `ndarray` arrays, and back.

use half::{bf16, f16};
use ndarray::{Array, ArrayBase, ArrayD, ArrayView, ArrayViewD, Data, Dimension, IxDyn};

use crate::{Element, Handle, Tensor, TensorError};

macro_rules! from_scalar {
    ($($rust:ty),*) => {$(
        /// A tensor of rank 0.
        impl From<$rust> for Tensor {
            fn from(value: $rust) -> Tensor {
                Tensor::scalar(value)
            }
        }
    )*};
}
from_scalar!(f16, bf16, f32, f64, i32, i64, u8, bool, Handle);

/// A clone, which shares the elements.
impl From<&Tensor> for Tensor {
    fn from(tensor: &Tensor) -> Tensor {
        tensor.clone()
    }
}

/// A tensor of rank 1 that takes over the elements.
impl<T: Element> From<Vec<T>> for Tensor {
    fn from(data: Vec<T>) -> Tensor {
        Tensor::from_parts(&[data.len()], data)
    }
}

/// A tensor of rank 1.
impl<T: Element, const N: usize> From<[T; N]> for Tensor {
    fn from(data: [T; N]) -> Tensor {
        Tensor::from(Vec::from(data))
    }
}

/// Takes over the elements of an array in standard layout; copies any other into row-major order.
impl<T: Element, D: Dimension> From<Array<T, D>> for Tensor {
    fn from(array: Array<T, D>) -> Tensor {
        if !array.is_standard_layout() {
            return Tensor::from(&array);
        }
        let (shape, len) = (array.shape().to_vec(), array.len());
        let (mut data, offset) = array.into_raw_vec_and_offset();
        // An array cut out of a larger one still owns all of the larger one's elements.
        data.truncate(offset.unwrap_or(0) + len);
        data.drain(..offset.unwrap_or(0));
        Tensor::from_parts(&shape, data)
    }
}

/// A copy in row-major order.
impl<T: Element, S: Data<Elem = T>, D: Dimension> From<&ArrayBase<S, D>> for Tensor {
    fn from(array: &ArrayBase<S, D>) -> Tensor {
        Tensor::from_parts(array.shape(), array.iter().cloned().collect())
    }
}

/// A copy in row-major order.
impl<T: Element, D: Dimension> From<ArrayView<'_, T, D>> for Tensor {
    fn from(view: ArrayView<'_, T, D>) -> Tensor {
        Tensor::from(&view)
    }
}

impl Tensor {
    /// The elements as an `ndarray` view of the tensor's shape; nothing is copied.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`.
    pub fn view<T: Element>(&self) -> Result<ArrayViewD<'_, T>, TensorError> {
        let data = self.as_slice::<T>()?;
        ArrayView::from_shape(IxDyn(self.shape()), data).map_err(|_| self.wrong_length())
    }

    /// The elements as an `ndarray` array of the tensor's shape; copied only when they have another owner.
    ///
    /// # Errors
    /// [`TensorError::WrongDType`] unless the tensor's element type is `T`.
    pub fn into_array<T: Element>(self) -> Result<ArrayD<T>, TensorError> {
        let (shape, error) = (IxDyn(self.shape()), self.wrong_length());
        Array::from_shape_vec(shape, self.into_vec::<T>()?).map_err(|_| error)
    }

    fn wrong_length(&self) -> TensorError {
        TensorError::WrongLength {
            shape: self.shape().to_vec(),
            len: self.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis, Slice, array};

    use super::*;
    use crate::DType;

    #[test]
    fn a_standard_array_is_taken_over_and_given_back() {
        let array = Array2::from_shape_fn((3, 4), |(row, column)| (row * 10 + column) as f32);
        let (copy, start) = (array.clone(), array.as_ptr());
        let tensor = Tensor::from(array);
        assert_eq!(tensor.shape(), [3, 4]);
        assert_eq!(tensor.as_slice::<f32>().unwrap().as_ptr(), start);
        assert_eq!(tensor.view::<f32>().unwrap().as_ptr(), start);
        assert_eq!(tensor.view::<f32>().unwrap(), copy.view().into_dyn());
        let back = tensor.into_array::<f32>().unwrap();
        assert_eq!(back.as_ptr(), start);
        assert_eq!(back, copy.into_dyn());
    }

    #[test]
    fn other_layouts_are_copied_in_logical_order() {
        let array = array![[1, 2, 3], [4, 5, 6]];
        let transposed = Tensor::from(array.clone().reversed_axes());
        assert_eq!(transposed.shape(), [3, 2]);
        assert_eq!(transposed.as_slice::<i32>().unwrap(), [1, 4, 2, 5, 3, 6]);
        let mut backwards = array.clone();
        backwards.invert_axis(Axis(1));
        assert_eq!(
            Tensor::from(backwards).as_slice::<i32>().unwrap(),
            [3, 2, 1, 6, 5, 4]
        );
        assert_eq!(
            Tensor::from(array.slice_axis(Axis(1), Slice::from(1..)))
                .as_slice::<i32>()
                .unwrap(),
            [2, 3, 5, 6]
        );
        assert_eq!(Tensor::from(&array).shape(), [2, 3]);
    }

    #[test]
    fn an_array_cut_out_of_a_larger_one_brings_only_its_own_elements() {
        let mut rows = Array2::from_shape_fn((5, 2), |(row, column)| (row * 10 + column) as i64);
        rows.slice_axis_inplace(Axis(0), Slice::from(1..3));
        let cut = Tensor::from(rows);
        assert_eq!(cut, Tensor::new(&[2, 2], vec![10i64, 11, 20, 21]).unwrap());
        let mut none = array![[1u8, 2]];
        none.slice_axis_inplace(Axis(1), Slice::from(2..));
        let none = Tensor::from(none);
        assert_eq!(none, Tensor::zeros(DType::Uint8, &[1, 0]).unwrap());
    }

    #[test]
    fn a_shared_tensor_gives_a_copy() {
        let tensor = Tensor::from([1.0f64, 2.0]);
        let start = tensor.as_slice::<f64>().unwrap().as_ptr();
        let kept = Tensor::from(&tensor);
        let array = tensor.into_array::<f64>().unwrap();
        assert_ne!(array.as_ptr(), start);
        assert_eq!(kept.as_slice::<f64>().unwrap().as_ptr(), start);
    }

    #[test]
    fn scalars_and_empty_tensors() {
        let scalar = Tensor::from(2.5f32);
        assert_eq!(scalar.view::<f32>().unwrap().ndim(), 0);
        let empty = Tensor::zeros(DType::Int32, &[2, 0, 3]).unwrap();
        assert_eq!(empty.view::<i32>().unwrap().shape(), [2, 0, 3]);
        assert_eq!(
            Tensor::from(empty.clone().into_array::<i32>().unwrap()),
            empty
        );
        assert!(empty.view::<f32>().is_err());
        assert_eq!(Tensor::from(true).dtype(), DType::Bool);
        assert_eq!(Tensor::from(vec![1u8, 2]).shape(), [2]);
    }
}
