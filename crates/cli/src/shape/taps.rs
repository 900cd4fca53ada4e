//! Which pixels of the value feed which pixels of a transposed convolution's output, on one axis.

use std::collections::BTreeMap;

use tconv_shape::{Dim, Window};

/// The largest kernel and stride that are counted through.
pub const LARGEST: i64 = 10_000;

/// One axis: pixel `i` of the value goes through tap `k` to pixel `i * stride + k * dilation - pad` of the
/// output, where there is one.
pub struct Taps {
    kernel: i64,
    stride: i128,
    dilation: i128,
    pad: i128,
    value: i128,
    size: i128,
}

impl Taps {
    /// The axis of a value of `value` pixels and an output of `size`; `None` for a kernel that is not known or
    /// larger than [`LARGEST`], and where `size` has no padding.
    pub fn new(window: &Window, value: i64, size: i64) -> Option<Taps> {
        let (before, _) = window.pads(size).ok()?;
        Some(Taps {
            kernel: countable(window.kernel())?,
            stride: window.stride().into(),
            dilation: window.dilation().into(),
            pad: before.into(),
            value: value.into(),
            size: size.into(),
        })
    }

    /// What feeds this output pixel: pixel of the value and tap of the kernel, by rising tap.
    pub fn feeding(&self, pixel: i64) -> impl Iterator<Item = (i64, i64)> {
        (0..self.kernel).filter_map(move |tap| {
            let from = i128::from(pixel) + self.pad - i128::from(tap) * self.dilation;
            let inside = from >= 0 && from % self.stride == 0 && from / self.stride < self.value;
            inside.then(|| Some(((from / self.stride).try_into().ok()?, tap)))?
        })
    }

    /// How many output pixels nothing feeds.
    pub fn unreached(&self) -> i64 {
        // Tap k of pixel i lands at (i + turns) * stride + place. So each tap covers a run of turns at its place.
        let mut runs: BTreeMap<i128, Vec<i128>> = BTreeMap::new();
        for tap in 0..self.kernel {
            let shift = i128::from(tap) * self.dilation - self.pad;
            let turns = shift.div_euclid(self.stride);
            let place = shift.rem_euclid(self.stride);
            runs.entry(place).or_default().push(turns);
        }
        let mut reached = 0;
        for (place, starts) in runs {
            let end = (self.size - place + self.stride - 1)
                .div_euclid(self.stride)
                .max(0);
            let mut next = 0;
            for start in starts {
                let stop = (start + self.value).min(end);
                reached += (stop - start.max(next)).max(0);
                next = next.max(stop);
            }
        }
        i64::try_from(self.size - reached).unwrap_or(i64::MAX)
    }
}

/// How many pixels of the value feed each output pixel away from the borders: the same again every stride.
#[derive(Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The least number.
    pub least: i64,
    /// The greatest number.
    pub greatest: i64,
    /// How many of `stride` neighbours nothing feeds.
    pub holes: i64,
    /// The kernels that would serve, where the stride can be counted through.
    pub better: Option<Better>,
}

/// Kernels for a stride and a dilation.
#[derive(Debug, PartialEq, Eq)]
pub struct Better {
    /// The smallest that feeds every pixel; `None` where none does.
    pub without_holes: Option<i64>,
    /// The smallest that feeds every pixel equally often.
    pub even: Option<i64>,
    /// The smallest such that is not below the kernel at hand.
    pub next_even: Option<i64>,
}

impl Overlap {
    /// `None` for a kernel that is not known or larger than [`LARGEST`].
    pub fn new(window: &Window) -> Option<Overlap> {
        let kernel = countable(window.kernel())?;
        let (stride, dilation) = (window.stride(), window.dilation());
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        let places = std::iter::successors(Some(0), |place| Some(step(*place, dilation, stride)));
        for place in places.take(kernel as usize) {
            *counts.entry(place).or_default() += 1;
        }
        let holes = stride - counts.len() as i64;
        let least = counts.values().copied().min().filter(|_| holes == 0);
        Some(Overlap {
            least: least.unwrap_or(0),
            greatest: counts.values().copied().max().unwrap_or(0),
            holes,
            better: (stride <= LARGEST).then(|| Better::count(kernel, stride, dilation)),
        })
    }

    /// Whether every pixel is fed equally often.
    pub fn is_even(&self) -> bool {
        self.least == self.greatest
    }
}

impl Better {
    /// Adds tap after tap until the counts are even at or above `kernel`.
    fn count(kernel: i64, stride: i64, dilation: i64) -> Better {
        let mut counts = vec![0; stride as usize];
        let (mut place, mut greatest, mut fed, mut at_greatest) = (0, 0, 0, 0);
        let mut better = Better {
            without_holes: None,
            even: None,
            next_even: None,
        };
        for taps in 1..=kernel + stride {
            let count = &mut counts[place as usize];
            fed += i64::from(*count == 0);
            *count += 1;
            match *count > greatest {
                true => (greatest, at_greatest) = (*count, 1),
                false => at_greatest += i64::from(*count == greatest),
            }
            place = step(place, dilation, stride);
            if fed == stride {
                better.without_holes.get_or_insert(taps);
            }
            if at_greatest == stride {
                better.even.get_or_insert(taps);
                if taps >= kernel {
                    better.next_even.get_or_insert(taps);
                    break;
                }
            }
        }
        better
    }
}

/// The place within a stride of the tap behind that at `place`.
fn step(place: i64, dilation: i64, stride: i64) -> i64 {
    let next = (i128::from(place) + i128::from(dilation)) % i128::from(stride);
    next.try_into().unwrap_or(0)
}

fn countable(kernel: &Dim) -> Option<i64> {
    kernel.known().filter(|kernel| *kernel <= LARGEST)
}

#[cfg(test)]
mod tests {
    use tconv_shape::AxisPadding;

    use super::*;

    /// A transposed convolution of ones: the definition, pixel by pixel.
    fn ones(window: &Window, value: i64, size: i64) -> Vec<i64> {
        let mut output = vec![0; size as usize];
        let before = window.pads(size).unwrap().0;
        for pixel in 0..value {
            for tap in 0..window.kernel().known().unwrap() {
                let to = pixel * window.stride() + tap * window.dilation() - before;
                if let Some(count) = usize::try_from(to).ok().and_then(|to| output.get_mut(to)) {
                    *count += 1;
                }
            }
        }
        output
    }

    fn every_window(mut check: impl FnMut(Window)) {
        for kernel in 1..=7 {
            for stride in 1..=6 {
                for dilation in 1..=4 {
                    for padding in [
                        AxisPadding::Same,
                        AxisPadding::Valid,
                        AxisPadding::Explicit(1, 2),
                        AxisPadding::Explicit(4, 0),
                    ] {
                        check(Window::new(kernel, stride, dilation, padding).unwrap());
                    }
                }
            }
        }
    }

    #[test]
    fn every_pixel_is_fed_as_in_a_transposed_convolution_of_ones() {
        every_window(|window| {
            for value in 1..=6 {
                for size in window.inputs(value).unwrap().unwrap() {
                    let taps = Taps::new(&window, value, size).unwrap();
                    let expected = ones(&window, value, size);
                    let counted: Vec<i64> = (0..size)
                        .map(|at| taps.feeding(at).count() as i64)
                        .collect();
                    assert_eq!(counted, expected, "{window:?} {value} {size}");
                    let unreached = expected.iter().filter(|count| **count == 0).count();
                    assert_eq!(
                        taps.unreached(),
                        unreached as i64,
                        "{window:?} {value} {size}"
                    );
                }
            }
        });
    }

    #[test]
    fn the_overlap_is_that_of_the_middle_of_a_long_axis() {
        every_window(|window| {
            let (stride, dilation) = (window.stride(), window.dilation());
            let middle = |kernel: i64| {
                let window = Window::new(kernel, stride, dilation, AxisPadding::Same).unwrap();
                let size = 40 * stride;
                let counts = ones(&window, 40, size);
                counts[20 * stride as usize..21 * stride as usize].to_vec()
            };
            let kernel = window.kernel().known().unwrap();
            let counts = middle(kernel);
            let overlap = Overlap::new(&window).unwrap();
            assert_eq!(Some(&overlap.least), counts.iter().min(), "{window:?}");
            assert_eq!(Some(&overlap.greatest), counts.iter().max(), "{window:?}");
            assert_eq!(
                overlap.holes,
                counts.iter().filter(|n| **n == 0).count() as i64
            );
            let first = |from: i64, serves: &dyn Fn(&[i64]) -> bool| {
                (from..=from + stride).find(|&kernel| serves(&middle(kernel)))
            };
            let full = |counts: &[i64]| counts.iter().all(|n| *n > 0);
            let even = |counts: &[i64]| full(counts) && counts.iter().all(|n| *n == counts[0]);
            let better = Better {
                without_holes: first(1, &full),
                even: first(1, &even),
                next_even: first(kernel, &even),
            };
            assert_eq!(overlap.better, Some(better), "{window:?}");
        });
    }

    #[test]
    fn large_numbers_are_bounded() {
        let large = i64::MAX / 4;
        let window = Window::new(3, large, large - 1, AxisPadding::Same).unwrap();
        let overlap = Overlap::new(&window).unwrap();
        assert_eq!((overlap.holes, overlap.better.is_none()), (large - 3, true));
        let taps = Taps::new(&window, 2, 2 * large).unwrap();
        assert_eq!(taps.unreached(), 2 * large - 6 + 2);
        let window = Window::new(large, 2, 1, AxisPadding::Same).unwrap();
        assert!(Overlap::new(&window).is_none() && Taps::new(&window, 3, 5).is_none());
        let window = Window::new(LARGEST, LARGEST, 1, AxisPadding::Valid).unwrap();
        assert!(Overlap::new(&window).unwrap().is_even());
    }
}
