use std::sync::Mutex;

use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_tensor::Pool;

use super::lock;
use super::run::Rooms;

/// The most bytes of outputs that nobody holds that are kept for the next ones.
const MOST_KEPT: usize = 512 << 20;

/// What ops compute with, in a session or without one. Threads may share it.
pub(crate) struct Context {
    pub threads: Threads,
    pub instruction_set: InstructionSet,
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
