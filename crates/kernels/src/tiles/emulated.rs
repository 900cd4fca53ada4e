//! What the instructions do, by their documentation.

use super::{SIDE, TILE};
use crate::simd::{InstructionSet, Sealed, Vectors, Work};

/// Eight tiles of 16 rows of 32 halves.
pub(super) struct Registers(Box<[[u16; TILE]; 8]>);

impl Default for Registers {
    fn default() -> Self {
        Registers(Box::new([[0x7fc0; TILE]; 8]))
    }
}

/// Subnormal numbers count as zero, of operands and of results.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    const EXPONENT: u32 = 0x7f80_0000;
    const SIGN: u32 = 1 << 31;
    let bits = x.to_bits();
    let kept = if bits & EXPONENT == 0 { SIGN } else { u32::MAX };
    f32::from_bits(bits & kept)
}

#[inline(always)]
fn wide(x: u16) -> f32 {
    flushed(f32::from_bits(u32::from(x) << 16))
}

impl Registers {
    pub(super) unsafe fn zero(&mut self, tile: usize) {
        self.0[tile].fill(0);
    }

    pub(super) unsafe fn load(&mut self, tile: usize, from: *const u8, step: usize) {
        for (row, to) in self.0[tile].chunks_mut(TILE / SIDE).enumerate() {
            // SAFETY: the caller vouches for the rows.
            unsafe {
                let from = from.add(row * step);
                to.as_mut_ptr()
                    .cast::<u8>()
                    .copy_from_nonoverlapping(from, 64);
            }
        }
    }

    pub(super) unsafe fn store(&self, tile: usize, to: *mut u8, step: usize) {
        for (row, from) in self.0[tile].chunks(TILE / SIDE).enumerate() {
            // SAFETY: the caller vouches for the rows.
            unsafe {
                let to = to.add(row * step);
                to.copy_from_nonoverlapping(from.as_ptr().cast(), 64);
            }
        }
    }

    /// Even and odd terms are summed apart, from the first to the last.
    pub(super) unsafe fn product(&mut self, sum: usize, a: usize, b: usize) {
        let [a, b] = [self.0[a], self.0[b]];
        let sums = &mut self.0[sum];
        f32::dispatch(InstructionSet::best(), Product { a, b, sums });
    }
}

/// The sums of a tile, and its operands.
struct Product<'a> {
    a: [u16; TILE],
    b: [u16; TILE],
    sums: &'a mut [u16; TILE],
}

impl Work<f32> for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<f32>>(self, _simd: S) {
        let a = self.a.map(wide);
        // By the half of a pair, then by the pair's row.
        let mut columns = [[[0f32; SIDE]; SIDE]; 2];
        for (k, row) in self.b.chunks(2 * SIDE).enumerate() {
            for (column, pair) in row.chunks(2).enumerate() {
                columns[0][k][column] = wide(pair[0]);
                columns[1][k][column] = wide(pair[1]);
            }
        }
        for (a, sums) in a.chunks(2 * SIDE).zip(self.sums.chunks_mut(2 * SIDE)) {
            let mut halves = [[0f32; SIDE]; 2];
            for (half, terms) in halves.iter_mut().enumerate() {
                for (k, columns) in columns[half].iter().enumerate() {
                    let x = a[2 * k + half];
                    // The product of two bf16 numbers is exact, so that there is one rounding.
                    for (term, y) in terms.iter_mut().zip(columns) {
                        *term = flushed(*term + x * y);
                    }
                }
            }
            for (column, sum) in sums.chunks_mut(2).enumerate() {
                let before = f32::from_bits(u32::from(sum[0]) | u32::from(sum[1]) << 16);
                let both = flushed(halves[0][column] + halves[1][column]);
                let after = flushed(flushed(before) + both).to_bits();
                sum.copy_from_slice(&[after as u16, (after >> 16) as u16]);
            }
        }
    }
}
