//! The instructions themselves, as assembly: their intrinsics are not stable.

use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use std::sync::OnceLock;

use super::{DEPTH, SIDE};

/// Whether the processor has tiles and bf16 products, the system saves them, and lets this process use them: asked once.
pub(super) fn available() -> bool {
    static AVAILABLE: OnceLock<bool> = OnceLock::new();
    *AVAILABLE.get_or_init(|| has_instructions() && is_permitted())
}

fn has_instructions() -> bool {
    const OSXSAVE: u32 = 1 << 27;
    const AMX_BF16: u32 = 1 << 22;
    const AMX_TILE: u32 = 1 << 24;
    /// The state of AVX-512, of the tiles' configuration and of the tiles.
    const STATE: u64 = 0b110_0000_0000_1110_0110;
    const TILE_LEAF: u32 = 0x1d;
    if __cpuid(0).eax < TILE_LEAF || __cpuid(1).ecx & OSXSAVE == 0 {
        return false;
    }
    let wanted = AMX_BF16 | AMX_TILE;
    if __cpuid_count(7, 0).edx & wanted != wanted {
        return false;
    }
    // SAFETY: there is OSXSAVE.
    if unsafe { saved_state() } & STATE != STATE {
        return false;
    }
    // Palette 1: eight tiles of 16 rows of 64 bytes.
    let palette = __cpuid_count(TILE_LEAF, 1);
    palette.ebx & 0xffff == 64 && palette.ebx >> 16 == 8 && palette.ecx & 0xffff == 16
}

/// # Safety
/// The system must have set OSXSAVE.
#[target_feature(enable = "xsave")]
unsafe fn saved_state() -> u64 {
    // SAFETY: the caller's.
    unsafe { _xgetbv(0) }
}

/// Asks the system for the tiles' state, for all threads of the process. It refuses, say, where a thread's stack for
/// signals is too small for that state.
#[cfg(target_os = "linux")]
fn is_permitted() -> bool {
    const ARCH_PRCTL: usize = 158;
    const REQUEST: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let result: isize;
    // SAFETY: the call takes numbers only.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") ARCH_PRCTL => result,
            in("rdi") REQUEST,
            in("rsi") TILE_DATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn is_permitted() -> bool {
    false
}

/// All tiles as large as they can be, until it is dropped.
pub(super) struct Configured(());

impl Configured {
    pub(super) fn new() -> Option<Configured> {
        #[repr(C, align(64))]
        struct Configuration {
            palette: u8,
            start_row: u8,
            reserved: [u8; 14],
            row_bytes: [u16; 16],
            rows: [u8; 16],
        }
        if !available() {
            return None;
        }
        let (mut row_bytes, mut rows) = ([0; 16], [0; 16]);
        row_bytes[..8].fill(2 * DEPTH as u16);
        rows[..8].fill(SIDE as u8);
        let configuration = Configuration {
            palette: 1,
            start_row: 0,
            reserved: [0; 14],
            row_bytes,
            rows,
        };
        // SAFETY: the instruction is there, and reads the 64 bytes.
        unsafe {
            asm!("ldtilecfg [{0}]", in(reg) &configuration, options(nostack, preserves_flags, readonly));
        }
        Some(Configured(()))
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        // SAFETY: whoever has one has the instruction.
        unsafe { asm!("tilerelease", options(nostack, preserves_flags, nomem)) }
    }
}

/// # Safety
/// The tiles are configured.
#[inline(always)]
pub(super) unsafe fn zero<const T: usize>() {
    // SAFETY: the caller's.
    unsafe { asm!("tilezero tmm{0}", const T, options(nostack, preserves_flags, nomem)) }
}

/// # Safety
/// The tiles are configured, and 16 rows of 64 bytes, `step` bytes apart, readable.
#[inline(always)]
pub(super) unsafe fn load<const T: usize>(from: *const u8, step: usize) {
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "tileloadd tmm{0}, [{1} + {2}]",
            const T, in(reg) from, in(reg) step,
            options(nostack, preserves_flags, readonly),
        );
    }
}

/// # Safety
/// As [`load`], and writable.
#[inline(always)]
pub(super) unsafe fn store<const T: usize>(to: *mut u8, step: usize) {
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "tilestored [{1} + {2}], tmm{0}",
            const T, in(reg) to, in(reg) step,
            options(nostack, preserves_flags),
        );
    }
}

/// # Safety
/// The tiles are configured.
#[inline(always)]
pub(super) unsafe fn product<const SUM: usize, const A: usize, const B: usize>() {
    // SAFETY: the caller's.
    unsafe {
        asm!(
            "tdpbf16ps tmm{0}, tmm{1}, tmm{2}",
            const SUM, const A, const B,
            options(nostack, preserves_flags, nomem),
        );
    }
}
