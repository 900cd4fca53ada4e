use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::KernelError;

/// The environment variable that says how many threads there are where a program does not.
const THREADS_VARIABLE: &str = "TCONV_NUM_THREADS";

/// The threads that a kernel may use: an argument, never a global. A clone shares them.
#[derive(Clone, Debug)]
pub struct Threads(Option<Arc<Pool>>);

#[derive(Debug)]
struct Pool {
    threads: rayon::ThreadPool,
    /// [`FORKS`] in the process that has them. One that was forked from it has not, and would wait for them
    /// without end.
    forks: usize,
}

/// How many forks lie between the process in which this was 0 and this one. To ask the system which process
/// this is takes longer than a small convolution.
static FORKS: AtomicUsize = AtomicUsize::new(0);

/// Has [`FORKS`] counted from now on.
#[cfg(unix)]
fn watch_forks() -> Result<(), KernelError> {
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
    // SAFETY: the hook is a function that lives as long as the process, and only adds to an atomic number, which a
    // child may do before anything else.
    match RESULT.get_or_init(|| unsafe { pthread_atfork(None, None, Some(forked)) }) {
        0 => Ok(()),
        error => Err(KernelError::Unavailable(format!(
            "threads cannot be started, since forks cannot be watched: error {error}"
        ))),
    }
}

#[cfg(not(unix))]
fn watch_forks() -> Result<(), KernelError> {
    Ok(())
}

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
        watch_forks()?;
        let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
        let refused =
            |e| KernelError::Unavailable(format!("{count} threads cannot be started: {e}"));
        Ok(Threads(Some(Arc::new(Pool {
            threads: pool.map_err(refused)?,
            forks: FORKS.load(Ordering::Relaxed),
        }))))
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
        self.pool().map_or(1, |pool| pool.current_num_threads())
    }

    fn pool(&self) -> Option<&rayon::ThreadPool> {
        let pool = self.0.as_ref()?;
        (pool.forks == FORKS.load(Ordering::Relaxed)).then_some(&pool.threads)
    }

    /// Calls `task(i)` for each `i` below `tasks`, in any order, and returns when all are done.
    pub fn for_each(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        self.share(tasks, &task);
    }

    /// Cuts `out` into pieces of `size` elements (the last may be shorter) and calls
    /// `task(index, piece)` for each.
    pub fn for_each_piece<T: Send>(
        &self,
        out: &mut [T],
        size: usize,
        task: impl Fn(usize, &mut [T]) + Sync,
    ) {
        self.share_pieces(out, size.max(1), &task);
    }

    // The two below are compiled once (for each element type), not once for each task: the scheduler's
    // code is large, and there are hundreds of tasks.

    fn share(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        match self.pool() {
            Some(pool) if tasks > 1 => {
                pool.install(|| (0..tasks).into_par_iter().with_max_len(1).for_each(task))
            }
            _ => (0..tasks).for_each(task),
        }
    }

    fn share_pieces<T: Send>(
        &self,
        out: &mut [T],
        size: usize,
        task: &(dyn Fn(usize, &mut [T]) + Sync),
    ) {
        match self.pool() {
            Some(pool) if out.len() > size => pool.install(|| {
                out.par_chunks_mut(size)
                    .with_max_len(1)
                    .enumerate()
                    .for_each(|(i, piece)| task(i, piece));
            }),
            _ => out
                .chunks_mut(size)
                .enumerate()
                .for_each(|(i, piece)| task(i, piece)),
        }
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
}
