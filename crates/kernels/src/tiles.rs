//! Tile registers: eight matrices of 16 rows of 64 bytes, and products of bf16 matrices summed in `f32` (Intel's AMX).
//!
//! Tests have an emulator of them for machines that have none.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(test)]
mod emulated;

/// The rows of a tile, and the columns of a tile of `f32`.
pub(crate) const SIDE: usize = 16;
/// The bf16 numbers in a tile's row.
pub(crate) const DEPTH: usize = 32;
/// The bf16 numbers of a tile.
pub(crate) const TILE: usize = SIDE * DEPTH;

/// Whether this machine has tile registers and bf16 products, and the system lets this process use them.
pub(crate) fn available() -> bool {
    #[cfg(target_arch = "x86_64")]
    let available = amx::available();
    #[cfg(not(target_arch = "x86_64"))]
    let available = false;
    available
}

/// This thread's tile registers, configured as long as it lives.
pub(crate) struct Tiles {
    #[cfg(target_arch = "x86_64")]
    real: Option<amx::Configured>,
    #[cfg(test)]
    emulated: emulated::Registers,
    /// They are the thread's.
    _unsendable: std::marker::PhantomData<*mut ()>,
}

/// Calls the machine's instruction, in tests without it the emulator's.
macro_rules! either {
    ($self:ident, $name:ident::<$($index:ident),*>($($argument:expr),*)) => {{
        #[cfg(test)]
        if !$self.is_real() {
            // SAFETY: the caller's.
            unsafe { $self.emulated.$name($($index,)* $($argument),*) };
            return;
        }
        // SAFETY: the caller's, and the registers are configured.
        #[cfg(target_arch = "x86_64")]
        unsafe { amx::$name::<$($index),*>($($argument),*) };
        #[cfg(not(target_arch = "x86_64"))]
        let _ = ($($argument,)*);
    }};
}

impl Tiles {
    /// Configures them; without them (but in tests) there are none.
    pub(crate) fn new() -> Option<Tiles> {
        let tiles = Tiles {
            #[cfg(target_arch = "x86_64")]
            real: amx::Configured::new(),
            #[cfg(test)]
            emulated: emulated::Registers::default(),
            _unsendable: std::marker::PhantomData,
        };
        (tiles.is_real() || cfg!(test)).then_some(tiles)
    }

    #[inline(always)]
    fn is_real(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let real = self.real.is_some();
        #[cfg(not(target_arch = "x86_64"))]
        let real = false;
        real
    }

    /// Fills tile `T` with zeros.
    #[inline(always)]
    pub(crate) fn zero<const T: usize>(&mut self) {
        either!(self, zero::<T>());
    }

    /// Reads tile `T` from 16 rows of 32 bf16 numbers, `step` numbers apart.
    ///
    /// # Safety
    /// They must be readable.
    #[inline(always)]
    pub(crate) unsafe fn load<const T: usize>(&mut self, from: *const u16, step: usize) {
        either!(self, load::<T>(from.cast(), 2 * step));
    }

    /// Reads tile `T` from 16 rows of 16 `f32` numbers, `step` numbers apart.
    ///
    /// # Safety
    /// They must be readable.
    #[inline(always)]
    pub(crate) unsafe fn load_sums<const T: usize>(&mut self, from: *const f32, step: usize) {
        either!(self, load::<T>(from.cast(), 4 * step));
    }

    /// Writes tile `T` to 16 rows of 16 `f32` numbers, `step` numbers apart.
    ///
    /// # Safety
    /// They must be writable.
    #[inline(always)]
    pub(crate) unsafe fn store<const T: usize>(&mut self, to: *mut f32, step: usize) {
        either!(self, store::<T>(to.cast(), 4 * step));
    }

    /// Adds to the `f32` tile `SUM` the product of tile `A`, rows of 32 bf16 numbers, with tile `B`, where the numbers
    /// of two neighbouring rows come in pairs. What is subnormal counts as zero.
    #[inline(always)]
    pub(crate) fn product<const SUM: usize, const A: usize, const B: usize>(&mut self) {
        either!(self, product::<SUM, A, B>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gemm::tests::numbers;

    #[test]
    fn tiles_are_used_where_the_processor_has_them() {
        let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        if flags.contains("amx_bf16") {
            assert!(available(), "the processor has AMX, the system refused it");
            assert!(Tiles::new().unwrap().is_real());
        } else {
            assert!(!available());
            println!("this machine has no AMX: its kernels run on the emulator");
        }
    }

    #[test]
    fn a_product_is_the_definition() {
        // Whole numbers, whose sums are exact in any order.
        let whole = |seed, len| -> Vec<u16> {
            let numbers: Vec<f32> = numbers(seed, len);
            let whole = numbers.iter().map(|x| (x * 100.0).round());
            whole.map(|x| (x.to_bits() >> 16) as u16).collect()
        };
        let wide = |x: u16| f32::from_bits(u32::from(x) << 16);
        let (a, b) = (whole(1, 3 * TILE), whole(2, TILE));
        let mut sums: Vec<f32> = (0..2 * SIDE * SIDE).map(|i| i as f32).collect();
        let before = sums.clone();
        let mut tiles = Tiles::new().unwrap();
        // SAFETY: all rows are inside.
        unsafe {
            tiles.load::<4>(a.as_ptr(), 3 * DEPTH);
            tiles.load::<7>(b.as_ptr(), DEPTH);
            tiles.load_sums::<2>(sums.as_ptr(), 2 * SIDE);
            tiles.product::<2, 4, 7>();
            tiles.product::<2, 4, 7>();
            tiles.store::<2>(sums.as_mut_ptr(), 2 * SIDE);
            tiles.zero::<2>();
            tiles.store::<2>(sums.as_mut_ptr().add(SIDE), 2 * SIDE);
        }
        for row in 0..SIDE {
            for column in 0..SIDE {
                let terms = (0..DEPTH).map(|k| {
                    wide(a[row * 3 * DEPTH + k]) * wide(b[k / 2 * DEPTH + 2 * column + k % 2])
                });
                let at = row * 2 * SIDE + column;
                assert_eq!(sums[at], before[at] + 2.0 * terms.sum::<f32>());
                assert_eq!(sums[at + SIDE], 0.0);
            }
        }
    }
}
