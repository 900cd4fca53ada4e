use std::arch::x86_64::*;

use super::{Vectors, Work, avx2};

/// Proof that the machine has AVX-512F, AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx512 {
    /// The proof, if this machine has it.
    pub(crate) fn detect() -> Option<Avx512> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma"))
        .then_some(Avx512(()))
    }
}

macro_rules! vectors {
    ($type:ty, $vector:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fma:ident, $add:ident, $sub:ident, $side:literal, $turn:path, $turn_half:path, $picked:ty, $lanes_of:path, $pick:path) => {
        impl Vectors<$type> for Avx512 {
            type Vector = $vector;
            type Lanes = $picked;
            const LANES: usize = $lanes;
            const TILE_ROWS: usize = 12;
            const SIDE: usize = $side;

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
            unsafe fn store(self, to: *mut $type, x: Self::Vector) {
                // SAFETY: as above.
                unsafe { $store(to, x) }
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
            fn prefetch(self, at: *const $type) {
                // SAFETY: a hint reads nothing.
                unsafe { _mm_prefetch(at.cast(), _MM_HINT_T0) }
            }
            fn run<W: Work<$type>>(self, work: W) -> W::Output {
                #[target_feature(enable = "avx512f,avx2,fma")]
                fn compiled<W: Work<$type>>(token: Avx512, work: W) -> W::Output {
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
    __m512,
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    8,
    avx2::turn_f32,
    avx2::turn_half_f32,
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
    4,
    avx2::turn_f64,
    avx2::turn_half_f64,
    __m512i,
    lanes_f64,
    pick_f64
);

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
