//! Reductions over any axes, in a tree.
//!
//! Source of the order: pairwise summation, N. J. Higham, "The accuracy of floating point summation",
//! SIAM J. Sci. Comput. 14 (1993); its error grows with the logarithm of the number of elements.

use crate::layout::axes::{Axes, PIECE, elements};
use crate::{KernelError, Threads, check_len};

/// Accumulators side by side: as many columns, or as many stretches of fewer columns, as one pass takes.
const LANES: usize = 64;

/// Rows that one lane takes one after another before the tree begins.
const LEAF: usize = 8;

/// The most parts that one reduction is cut into for threads.
const PARTS: usize = 16;

/// A number that sums, pools and compares: `f32`, `f64`, `i32`, `i64`.
pub trait Number: Copy + PartialOrd + Send + Sync {
    /// Zero.
    const ZERO: Self;
    /// The lowest finite value.
    const LOWEST: Self;

    /// The sum; of integers modulo the power of two, as in TensorFlow.
    fn plus(self, other: Self) -> Self;
}

macro_rules! number {
    ($($type:ty: $zero:literal, $plus:expr;)*) => {$(
        impl Number for $type {
            const ZERO: Self = $zero;
            const LOWEST: Self = <$type>::MIN;

            #[inline]
            fn plus(self, other: Self) -> Self {
                $plus(self, other)
            }
        }
    )*};
}

number! {
    f32: 0.0, std::ops::Add::add;
    f64: 0.0, std::ops::Add::add;
    i32: 0, i32::wrapping_add;
    i64: 0, i64::wrapping_add;
}

/// Sums over the axes that `reduced` marks: TensorFlow's `Sum`. An empty sum is 0.
///
/// # Errors
/// As [`reduce`].
pub fn sum<T: Number>(
    threads: &Threads,
    input: &[T],
    dims: &[usize],
    reduced: &[bool],
    out: &mut [T],
) -> Result<(), KernelError> {
    reduce(threads, input, dims, reduced, out, T::ZERO, T::plus)
}

/// Joins the elements along the axes that `reduced` marks with `f`; `out` holds the other axes, in their
/// order. `f` is associative and commutative up to rounding and `neutral` changes nothing: an empty
/// reduction is `neutral`.
///
/// # Errors
/// `Length` when a slice is not of its sizes; `Sizes` when there is not one mark for each axis, there are
/// too many elements, or more than eight axes of a kind are left after joining neighbours.
pub fn reduce<T: Copy + Send + Sync>(
    threads: &Threads,
    input: &[T],
    dims: &[usize],
    reduced: &[bool],
    out: &mut [T],
    neutral: T,
    f: impl Fn(T, T) -> T + Sync + Send,
) -> Result<(), KernelError> {
    if dims.len() != reduced.len() {
        return Err(KernelError::Sizes(format!(
            "{} sizes with {} marks for the axes to reduce",
            dims.len(),
            reduced.len()
        )));
    }
    check_len("input", elements(dims)?, input.len())?;
    let (mut kept, mut along) = (Axes::new(), Axes::new());
    let (mut outputs, mut stride) = (1usize, 1usize);
    for (&dim, &reduced) in std::iter::zip(dims, reduced).rev() {
        if !reduced {
            // Where this stops short of the product, `out` cannot be so long, or a 0 follows.
            outputs = outputs.saturating_mul(dim);
        }
        let axes = if reduced { &mut along } else { &mut kept };
        axes.push(dim, [stride as isize])?;
        stride = stride.wrapping_mul(dim);
    }
    check_len("out", outputs, out.len())?;
    if input.is_empty() {
        out.fill(neutral);
        return Ok(());
    }
    let tree = Tree {
        input,
        rows: input.len() / outputs,
        along,
        neutral,
        f,
    };
    let width = match kept.inner() {
        [1] => kept.axis(0).0.min(LANES),
        _ => 1,
    };
    if tree.rows.saturating_mul(width) >= 4 * PIECE {
        columns(&kept, 0, out, |offset, out| {
            tree.in_parts(threads, offset, out)
        });
    } else {
        let piece = LANES.max(PIECE / tree.rows / LANES * LANES);
        threads.for_each_piece(out, piece, |i, out| {
            columns(&kept, i * piece, out, |offset, out| {
                let all = tree.range(offset, out.len(), 0, tree.rows);
                tree.finish(all, out);
            });
        });
    }
    Ok(())
}

/// Calls `each` for the outputs from `start` on, so many at a time as are neighbours in the input, with
/// their offset there.
fn columns<T>(kept: &Axes<1>, start: usize, out: &mut [T], each: impl Fn(usize, &mut [T])) {
    let [stride] = kept.inner();
    let width = if stride == 1 { LANES } else { 1 };
    kept.runs(start..start + out.len(), &mut |run, [mut offset]| {
        for out in out[run].chunks_mut(width) {
            each(offset, out);
            offset += out.len() * stride as usize;
        }
    });
}

/// A reduction of one column, or of a few that are neighbours.
struct Tree<'a, T, F> {
    input: &'a [T],
    /// The axes to reduce.
    along: Axes<1>,
    /// Their elements.
    rows: usize,
    neutral: T,
    f: F,
}

impl<T: Copy + Send + Sync, F: Fn(T, T) -> T + Sync + Send> Tree<'_, T, F> {
    /// How many rows share the lanes: those of few columns do where they follow each other.
    fn group(&self, columns: usize) -> usize {
        match self.along.inner() {
            [stride] if stride as usize == columns => LANES / columns,
            _ => 1,
        }
    }

    /// Reduces the rows `first..last` of the columns from `offset` on to lanes.
    fn range(&self, offset: usize, columns: usize, first: usize, last: usize) -> [T; LANES] {
        let leaf = LEAF * self.group(columns);
        if last - first <= leaf {
            return self.leaf(offset, columns, first, last);
        }
        let middle = first + ((last - first) / 2).next_multiple_of(leaf);
        let mut all = self.range(offset, columns, first, middle);
        let more = self.range(offset, columns, middle, last);
        self.join(&mut all, &more);
        all
    }

    fn leaf(&self, offset: usize, columns: usize, first: usize, last: usize) -> [T; LANES] {
        let mut lanes = [self.neutral; LANES];
        let width = self.group(columns) * columns;
        let stride = self.along.inner()[0] as usize;
        self.along.runs(first..last, &mut |run, [start]| {
            let input = &self.input[offset + start..];
            if stride == columns {
                for row in input[..run.len() * columns].chunks(width) {
                    self.join(&mut lanes, row);
                }
            } else {
                for row in 0..run.len() {
                    self.join(&mut lanes, &input[row * stride..][..columns]);
                }
            }
        });
        lanes
    }

    #[inline]
    fn join(&self, lanes: &mut [T; LANES], row: &[T]) {
        if let Ok(row) = <&[T; LANES]>::try_from(row) {
            for (lane, &x) in lanes.iter_mut().zip(row) {
                *lane = (self.f)(*lane, x);
            }
        } else {
            for (lane, &x) in lanes.iter_mut().zip(row) {
                *lane = (self.f)(*lane, x);
            }
        }
    }

    /// Joins the rows that share the lanes.
    fn finish(&self, mut lanes: [T; LANES], out: &mut [T]) {
        let columns = out.len();
        let mut rows = self.group(columns).min(self.rows);
        while rows > 1 {
            let half = rows.div_ceil(2);
            let (low, high) = lanes.split_at_mut(half * columns);
            for (lane, &x) in low.iter_mut().zip(&high[..(rows - half) * columns]) {
                *lane = (self.f)(*lane, x);
            }
            rows = half;
        }
        out.copy_from_slice(&lanes[..columns]);
    }

    /// The whole reduction of a few columns, shared by the threads. What the parts are follows from the
    /// sizes alone.
    fn in_parts(&self, threads: &Threads, offset: usize, out: &mut [T]) {
        let columns = out.len();
        let parts = (self.rows.saturating_mul(columns) / (2 * PIECE)).clamp(1, PARTS);
        let rows = self.rows.div_ceil(parts);
        let mut lanes = [[self.neutral; LANES]; PARTS];
        threads.for_each_piece(&mut lanes[..parts], 1, |part, lanes| {
            let last = self.rows.min((part + 1) * rows);
            lanes[0] = self.range(offset, columns, last.min(part * rows), last);
        });
        let mut parts = parts;
        while parts > 1 {
            let half = parts.div_ceil(2);
            let (low, high) = lanes.split_at_mut(half);
            for (low, high) in low.iter_mut().zip(&high[..parts - half]) {
                self.join(low, high);
            }
            parts = half;
        }
        self.finish(lanes[0], out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::axes::tests::{Random, unravel};

    /// The definition, for values whose sums are exact.
    fn naive(
        input: &[f32],
        dims: &[usize],
        reduced: &[bool],
        neutral: f32,
        f: impl Fn(f32, f32) -> f32,
    ) -> Vec<f32> {
        let kept: Vec<_> = std::iter::zip(dims, reduced)
            .filter_map(|(&dim, &reduced)| (!reduced).then_some(dim))
            .collect();
        let mut out = vec![neutral; kept.iter().product()];
        for (linear, &x) in input.iter().enumerate() {
            let index = unravel(linear, dims);
            let at = std::iter::zip(&index, dims)
                .zip(reduced)
                .filter(|(_, reduced)| !**reduced)
                .fold(0, |at, ((&i, &dim), _)| at * dim + i);
            out[at] = f(out[at], x);
        }
        out
    }

    fn check(threads: &Threads, input: &[f32], dims: &[usize], reduced: &[bool]) {
        let max = |x: f32, y: f32| if x < y { y } else { x };
        let expected = naive(input, dims, reduced, 0.0, |x, y| x + y);
        let mut out = vec![f32::NAN; expected.len()];
        sum(threads, input, dims, reduced, &mut out).unwrap();
        assert_eq!(out, expected, "{dims:?} {reduced:?}");
        let expected = naive(input, dims, reduced, f32::NEG_INFINITY, max);
        reduce(
            threads,
            input,
            dims,
            reduced,
            &mut out,
            f32::NEG_INFINITY,
            max,
        )
        .unwrap();
        assert_eq!(out, expected, "{dims:?} {reduced:?}");
    }

    #[test]
    fn reductions_are_the_definition() {
        let mut random = Random(5);
        for _ in 0..3000 {
            let mut dims = random.dims();
            if random.below(4) == 0 && !dims.is_empty() {
                let axis = random.below(dims.len());
                dims[axis] *= [13, 30, 70][random.below(3)];
            }
            let reduced: Vec<_> = dims.iter().map(|_| random.below(2) == 0).collect();
            let input = random.values(dims.iter().product());
            check(&Threads::ONE, &input, &dims, &reduced);
        }
    }

    #[test]
    fn large_reductions_are_the_definition() {
        let mut random = Random(6);
        let threads = Threads::new(3).unwrap();
        for (dims, marks) in [
            (&[300_001][..], 0b1),
            (&[3, 150_001], 0b10),
            (&[100_003, 3], 0b01),
            (&[5001, 65], 0b01),
            (&[41, 129, 70], 0b101),
            (&[41, 70, 129], 0b101),
            (&[2000, 3, 65], 0b101),
            (&[50_001, 3, 2], 0b101),
        ] {
            let reduced: Vec<_> = (0..dims.len()).map(|axis| marks >> axis & 1 == 1).collect();
            let input = random.values(dims.iter().product());
            check(&threads, &input, dims, &reduced);
        }
    }

    /// A million numbers, their exact sum, and the relative error of NumPy's `float32` sum of them
    /// (NumPy 2.4: `v.sum()` against `math.fsum(v.tolist())`).
    #[test]
    fn sums_are_as_accurate_as_numpys() {
        type Case = (fn(f64) -> f32, f64, f64);
        let cases: [Case; 3] = [
            (|i| (1.0 / (i + 1.0)) as f32, 14.392726788474306, 1.25e-7),
            (|_| 0.1, 100_000.001_490_116_12, 6.33e-8),
            (
                |i| ((i * 7919.0) % 10007.0 - 4000.0) as f32 / 3.0,
                334_335_735.995_765_7,
                2.4e-8,
            ),
        ];
        for (value, exact, numpy) in cases {
            let column: Vec<_> = (0..1_000_000).map(|i| value(f64::from(i))).collect();
            // Along the innermost axis, the outermost one, and two that enclose another.
            for copies in [1, 2, 70] {
                for dims in [
                    [1, copies, 1_000_000],
                    [1_000_000, copies, 1],
                    [1000, copies, 1000],
                ] {
                    if copies == 70 && dims[2] != 1 {
                        continue;
                    }
                    let input: Vec<_> = (0..1_000_000 * copies)
                        .map(|i| column[i / (copies * dims[2]) * dims[2] + i % dims[2]])
                        .collect();
                    let mut out = vec![0.0; copies];
                    let reduced = [true, false, true];
                    sum(&Threads::ONE, &input, &dims, &reduced, &mut out).unwrap();
                    for sum in out {
                        let error = (f64::from(sum) - exact).abs() / exact;
                        // One unit in the last place is as good as can be asked of any order.
                        let bound = numpy.max(f64::from(f32::EPSILON));
                        assert!(error <= bound, "{dims:?} {sum} {exact} {error}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_number_of_threads_gives_the_same() {
        let cases = [
            (vec![700_001], 0b1),
            (vec![9, 90_001], 0b10),
            (vec![200_003, 5], 0b01),
            (vec![4001, 130], 0b01),
            (vec![31, 129, 170], 0b101),
        ];
        for (dims, marks) in cases {
            let count = dims.iter().product::<usize>();
            let input: Vec<_> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
            let reduced: Vec<_> = (0..dims.len()).map(|axis| marks >> axis & 1 == 1).collect();
            let kept = std::iter::zip(&dims, &reduced).filter(|(_, reduced)| !**reduced);
            let outputs = kept.map(|(dim, _)| dim).product();
            let sums = [1, 2, 3].map(|count| {
                let mut out = vec![0.0; outputs];
                let threads = Threads::new(count).unwrap();
                sum(&threads, &input, &dims, &reduced, &mut out).unwrap();
                out.iter().map(|x| x.to_bits()).collect::<Vec<_>>()
            });
            assert_eq!(sums[0], sums[1]);
            assert_eq!(sums[0], sums[2]);
        }
    }

    #[test]
    fn integers_wrap_and_nothing_is_neutral() {
        let one = &Threads::ONE;
        let mut out = [0];
        sum(one, &[i32::MAX, 2], &[2], &[true], &mut out).unwrap();
        assert_eq!(out, [i32::MIN + 1]);
        let mut out = [1.0f64; 3];
        sum(one, &[], &[0, 3], &[true, false], &mut out).unwrap();
        assert_eq!(out, [0.0; 3]);
        sum::<f32>(one, &[], &[0, 3], &[false, true], &mut []).unwrap();
        let mut out = [0i64];
        sum(one, &[-7], &[], &[], &mut out).unwrap();
        assert_eq!(out, [-7]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let one = &Threads::ONE;
        let mut out = [0.0f32; 2];
        assert!(sum(one, &[0.0; 6], &[2, 3], &[false, true], &mut out).is_ok());
        assert!(sum(one, &[0.0; 6], &[2, 3], &[true, false], &mut out).is_err());
        assert!(sum(one, &[0.0; 5], &[2, 3], &[false, true], &mut out).is_err());
        assert!(sum(one, &[0.0; 6], &[2, 3], &[true], &mut out).is_err());
        let huge = [usize::MAX, usize::MAX, 0];
        let marks = [false, false, true];
        assert!(sum(one, &[], &huge, &marks, &mut out).is_err());
        let huge = [0, usize::MAX, usize::MAX];
        assert!(sum::<f32>(one, &[], &huge, &[false; 3], &mut []).is_ok());
        let alternating: Vec<_> = (0..18).map(|axis| axis % 2 == 0).collect();
        let (input, mut out) = (vec![0.0f32; 1 << 18], vec![0.0; 1 << 9]);
        assert!(sum(one, &input, &[2; 18], &alternating, &mut out).is_err());
        sum(one, &input, &[2; 18], &[true; 18], &mut out[..1]).unwrap();
    }
}
