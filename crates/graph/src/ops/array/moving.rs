//! Moving elements whatever their dtype.

use tconv_kernels::layout::{copy_strided, scatter_strided};
use tconv_tensor::{Tensor, bf16, f16};

use crate::{Result, Run, dispatch};

/// The row-major strides of a tensor that is, or could be, in memory.
pub(super) fn strides(sizes: &[usize]) -> Vec<isize> {
    let mut strides = vec![1; sizes.len()];
    for axis in (1..sizes.len()).rev() {
        strides[axis - 1] = strides[axis] * sizes[axis] as isize;
    }
    strides
}

/// A new tensor of `sizes` whose element `[i, j, ...]` is
/// `from[offset + i * strides[0] + j * strides[1] + ...]`.
pub(super) fn gather(
    run: &Run,
    from: &Tensor,
    offset: usize,
    strides: &[isize],
    sizes: &[usize],
) -> Result<Tensor> {
    let mut out = run.output(from.dtype(), sizes)?;
    dispatch!(from.dtype(), T in [f16, bf16, f32, f64, i32, i64, u8, bool], {
        copy_strided::<T>(run.threads(), from.as_slice()?, offset, strides, out.make_mut()?, sizes)?;
    });
    Ok(out)
}

/// Writes `from`, seen as a tensor of `sizes`, to the places
/// `into[offset + i * strides[0] + j * strides[1] + ...]`.
pub(super) fn scatter(
    run: &Run,
    from: &Tensor,
    sizes: &[usize],
    into: &mut Tensor,
    offset: usize,
    strides: &[isize],
) -> Result<()> {
    dispatch!(from.dtype(), T in [f16, bf16, f32, f64, i32, i64, u8, bool], {
        let (from, into) = (from.as_slice::<T>()?, into.make_mut::<T>()?);
        scatter_strided(run.threads(), from, sizes, into, offset, strides, |to, value| *to = value)?;
    });
    Ok(())
}

/// The elements before an axis and those after it, as one number each.
pub(super) fn around(sizes: &[usize], axis: usize) -> (usize, usize) {
    (
        sizes[..axis].iter().product(),
        sizes[axis + 1..].iter().product(),
    )
}
