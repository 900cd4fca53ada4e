use std::sync::Arc;

use crate::KernelError;

mod forks;
mod pool;

use pool::Pool;

/// The environment variable that says how many threads there are where a program does not.
const THREADS_VARIABLE: &str = "TCONV_NUM_THREADS";

/// The threads that a kernel may use: an argument, never a global. A clone shares them.
#[derive(Clone, Debug)]
pub struct Threads(Option<Arc<Pool>>);

impl Threads {
    /// The most threads that may be asked for.
    pub const MOST: usize = 1024;

    /// The calling thread alone.
    pub const ONE: Threads = Threads(None);

    /// `count` threads; 0 means as many as the machine offers.
    ///
    /// # Errors
    /// `Unavailable` when the system refuses to start them.
    pub fn new(count: usize) -> Result<Threads, KernelError> {
        let count = match count {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            count => count,
        };
        if count == 1 {
            return Ok(Threads::ONE);
        }
        if count > Threads::MOST {
            let message = format!(
                "{count} threads were asked for, {} are the most",
                Threads::MOST
            );
            return Err(KernelError::Unavailable(message));
        }
        let refused =
            |e| KernelError::Unavailable(format!("{count} threads cannot be started: {e}"));
        Ok(Threads(Some(Arc::new(
            Pool::new(count - 1).map_err(refused)?,
        ))))
    }

    /// As many as `TCONV_NUM_THREADS` says; as many as the machine offers if it is not set, empty or 0.
    ///
    /// # Errors
    /// `Unavailable` for what is no number or too large a one, and as [`Threads::new`].
    pub fn from_env() -> Result<Threads, KernelError> {
        match std::env::var_os(THREADS_VARIABLE) {
            Some(text) if !text.is_empty() => Threads::new(counted(&text.to_string_lossy())?),
            _ => Threads::new(0),
        }
    }

    /// How many there are. In a process that was forked from the one that made them there is only the calling
    /// thread, which then does all the work.
    pub fn count(&self) -> usize {
        self.pool().map_or(1, |pool| pool.workers() + 1)
    }

    fn pool(&self) -> Option<&Pool> {
        self.0.as_deref().filter(|pool| pool.is_here())
    }

    /// Calls `task(i)` for each `i` below `tasks`, in any order, and returns when all are done.
    ///
    /// While another caller has the threads, or from within a task, the calling thread does it alone.
    pub fn for_each(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        match self.pool() {
            Some(pool) if tasks > 1 => pool.share(tasks, &task),
            _ => (0..tasks).for_each(task),
        }
    }

    /// Cuts `out` into pieces of `size` elements (the last may be shorter) and calls
    /// `task(index, piece)` for each.
    pub fn for_each_piece<T: Send>(
        &self,
        out: &mut [T],
        size: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let size = size.max(1);
        let pieces = Pieces(out.as_mut_ptr(), out.len());
        self.for_each(out.len().div_ceil(size), |index| {
            // SAFETY: each index comes once, and pieces do not overlap.
            task(index, unsafe { pieces.get(index, size) });
        });
    }
}

/// A slice that threads take pieces of.
struct Pieces<T>(*mut T, usize);

// SAFETY: each piece goes to one thread; `get`'s caller vouches for it.
unsafe impl<T: Send> Sync for Pieces<T> {}

impl<T> Pieces<T> {
    /// # Safety
    /// Nobody else has the piece.
    #[expect(clippy::mut_from_ref, reason = "the pieces are apart")]
    unsafe fn get(&self, index: usize, size: usize) -> &mut [T] {
        let start = index * size;
        assert!(start < self.1);
        // SAFETY: inside the slice, and the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), size.min(self.1 - start)) }
    }
}

/// What `TCONV_NUM_THREADS` says.
fn counted(text: &str) -> Result<usize, KernelError> {
    let most = Threads::MOST;
    let count = text.trim().parse().ok().filter(|&count| count <= most);
    count.ok_or_else(|| {
        KernelError::Unavailable(format!(
            "{THREADS_VARIABLE} is '{text}': it must be a number from 0 to {most}, 0 for as many threads as the machine offers"
        ))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_number_of_threads_is_read_or_refused_with_its_range() {
        assert_eq!(counted("3"), Ok(3));
        assert_eq!(counted(" 0 "), Ok(0));
        assert_eq!(counted("1024"), Ok(1024));
        for text in ["1025", "-1", "two", "1.5", "99999999999999999999"] {
            let error = counted(text).unwrap_err().to_string();
            let expected =
                format!("TCONV_NUM_THREADS is '{text}': it must be a number from 0 to 1024");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn every_piece_is_written_once() {
        for count in [1, 2, 3] {
            let threads = Threads::new(count).unwrap();
            assert_eq!(threads.count(), count);
            let mut out = vec![0; 1000];
            threads.for_each_piece(&mut out, 7, |i, piece| {
                piece.iter_mut().for_each(|x| *x += i)
            });
            assert!(out.iter().enumerate().all(|(i, &x)| x == i / 7));
        }
        Threads::ONE.for_each_piece(&mut [0u8; 0], 0, |_, _| unreachable!());
    }

    #[test]
    fn tasks_within_tasks_and_callers_at_once_are_done() {
        let threads = Threads::new(3).unwrap();
        let done = AtomicUsize::new(0);
        let count = || {
            for _ in 0..100 {
                threads.for_each(10, |_| {
                    threads.for_each(5, |_| {
                        done.fetch_add(1, Ordering::Relaxed);
                    });
                });
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(count))));
        assert_eq!(done.into_inner(), 4 * 100 * 50);
    }

    #[test]
    fn a_panic_arrives_at_the_caller_and_the_threads_go_on() {
        let threads = Threads::new(2).unwrap();
        for bad in [0, 7, 19] {
            let run = || threads.for_each(20, |i| assert!(i != bad, "bad"));
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err());
            let done = AtomicUsize::new(0);
            threads.for_each(20, |i| {
                done.fetch_add(i, Ordering::Relaxed);
            });
            assert_eq!(done.into_inner(), 190);
        }
    }

    #[test]
    fn threads_that_sleep_wake_up() {
        let threads = Threads::new(2).unwrap();
        for _ in 0..20 {
            // Each task waits for the other, so two threads must have come.
            let barrier = std::sync::Barrier::new(2);
            threads.for_each(2, |_| {
                barrier.wait();
            });
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
