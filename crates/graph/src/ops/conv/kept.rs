//! What a session keeps for a convolution's node from one run to the next.

use std::any::Any;
use std::sync::{Arc, Mutex};

use tconv_kernels::KernelError;
use tconv_kernels::conv::{PackedFilter, Pass, Prepared};
use tconv_kernels::simd::InstructionSet;
use tconv_kernels::stage::Stage;
use tconv_tensor::{DType, Mark, Tensor};

use super::repeated::Repeated;
use super::{Conv, Convolved};
use crate::session::lock;
use crate::{Result, Run};

/// For how many sets of sizes a node's plans are kept: those of a full and of a last batch, and of as many again.
const SIZES: usize = 4;

/// A node's plans, one for each of the sizes that came last, and its half filter's elements in float32. Threads may
/// share them.
#[derive(Default)]
pub(crate) struct Kept {
    plans: Mutex<Vec<Known>>,
    wide: Repeated<Tensor>,
}

struct Known {
    dtype: DType,
    dims: Vec<usize>,
    /// The elements of the input that holds sizes.
    sizes: Vec<i64>,
    plan: Arc<dyn Forget>,
}

/// A plan of some element type.
trait Forget: Any + Send + Sync {
    /// Drops the packed filter if what it was made of is gone, or one of these.
    fn forget(&self, changed: &[Mark]);
    #[cfg(test)]
    fn is_packed(&self) -> bool;
}

impl Known {
    fn is_of(&self, conv: &Conv, dtype: DType, inputs: &[Tensor]) -> bool {
        let dims = inputs.iter().flat_map(Tensor::shape);
        self.dtype == dtype && self.dims.iter().eq(dims) && self.has_sizes(conv, inputs)
    }

    fn has_sizes(&self, conv: &Conv, inputs: &[Tensor]) -> bool {
        let Some(sizes) = conv.sizes_at().map(|i| &inputs[i]) else {
            return true;
        };
        let mut known = self.sizes.iter();
        match (sizes.as_slice::<i32>(), sizes.as_slice::<i64>()) {
            (Ok(sizes), _) => sizes.iter().all(|&n| known.next() == Some(&i64::from(n))),
            (_, Ok(sizes)) => sizes.iter().all(|n| known.next() == Some(n)),
            _ => false,
        }
    }
}

impl Kept {
    /// The plan for inputs of these sizes, made where there is none.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub(super) fn plan<T: Convolved>(
        &self,
        conv: &Conv,
        run: &Run,
        inputs: &[Tensor],
    ) -> Result<Arc<Plan<T>>> {
        let found = {
            let mut known = lock(&self.plans);
            let place = known
                .iter()
                .rposition(|known| known.is_of(conv, T::DTYPE, inputs));
            place.map(|place| {
                let last = known.len() - 1;
                known[place..=last].rotate_left(1);
                known[last].plan.clone()
            })
        };
        if let Some(plan) =
            found.and_then(|plan| (plan as Arc<dyn Any + Send + Sync>).downcast().ok())
        {
            return Ok(plan);
        }
        let plan = Arc::new(Plan::<T>::new(conv, run, inputs)?);
        let sizes = conv.sizes_at().map(|i| inputs[i].to_i64_vec());
        let mut known = lock(&self.plans);
        if (known.iter()).any(|known| known.is_of(conv, T::DTYPE, inputs)) {
            // Another thread was faster.
            return Ok(plan);
        }
        if known.len() == SIZES {
            known.remove(0);
        }
        known.push(Known {
            dtype: T::DTYPE,
            dims: inputs.iter().flat_map(Tensor::shape).copied().collect(),
            sizes: sizes.transpose()?.unwrap_or_default(),
            plan: plan.clone(),
        });
        Ok(plan)
    }

    /// What `widen` makes of a filter, kept where the same elements come again.
    ///
    /// # Errors
    /// Those of `widen`.
    pub(crate) fn wide(
        &self,
        filter: &Tensor,
        widen: impl Fn() -> Result<Tensor>,
    ) -> Result<Tensor> {
        match self.wide.made(filter, &widen)? {
            Some(wide) => Ok(Tensor::clone(&wide)),
            None => widen(),
        }
    }

    /// How many filters are packed.
    #[cfg(test)]
    pub(crate) fn packed(&self) -> usize {
        let known = lock(&self.plans);
        known.iter().filter(|known| known.plan.is_packed()).count()
    }

    /// Drops the packed filters of elements that are gone, and of these, which variables no longer have.
    pub(crate) fn forget(&self, changed: &[Mark]) {
        // What was packed of these elements goes with them.
        self.wide.forget(changed);
        lock(&self.plans)
            .iter()
            .for_each(|known| known.plan.forget(changed));
    }
}

/// All about a convolution that its inputs' sizes decide, and the filter that it last had.
pub(super) struct Plan<T: 'static> {
    prepared: Prepared<T>,
    /// The output's sizes.
    pub(super) dims: Vec<usize>,
    /// Whether it is worth while to pack filters ahead.
    packs: bool,
    filter: Repeated<PackedFilter<T>>,
}

impl<T: Convolved> Forget for Plan<T> {
    fn forget(&self, changed: &[Mark]) {
        self.filter.forget(changed);
    }

    #[cfg(test)]
    fn is_packed(&self) -> bool {
        self.filter.is_made()
    }
}

impl<T: Convolved> Plan<T> {
    /// # Errors
    /// For inputs that make no convolution.
    pub(super) fn new(conv: &Conv, run: &Run, inputs: &[Tensor]) -> Result<Plan<T>> {
        let (pass, shape) = (conv.pass, conv.shape_of(inputs)?);
        let [.., dims] = pass.dims(&shape);
        let precision = run.precision(conv.precision);
        let set = run.instruction_set();
        let prepared = Prepared::new(set, precision, pass, shape, run.threads())?;
        Ok(Plan {
            packs: run.kept().is_some()
                && pass != Pass::BackpropFilter
                && packed_len(&prepared) > 0,
            dims,
            prepared,
            filter: Repeated::default(),
        })
    }

    /// Whether it has an algorithm that is not the definition.
    pub(super) fn is_fast(&self) -> bool {
        self.prepared.algorithm().requires > InstructionSet::Portable
    }

    /// Computes it of the inputs, whose sizes are those that it was made for, and the stages behind it. Whether it did:
    /// of halves it does not compute all as exactly as it should, and then `out` is to be filled otherwise.
    ///
    /// # Errors
    /// `ResourceExhausted`.
    pub(super) fn run(
        &self,
        conv: &Conv,
        run: &mut Run,
        inputs: &[Tensor],
        out: &mut [T],
        stages: &[Stage<'_, T>],
    ) -> Result<bool> {
        let threads = run.threads();
        let [a, b] = conv.operands(inputs);
        let packed = self.packed(run, b)?;
        let (packed, scratch) = (
            packed.as_deref(),
            run.scratch::<T>(self.prepared.scratch())?,
        );
        let (a, b) = (a.as_slice()?, b.as_slice()?);
        let ran = (self.prepared).run(a, b, packed, out, scratch, threads, stages);
        match ran {
            Err(KernelError::Inexact(_)) => Ok(false),
            ran => Ok(ran.map(|()| true)?),
        }
    }

    /// The packed filter, where it pays to have one.
    fn packed(&self, run: &Run, filter: &Tensor) -> Result<Option<Arc<PackedFilter<T>>>> {
        if !self.packs {
            return Ok(None);
        }
        self.filter.made(filter, || {
            let len = tconv_tensor::checked_len(T::DTYPE, &[packed_len(&self.prepared)])?;
            let room = vec![T::default(); len];
            let packed = self.prepared.pack(filter.as_slice()?, room, run.threads());
            Ok(packed?)
        })
    }
}

fn packed_len<T: Convolved>(prepared: &Prepared<T>) -> usize {
    let (pass, shape) = prepared.shape();
    (prepared.algorithm().packed_len)(pass, shape)
}
