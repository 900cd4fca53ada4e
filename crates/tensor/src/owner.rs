//! Where a tensor's elements live: in a vector of its own, or in memory that somebody else owns.

use std::any::Any;
use std::ops::Deref;
use std::sync::{Arc, Weak};

use crate::Element;

/// Memory that [`Tensor::from_owner`](crate::Tensor::from_owner) reads in place, such as an array of another
/// language. The tensor and its clones keep the owner alive.
pub trait Owner<T>: Send + Sync {
    /// The elements in row-major order: at every call the same ones.
    fn elements(&self) -> &[T];
}

/// Where the memory of elements comes from, and to which it goes back.
pub trait Home<T>: Send + Sync {
    /// Memory of exactly so many elements, where there is some.
    fn room(&self, len: usize) -> Option<Vec<T>>;
    /// Keeps memory that nobody uses any more.
    fn take_back(&self, data: Vec<T>);
}

/// A vector with a home, if it has one.
pub struct Buffer<T> {
    data: Vec<T>,
    home: Option<Weak<dyn Home<T>>>,
}

impl<T> Buffer<T> {
    fn home(&self) -> Option<Arc<dyn Home<T>>> {
        self.home.as_ref()?.upgrade()
    }

    /// The vector, which goes home no more.
    fn into_vec(mut self) -> Vec<T> {
        self.home = None;
        std::mem::take(&mut self.data)
    }
}

impl<T: Clone> Clone for Buffer<T> {
    fn clone(&self) -> Buffer<T> {
        let room = self.home().and_then(|home| home.room(self.data.len()));
        let data = match room {
            Some(mut data) => {
                data.clone_from_slice(&self.data);
                data
            }
            None => self.data.clone(),
        };
        Buffer {
            data,
            home: self.home.clone(),
        }
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(home) = self.home() {
            home.take_back(std::mem::take(&mut self.data));
        }
    }
}

/// The elements of one tensor and its clones.
#[derive(Clone)]
pub enum Elements<T> {
    Own(Arc<Buffer<T>>),
    /// Never written: a write copies the elements first.
    Borrowed(Arc<dyn Owner<T>>),
}

impl<T: Element> Elements<T> {
    /// Elements of their own.
    pub fn own(data: Vec<T>, home: Option<Weak<dyn Home<T>>>) -> Elements<T> {
        Elements::Own(Arc::new(Buffer { data, home }))
    }

    /// Whether a write copies nothing.
    pub fn is_unique(&self) -> bool {
        match self {
            Elements::Own(data) => Arc::strong_count(data) == 1,
            Elements::Borrowed(_) => false,
        }
    }

    /// Whether somebody else owns the memory.
    pub fn is_borrowed(&self) -> bool {
        matches!(self, Elements::Borrowed(_))
    }

    /// The elements to be written, copied first unless they are unique.
    pub fn make_mut(&mut self) -> &mut [T] {
        if let Elements::Borrowed(owner) = self {
            *self = Elements::own(owner.elements().to_vec(), None);
        }
        match self {
            Elements::Own(data) => Arc::make_mut(data).data.as_mut_slice(),
            Elements::Borrowed(_) => &mut [],
        }
    }

    /// The elements, copied unless they are unique.
    pub fn into_vec(self) -> Vec<T> {
        match self {
            Elements::Own(data) => match Arc::try_unwrap(data) {
                Ok(data) => data.into_vec(),
                Err(shared) => shared.data.clone(),
            },
            Elements::Borrowed(owner) => owner.elements().to_vec(),
        }
    }
}

/// Recognizes a tensor's elements later on, and keeps nobody from writing them in place: written elements are
/// others. See [`Tensor::mark`](crate::Tensor::mark).
#[derive(Clone, Debug)]
pub struct Mark(pub(crate) Weak<dyn Any + Send + Sync>);

impl Mark {
    /// Whether nobody has the elements any more, or they were written since.
    pub fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl PartialEq for Mark {
    /// Whether both are of the same elements.
    fn eq(&self, other: &Mark) -> bool {
        std::ptr::addr_eq(self.0.as_ptr(), other.0.as_ptr())
    }
}

impl<T: Element> Elements<T> {
    /// The mark of elements of its own. As long as it is there, no others have its address.
    pub fn mark(&self) -> Option<Mark> {
        match self {
            Elements::Own(data) => {
                let data: Weak<Buffer<T>> = Arc::downgrade(data);
                Some(Mark(data))
            }
            Elements::Borrowed(_) => None,
        }
    }

    /// Whether these are the elements of a mark.
    pub fn is_marked(&self, mark: &Mark) -> bool {
        match self {
            Elements::Own(data) => std::ptr::addr_eq(Arc::as_ptr(data), mark.0.as_ptr()),
            Elements::Borrowed(_) => false,
        }
    }
}

impl<T> Deref for Elements<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Elements::Own(data) => &data.data,
            Elements::Borrowed(owner) => owner.elements(),
        }
    }
}

impl<T: PartialEq> PartialEq for Elements<T> {
    fn eq(&self, other: &Elements<T>) -> bool {
        **self == **other
    }
}
