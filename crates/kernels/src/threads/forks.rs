//! Whether the process was forked, without asking the system which one it is: that takes longer than a small
//! convolution.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many forks lie between the process that first watched and this one.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Another number in a process than in those that were forked from it since [`watch`].
pub(super) fn count() -> usize {
    FORKS.load(Ordering::Relaxed)
}

/// Has forks counted from now on.
#[cfg(unix)]
pub(super) fn watch() -> io::Result<()> {
    use std::ffi::c_int;
    use std::sync::OnceLock;

    type Hook = Option<extern "C" fn()>;
    unsafe extern "C" {
        fn pthread_atfork(prepare: Hook, parent: Hook, child: Hook) -> c_int;
    }
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    static RESULT: OnceLock<c_int> = OnceLock::new();
    // SAFETY: the hook lives as long as the process, and only adds to an atomic number, which a child may do before
    // anything else.
    match RESULT.get_or_init(|| unsafe { pthread_atfork(None, None, Some(forked)) }) {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(*error)),
    }
}

#[cfg(not(unix))]
pub(super) fn watch() -> io::Result<()> {
    Ok(())
}
