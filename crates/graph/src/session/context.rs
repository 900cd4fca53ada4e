use std::sync::Mutex;

use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;

use super::lock;
use super::run::Rooms;

/// What ops compute with, in a session or without one. Threads may share it.
pub(crate) struct Context {
    pub threads: Threads,
    pub instruction_set: InstructionSet,
    /// Kernels' scratch that nothing uses now.
    scratch: Mutex<Vec<Rooms>>,
}

impl Context {
    pub fn new(threads: Threads, instruction_set: InstructionSet) -> Context {
        Context {
            threads,
            instruction_set,
            scratch: Mutex::default(),
        }
    }

    /// Scratch that nobody else uses, to be given back.
    pub fn take_scratch(&self) -> Rooms {
        lock(&self.scratch).pop().unwrap_or_default()
    }

    pub fn give_back(&self, scratch: Rooms) {
        lock(&self.scratch).push(scratch);
    }
}
