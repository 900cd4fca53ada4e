use std::sync::{Arc, Mutex};

use tconv_tensor::{Mark, Tensor};

use crate::Result;
use crate::session::lock;

/// Something that is made of a tensor's elements, and kept as long as the same elements come again.
///
/// It is made when they come for the second time: of elements that change with each run nothing is made, and
/// nobody who changes them in place has to copy them.
pub(super) struct Repeated<M>(Mutex<Last<M>>);

struct Last<M> {
    seen: Option<Mark>,
    made: Option<Arc<M>>,
}

impl<M> Default for Repeated<M> {
    fn default() -> Repeated<M> {
        Repeated(Mutex::new(Last {
            seen: None,
            made: None,
        }))
    }
}

impl<M> Last<M> {
    fn is_of(&self, tensor: &Tensor) -> bool {
        self.seen
            .as_ref()
            .is_some_and(|mark| tensor.is_marked(mark))
    }
}

impl<M> Repeated<M> {
    /// What `make` makes of the tensor's elements; `None` where they come for the first time.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn made(
        &self,
        tensor: &Tensor,
        make: impl FnOnce() -> Result<M>,
    ) -> Result<Option<Arc<M>>> {
        {
            let mut last = lock(&self.0);
            if !last.is_of(tensor) {
                last.seen = tensor.mark();
                last.made = None;
                return Ok(None);
            }
            if let Some(made) = &last.made {
                return Ok(Some(made.clone()));
            }
        }
        // Not under the lock: while this thread waits for others, it may take up another run.
        let made = Arc::new(make()?);
        let mut last = lock(&self.0);
        if last.is_of(tensor) {
            last.made = Some(made.clone());
        }
        Ok(Some(made))
    }

    #[cfg(test)]
    pub fn is_made(&self) -> bool {
        lock(&self.0).made.is_some()
    }

    /// Drops what was made of elements that are gone, or of one of these.
    pub fn forget(&self, changed: &[Mark]) {
        let mut last = lock(&self.0);
        let seen = last.seen.as_ref();
        if seen.is_some_and(|seen| seen.is_gone() || changed.contains(seen)) {
            last.seen = None;
            last.made = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn made_at_the_second_time_and_dropped_with_the_elements() -> Result<()> {
        let repeated = Repeated::default();
        let first = |tensor: &Tensor| tensor.as_slice::<f32>().map(|values| values[0]);
        let made = |tensor: &Tensor| repeated.made(tensor, || Ok(first(tensor)?));
        let mut tensor = Tensor::from([1.0f32, 2.0]);
        assert!(made(&tensor)?.is_none());
        // A failure leaves it to the next time.
        assert!(
            repeated
                .made(&tensor, || Err(Error::invalid("no")))
                .is_err()
        );
        let kept = made(&tensor.clone().reshape(&[2, 1])?)?.unwrap();
        assert_eq!(*kept, 1.0);
        assert!(Arc::ptr_eq(&kept, &made(&tensor)?.unwrap()));
        // What is kept copies nothing when the elements are written, and is not taken for others.
        let start = tensor.as_slice::<f32>()?.as_ptr();
        tensor.make_mut::<f32>()?[0] = 3.0;
        assert_eq!(tensor.as_slice::<f32>()?.as_ptr(), start);
        assert!(made(&tensor)?.is_none());
        assert_eq!(*made(&tensor)?.unwrap(), 3.0);
        // Equal elements elsewhere are others.
        assert!(made(&Tensor::from([3.0f32, 2.0]))?.is_none());

        let weak = Arc::downgrade(&kept);
        drop(kept);
        assert!(weak.upgrade().is_none());
        made(&tensor)?;
        let weak = Arc::downgrade(&made(&tensor)?.unwrap());
        repeated.forget(&[]);
        assert!(weak.upgrade().is_some());
        repeated.forget(&[tensor.mark().unwrap()]);
        assert!(weak.upgrade().is_none());
        made(&tensor)?;
        let weak = Arc::downgrade(&made(&tensor)?.unwrap());
        drop(tensor);
        repeated.forget(&[]);
        assert!(weak.upgrade().is_none());
        Ok(())
    }
}
