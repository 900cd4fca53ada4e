use std::sync::Mutex;

use tconv_kernels::Threads;
use tconv_kernels::conv::Precision;
use tconv_kernels::simd::InstructionSet;
use tconv_tensor::{Element, Pool, bf16, f16};

use super::lock;

/// The most bytes of outputs that nobody holds that are kept for the next ones.
const MOST_KEPT: usize = 256 << 20;

/// What ops compute with, in a session or without one. Threads may share it.
pub(crate) struct Context {
    pub threads: Threads,
    pub instruction_set: InstructionSet,
    /// That of convolutions which do not say another.
    pub precision: Precision,
    /// What outputs are made in.
    pub pool: Pool,
    /// Kernels' scratch that nothing uses now.
    scratch: Mutex<Vec<Rooms>>,
}

impl Context {
    pub fn new(threads: Threads, instruction_set: InstructionSet) -> Context {
        Context {
            threads,
            instruction_set,
            precision: Precision::Highest,
            pool: Pool::new(MOST_KEPT),
            scratch: Mutex::default(),
        }
    }

    /// Scratch that nobody else uses, to be given back.
    pub fn take_scratch(&self) -> Rooms {
        lock(&self.scratch).pop().unwrap_or_default()
    }

    /// Takes it back at the end of a run.
    pub fn give_back(&self, scratch: Rooms) {
        lock(&self.scratch).push(scratch);
        self.pool.tick();
    }
}

/// Scratch of each element type that kernels want it of.
#[doc(hidden)]
#[derive(Default)]
pub struct Rooms(Vec<f32>, Vec<f64>, Vec<i32>, Vec<bf16>, Vec<f16>);

/// An element type that kernels want scratch of.
pub trait Scratch: Element + Copy {
    #[doc(hidden)]
    fn room(scratch: &mut Rooms) -> &mut Vec<Self>;
}

macro_rules! scratch {
    ($($type:ty: $field:tt),*) => {
        $(impl Scratch for $type {
            fn room(scratch: &mut Rooms) -> &mut Vec<$type> {
                &mut scratch.$field
            }
        })*
    };
}
scratch!(f32: 0, f64: 1, i32: 2, bf16: 3, f16: 4);
