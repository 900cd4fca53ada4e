use std::arch::asm;
use std::arch::x86_64::*;

use super::{Vectors, Work, avx2};

/// Proof that the machine has AVX-512F, with all its registers for narrow vectors too, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx512((), avx2::Avx2);

impl Avx512 {
    /// The proof, if this machine has it.
    pub(crate) fn detect() -> Option<Avx512> {
        let narrow = avx2::Avx2::detect()?;
        let all = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        all.then_some(Avx512((), narrow))
    }
}

macro_rules! vectors {
    ($type:ty, $vector:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $sub:ident, $mul:ident, $first:path, $above:path, $side:literal, $turn:path, $turn_half:path, $turn_lanes:path, $load_some:ident, $store_some:ident, $picked:ty, $lanes_of:path, $pick:path) => {
        impl Vectors<$type> for Avx512 {
            type Vector = $vector;
            type Lanes = $picked;
            type Narrow = avx2::Avx2;
            const LANES: usize = $lanes;
            const TILE_ROWS: usize = 12;
            const SIDE: usize = $side;

            #[inline(always)]
            fn narrow(self) -> Self::Narrow {
                self.1
            }
            #[inline(always)]
            fn first(self, x: Self::Vector) -> <Self::Narrow as Vectors<$type>>::Vector {
                // SAFETY: the token proves the instructions.
                unsafe { $first(x) }
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
                // SAFETY: as above; what is masked out is not read.
                unsafe { $load_some((1 << count) - 1, from) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $type, x: Self::Vector) {
                // SAFETY: as above.
                unsafe { $store(to, x) }
            }
            #[inline(always)]
            unsafe fn store_some(self, to: *mut $type, x: Self::Vector, count: usize) {
                // SAFETY: as above; what is masked out is not written.
                unsafe { $store_some(to, (1 << count) - 1, x) }
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
                // SAFETY: as above.
                unsafe { $turn_lanes(from, to) }
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
                #[target_feature(enable = "avx512f,avx512vl,avx2,fma")]
                fn compiled<W: Work<$type>>(token: Avx512, work: W) -> W::Output {
                    work.run(token)
                }
                // SAFETY: the token proves the instructions.
                unsafe { compiled(self, work) }
            }
        }
    };
}
macro_rules! first {
    ($name:ident, $vector:ty, $narrow:ty, $cast:ident) => {
        /// The first lanes of this vector: else where it has the same number in every lane the compiler makes the narrow
        /// one, and of that the whole.
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn $name(x: $vector) -> $narrow {
            let same;
            // SAFETY: this is no instruction.
            unsafe {
                asm!("/* {0} */", inlateout(zmm_reg) x => same, options(pure, nomem, nostack, preserves_flags));
            }
            $cast(same)
        }
    };
}

first!(first_f32, __m512, __m256, _mm512_castps512_ps256);
first!(first_f64, __m512d, __m256d, _mm512_castpd512_pd256);

vectors!(
    f32,
    __m512,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    first_f32,
    above_zero_or_f32,
    8,
    avx2::turn_f32,
    avx2::turn_half_f32,
    turn_f32,
    _mm512_maskz_loadu_ps,
    _mm512_mask_storeu_ps,
    __m512i,
    lanes_f32,
    pick_f32
);
vectors!(
    f64,
    __m512d,
    8,
    _mm512_set1_pd,
    _mm512_loadu_pd,
    _mm512_storeu_pd,
    _mm512_fmadd_pd,
    _mm512_add_pd,
    _mm512_sub_pd,
    _mm512_mul_pd,
    first_f64,
    above_zero_or_f64,
    4,
    avx2::turn_f64,
    avx2::turn_half_f64,
    turn_f64,
    _mm512_maskz_loadu_pd,
    _mm512_mask_storeu_pd,
    __m512i,
    lanes_f64,
    pick_f64
);

/// Turns a square of sixteen by sixteen.
///
/// # Safety
/// The machine has AVX-512; the rest as [`Vectors::turn`].
#[inline(always)]
unsafe fn turn_f32(from: (*const f32, usize), to: (*mut f32, usize)) {
    // SAFETY: the caller's.
    unsafe {
        for quarter in 0..4 {
            let mut rows = [_mm512_setzero_ps(); 4];
            for (i, row) in rows.iter_mut().enumerate() {
                // Of rows i, i + 4, i + 8 and i + 12 four elements each.
                let first = from.0.add(i * from.1 + 4 * quarter);
                let next = |k: usize| _mm_loadu_ps(first.add(4 * k * from.1));
                *row = _mm512_castps128_ps512(_mm_loadu_ps(first));
                *row = _mm512_insertf32x4::<1>(*row, next(1));
                *row = _mm512_insertf32x4::<2>(*row, next(2));
                *row = _mm512_insertf32x4::<3>(*row, next(3));
            }
            let [a, b, c, d] = rows;
            let low = [_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d)];
            let high = [_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d)];
            for (i, [x, y]) in [low, high].into_iter().enumerate() {
                let (x, y) = (_mm512_castps_pd(x), _mm512_castps_pd(y));
                let row = to.0.add((4 * quarter + 2 * i) * to.1);
                _mm512_storeu_ps(row, _mm512_castpd_ps(_mm512_unpacklo_pd(x, y)));
                _mm512_storeu_ps(row.add(to.1), _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
            }
        }
    }
}

/// Turns a square of eight by eight.
///
/// # Safety
/// As [`turn_f32`].
#[inline(always)]
unsafe fn turn_f64(from: (*const f64, usize), to: (*mut f64, usize)) {
    for i in 0..4 {
        let (row, column) = (i / 2 * 4, i % 2 * 4);
        // SAFETY: the caller's.
        unsafe {
            let square = (from.0.add(row * from.1 + column), from.1);
            avx2::turn_f64(square, (to.0.add(column * to.1 + row), to.1));
        }
    }
}

/// The machine has AVX-512F, as for those that follow.
#[inline(always)]
unsafe fn lanes_f32(from: &[u32; 16]) -> __m512i {
    // SAFETY: the elements are there.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[inline(always)]
unsafe fn lanes_f64(from: &[u32; 16]) -> __m512i {
    let wide: [u64; 8] = std::array::from_fn(|i| from[i].into());
    // SAFETY: the elements are there.
    unsafe { _mm512_loadu_si512(wide.as_ptr().cast()) }
}

#[inline(always)]
unsafe fn pick_f32(x: __m512, lanes: __m512i) -> __m512 {
    // SAFETY: the caller's.
    unsafe { _mm512_permutexvar_ps(lanes, x) }
}

#[inline(always)]
unsafe fn pick_f64(x: __m512d, lanes: __m512i) -> __m512d {
    // SAFETY: the caller's.
    unsafe { _mm512_permutexvar_pd(lanes, x) }
}

#[inline(always)]
unsafe fn above_zero_or_f32(x: __m512, y: __m512) -> __m512 {
    // SAFETY: the caller's.
    unsafe {
        _mm512_mask_mov_ps(
            x,
            _mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, _mm512_setzero_ps()),
            y,
        )
    }
}

#[inline(always)]
unsafe fn above_zero_or_f64(x: __m512d, y: __m512d) -> __m512d {
    // SAFETY: the caller's.
    unsafe {
        _mm512_mask_mov_pd(
            x,
            _mm512_cmp_pd_mask::<_CMP_LE_OQ>(x, _mm512_setzero_pd()),
            y,
        )
    }
}
