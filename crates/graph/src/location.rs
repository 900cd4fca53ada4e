//! From which line of the user's program a node comes.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::panic;
use std::sync::Mutex;

/// A place in a program: of a Rust program as the compiler tells it, of another language's as that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The source file.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column where the expression starts, from 1; 0 where only the line is known. It counts characters,
    /// but where no `end` is given as the Rust compiler counts: columns of a terminal.
    pub column: u32,
    /// The column behind the expression's last character, where that is known; one past the line means its end.
    pub end: Option<u32>,
}

impl Location {
    /// A place of a program in another language. The name of the file is kept for as long as the process
    /// runs, once.
    pub fn new(file: &str, line: u32, column: u32, end: Option<u32>) -> Location {
        let file = interned(file);
        Location {
            file,
            line,
            column,
            end,
        }
    }
}

/// The one copy of a file's name that never goes away.
fn interned(file: &str) -> &'static str {
    static FILES: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut files = FILES
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let files = files.get_or_insert_default();
    match files.get(file) {
        Some(file) => file,
        None => {
            let file: &'static str = Box::leak(file.into());
            files.insert(file);
            file
        }
    }
}

impl From<&'static panic::Location<'static>> for Location {
    fn from(location: &'static panic::Location<'static>) -> Location {
        Location {
            file: location.file(),
            line: location.line(),
            column: location.column(),
            end: None,
        }
    }
}

impl fmt::Display for Location {
    /// `file:line:column`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        match self.column {
            0 => Ok(()),
            column => write!(f, ":{column}"),
        }
    }
}

thread_local! {
    /// Who called the outermost of this crate's public functions that this thread is in.
    static OUTERMOST: Cell<Option<Location>> = const { Cell::new(None) };
}

/// Held by a public function: until it is dropped, every node that the thread adds comes from that
/// function's caller, however many functions and closures lie between.
///
/// A function that runs a closure of the user's must hold none, or the closure's nodes would not come
/// from the closure's own lines.
#[must_use]
pub(crate) struct Caller {
    outer: Option<Location>,
}

/// The caller of the public function that calls this, which has `#[track_caller]`.
#[track_caller]
pub(crate) fn caller() -> Caller {
    began(here())
}

/// The caller of the public function that calls this, to be kept by a builder.
#[track_caller]
pub(crate) fn here() -> Location {
    panic::Location::caller().into()
}

/// Who began the builder whose `build` calls this: the first line of a chain says more than its last.
pub(crate) fn began(location: Location) -> Caller {
    let outer = outermost();
    OUTERMOST.set(outer.or(Some(location)));
    Caller { outer }
}

/// Runs `build`; every node that it adds comes from `location`, whoever its callers are.
pub fn located<T>(location: Location, build: impl FnOnce() -> T) -> T {
    let _outer = Caller {
        outer: OUTERMOST.replace(Some(location)),
    };
    build()
}

/// Where the node comes from that is added now; `None` where no public function says.
pub(crate) fn outermost() -> Option<Location> {
    OUTERMOST.get()
}

impl Drop for Caller {
    fn drop(&mut self) {
        OUTERMOST.set(self.outer);
    }
}
