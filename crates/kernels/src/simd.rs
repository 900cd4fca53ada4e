//! Instruction sets, chosen at run time, and the tokens that prove them.
//!
//! Code that should run on the best instructions is written once as a `Work`, generic over `Vectors`, and
//! handed to a [`Float`]'s `dispatch`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use std::fmt;
use std::str::FromStr;

use crate::reduce::Number;
use crate::{KernelError, tiles};

/// The environment variable that forces an instruction set: `portable`, `avx2`, `avx512` or `amx`.
pub const INSTRUCTION_SET_VARIABLE: &str = "TCONV_INSTRUCTION_SET";

/// The instructions that a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstructionSet {
    /// What every processor of the build's target has.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512F and AVX-512VL.
    Avx512,
    /// The same with tile registers and their bf16 products.
    Amx,
}

impl InstructionSet {
    const ALL: [InstructionSet; 4] = [
        InstructionSet::Portable,
        InstructionSet::Avx2,
        InstructionSet::Avx512,
        InstructionSet::Amx,
    ];

    /// Whether this machine has it.
    pub fn is_available(self) -> bool {
        match self {
            InstructionSet::Portable => true,
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => avx2::Avx2::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512 => avx512::Avx512::detect().is_some(),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Amx => InstructionSet::Avx512.is_available() && tiles::available(),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Those that this machine has, the best last.
    pub fn available() -> Vec<InstructionSet> {
        let mut all = Self::ALL.to_vec();
        all.retain(|set| set.is_available());
        all
    }

    /// The best that this machine has.
    pub fn best() -> InstructionSet {
        let best = Self::ALL.into_iter().rfind(|set| set.is_available());
        best.unwrap_or(InstructionSet::Portable)
    }

    /// The one that [`INSTRUCTION_SET_VARIABLE`] names; the best if it is not set or empty.
    ///
    /// # Errors
    /// `Unavailable`, with the names that would do, for an unknown name or a set that this machine lacks.
    pub fn from_env() -> Result<InstructionSet, KernelError> {
        match std::env::var_os(INSTRUCTION_SET_VARIABLE) {
            Some(name) if !name.is_empty() => Self::named(&name.to_string_lossy()),
            _ => Ok(Self::best()),
        }
    }

    fn named(name: &str) -> Result<InstructionSet, KernelError> {
        let set: InstructionSet = name.parse()?;
        set.check()?;
        Ok(set)
    }

    /// Checks that this machine has it.
    ///
    /// # Errors
    /// `Unavailable`, with the names of those that it has.
    pub fn check(self) -> Result<(), KernelError> {
        if self.is_available() {
            Ok(())
        } else {
            Err(unavailable(&self.to_string()))
        }
    }
}

fn unavailable(name: &str) -> KernelError {
    let names: Vec<_> = InstructionSet::available()
        .iter()
        .map(ToString::to_string)
        .collect();
    KernelError::Unavailable(format!(
        "the instruction set '{name}' is not available on this machine, which has: {}",
        names.join(", ")
    ))
}

impl fmt::Display for InstructionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InstructionSet::Portable => "portable",
            InstructionSet::Avx2 => "avx2",
            InstructionSet::Avx512 => "avx512",
            InstructionSet::Amx => "amx",
        })
    }
}

impl FromStr for InstructionSet {
    type Err = KernelError;

    fn from_str(name: &str) -> Result<Self, KernelError> {
        let found = Self::ALL.into_iter().find(|set| set.to_string() == name);
        found.ok_or_else(|| unavailable(name))
    }
}

/// A token for an instruction set and a type of number: whoever holds one may use its vectors.
pub(crate) trait Vectors<T>: Copy {
    /// A register full of numbers.
    type Vector: Copy;
    /// A lane for each lane.
    type Lanes: Copy;
    /// A token for vectors of half the width, which take half the time on many machines; or the same one.
    type Narrow: Vectors<T>;
    /// How many numbers a vector has.
    const LANES: usize;
    /// The rows of the matrix product's tile: its accumulators, [`TILE_VECTORS`] for each row, and their
    /// operands fill the registers.
    const TILE_ROWS: usize;
    /// The side of the squares that [`Vectors::turn`] turns.
    const SIDE: usize;

    /// The token for narrow vectors.
    fn narrow(self) -> Self::Narrow;
    /// The first lanes of a vector.
    fn first(self, x: Self::Vector) -> <Self::Narrow as Vectors<T>>::Vector;
    /// The same number in every lane.
    fn splat(self, x: T) -> Self::Vector;
    /// Reads `LANES` numbers.
    ///
    /// # Safety
    /// They must be readable; no alignment is asked for.
    unsafe fn load(self, from: *const T) -> Self::Vector;
    /// Reads so many numbers, fewer than `LANES`; the other lanes are zero.
    ///
    /// # Safety
    /// As there.
    unsafe fn load_some(self, from: *const T, count: usize) -> Self::Vector;
    /// Writes `LANES` numbers.
    ///
    /// # Safety
    /// They must be writable; no alignment is asked for.
    unsafe fn store(self, to: *mut T, x: Self::Vector);
    /// Writes the first so many lanes, fewer than `LANES`.
    ///
    /// # Safety
    /// As there.
    unsafe fn store_some(self, to: *mut T, x: Self::Vector, count: usize);
    /// Reads a square by its rows, so many numbers apart, and writes it by its columns.
    ///
    /// # Safety
    /// All of it must be readable and writable; no alignment is asked for.
    unsafe fn turn(self, from: (*const T, usize), to: (*mut T, usize));
    /// [`Vectors::turn`] for a square of half the side.
    ///
    /// # Safety
    /// As there.
    unsafe fn turn_half(self, from: (*const T, usize), to: (*mut T, usize));
    /// [`Vectors::turn`] for a square of a vector's side.
    ///
    /// # Safety
    /// As there.
    unsafe fn turn_lanes(self, from: (*const T, usize), to: (*mut T, usize));
    /// Lanes to [`Vectors::pick`] from, for each lane of the result; all are below `LANES`.
    fn lanes(self, from: &[u32; 16]) -> Self::Lanes;
    /// In each lane that of another.
    fn pick(self, x: Self::Vector, lanes: Self::Lanes) -> Self::Vector;
    /// `a * b + c`, rounded once where the instruction set can.
    fn mul_add(self, a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a + b`.
    fn add(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`.
    fn sub(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a * b`.
    fn mul(self, a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// In each lane `y` where `x` is zero or less, else `x`, which may be NaN.
    fn above_zero_or(self, x: Self::Vector, y: Self::Vector) -> Self::Vector;
    /// Asks for the cache line at an address, which may be any, before it is wanted.
    fn prefetch(self, at: *const T);
    /// Runs `work`, compiled for the instruction set.
    fn run<W: Work<T>>(self, work: W) -> W::Output;
}

/// Asks for the cache line at an address, which need not be readable.
#[inline(always)]
pub(crate) fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint, which every processor of this kind has and which never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
    let _ = at;
}

/// [`prefetch`] to the second-level cache only.
#[inline(always)]
pub(crate) fn prefetch_second<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: as above.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }
    let _ = at;
}

/// How many vectors wide the matrix product's tile is, on every instruction set.
pub(crate) const TILE_VECTORS: usize = 2;

/// Code to be compiled once for every instruction set. Its `run` must be `#[inline(always)]`, and so must
/// all that it calls which is to be compiled along.
pub(crate) trait Work<T> {
    /// What it returns.
    type Output;
    /// Does it.
    fn run<S: Vectors<T>>(self, simd: S) -> Self::Output;
}

mod sealed {
    pub trait Sealed {
        /// Runs `work` on `set`, or on what every machine has if this one lacks `set`.
        #[allow(private_interfaces, private_bounds)]
        fn dispatch<W: super::Work<Self>>(set: super::InstructionSet, work: W) -> W::Output
        where
            Self: Sized;
    }
}
pub(crate) use sealed::Sealed;

/// `f32` and `f64`: the element types of the vectorised kernels.
pub trait Float:
    Sealed
    + Number
    + Default
    + fmt::Debug
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::AddAssign
    + 'static
{
    /// The nearest number.
    fn from_f64(x: f64) -> Self;
    /// The same number.
    fn to_f64(self) -> f64;
}

macro_rules! float {
    ($type:ty) => {
        impl Sealed for $type {
            #[allow(private_interfaces, private_bounds)]
            fn dispatch<W: Work<Self>>(set: InstructionSet, work: W) -> W::Output {
                #[cfg(target_arch = "x86_64")]
                {
                    if set >= InstructionSet::Avx512
                        && let Some(token) = avx512::Avx512::detect()
                    {
                        return token.run(work);
                    }
                    if set >= InstructionSet::Avx2
                        && let Some(token) = avx2::Avx2::detect()
                    {
                        return token.run(work);
                    }
                }
                let _ = set;
                portable::Portable.run(work)
            }
        }

        impl Float for $type {
            fn from_f64(x: f64) -> Self {
                x as Self
            }
            fn to_f64(self) -> f64 {
                self.into()
            }
        }
    };
}
float!(f32);
float!(f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for set in InstructionSet::ALL {
            assert_eq!(set.to_string().parse(), Ok(set));
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_those_that_would_do() {
        let refused = InstructionSet::named("sse9").unwrap_err().to_string();
        assert!(refused.contains("'sse9'") && refused.contains("portable"));
        assert!(InstructionSet::named("AVX2").is_err());
    }

    #[test]
    fn the_best_is_the_last_available() {
        let available = InstructionSet::available();
        assert_eq!(available.first(), Some(&InstructionSet::Portable));
        assert_eq!(available.last(), Some(&InstructionSet::best()));
        for set in InstructionSet::ALL {
            let named = InstructionSet::named(&set.to_string());
            assert_eq!(named.is_ok(), available.contains(&set));
        }
    }

    struct Few<'a, T>(usize, &'a [T], [&'a mut [T]; 2]);

    impl<T: Float> Work<T> for Few<'_, T> {
        type Output = usize;
        #[inline(always)]
        fn run<S: Vectors<T>>(self, simd: S) -> usize {
            let Few(count, x, [y, z]) = self;
            if count < S::LANES {
                assert!(count <= x.len() && S::LANES <= y.len() && count <= z.len());
                // SAFETY: so many are there, and there is room for a vector and for so many.
                unsafe {
                    let some = simd.load_some(x.as_ptr(), count);
                    simd.store(y.as_mut_ptr(), some);
                    simd.store_some(z.as_mut_ptr(), some, count);
                }
            }
            S::LANES
        }
    }

    #[test]
    fn less_than_a_vector_is_read_and_written() {
        fn check<T: Float>() {
            for set in InstructionSet::available() {
                for count in 0..16 {
                    let x: Vec<T> = (1..=count).map(|i| T::from_f64(i as f64)).collect();
                    let [mut y, mut z] = [[T::from_f64(0.5); 16]; 2];
                    let lanes = T::dispatch(set, Few(count, &x, [&mut y, &mut z]));
                    for (i, (y, z)) in y.iter().zip(&z).enumerate().filter(|_| count < lanes) {
                        let expected = match i {
                            _ if i < count => i as f64 + 1.0,
                            _ if i < lanes => 0.0,
                            _ => 0.5,
                        };
                        assert_eq!(y.to_f64(), expected, "{set} {count} {i}");
                        let expected = if i < count { expected } else { 0.5 };
                        assert_eq!(z.to_f64(), expected, "{set} {count} {i}");
                    }
                }
            }
        }
        check::<f32>();
        check::<f64>();
    }

    struct Axpy<'a, T>(T, &'a [T], &'a mut [T]);

    impl<T: Float> Work<T> for Axpy<'_, T> {
        type Output = usize;
        #[inline(always)]
        fn run<S: Vectors<T>>(self, simd: S) -> usize {
            let Axpy(scale, x, y) = self;
            for (x, y) in x.chunks_exact(S::LANES).zip(y.chunks_exact_mut(S::LANES)) {
                // SAFETY: both chunks have as many elements as a vector.
                unsafe {
                    let sum = simd.mul_add(
                        simd.splat(scale),
                        simd.load(x.as_ptr()),
                        simd.load(y.as_ptr()),
                    );
                    simd.store(y.as_mut_ptr(), sum);
                }
            }
            S::LANES
        }
    }

    struct Turn<'a, T>(usize, &'a [T], &'a mut [T]);

    impl<T: Float> Work<T> for Turn<'_, T> {
        type Output = usize;
        #[inline(always)]
        fn run<S: Vectors<T>>(self, simd: S) -> usize {
            let Turn(which, x, y) = self;
            let side = [S::SIDE / 2, S::SIDE, S::LANES][which];
            assert!(x.len() >= 20 * side && y.len() >= 30 * side);
            // SAFETY: there are as many rows and columns, these apart.
            unsafe {
                let (from, to) = ((x.as_ptr(), 20), (y.as_mut_ptr(), 30));
                match which {
                    0 => simd.turn_half(from, to),
                    1 => simd.turn(from, to),
                    _ => simd.turn_lanes(from, to),
                }
            }
            side
        }
    }

    struct Leaky<'a, T>(&'a mut [T]);

    impl<T: Float> Work<T> for Leaky<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<S: Vectors<T>>(self, simd: S) {
            for x in self.0.chunks_exact_mut(S::LANES) {
                // SAFETY: as many elements as a vector has.
                unsafe {
                    let old = simd.load(x.as_ptr());
                    let new = simd.above_zero_or(old, simd.mul(old, simd.splat(T::from_f64(0.5))));
                    simd.store(x.as_mut_ptr(), new);
                }
            }
        }
    }

    #[test]
    fn what_is_above_zero_and_nan_stays() {
        fn check<T: Float>() {
            for set in InstructionSet::available() {
                let all = [
                    1.0,
                    -2.0,
                    0.0,
                    -0.0,
                    f64::NAN,
                    f64::INFINITY,
                    -f64::INFINITY,
                    3.0,
                ];
                let mut x = [all, all]
                    .concat()
                    .into_iter()
                    .map(T::from_f64)
                    .collect::<Vec<T>>();
                T::dispatch(set, Leaky(&mut x));
                for (x, all) in x.iter().zip([all, all].concat()) {
                    let expected = if all <= 0.0 { all * 0.5 } else { all };
                    assert_eq!(x.to_f64().to_bits(), expected.to_bits(), "{set} {all}");
                }
            }
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn squares_are_turned() {
        fn check<T: Float>() {
            let sets = InstructionSet::available().into_iter();
            for (set, which) in sets.flat_map(|set| [(set, 0), (set, 1), (set, 2)]) {
                let x: Vec<T> = (1..=400).map(|i| T::from_f64(i.into())).collect();
                let mut y = vec![T::default(); 600];
                let side = T::dispatch(set, Turn(which, &x, &mut y));
                for (i, y) in y.iter().enumerate() {
                    let (row, column) = (i / 30, i % 30);
                    let inside = row < side && column < side;
                    let expected = if inside {
                        x[column * 20 + row]
                    } else {
                        T::default()
                    };
                    assert_eq!(*y, expected, "{set} {row} {column}");
                }
            }
        }
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn vectors_compute() {
        fn check<T: Float>(widths: [usize; 4]) {
            for set in InstructionSet::available() {
                let x: Vec<T> = (0..32).map(|i| T::from_f64(i.into())).collect();
                let mut y = vec![T::from_f64(0.5); 32];
                let lanes = T::dispatch(set, Axpy(T::from_f64(3.0), &x, &mut y));
                assert_eq!(lanes, widths[set as usize]);
                for (i, y) in y.iter().enumerate() {
                    assert_eq!(y.to_f64(), i as f64 * 3.0 + 0.5);
                }
            }
        }
        check::<f32>([4, 8, 16, 16]);
        check::<f64>([2, 4, 8, 8]);
    }
}
