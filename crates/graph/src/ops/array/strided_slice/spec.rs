//! From a slice's numbers and masks to axes: TensorFlow's `ValidateStridedSliceOp`.

use crate::attrs::AttrReader;
use crate::{Error, Result};

/// The most entries of a slice: the masks have a bit for each.
pub(super) const MOST_ENTRIES: usize = 31;

/// Whether a message is of building or of running.
pub(super) type Fail = fn(String) -> Error;

/// The masks of a slice, a bit for each entry.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    /// Where `begin` does not count.
    pub begin: i64,
    /// Where `end` does not count.
    pub end: i64,
    /// The entry that stands for all axes that no other names.
    pub ellipsis: i64,
    /// The entries that make an axis of size 1.
    pub new_axis: i64,
    /// The entries that pick one index, whose axis is then gone.
    pub shrink: i64,
}

/// What a slice says of one axis of its input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AxisSpec {
    /// The place of its numbers in `begin`, `end` and `strides`; `None` for an axis taken whole.
    pub entry: Option<usize>,
    pub from_edge: bool,
    pub to_edge: bool,
    pub shrink: bool,
}

/// The part of an axis: `count` elements from `start` on, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cut {
    pub start: i64,
    pub step: i64,
    pub count: i64,
}

/// A slice of a tensor of known rank.
pub(super) struct Spec {
    pub axes: Vec<AxisSpec>,
    /// The result's axes: an axis of the input, or `None` for a new one.
    pub result: Vec<Option<usize>>,
}

fn bit(mask: i64, entry: usize) -> bool {
    mask >> entry & 1 == 1
}

impl Masks {
    /// Reads the attributes.
    pub fn new(attrs: &mut AttrReader) -> Result<Masks> {
        Ok(Masks {
            begin: attrs.int_or("begin_mask", 0)?,
            end: attrs.int_or("end_mask", 0)?,
            ellipsis: attrs.int_or("ellipsis_mask", 0)?,
            new_axis: attrs.int_or("new_axis_mask", 0)?,
            shrink: attrs.int_or("shrink_axis_mask", 0)?,
        })
    }

    /// Lays a slice of `entries` entries, at most [`MOST_ENTRIES`], over the axes of a tensor.
    pub fn spread(&self, entries: usize, rank: usize, fail: Fail) -> Result<Spec> {
        if self.ellipsis.count_ones() > 1 {
            return Err(fail("Multiple ellipses in slice spec not allowed".into()));
        }
        let ellipsis = (0..entries).find(|&entry| bit(self.ellipsis, entry));
        // Without an ellipsis one stands at the end.
        let (ellipsis, entries) = ellipsis.map_or((entries, entries + 1), |entry| (entry, entries));
        let is_new = |entry: &usize| *entry != ellipsis && bit(self.new_axis, *entry);
        let named_behind = (ellipsis + 1..entries)
            .filter(|entry| !is_new(entry))
            .count();
        let mut spec = Spec {
            axes: Vec::with_capacity(rank),
            result: Vec::new(),
        };
        for entry in 0..entries {
            let next = spec.axes.len();
            if entry == ellipsis {
                for axis in next..rank.saturating_sub(named_behind) {
                    spec.axes.push(AxisSpec {
                        entry: None,
                        from_edge: true,
                        to_edge: true,
                        shrink: false,
                    });
                    spec.result.push(Some(axis));
                }
            } else if is_new(&entry) {
                spec.result.push(None);
            } else if rank == 0 {
                return Err(fail("Attempting to slice scalar input.".into()));
            } else if next == rank {
                return Err(fail(format!(
                    "Index out of range using input dim {next}; input has only {rank} dims"
                )));
            } else {
                let shrink = bit(self.shrink, entry);
                spec.axes.push(AxisSpec {
                    entry: Some(entry),
                    from_edge: bit(self.begin, entry),
                    to_edge: bit(self.end, entry),
                    shrink,
                });
                if !shrink {
                    spec.result.push(Some(next));
                }
            }
        }
        Ok(spec)
    }
}

/// Refuses a stride that no slice can have.
pub(super) fn check_stride(axis: usize, stride: i64, shrink: bool, fail: Fail) -> Result<()> {
    match stride {
        0 => Err(fail(format!("strides[{axis}] must be non-zero"))),
        ..0 if shrink => Err(fail("only stride 1 allowed on non-range indexing.".into())),
        _ => Ok(()),
    }
}

impl AxisSpec {
    /// The elements of axis `axis`, of `size`. `begin` and `end` count only where no mask is set.
    pub fn cut(
        &self,
        axis: usize,
        size: i64,
        begin: i64,
        end: i64,
        stride: i64,
        fail: Fail,
    ) -> Result<Cut> {
        check_stride(axis, stride, self.shrink, fail)?;
        // A size is not negative, so no sum overflows.
        let from_front = |index: i64| if index < 0 { size + index } else { index };
        if self.shrink {
            let index = from_front(begin);
            return match (0..size).contains(&index) {
                true => Ok(Cut {
                    start: index,
                    step: 1,
                    count: 1,
                }),
                false => Err(fail(format!(
                    "slice index {index} of dimension {axis} out of bounds."
                ))
                .help(format!("the index is {begin}, the axis has size {size}"))),
            };
        }
        let (least, most) = if stride > 0 {
            (0, size)
        } else {
            (-1, size - 1)
        };
        let (first, last) = if stride > 0 {
            (least, most)
        } else {
            (most, least)
        };
        let start = if self.from_edge {
            first
        } else {
            from_front(begin).clamp(least, most)
        };
        let stop = if self.to_edge {
            last
        } else {
            from_front(end).clamp(least, most)
        };
        let length = if stride > 0 {
            stop - start
        } else {
            start - stop
        };
        let count = match length {
            ..=0 => 0,
            _ => ((length - 1) as u64 / stride.unsigned_abs()) as i64 + 1,
        };
        Ok(Cut {
            start,
            step: stride,
            count,
        })
    }
}
