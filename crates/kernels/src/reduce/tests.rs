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
