//! Threads that wait for work. The caller works too, and whoever waits first spins for a while: between the stages of
//! one computation nobody falls asleep, which would cost more than many a stage.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use super::forks;

/// How long a thread looks for work before it sleeps.
const SPIN: Duration = Duration::from_micros(100);

/// Sleeping or spinning threads, and whoever calls them.
#[derive(Debug)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// [`forks::count`] in the process that has them. One that was forked from it has not, and would wait for them
    /// without end.
    forks: usize,
}

/// `job` is open in the lowest bit of `state`; above it stands how many threads are at it.
const OPEN: usize = 1;
const ONE: usize = 2;

#[derive(Debug)]
struct Shared {
    /// Goes up with each job; the highest value ends the threads.
    epoch: AtomicUsize,
    state: AtomicUsize,
    sleeping: AtomicUsize,
    job: UnsafeCell<Job>,
    /// Held by the caller that has the threads.
    turn: Mutex<()>,
}

// SAFETY: `job` is written by the holder of `turn` while nobody is at it, and read by threads that are at it.
unsafe impl Sync for Shared {}
// SAFETY: as above; what it points to is shared, as a job's task is.
unsafe impl Send for Shared {}

const END: usize = usize::MAX;

#[derive(Debug)]
struct Job {
    /// Only while the job's caller waits.
    task: *const (dyn Fn(usize) + Sync),
    tasks: usize,
    next: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl Job {
    /// Takes one task after the other until none is left.
    ///
    /// # Safety
    /// The job's caller waits.
    unsafe fn work(&self) {
        // SAFETY: the caller's.
        let task = unsafe { &*self.task };
        let all = || {
            loop {
                let index = self.next.fetch_add(1, Ordering::Relaxed);
                if index >= self.tasks {
                    return;
                }
                task(index);
            }
        };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(all)) {
            // Nobody begins another task.
            self.next.store(self.tasks, Ordering::Relaxed);
            let mut first = self.panic.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert(panic);
        }
    }
}

impl Pool {
    /// So many threads beside the caller's.
    pub(super) fn new(workers: usize) -> std::io::Result<Pool> {
        let shared = Arc::new(Shared {
            epoch: AtomicUsize::new(0),
            state: AtomicUsize::new(0),
            sleeping: AtomicUsize::new(0),
            job: UnsafeCell::new(Job {
                task: &|_| (),
                tasks: 0,
                next: AtomicUsize::new(0),
                panic: Mutex::new(None),
            }),
            turn: Mutex::new(()),
        });
        forks::watch()?;
        // When one cannot be started, dropping the pool ends the others.
        let mut pool = Pool {
            shared,
            workers: Vec::with_capacity(workers),
            forks: forks::count(),
        };
        for _ in 0..workers {
            let shared = pool.shared.clone();
            let builder = std::thread::Builder::new().name("tconv".into());
            pool.workers.push(builder.spawn(move || shared.serve())?);
        }
        Ok(pool)
    }

    pub(super) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Whether this process has the threads.
    pub(super) fn is_here(&self) -> bool {
        self.forks == forks::count()
    }

    /// Calls `task(i)` for each `i` below `tasks`.
    pub(super) fn share(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        let shared = &*self.shared;
        let Ok(turn) = shared.turn.try_lock() else {
            return (0..tasks).for_each(task);
        };
        // SAFETY: only the lifetime changes: this function waits for all who read it.
        let task: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(task) };
        // SAFETY: the turn is ours, and the last job's caller has waited until nobody was at it.
        let job = unsafe {
            *shared.job.get() = Job {
                task,
                tasks,
                next: AtomicUsize::new(0),
                panic: Mutex::new(None),
            };
            &*shared.job.get()
        };
        shared.state.store(OPEN, Ordering::Release);
        shared.epoch.fetch_add(1, Ordering::SeqCst);
        if shared.sleeping.load(Ordering::SeqCst) > 0 {
            let wanted = self.workers.iter().take(tasks - 1);
            wanted.map(JoinHandle::thread).for_each(Thread::unpark);
        }
        // SAFETY: we wait below; no panic leaves `work`.
        unsafe { job.work() };
        shared.state.fetch_and(!OPEN, Ordering::Acquire);
        let mut waited = 0u32;
        while shared.state.load(Ordering::Acquire) != 0 {
            waited += 1;
            // A thread at work may have lost its processor.
            if waited.is_multiple_of(1 << 14) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
        let panic = job
            .panic
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(turn);
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if !self.is_here() {
            // The threads are another process's: there is nobody to wait for.
            self.workers.drain(..).for_each(std::mem::forget);
            return;
        }
        self.shared.epoch.store(END, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // A task's panic has gone to its caller.
            let _ = worker.join();
        }
    }
}

impl Shared {
    /// A thread's life.
    fn serve(&self) {
        let mut seen = 0;
        loop {
            seen = self.wait(seen);
            if seen == END {
                return;
            }
            let enter = |state: usize| (state & OPEN != 0).then_some(state + ONE);
            if self
                .state
                .fetch_update(Ordering::Acquire, Ordering::Relaxed, enter)
                .is_ok()
            {
                // SAFETY: we are at the job, so its caller waits and nobody writes it.
                unsafe { (*self.job.get()).work() };
                self.state.fetch_sub(ONE, Ordering::Release);
            }
        }
    }

    /// Waits for another epoch than `seen`.
    fn wait(&self, seen: usize) -> usize {
        let start = Instant::now();
        let mut spins = 0u32;
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch != seen {
                return epoch;
            }
            std::hint::spin_loop();
            spins += 1;
            if spins.is_multiple_of(128) && start.elapsed() > SPIN {
                break;
            }
        }
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        let epoch = loop {
            let epoch = self.epoch.load(Ordering::SeqCst);
            if epoch != seen {
                break epoch;
            }
            std::thread::park();
        };
        self.sleeping.fetch_sub(1, Ordering::SeqCst);
        epoch
    }
}
