use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tconv_kernels::Threads;
use tconv_kernels::conv::Precision;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::Shape;
use tconv_tensor::{DType, Tensor};

use crate::fetch::Fetched;
use crate::ops::conv::Kept;
use crate::{Code, Error, Feed, Fetch, Graph, Output, Result};

mod context;
mod fuse;
mod order;
mod plan;
mod run;
mod sizes;

pub(crate) use context::Context;
pub use context::Scratch;
use plan::Plan;
pub use run::Run;

/// Runs a graph. It owns the variables' values and the random ops' streams, and keeps one plan for each
/// set of feeds and fetches.
///
/// Threads may share a session; `run` takes `&self`. Within one run a read of a variable sees the value
/// from before the run's updates unless a control dependency orders it after one.
pub struct Session {
    graph: Graph,
    context: Context,
    /// Why the threads or the instruction set that were asked for cannot be had.
    unavailable: Option<Error>,
    variables: Mutex<HashMap<Arc<str>, Slot>>,
    streams: Mutex<HashMap<usize, crate::random::Philox>>,
    plans: Mutex<HashMap<PlanKey, Arc<Plan>>>,
    /// What convolutions keep between runs, by node; all plans share it.
    kept: Mutex<HashMap<usize, Arc<Kept>>>,
    interrupt: Option<Interrupt>,
}

/// Says whether a run is to end; see [`Session::set_interrupt`].
type Interrupt = Box<dyn Fn() -> Result<()> + Send + Sync>;

/// Where a variable's value lives.
type Slot = Arc<Mutex<Option<Tensor>>>;

#[derive(Clone, PartialEq, Eq, Hash)]
struct PlanKey {
    feeds: Vec<(usize, usize)>,
    values: Vec<(usize, usize)>,
    operations: Vec<usize>,
    /// Whether nothing that inference concluded may be used: a size of 0 is fed, or one with which an op does
    /// run but that its proof does not speak of.
    unproved: bool,
}

/// A lock that a panic elsewhere does not poison: what it guards is replaced whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// So many threads; for 0 those of the environment or the machine.
pub(crate) fn threads_or_env(count: usize) -> Result<Threads> {
    Ok(match count {
        0 => Threads::from_env()?,
        count => Threads::new(count)?,
    })
}

impl Session {
    /// A session with as many threads as the machine offers and the best instruction set that it has, or
    /// those that the environment variables `TCONV_NUM_THREADS` and `TCONV_INSTRUCTION_SET` name.
    ///
    /// Where those cannot be had each run says so; [`Session::with_threads`] says it at once.
    pub fn new(graph: &Graph) -> Session {
        Session::with_threads(graph, 0).unwrap_or_else(|error| Session {
            unavailable: Some(error),
            ..Session::with(graph, Threads::ONE, InstructionSet::Portable)
        })
    }

    /// A session with so many threads; 0 means what `TCONV_NUM_THREADS` says, or as many as the machine offers.
    ///
    /// # Errors
    /// `Unimplemented` when they cannot be started, when `TCONV_NUM_THREADS` is no number of threads, or when
    /// `TCONV_INSTRUCTION_SET` names an instruction set that the machine lacks.
    pub fn with_threads(graph: &Graph, threads: usize) -> Result<Session> {
        Ok(Session::with(
            graph,
            threads_or_env(threads)?,
            InstructionSet::from_env()?,
        ))
    }

    /// A session with these threads and this instruction set.
    pub fn with(graph: &Graph, threads: Threads, instruction_set: InstructionSet) -> Session {
        Session {
            graph: graph.clone(),
            context: Context::new(threads, instruction_set),
            unavailable: None,
            variables: Mutex::default(),
            streams: Mutex::default(),
            plans: Mutex::default(),
            kept: Mutex::default(),
            interrupt: None,
        }
    }

    /// How exact the products of float32 convolutions must be that do not say it themselves
    /// ([`crate::nn::ConvBuilder::precision`]): [`Precision::Highest`] unless it is set.
    pub fn set_precision(&mut self, precision: Precision) {
        self.context.precision = precision;
        // Algorithms were chosen, and filters packed, for the one before.
        self.plans = Mutex::default();
        self.kept = Mutex::default();
    }

    /// `interrupt` is called by the thread that runs, between ops, some times a second; an error from it ends the
    /// run. So a host language can stop a long run.
    pub fn set_interrupt(&mut self, interrupt: impl Fn() -> Result<()> + Send + Sync + 'static) {
        self.interrupt = Some(Box::new(interrupt));
    }

    /// The graph that it runs.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The values of `fetches`, without feeding anything.
    ///
    /// # Errors
    /// As [`Session::run_with`].
    pub fn run<F: Fetch>(&self, fetches: F) -> Result<F::Answer> {
        self.run_with(fetches, Feed::new())
    }

    /// The values of `fetches`, given those of `feed`.
    ///
    /// # Errors
    /// `InvalidArgument` for a placeholder that is not fed, a fed value whose dtype or shape does not
    /// fit, and for sizes and values that an op refuses; `FailedPrecondition` for a variable without a
    /// value; `ResourceExhausted` for a result larger than the memory. The session goes on: an update
    /// that ran before the error stands.
    pub fn run_with<F: Fetch>(&self, fetches: F, feed: Feed) -> Result<F::Answer> {
        let mut list = Vec::new();
        fetches.list(&mut list);
        let values = self.run_list(&list, feed)?;
        Ok(fetches.answer(&mut values.into_iter()))
    }

    /// [`Session::run_with`] for a list: the values of the tensors in it, in order.
    ///
    /// # Errors
    /// As [`Session::run_with`].
    pub fn run_list(&self, fetches: &[Fetched], feed: Feed) -> Result<Vec<Tensor>> {
        if let Some(error) = &self.unavailable {
            return Err(error.clone());
        }
        let mut key = PlanKey {
            feeds: Vec::new(),
            values: Vec::new(),
            operations: Vec::new(),
            unproved: false,
        };
        for fetch in fetches {
            match fetch {
                Fetched::Value(output) => {
                    self.graph.check_own(output.graph(), || output.name())?;
                    key.values.push((output.node_id(), output.slot()));
                }
                Fetched::Run(operation) => {
                    self.graph
                        .check_own(operation.graph(), || operation.name().to_string())?;
                    key.operations.push(operation.id());
                }
            }
        }
        let mut values = Vec::with_capacity(feed.0.len());
        for (output, value) in feed.0 {
            self.graph.check_own(output.graph(), || output.name())?;
            check_fed(&output, &value)?;
            values.push(((output.node_id(), output.slot()), value));
        }
        // Sorted, so that the order of feeding makes no second plan; of two values for one tensor the
        // later stands.
        values.reverse();
        values.sort_by_key(|(output, _)| *output);
        values.dedup_by_key(|(output, _)| *output);
        key.feeds.extend(values.iter().map(|(output, _)| *output));
        key.unproved = values.iter().any(|(_, value)| value.is_empty());
        let plan = self.plan(key)?;
        let fed: Vec<Tensor> = values.into_iter().map(|(_, value)| value).collect();
        if plan.sizes.check(self, &fed, &plan.snapshots)? {
            return Run::new(self).execute(&plan, fed);
        }
        let plan = self.plan(plan.sizes.unproved())?;
        Run::new(self).execute(&plan, fed)
    }

    fn plan(&self, key: PlanKey) -> Result<Arc<Plan>> {
        if let Some(plan) = lock(&self.plans).get(&key) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(Plan::new(self, &key)?);
        lock(&self.plans).insert(key, plan.clone());
        Ok(plan)
    }

    /// What a convolution's node keeps between runs.
    fn kept(&self, node: usize) -> Arc<Kept> {
        lock(&self.kept).entry(node).or_default().clone()
    }

    /// The place of a variable's value.
    fn variable(&self, name: &Arc<str>) -> Slot {
        lock(&self.variables)
            .entry(name.clone())
            .or_default()
            .clone()
    }
}

/// Checks a fed value against what the graph knows of the tensor.
fn check_fed(output: &Output, value: &Tensor) -> Result<()> {
    if output.dtype() == DType::Resource {
        return Err(Error::invalid(format!(
            "Tensor '{}' is a variable's handle, which cannot be fed",
            output.name()
        ))
        .help("feed the tensor that reads the variable, or assign to it"));
    }
    if value.dtype() != output.dtype() {
        return Err(Error::new(
            Code::InvalidArgument,
            format!(
                "Tensor '{}' has dtype {}, but the value fed is {}",
                output.name(),
                output.dtype(),
                value.dtype()
            ),
        )
        .help("feed a tensor of that dtype: nothing is converted by itself"));
    }
    let wanted = output.static_shape();
    if !wanted.allows(value.shape()) {
        let shape = Shape::from(value.shape());
        let dims = wanted.dims().unwrap_or_default();
        let differing = (0..dims.len()).find(|&axis| {
            let size = shape.dims().and_then(|sizes| sizes.get(axis));
            size.is_none_or(|size| !size.is_compatible_with(&dims[axis]))
        });
        let help = match differing {
            Some(axis) if dims.len() == value.rank() => {
                format!(
                    "axis {axis} is {}, it must be {}",
                    value.shape()[axis],
                    dims[axis]
                )
            }
            _ => format!("it has {} axes, {} are wanted", value.rank(), dims.len()),
        };
        return Err(Error::value(format!(
            "Cannot feed value of shape {shape} for Tensor {}, which has shape {wanted}",
            output.name(),
        ))
        .help(help));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
