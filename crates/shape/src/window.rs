use std::ops::RangeInclusive;

use crate::{Dim, Result, ShapeError};

/// The padding of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AxisPadding {
    /// As many windows as `ceil(input / stride)`; the rest is padded, half before, half after.
    Same,
    /// No padding.
    Valid,
    /// So many zeros before and after.
    Explicit(i64, i64),
}

/// The sliding window of a **forward** convolution or pooling on one axis, its input's size apart.
///
/// Source: TensorFlow's `GetWindowedOutputSizeVerbose` (`core/framework/kernel_shape_util.cc`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    kernel: Dim,
    stride: i64,
    dilation: i64,
    padding: AxisPadding,
}

impl Window {
    /// A window of `kernel` elements that are `dilation` apart and moves by `stride`.
    ///
    /// # Errors
    /// `Window` for a stride, dilation or known kernel below 1 or a padding below 0.
    pub fn new(
        kernel: impl Into<Dim>,
        stride: i64,
        dilation: i64,
        padding: AxisPadding,
    ) -> Result<Window> {
        let kernel = kernel.into();
        for (what, value) in [
            ("stride", stride),
            ("dilation", dilation),
            ("kernel", kernel.known().unwrap_or(1)),
        ] {
            if value < 1 {
                return Err(ShapeError::Window { what, value });
            }
        }
        if let AxisPadding::Explicit(before, after) = padding
            && before.min(after) < 0
        {
            return Err(ShapeError::Window {
                what: "padding",
                value: before.min(after),
            });
        }
        Ok(Window {
            kernel,
            stride,
            dilation,
            padding,
        })
    }

    /// The kernel's size, without its dilation.
    pub fn kernel(&self) -> &Dim {
        &self.kernel
    }

    /// How far the window moves.
    pub fn stride(&self) -> i64 {
        self.stride
    }

    /// How far apart the kernel's elements are.
    pub fn dilation(&self) -> i64 {
        self.dilation
    }

    /// The padding.
    pub fn padding(&self) -> AxisPadding {
        self.padding
    }

    /// How much larger than one window the padded input is: a window fits where that is at least 0.
    /// `None` for `SAME`, where one always does.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn room(&self, input: &Dim) -> Result<Option<Dim>> {
        match self.padding {
            AxisPadding::Same => Ok(None),
            _ => Ok(Some(input.minus(self.margin()?)?)),
        }
    }

    /// The kernel's size, the gaps of its dilation included: `(kernel - 1) * dilation + 1`.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn extent(&self) -> Result<Dim> {
        self.kernel.minus(1)?.times(self.dilation)?.plus(1)
    }

    /// How much smaller than the input the range of a window's first element is, less one: the
    /// windows start at `0, stride, ...` up to `input - margin - 1` (of the padded input).
    fn margin(&self) -> Result<Dim> {
        match self.padding {
            AxisPadding::Same => Ok(Dim::Known(1)),
            AxisPadding::Valid => self.extent(),
            AxisPadding::Explicit(before, after) => self.extent()?.minus(before)?.minus(after),
        }
    }

    /// The number of windows: the forward convolution's output size.
    ///
    /// `floor((input - margin) / stride) + 1`, where the margin is 1 for `SAME` and else the kernel's
    /// extent less the padding. A window that does not fit gives 0 as long as it lacks less than two
    /// strides, since TensorFlow divides `input - margin + stride` and truncates.
    ///
    /// # Errors
    /// `WindowTooLarge` when it lacks more, `Overflow`.
    pub fn output(&self, input: &Dim) -> Result<Dim> {
        let room = input.minus(self.margin()?)?;
        match room.known() {
            Some(room) if room / 2 <= -self.stride && self.padding != AxisPadding::Same => {
                self.too_large(input)
            }
            Some(room) if room < 0 => Ok(Dim::Known(0)),
            _ => room.floor_div(self.stride)?.plus(1),
        }
    }

    /// [`Window::output`], but a window that does not fit at all is refused, as TensorFlow refuses it
    /// while a graph is built.
    ///
    /// # Errors
    /// `WindowTooLarge`, `Overflow`.
    pub fn output_that_fits(&self, input: &Dim) -> Result<Dim> {
        match input.minus(self.margin()?)?.known() {
            Some(room) if room < 0 && self.padding != AxisPadding::Same => self.too_large(input),
            _ => self.output(input),
        }
    }

    fn too_large(&self, input: &Dim) -> Result<Dim> {
        let padded = match self.padding {
            AxisPadding::Explicit(before, after) => input.plus(before)?.plus(after)?,
            _ => input.clone(),
        };
        Err(ShapeError::WindowTooLarge {
            input: padded.known().unwrap_or(0),
            extent: self.extent()?.known().unwrap_or(0),
            stride: self.stride,
        })
    }

    /// The least and the greatest input size that give `output`: the legal output sizes of the transposed
    /// convolution.
    ///
    /// For an `output` of at least 1 these and all between them are legal, `stride` many, less those below 1;
    /// the least is above the greatest when there is none. An unknown `output` is taken to be at least 1.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn input_bounds(&self, output: &Dim) -> Result<(Dim, Dim)> {
        let margin = self.margin()?;
        let low = output.minus(1)?.times(self.stride)?.plus(&margin)?;
        let high = low.plus(self.stride - 1)?;
        let positive = margin.known() >= Some(1) || self.padding == AxisPadding::Valid;
        let low = match output.known() {
            // TensorFlow's division truncates: what lacks less than a stride gives 0 as well.
            Some(0) => low.minus(self.stride - 1)?.greater(0),
            None if positive => low,
            _ => low.greater(1),
        };
        Ok((low, high))
    }

    /// [`Window::input_bounds`] of a known output: the range is empty when there is none, and `None` while the
    /// kernel's size is unknown.
    ///
    /// # Errors
    /// `Overflow`.
    pub fn inputs(&self, output: i64) -> Result<Option<RangeInclusive<i64>>> {
        let (low, high) = self.input_bounds(&Dim::Known(output))?;
        Ok(low.known().zip(high.known()).map(|(low, high)| low..=high))
    }

    /// The zeros before and after that `input` gets; both may exceed what the windows reach.
    ///
    /// # Errors
    /// As [`Window::output`]; `Invalid` while a size is unknown.
    pub fn pads(&self, input: i64) -> Result<(i64, i64)> {
        match self.padding {
            AxisPadding::Valid => Ok((0, 0)),
            AxisPadding::Explicit(before, after) => Ok((before, after)),
            AxisPadding::Same => {
                let windows = self.output(&Dim::Known(input))?;
                let total = windows
                    .minus(1)?
                    .times(self.stride)?
                    .plus(self.extent()?)?
                    .minus(input)?;
                let total = total
                    .known()
                    .ok_or_else(|| ShapeError::Invalid {
                        what: format!("{total:?}"),
                    })?
                    .max(0);
                Ok((total / 2, total - total / 2))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, by counting: windows that lie inside the padded input.
    fn count(input: i64, k: i64, s: i64, d: i64, before: i64, after: i64) -> i64 {
        let extent = (k - 1) * d + 1;
        (0..)
            .map(|i| i * s)
            .take_while(|start| start + extent <= input + before + after)
            .count() as i64
    }

    fn every_window(mut check: impl FnMut(i64, i64, i64, AxisPadding, Window)) {
        for k in 1..=5 {
            for s in 1..=6 {
                for d in 1..=3 {
                    for p in [
                        AxisPadding::Same,
                        AxisPadding::Valid,
                        AxisPadding::Explicit(1, 2),
                        AxisPadding::Explicit(0, 5),
                    ] {
                        check(k, s, d, p, Window::new(k, s, d, p).unwrap());
                    }
                }
            }
        }
    }

    #[test]
    fn the_formula_counts_windows() {
        every_window(|k, s, d, p, window| {
            for input in 0..40 {
                let counted = match p {
                    AxisPadding::Same => (0..input).step_by(s as usize).count() as i64,
                    AxisPadding::Valid => count(input, k, s, d, 0, 0),
                    AxisPadding::Explicit(a, b) => count(input, k, s, d, a, b),
                };
                let fits = window.output_that_fits(&Dim::Known(input));
                match window.output(&Dim::Known(input)) {
                    Ok(out) => assert_eq!(out, Dim::Known(counted)),
                    Err(_) => assert_eq!(counted, 0),
                }
                assert_eq!(
                    fits.is_err(),
                    counted == 0 && !(p == AxisPadding::Same && input == 0)
                );
            }
        });
    }

    #[test]
    fn the_legal_sizes_are_the_formula_read_backwards() {
        every_window(|_, s, _, p, window| {
            for output in 0..8 {
                let least = i64::from(output > 0);
                let legal: Vec<i64> = (least..80)
                    .filter(|&n| window.output(&Dim::Known(n)) == Ok(Dim::Known(output)))
                    .collect();
                let range = window.inputs(output).unwrap().unwrap();
                assert_eq!(range.collect::<Vec<_>>(), legal, "{window:?} {output}");
                if output > 1 && p == AxisPadding::Same {
                    assert_eq!(legal.len() as i64, s);
                }
            }
        });
    }

    #[test]
    fn the_legal_sizes_of_an_unknown_output_are_those_of_every_known_one() {
        let h = Dim::unknown("H");
        every_window(|_, _, _, _, window| {
            let (low, high) = window.input_bounds(&h).unwrap();
            for output in 1..9 {
                let at = |dim: &Dim| dim.value(&|_| Some(output)).unwrap();
                let range = window.inputs(output).unwrap().unwrap();
                assert_eq!(at(&low)..=at(&high), range, "{window:?} {output}");
            }
        });
        let bounds = |kernel: Dim, stride, padding, output: &Dim| {
            let window = Window::new(kernel, stride, 1, padding).unwrap();
            let (low, high) = window.input_bounds(output).unwrap();
            format!("{low:?} to {high:?}")
        };
        let quarter = h.ceil_div(4).unwrap();
        assert_eq!(
            bounds(Dim::Known(3), 4, AxisPadding::Same, &quarter),
            "4*ceil(H/4) - 3 to 4*ceil(H/4)"
        );
        assert_eq!(
            bounds(Dim::unknown("K"), 2, AxisPadding::Valid, &h),
            "2*H + K - 2 to 2*H + K - 1"
        );
    }

    #[test]
    fn same_pads_until_the_last_window_fits() {
        every_window(|k, s, d, p, window| {
            for input in 1..30 {
                if p != AxisPadding::Same {
                    continue;
                }
                let (before, after) = window.pads(input).unwrap();
                let windows = window.output(&Dim::Known(input)).unwrap().known().unwrap();
                assert!(after == before || after == before + 1);
                assert_eq!(count(input, k, s, d, before, after), windows);
            }
        });
    }

    #[test]
    fn unknown_sizes_bound_later_give_the_same() {
        let h = Dim::unknown("h");
        let window = Window::new(3, 4, 1, AxisPadding::Same).unwrap();
        assert_eq!(format!("{:?}", window.output(&h).unwrap()), "ceil(h/4)");
        let unknown_kernel = Window::new(&h, 4, 1, AxisPadding::Valid).unwrap();
        assert!(
            unknown_kernel
                .output(&Dim::Known(9))
                .unwrap()
                .known()
                .is_none()
        );
        assert_eq!(unknown_kernel.inputs(3), Ok(None));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for (k, s, d, p) in [(0, 1, 1, 0), (1, 0, 1, 0), (1, 1, -2, 0), (1, 1, 1, -1)] {
            assert!(Window::new(k, s, d, AxisPadding::Explicit(p, 0)).is_err());
        }
        let huge = Window::new(i64::MAX, 1, i64::MAX, AxisPadding::Valid).unwrap();
        assert!(huge.output(&Dim::Known(5)).is_err());
        assert!(
            Window::new(1, i64::MAX, 1, AxisPadding::Same)
                .unwrap()
                .inputs(i64::MAX)
                .is_err()
        );
    }
}
