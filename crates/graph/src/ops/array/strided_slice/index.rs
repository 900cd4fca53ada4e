//! Slicing as Python writes it.

use tconv_tensor::DType;

use super::spec::MOST_ENTRIES;
use crate::operand::apply;
use crate::{Error, Operand, Output, Result, Size, location};

/// One entry of what stands between the brackets of `x[...]`.
#[derive(Clone, Debug)]
pub enum Index {
    /// One index, whose axis is then gone; a negative one counts from the end.
    At(Size),
    /// `begin:end:step`
    Range {
        /// The first index; `None` is the edge.
        begin: Option<Size>,
        /// The index behind the last; `None` is the edge.
        end: Option<Size>,
        /// From one index to the next, not 0.
        step: Size,
    },
    /// `...`: all axes that no other entry names.
    Ellipsis,
    /// A new axis of size 1.
    NewAxis,
}

impl Index {
    /// `:`
    pub fn all() -> Index {
        Index::range(None, None, 1)
    }

    /// `begin:end:step`
    pub fn range(begin: Option<i64>, end: Option<i64>, step: i64) -> Index {
        Index::Range {
            begin: begin.map(Size::Known),
            end: end.map(Size::Known),
            step: Size::Known(step),
        }
    }
}

impl From<i64> for Index {
    fn from(index: i64) -> Index {
        Index::At(Size::Known(index))
    }
}

impl From<&Output> for Index {
    fn from(index: &Output) -> Index {
        Index::At(Size::from(index))
    }
}

impl From<std::ops::RangeFull> for Index {
    fn from(_: std::ops::RangeFull) -> Index {
        Index::all()
    }
}

impl From<std::ops::Range<i64>> for Index {
    fn from(range: std::ops::Range<i64>) -> Index {
        Index::range(Some(range.start), Some(range.end), 1)
    }
}

impl From<std::ops::RangeFrom<i64>> for Index {
    fn from(range: std::ops::RangeFrom<i64>) -> Index {
        Index::range(Some(range.start), None, 1)
    }
}

impl From<std::ops::RangeTo<i64>> for Index {
    fn from(range: std::ops::RangeTo<i64>) -> Index {
        Index::range(None, Some(range.end), 1)
    }
}

impl Output {
    /// `self[index]`; a negative index counts from the end.
    ///
    /// # Errors
    /// As [`Output::slice`].
    #[track_caller]
    pub fn at(&self, index: i64) -> Result<Output> {
        self.slice(&[Index::from(index)])
    }

    /// `self[...]` as Python and NumPy slice (TensorFlow's `StridedSlice`).
    ///
    /// ```
    /// # use tconv_graph::{Graph, array::Index};
    /// let g = Graph::new();
    /// let x = g.placeholder::<f32>([4, 5, 6])?;
    /// let y = x.slice(&[Index::from(1..), Index::Ellipsis, Index::from(-1)])?;
    /// assert_eq!(y.static_shape().to_string(), "(3, 5)");
    /// # Ok::<(), tconv_graph::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Value` for more entries than axes, a second ellipsis, a step of 0, an index that is known to be
    /// out of range; `Type` for tensors of two dtypes among the indices.
    #[track_caller]
    pub fn slice(&self, indices: &[Index]) -> Result<Output> {
        let _from = location::caller();
        if indices.len() > MOST_ENTRIES {
            return Err(Error::value(format!(
                "a slice has at most {MOST_ENTRIES} entries, not {}",
                indices.len()
            )));
        }
        let (mut begins, mut ends, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        let [
            mut begin_mask,
            mut end_mask,
            mut ellipsis_mask,
            mut new_axis_mask,
            mut shrink_axis_mask,
        ] = [0i64; 5];
        for (i, index) in indices.iter().enumerate() {
            let (zero, one, bit) = (Size::Known(0), Size::Known(1), 1i64 << i);
            let (begin, end, step) = match index {
                Index::At(index) => {
                    shrink_axis_mask |= bit;
                    (index.clone(), self.graph().unnamed(|| behind(index))?, one)
                }
                Index::Range { begin, end, step } => {
                    begin_mask |= if begin.is_none() { bit } else { 0 };
                    end_mask |= if end.is_none() { bit } else { 0 };
                    let or_zero = |size: &Option<Size>| size.clone().unwrap_or(Size::Known(0));
                    (or_zero(begin), or_zero(end), step.clone())
                }
                Index::Ellipsis => {
                    ellipsis_mask |= bit;
                    (zero.clone(), zero, one)
                }
                Index::NewAxis => {
                    new_axis_mask |= bit;
                    (zero.clone(), zero, one)
                }
            };
            begins.push(begin);
            ends.push(end);
            steps.push(step);
        }
        let parts = [&begins, &ends, &steps];
        let wide = |size: &Size| match size {
            Size::Known(n) => i32::try_from(*n).is_err(),
            Size::Tensor(output) => output.dtype() == DType::Int64,
        };
        let dtype = if parts.iter().any(|part| part.iter().any(wide)) {
            DType::Int64
        } else {
            DType::Int32
        };
        self.graph().op_scope("strided_slice", |own| {
            let mut node = self.graph().add("StridedSlice").name(own).input(self);
            for (part, name) in parts.into_iter().zip(["stack", "stack_1", "stack_2"]) {
                node = node.input(&part.to_output(self.graph(), Some(dtype), name)?);
            }
            node.attr("begin_mask", begin_mask)
                .attr("end_mask", end_mask)
                .attr("ellipsis_mask", ellipsis_mask)
                .attr("new_axis_mask", new_axis_mask)
                .attr("shrink_axis_mask", shrink_axis_mask)
                .output()
        })
    }
}

/// `index + 1`. The largest number stays: where one index is picked the end does not count.
fn behind(index: &Size) -> Result<Size> {
    Ok(match index {
        Size::Known(n) => Size::Known(n.saturating_add(1)),
        Size::Tensor(output) => {
            Size::Tensor(apply("AddV2", "add", &[output, &1i64], |node| node)?.output(0))
        }
    })
}
