use std::arch::x86_64::*;

use super::{Vectors, Work};

/// Proof that the machine has AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, if this machine has it.
    pub(crate) fn detect() -> Option<Avx2> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Avx2(()))
    }
}

macro_rules! vectors {
    ($type:ty, $vector:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $sub:ident, $mul:ident, $above:path, $side:literal, $turn:path, $turn_half:path, $load_some:path, $store_some:path, $picked:ty, $lanes_of:path, $pick:path) => {
        impl Vectors<$type> for Avx2 {
            type Vector = $vector;
            type Lanes = $picked;
            type Narrow = Avx2;
            const LANES: usize = $lanes;
            const TILE_ROWS: usize = 6;
            const SIDE: usize = $side;

            #[inline(always)]
            fn narrow(self) -> Self::Narrow {
                self
            }
            #[inline(always)]
            fn first(self, x: Self::Vector) -> Self::Vector {
                x
            }
            #[inline(always)]
            fn splat(self, x: $type) -> Self::Vector {
                // SAFETY: the token proves the instructions.
                unsafe { $splat(x) }
            }
            #[inline(always)]
            unsafe fn load(self, from: *const $type) -> Self::Vector {
                // SAFETY: the token proves the instructions, the caller vouches for the elements.
                unsafe { $load(from) }
            }
            #[inline(always)]
            unsafe fn load_some(self, from: *const $type, count: usize) -> Self::Vector {
                // SAFETY: as above.
                unsafe { $load_some(from, count) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type, x: Self::Vector) {
                // SAFETY: as above.
                unsafe { $store(to, x) }
            }
            #[inline(always)]
            unsafe fn store_some(self, to: *mut $type, x: Self::Vector, count: usize) {
                // SAFETY: as above.
                unsafe { $store_some(to, x, count) }
            }
            #[inline(always)]
            unsafe fn turn(self, from: (*const $type, usize), to: (*mut $type, usize)) {
                // SAFETY: as above.
                unsafe { $turn(from, to) }
            }
            #[inline(always)]
            unsafe fn turn_half(self, from: (*const $type, usize), to: (*mut $type, usize)) {
                // SAFETY: as above.
                unsafe { $turn_half(from, to) }
            }
            #[inline(always)]
            unsafe fn turn_lanes(self, from: (*const $type, usize), to: (*mut $type, usize)) {
                const { assert!($lanes == $side) }
                // SAFETY: as above.
                unsafe { $turn(from, to) }
            }
            #[inline(always)]
            fn lanes(self, from: &[u32; 16]) -> Self::Lanes {
                // SAFETY: the token proves the instructions.
                unsafe { $lanes_of(from) }
            }
            #[inline(always)]
            fn pick(self, x: Self::Vector, lanes: Self::Lanes) -> Self::Vector {
                // SAFETY: as above.
                unsafe { $pick(x, lanes) }
            }
            #[inline(always)]
            fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
                // SAFETY: the token proves the instructions.
                unsafe { $fma(a, b, c) }
            }
            #[inline(always)]
            fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: the token proves the instructions.
                unsafe { $add(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: the token proves the instructions.
                unsafe { $sub(a, b) }
            }
            #[inline(always)]
            fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: the token proves the instructions.
                unsafe { $mul(a, b) }
            }
            #[inline(always)]
            fn above_zero_or(self, x: Self::Vector, y: Self::Vector) -> Self::Vector {
                // SAFETY: the token proves the instructions.
                unsafe { $above(x, y) }
            }
            #[inline(always)]
            fn prefetch(self, at: *const $type) {
                // SAFETY: a hint reads nothing.
                unsafe { _mm_prefetch(at.cast(), _MM_HINT_T0) }
            }
            fn run<W: Work<$type>>(self, work: W) -> W::Output {
                #[target_feature(enable = "avx2,fma")]
                fn compiled<W: Work<$type>>(token: Avx2, work: W) -> W::Output {
                    work.run(token)
                }
                // SAFETY: the token proves the instructions.
                unsafe { compiled(self, work) }
            }
        }
    };
}
vectors!(
    f32,
    __m256,
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    above_zero_or_f32,
    8,
    turn_f32,
    turn_half_f32,
    load_some_f32,
    store_some_f32,
    __m256i,
    lanes_f32,
    _mm256_permutevar8x32_ps
);
vectors!(
    f64,
    __m256d,
    4,
    _mm256_set1_pd,
    _mm256_loadu_pd,
    _mm256_storeu_pd,
    _mm256_fmadd_pd,
    _mm256_add_pd,
    _mm256_sub_pd,
    _mm256_mul_pd,
    above_zero_or_f64,
    4,
    turn_f64,
    turn_half_f64,
    load_some_f64,
    store_some_f64,
    __m256i,
    lanes_f64,
    pick_f64
);

/// The machine has AVX2, as for the next.
#[inline(always)]
unsafe fn above_zero_or_f32(x: __m256, y: __m256) -> __m256 {
    // SAFETY: the caller's.
    unsafe { _mm256_blendv_ps(x, y, _mm256_cmp_ps::<_CMP_LE_OQ>(x, _mm256_setzero_ps())) }
}

#[inline(always)]
unsafe fn above_zero_or_f64(x: __m256d, y: __m256d) -> __m256d {
    // SAFETY: the caller's.
    unsafe { _mm256_blendv_pd(x, y, _mm256_cmp_pd::<_CMP_LE_OQ>(x, _mm256_setzero_pd())) }
}

/// Reads `count` numbers, fewer than 8.
///
/// # Safety
/// The machine has AVX2; they must be readable.
#[inline(always)]
unsafe fn load_some_f32(from: *const f32, count: usize) -> __m256 {
    const MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(count <= 8);
    // SAFETY: a vector of masks; what is masked out is not read.
    unsafe {
        _mm256_maskload_ps(
            from,
            _mm256_loadu_si256(MASKS.as_ptr().add(8 - count).cast()),
        )
    }
}

/// Reads `count` numbers, fewer than 4.
///
/// # Safety
/// The machine has AVX2; they must be readable.
#[inline(always)]
unsafe fn load_some_f64(from: *const f64, count: usize) -> __m256d {
    const MASKS: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    assert!(count <= 4);
    // SAFETY: a vector of masks; what is masked out is not read.
    unsafe {
        _mm256_maskload_pd(
            from,
            _mm256_loadu_si256(MASKS.as_ptr().add(4 - count).cast()),
        )
    }
}

/// Writes the first `count` lanes, fewer than 8. A masked store is slow on some machines.
///
/// # Safety
/// The machine has AVX2; they must be writable.
#[inline(always)]
unsafe fn store_some_f32(mut to: *mut f32, x: __m256, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut half = _mm256_castps256_ps128(x);
        if count & 4 > 0 {
            _mm_storeu_ps(to, half);
            half = _mm256_extractf128_ps::<1>(x);
            to = to.add(4);
        }
        if count & 2 > 0 {
            _mm_storel_pd(to.cast(), _mm_castps_pd(half));
            half = _mm_movehl_ps(half, half);
            to = to.add(2);
        }
        if count & 1 > 0 {
            _mm_store_ss(to, half);
        }
    }
}

/// The same for fewer than 4.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn store_some_f64(mut to: *mut f64, x: __m256d, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut half = _mm256_castpd256_pd128(x);
        if count & 2 > 0 {
            _mm_storeu_pd(to, half);
            half = _mm256_extractf128_pd::<1>(x);
            to = to.add(2);
        }
        if count & 1 > 0 {
            _mm_store_sd(to, half);
        }
    }
}

/// Turns a square of eight by eight.
///
/// # Safety
/// The machine has AVX2; the rest as [`Vectors::turn`].
#[inline(always)]
pub(super) unsafe fn turn_f32(from: (*const f32, usize), to: (*mut f32, usize)) {
    // SAFETY: the caller's.
    unsafe {
        for half in 0..2 {
            // Of rows i and i + 4 four elements each.
            let rows: [__m256; 4] = std::array::from_fn(|i| {
                let row = from.0.add(i * from.1 + 4 * half);
                let low = _mm256_castps128_ps256(_mm_loadu_ps(row));
                _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(row.add(4 * from.1)))
            });
            let pairs = |x, y| {
                let (low, high) = (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
                [low, high].map(|x| _mm256_castps_pd(x))
            };
            let (first, second) = (pairs(rows[0], rows[1]), pairs(rows[2], rows[3]));
            for i in 0..2 {
                let turned = [
                    _mm256_unpacklo_pd(first[i], second[i]),
                    _mm256_unpackhi_pd(first[i], second[i]),
                ];
                for (j, &turned) in turned.iter().enumerate() {
                    let to = to.0.add((4 * half + 2 * i + j) * to.1);
                    _mm256_storeu_ps(to, _mm256_castpd_ps(turned));
                }
            }
        }
    }
}

/// Turns a square of four by four.
///
/// # Safety
/// As [`turn_f32`].
#[inline(always)]
pub(super) unsafe fn turn_f64(from: (*const f64, usize), to: (*mut f64, usize)) {
    // SAFETY: the caller's.
    unsafe {
        for half in 0..2 {
            // Of rows i and i + 2 two elements each.
            let rows: [__m256d; 2] = std::array::from_fn(|i| {
                let row = from.0.add(i * from.1 + 2 * half);
                let low = _mm256_castpd128_pd256(_mm_loadu_pd(row));
                _mm256_insertf128_pd::<1>(low, _mm_loadu_pd(row.add(2 * from.1)))
            });
            let (to, pitch) = (to.0.add(2 * half * to.1), to.1);
            _mm256_storeu_pd(to, _mm256_unpacklo_pd(rows[0], rows[1]));
            _mm256_storeu_pd(to.add(pitch), _mm256_unpackhi_pd(rows[0], rows[1]));
        }
    }
}

/// Turns a square of four by four.
///
/// # Safety
/// As [`turn_f32`].
#[inline(always)]
pub(super) unsafe fn turn_half_f32(from: (*const f32, usize), to: (*mut f32, usize)) {
    // SAFETY: the caller's.
    unsafe {
        let mut rows: [__m128; 4] = std::array::from_fn(|i| _mm_loadu_ps(from.0.add(i * from.1)));
        let [a, b, c, d] = &mut rows;
        _MM_TRANSPOSE4_PS(a, b, c, d);
        for (i, &row) in rows.iter().enumerate() {
            _mm_storeu_ps(to.0.add(i * to.1), row);
        }
    }
}

/// Turns a square of two by two.
///
/// # Safety
/// As [`turn_f32`].
#[inline(always)]
pub(super) unsafe fn turn_half_f64(from: (*const f64, usize), to: (*mut f64, usize)) {
    // SAFETY: the caller's.
    unsafe {
        let (a, b) = (_mm_loadu_pd(from.0), _mm_loadu_pd(from.0.add(from.1)));
        _mm_storeu_pd(to.0, _mm_unpacklo_pd(a, b));
        _mm_storeu_pd(to.0.add(to.1), _mm_unpackhi_pd(a, b));
    }
}

/// The machine has AVX2.
#[inline(always)]
unsafe fn lanes_f32(from: &[u32; 16]) -> __m256i {
    // SAFETY: the elements are there.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

/// Of each number both halves; the machine has AVX2.
#[inline(always)]
unsafe fn lanes_f64(from: &[u32; 16]) -> __m256i {
    let halves: [u32; 8] = std::array::from_fn(|i| 2 * from[i / 2] + (i % 2) as u32);
    // SAFETY: the elements are there.
    unsafe { _mm256_loadu_si256(halves.as_ptr().cast()) }
}

/// The machine has AVX2.
#[inline(always)]
unsafe fn pick_f64(x: __m256d, lanes: __m256i) -> __m256d {
    // SAFETY: the caller's.
    unsafe { _mm256_castps_pd(_mm256_permutevar8x32_ps(_mm256_castpd_ps(x), lanes)) }
}
