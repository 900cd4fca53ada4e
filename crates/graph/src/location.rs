//! From which line of the user's program a node comes.

use std::cell::Cell;
use std::panic::Location;

thread_local! {
    /// Who called the outermost of this crate's public functions that this thread is in.
    static OUTERMOST: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// Held by a public function: until it is dropped, every node that the thread adds comes from that
/// function's caller, however many functions and closures lie between.
///
/// A function that runs a closure of the user's must hold none, or the closure's nodes would not come
/// from the closure's own lines.
#[must_use]
pub(crate) struct Caller {
    outermost: bool,
}

/// The caller of the public function that calls this, which has `#[track_caller]`.
#[track_caller]
pub(crate) fn caller() -> Caller {
    began(Location::caller())
}

/// Who began the builder whose `build` calls this: the first line of a chain says more than its last.
pub(crate) fn began(location: &'static Location<'static>) -> Caller {
    let outermost = outermost().is_none();
    if outermost {
        OUTERMOST.set(Some(location));
    }
    Caller { outermost }
}

/// Where the node comes from that is added now; `None` where no public function says.
pub(crate) fn outermost() -> Option<&'static Location<'static>> {
    OUTERMOST.get()
}

impl Drop for Caller {
    fn drop(&mut self) {
        if self.outermost {
            OUTERMOST.set(None);
        }
    }
}
