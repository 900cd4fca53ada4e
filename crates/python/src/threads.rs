//! The threads that sessions and eager functions share.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::prelude::*;
use tconv::Threads;

use crate::error::plain;

/// What `set_num_threads` said; 0 for what the environment or the machine says.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A pool for each count that was asked for: sessions share them. A process that was forked has none of its
/// parent's threads and makes its own; the parent's pools stay, since ending them would wait for their threads.
static POOLS: Mutex<Option<HashMap<(u32, usize), Threads>>> = Mutex::new(None);

/// So many threads; 0 means what `set_num_threads` said, else `TCONV_NUM_THREADS`, else all of the machine's.
pub fn get(count: usize) -> PyResult<Threads> {
    let count = match count {
        0 => COUNT.load(Ordering::Relaxed),
        count => count,
    };
    let mut pools = POOLS
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let pools = pools.get_or_insert_default();
    let key = (std::process::id(), count);
    if let Some(threads) = pools.get(&key) {
        return Ok(threads.clone());
    }
    let made = match count {
        0 => Threads::from_env(),
        count => Threads::new(count),
    };
    let made = made.map_err(plain)?;
    pools.insert(key, made.clone());
    Ok(made)
}

/// Threads of eager functions and of sessions made from now on. 0: what the environment variable TCONV_NUM_THREADS
/// says, or as many as the machine offers. Raises `tconv.errors.UnimplementedError` where they cannot be had.
#[pyfunction]
pub fn set_num_threads(threads: usize) -> PyResult<()> {
    get(threads)?;
    COUNT.store(threads, Ordering::Relaxed);
    Ok(())
}

/// The threads of eager functions and of sessions that do not say otherwise.
#[pyfunction]
pub fn get_num_threads() -> PyResult<usize> {
    Ok(get(0)?.count())
}
