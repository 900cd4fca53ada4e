//! Memory of tensors that nobody holds any more, kept for the next ones.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use half::{bf16, f16};

use crate::owner::{Elements, Home};
use crate::{DType, Element, Tensor, TensorError, checked_len};

/// Memory of fewer bytes is not kept: the allocator gives it as fast.
const LEAST: usize = 32 << 10;

/// So many of [`Pool::tick`]'s calls without a use, and memory is given back.
const PATIENCE: u32 = 16;

/// Keeps the memory of the tensors that it made when nobody holds them any more, for the next ones of the same
/// dtype and length: the system clears what it gives, which for large tensors takes longer than to compute them.
///
/// A cheap handle: clones share the memory, and so may threads. Tensors outlive it.
#[derive(Clone)]
pub struct Pool(Arc<Shelf>);

struct Shelf {
    most: usize,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    bytes: usize,
    /// What was given back last is last.
    memory: VecDeque<Memory>,
}

struct Memory {
    dtype: DType,
    len: usize,
    idle: u32,
    /// A vector of the dtype's type.
    data: Box<dyn Any + Send>,
}

impl Memory {
    fn bytes(&self) -> usize {
        self.len * self.dtype.size()
    }
}

impl Pool {
    /// A pool that keeps at most so many bytes that nobody uses.
    pub fn new(most: usize) -> Pool {
        Pool(Arc::new(Shelf {
            most,
            free: Mutex::default(),
        }))
    }

    /// A tensor whose elements are of whatever value: for whoever writes all of them.
    ///
    /// # Errors
    /// [`TensorError::TooLarge`], as [`checked_len`]; what is kept is given back before.
    pub fn tensor(&self, dtype: DType, shape: &[usize]) -> Result<Tensor, TensorError> {
        match dtype {
            DType::Float16 => self.typed(shape, f16::NAN),
            DType::Bfloat16 => self.typed(shape, bf16::NAN),
            DType::Float32 => self.typed(shape, f32::NAN),
            DType::Float64 => self.typed(shape, f64::NAN),
            DType::Int32 => self.typed(shape, i32::MIN),
            DType::Int64 => self.typed(shape, i64::MIN),
            DType::Uint8 => self.typed(shape, u8::MAX),
            DType::Bool | DType::Resource => Tensor::zeros(dtype, shape),
        }
    }

    /// `unwritten` is what programs with debug assertions find where nobody wrote.
    fn typed<T: Element>(&self, shape: &[usize], unwritten: T) -> Result<Tensor, TensorError> {
        let len = shape
            .iter()
            .try_fold(1, |len: usize, &size| len.checked_mul(size));
        let used = len.and_then(|len| Home::<T>::room(&*self.0, len));
        let mut data = match used {
            Some(data) => data,
            None => {
                let checked = checked_len(T::DTYPE, shape).or_else(|_| {
                    self.clear();
                    checked_len(T::DTYPE, shape)
                });
                vec![T::default(); checked?]
            }
        };
        if cfg!(debug_assertions) {
            data.fill(unwritten);
        }
        let keeps = is_kept::<T>(data.len());
        let home = keeps.then(|| Arc::downgrade(&(self.0.clone() as Arc<dyn Home<T>>)));
        Ok(Tensor::from_elements(shape, Elements::own(data, home)))
    }

    /// Gives back what has not been used for some calls of this.
    pub fn tick(&self) {
        let mut free = self.0.lock();
        if free.memory.is_empty() {
            return;
        }
        free.memory.iter_mut().for_each(|memory| memory.idle += 1);
        free.memory.retain(|memory| memory.idle <= PATIENCE);
        free.bytes = free.memory.iter().map(Memory::bytes).sum();
    }

    /// Gives back all that nobody uses.
    pub fn clear(&self) {
        *self.0.lock() = Free::default();
    }

    /// The bytes that nobody uses.
    pub fn free_bytes(&self) -> usize {
        self.0.lock().bytes
    }
}

fn is_kept<T: Element>(len: usize) -> bool {
    len.saturating_mul(T::DTYPE.size()) >= LEAST
}

impl Shelf {
    fn lock(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Element> Home<T> for Shelf {
    fn room(&self, len: usize) -> Option<Vec<T>> {
        if !is_kept::<T>(len) {
            return None;
        }
        let mut free = self.lock();
        let fits = |memory: &Memory| memory.dtype == T::DTYPE && memory.len == len;
        let memory = free.memory.iter().rposition(fits)?;
        let memory = free.memory.remove(memory)?;
        free.bytes -= memory.bytes();
        Some(*memory.data.downcast().ok()?)
    }

    fn take_back(&self, data: Vec<T>) {
        let memory = Memory {
            dtype: T::DTYPE,
            len: data.len(),
            idle: 0,
            data: Box::new(data),
        };
        if memory.bytes() > self.most {
            return;
        }
        let mut dropped = Vec::new();
        let mut free = self.lock();
        free.bytes += memory.bytes();
        free.memory.push_back(memory);
        while free.bytes > self.most {
            let Some(oldest) = free.memory.pop_front() else {
                break;
            };
            free.bytes -= oldest.bytes();
            dropped.push(oldest);
        }
        // Memory is given back to the system without the lock.
        drop(free);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEN: usize = LEAST / 4;

    fn start(tensor: &Tensor) -> *const f32 {
        tensor.as_slice::<f32>().unwrap().as_ptr()
    }

    fn tensor(pool: &Pool) -> Tensor {
        pool.tensor(DType::Float32, &[LEN]).unwrap()
    }

    #[test]
    fn memory_comes_back_when_the_last_holder_is_gone() {
        let pool = Pool::new(4 * LEAST);
        let first = tensor(&pool);
        let (at, clone) = (start(&first), first.clone());
        drop(first);
        assert_eq!(pool.free_bytes(), 0);
        drop(clone);
        assert_eq!(pool.free_bytes(), LEAST);
        assert!(pool.tensor(DType::Int32, &[LEN]).is_ok());
        assert_eq!(pool.free_bytes(), 2 * LEAST);
        let again = tensor(&pool).reshape(&[2, LEN / 2]).unwrap();
        assert_eq!(start(&again), at);

        // A copy lives there too; what is taken out does not come back.
        let mut copy = again.clone();
        copy.make_mut::<f32>().unwrap()[0] = 1.0;
        assert_ne!(start(&copy), at);
        drop(again);
        let third = copy.clone();
        copy.make_mut::<f32>().unwrap()[0] = 2.0;
        assert_eq!(start(&copy), at);
        assert_eq!(third.as_slice::<f32>().unwrap()[0], 1.0);
        pool.clear();
        drop(copy.into_vec::<f32>().unwrap());
        assert_eq!(pool.free_bytes(), 0);
        drop(third);
        assert_eq!(pool.free_bytes(), LEAST);

        let late = tensor(&pool);
        drop(pool);
        assert_eq!(late.len(), LEN);
    }

    #[test]
    fn no_more_is_kept_than_was_said_and_not_for_ever() {
        let pool = Pool::new(2 * LEAST);
        let many: Vec<Tensor> = (0..5).map(|_| tensor(&pool)).collect();
        let last = start(&many[4]);
        drop(many);
        assert_eq!(pool.free_bytes(), 2 * LEAST);
        assert_eq!(start(&tensor(&pool)), last);
        drop(pool.tensor(DType::Float32, &[3 * LEN]).unwrap());
        drop(pool.tensor(DType::Float32, &[LEN - 1]).unwrap());
        assert_eq!(pool.free_bytes(), 2 * LEAST);
        for _ in 0..=PATIENCE {
            drop(tensor(&pool));
            pool.tick();
        }
        assert_eq!(pool.free_bytes(), LEAST);
        let wide = [usize::MAX, 2];
        assert!(pool.tensor(DType::Float32, &wide).is_err());
        assert_eq!(pool.free_bytes(), 0);
    }
}
