use super::*;

/// Numbers in -1..1 from a seed.
pub(crate) fn numbers<T: Float>(seed: u64, count: usize) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        T::from_f64((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0)
    };
    (0..count).map(|_| next()).collect()
}

fn transposed<T: Copy>(rows: usize, columns: usize, x: &[T]) -> Vec<T> {
    (0..columns)
        .flat_map(|c| (0..rows).map(move |r| x[r * columns + c]))
        .collect()
}

fn check<T: Float>(unit: f64, (m, k, n): (usize, usize, usize)) {
    let (a, b) = (numbers::<T>(1, m * k), numbers::<T>(2, k * n));
    let (a_t, b_t) = (transposed(m, k, &a), transposed(k, n, &b));
    for set in InstructionSet::available() {
        let mut bits: Option<Vec<T>> = None;
        for (transpose_a, transpose_b, count) in [
            (false, false, 1),
            (false, false, 2),
            (true, false, 3),
            (false, true, 1),
            (true, true, 2),
        ] {
            let threads = Threads::new(count).unwrap();
            let mut scratch = vec![T::from_f64(f64::NAN); matmul_scratch::<T>((m, k, n), count)];
            let mut out = vec![T::from_f64(f64::NAN); m * n];
            let (a, b) = (
                if transpose_a { &a_t } else { &a },
                if transpose_b { &b_t } else { &b },
            );
            matmul(
                set,
                &threads,
                (m, k, n),
                a,
                transpose_a,
                b,
                transpose_b,
                &mut out,
                &mut scratch,
            )
            .unwrap();
            let bits = bits.get_or_insert_with(|| out.clone());
            assert_eq!(
                bits, &out,
                "{m} {k} {n} {set} {transpose_a} {transpose_b} {count}"
            );
        }
        let out = bits.unwrap();
        for r in 0..m {
            for c in 0..n {
                let terms = (0..k).map(|i| a[r * k + i].to_f64() * b[i * n + c].to_f64());
                let (sum, magnitude) = terms.fold((0.0, 0.0), |(s, m), x| (s + x, m + f64::abs(x)));
                let error = (out[r * n + c].to_f64() - sum).abs();
                let bound = unit * (k as f64 + 2.0) * magnitude;
                assert!(error <= bound, "{m} {k} {n} {set}: {error} > {bound}");
            }
        }
    }
}

#[test]
fn agrees_with_the_definition() {
    let sizes = [
        (0, 3, 2),
        (3, 0, 2),
        (3, 2, 0),
        (1, 1, 1),
        (1, 300, 1),
        (5, 1, 33),
        (12, 256, 32),
        (13, 257, 33),
        (11, 600, 17),
        (3, 5000, 4),
        (100, 3000, 70),
        (250, 20, 270),
        (7, 9, 600),
        (500, 40, 3),
    ];
    for dims in sizes {
        check::<f32>(f64::from(f32::EPSILON) / 2.0, dims);
        check::<f64>(f64::EPSILON, dims);
    }
}

#[test]
fn agrees_with_the_matrixmultiply_crate() {
    let (m, k, n) = (301, 517, 299);
    let (a, b) = (numbers::<f64>(3, m * k), numbers::<f64>(4, k * n));
    let mut theirs = vec![0.0; m * n];
    // SAFETY: the three matrices have the sizes and strides given.
    unsafe {
        matrixmultiply::dgemm(
            m,
            k,
            n,
            1.0,
            a.as_ptr(),
            k as isize,
            1,
            b.as_ptr(),
            n as isize,
            1,
            0.0,
            theirs.as_mut_ptr(),
            n as isize,
            1,
        );
    }
    for set in InstructionSet::available() {
        let mut out = vec![0.0; m * n];
        let mut scratch = vec![0.0; matmul_scratch::<f64>((m, k, n), 1)];
        let one = &Threads::ONE;
        matmul(
            set,
            one,
            (m, k, n),
            &a,
            false,
            &b,
            false,
            &mut out,
            &mut scratch,
        )
        .unwrap();
        for (x, y) in out.iter().zip(&theirs) {
            assert!((x - y).abs() < 1e-12);
        }
    }
}

#[test]
fn wrong_lengths_are_errors() {
    let set = InstructionSet::best();
    let one = &Threads::ONE;
    let dims = (2, 3, 4);
    let mut scratch = vec![0f32; matmul_scratch::<f32>(dims, 1)];
    let (a, b, mut out) = ([0.0; 6], [0.0; 12], [0.0; 8]);
    let call = |a: &[f32], b: &[f32], out: &mut [f32], scratch: &mut [f32]| {
        matmul(set, one, dims, a, false, b, false, out, scratch)
    };
    assert_eq!(call(&a, &b, &mut out, &mut scratch), Ok(()));
    assert!(call(&a[1..], &b, &mut out, &mut scratch).is_err());
    assert!(call(&a, &b[1..], &mut out, &mut scratch).is_err());
    assert!(call(&a, &b, &mut out[1..], &mut scratch).is_err());
    assert!(call(&a, &b, &mut out, &mut scratch[1..]).is_err());
    let huge = (usize::MAX, 2, 0);
    let refused = matmul::<f32>(
        set,
        one,
        huge,
        &[],
        false,
        &[],
        false,
        &mut [],
        &mut scratch,
    );
    assert!(matches!(refused, Err(KernelError::Sizes(_))));
}
