use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tconv_kernels::Threads;
use tconv_kernels::conv::Precision;
use tconv_kernels::simd::InstructionSet;
use tconv_kernels::stage::Stage;
use tconv_shape::Shape;
use tconv_tensor::{DType, Handle, Mark, Tensor};

use super::context::Rooms;
use super::plan::{Input, Plan, Step, describe};
use super::{Context, Scratch, Session, lock};
use crate::node::Node;
use crate::ops::conv::Kept;
use crate::ops::state::check_assigned;
use crate::random::Philox;
use crate::{Code, Error, Result, halves};

/// What an op is given while it runs: threads, the instruction set, scratch, the session's variables and
/// random streams.
pub struct Run<'s> {
    context: &'s Context,
    /// `None` where an op is evaluated at once, without a graph.
    session: Option<&'s Session>,
    /// The node that runs now.
    node: usize,
    /// What it reads as it was before the run.
    snapshot: Option<Option<Tensor>>,
    kept: Option<Arc<Kept>>,
    /// What the inputs were before they became float32.
    pub(crate) widened: Option<DType>,
    /// What variables had that were given another value.
    changed: RefCell<Vec<Mark>>,
    scratch: Rooms,
}

/// How often a run asks whether it is to end.
const ASK_EVERY: Duration = Duration::from_millis(50);

impl<'s> Run<'s> {
    pub(super) fn new(session: &'s Session) -> Run<'s> {
        let mut run = Run::without_session(&session.context);
        run.session = Some(session);
        run
    }

    /// For one op without a graph: it has no variables, and each random stream begins anew.
    pub(crate) fn without_session(context: &'s Context) -> Run<'s> {
        Run {
            context,
            session: None,
            node: 0,
            snapshot: None,
            kept: None,
            widened: None,
            changed: RefCell::default(),
            scratch: context.take_scratch(),
        }
    }

    /// The session, which has the variables.
    fn session(&self) -> Result<&'s Session> {
        self.session.ok_or_else(|| {
            Error::new(
                Code::FailedPrecondition,
                "a variable has its value in a session, and this op runs in none",
            )
            .help("build a graph and run it by a Session, or compute on tensors")
        })
    }

    pub(super) fn execute(mut self, plan: &Plan, feeds: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let mut places: Vec<Option<Tensor>> = vec![None; plan.places];
        for (&place, value) in plan.feeds.iter().zip(feeds) {
            places[place] = Some(value);
        }
        let snapshots = plan.snapshots.iter().map(|slot| Some(lock(slot).clone()));
        let mut snapshots: Vec<Option<Option<Tensor>>> = snapshots.collect();
        let session = self.session()?;
        let mut ask = session.interrupt.as_ref().map(|ask| (ask, Instant::now()));
        for (i, step) in plan.steps.iter().enumerate() {
            if let Some((interrupt, asked)) = &mut ask
                && asked.elapsed() > ASK_EVERY
            {
                interrupt()?;
                *asked = Instant::now();
            }
            self.snapshot = step.snapshot.and_then(|i| snapshots[i].take());
            self.kept.clone_from(&step.kept);
            let inputs = take(&step.inputs, &mut places);
            let inputs = inputs.ok_or_else(|| internal(&step.node, "an input has no value"))?;
            let outputs = match step.then.as_slice() {
                [] => self.evaluate(&step.node, inputs),
                _ => self.evaluate_then(step, inputs, &mut places),
            };
            let outputs = match outputs {
                Ok(outputs) => outputs,
                Err(error) => {
                    return Err(self.earlier(&plan.steps[i..], &mut places).unwrap_or(error));
                }
            };
            for (place, output) in step.outputs.iter().zip(outputs) {
                if let Some(place) = *place {
                    places[place] = Some(output);
                }
            }
        }
        let values = take(&plan.fetches, &mut places);
        let values = values.ok_or_else(|| Error::new(Code::Internal, "a fetch has no value"))?;
        let owned = values.into_iter().map(|value| Ok(value.into_owned()?));
        owned.collect()
    }

    /// Runs a node and what follows it in one pass; an error says at which.
    fn evaluate_then(
        &mut self,
        step: &Step,
        inputs: Vec<Tensor>,
        places: &mut [Option<Tensor>],
    ) -> Result<Vec<Tensor>> {
        let session = self.session()?;
        let others = step.then.iter().map(|next| take(&next.others, places));
        let others: Option<Vec<Vec<Tensor>>> = others.collect();
        let others = others.ok_or_else(|| internal(&step.node, "an input has no value"))?;
        let mut sizes = Vec::new();
        let mut stages = |made: &[usize]| {
            sizes = made.to_vec();
            let pairs = step.then.iter().zip(&others);
            let stages = pairs.map(|(next, others)| stage(session, &next.node, &mut sizes, others));
            stages.filter_map(Result::transpose).collect()
        };
        let outputs = self.located(&step.node, inputs, |run, inputs| {
            step.node.op.eval_then(run, inputs, &mut stages)
        })?;
        let reshaped = outputs.into_iter().map(|out| Ok(out.reshape(&sizes)?));
        reshaped.collect()
    }

    /// The error of a node that in the graph's order comes before one that failed, the first of `steps`, and was
    /// put behind it.
    fn earlier(&mut self, steps: &[Step], places: &mut [Option<Tensor>]) -> Option<Error> {
        let later = steps.iter().enumerate().skip(1);
        let (_, step) = later.into_iter().find(|(i, step)| step.passed >= *i)?;
        let inputs = take(&step.inputs, places)?;
        self.kept.clone_from(&step.kept);
        let outputs = match self.evaluate(&step.node, inputs) {
            Ok(outputs) => outputs,
            Err(error) => return Some(error),
        };
        let mut sizes = outputs.first()?.shape().to_vec();
        let session = self.session().ok()?;
        let reshaping = step.then.iter().take_while(|next| next.reshapes());
        reshaping
            .map(|next| stage(session, &next.node, &mut sizes, &[]))
            .find_map(Result::err)
    }

    /// Runs one node; an error says at which.
    pub(super) fn evaluate(
        &mut self,
        node: &Arc<Node>,
        inputs: Vec<Tensor>,
    ) -> Result<Vec<Tensor>> {
        self.located(node, inputs, |run, inputs| {
            halves::eval(node.def, &*node.op, &node.facts, run, inputs)
        })
    }

    /// The outputs of a node by `eval`, whose errors are the node's unless they say another.
    fn located(
        &mut self,
        node: &Node,
        inputs: Vec<Tensor>,
        eval: impl FnOnce(&mut Self, Vec<Tensor>) -> Result<Vec<Tensor>>,
    ) -> Result<Vec<Tensor>> {
        self.node = node.id;
        let shapes: Vec<_> = inputs.iter().map(Tensor::shared_shape).collect();
        let session = self.session()?;
        let outputs = eval(self, inputs).map_err(|error| {
            let shapes: Vec<Shape> = shapes.iter().map(|shape| Shape::from(&**shape)).collect();
            error
                .at(&node.name, node.def.name, describe(session, node, &shapes))
                .located(node.location)
        })?;
        if outputs.len() != node.facts.len() {
            return Err(internal(
                node,
                "the op made another number of outputs than it inferred",
            ));
        }
        Ok(outputs)
    }

    /// The threads that kernels may use.
    pub fn threads(&self) -> &'s Threads {
        &self.context.threads
    }

    /// The instruction set that kernels use.
    pub fn instruction_set(&self) -> InstructionSet {
        self.context.instruction_set
    }

    /// How exact the products of a convolution must be whose node says that, or leaves it to the session. Products of
    /// as many bits as bfloat16 or float16 had are exact.
    pub(crate) fn precision(&self, own: Option<Precision>) -> Precision {
        match self.widened {
            Some(DType::Bfloat16) => Precision::Medium,
            Some(DType::Float16) => Precision::High,
            _ => own.unwrap_or(self.context.precision),
        }
    }

    /// What the node keeps between runs, where there is a session.
    pub(crate) fn kept(&self) -> Option<&Arc<Kept>> {
        self.kept.as_ref()
    }

    /// A tensor for an op that writes every element of it: of whatever value, in memory of an output that nobody
    /// holds any more where there is one of this size.
    ///
    /// # Errors
    /// `ResourceExhausted`.
    pub fn output(&self, dtype: DType, shape: &[usize]) -> Result<Tensor> {
        Ok(self.context.pool.tensor(dtype, shape)?)
    }

    /// Room for a kernel: `len` elements, of whatever value. Kept for the next op.
    ///
    /// # Errors
    /// `ResourceExhausted`.
    pub fn scratch<T: Scratch>(&mut self, len: usize) -> Result<&mut [T]> {
        let room = T::room(&mut self.scratch);
        if room.len() < len {
            tconv_tensor::checked_len(T::DTYPE, &[len])?;
            *room = vec![T::default(); len];
        }
        Ok(&mut room[..len])
    }

    /// A variable's value: from before this run's updates, unless one of them must come first.
    ///
    /// # Errors
    /// `FailedPrecondition` when it has none, or there is no session.
    pub fn read_variable(&mut self, handle: &Handle) -> Result<Tensor> {
        let value = match self.snapshot.take() {
            Some(snapshot) => snapshot,
            None => lock(&self.session()?.variable(&handle.0)).clone(),
        };
        let value = value.ok_or_else(|| uninitialized(handle))?;
        // Two handles of one name may disagree.
        let wrong = self.declared(|dtype, shape| {
            (dtype != value.dtype() || !shape.allows(value.shape())).then(|| {
                Error::invalid(format!(
                    "Trying to read variable with wrong dtype or shape. Expected {dtype} {shape} got {} {}",
                    value.dtype(),
                    Shape::from(value.shape())
                ))
            })
        });
        wrong.flatten().map_or(Ok(value), Err)
    }

    /// Whether a variable has a value now.
    ///
    /// # Errors
    /// `FailedPrecondition` without a session.
    pub fn is_initialized(&self, handle: &Handle) -> Result<bool> {
        Ok(lock(&self.session()?.variable(&handle.0)).is_some())
    }

    /// Gives a variable a value.
    ///
    /// # Errors
    /// `InvalidArgument` for a value of another shape than the handle at the node's first input says;
    /// `ResourceExhausted` when a borrowed value cannot be copied.
    pub fn assign_variable(&self, handle: &Handle, value: Tensor) -> Result<()> {
        self.declared(|_, shape| check_assigned(shape, value.shape()))
            .transpose()?;
        let slot = self.session()?.variable(&handle.0);
        let mut slot = lock(&slot);
        if let Some(old) = slot.as_ref().filter(|old| old.dtype() != value.dtype()) {
            return Err(Error::invalid(format!(
                "Trying to assign variable with wrong dtype. Expected {} got {}",
                old.dtype(),
                value.dtype()
            )));
        }
        let old = slot.replace(value.into_owned()?);
        let mark = old.and_then(|old| old.mark());
        self.changed.borrow_mut().extend(mark);
        Ok(())
    }

    /// `f` of what the handle at the node's first input says of its variable.
    fn declared<A>(&self, f: impl FnOnce(DType, &Shape) -> A) -> Option<A> {
        let graph = &self.session?.graph;
        let (id, slot) = *graph.node(self.node).inputs.first()?;
        let node = graph.node(id);
        let (dtype, shape) = node.facts[slot].handle.as_ref()?;
        Some(f(*dtype, shape))
    }

    /// Changes the values of variables, all at once for every other run: `update` gets them in the order
    /// of `handles`. When it fails they must be as they were.
    ///
    /// # Errors
    /// `FailedPrecondition` when one has no value, `InvalidArgument` when one is named twice; what
    /// `update` returns.
    pub fn update_variables(
        &self,
        handles: &[&Handle],
        update: impl FnOnce(&mut [Tensor]) -> Result<()>,
    ) -> Result<()> {
        // All runs lock in the order of the names, so none waits for another in a circle.
        let mut order: Vec<usize> = (0..handles.len()).collect();
        order.sort_by(|&a, &b| handles[a].0.cmp(&handles[b].0));
        if let Some(pair) = order
            .windows(2)
            .find(|pair| handles[pair[0]].0 == handles[pair[1]].0)
        {
            return Err(Error::invalid(format!(
                "variable {} is named twice",
                handles[pair[0]].0
            )));
        }
        let session = self.session()?;
        let slots: Vec<_> = order
            .iter()
            .map(|&i| session.variable(&handles[i].0))
            .collect();
        let mut guards: Vec<_> = slots.iter().map(|slot| lock(slot)).collect();
        if let Some(i) = guards.iter().position(|guard| guard.is_none()) {
            return Err(uninitialized(handles[order[i]]));
        }
        let mut values = vec![Tensor::default(); handles.len()];
        for (guard, &i) in guards.iter_mut().zip(&order) {
            values[i] = guard.take().unwrap_or_default();
        }
        let marks = values.iter().filter_map(Tensor::mark);
        self.changed.borrow_mut().extend(marks);
        let result = update(&mut values);
        for (guard, &i) in guards.iter_mut().zip(&order) {
            **guard = Some(std::mem::take(&mut values[i]));
        }
        result
    }

    /// This node's random stream in this session, made by `start` at its first run; without a session a
    /// stream for this once.
    pub fn random_stream<T>(
        &self,
        start: impl FnOnce() -> Result<Philox>,
        draw: impl FnOnce(&mut Philox) -> T,
    ) -> Result<T> {
        let Some(session) = self.session else {
            return Ok(draw(&mut start()?));
        };
        let mut streams = lock(&session.streams);
        let stream = match streams.entry(self.node) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(start()?),
        };
        Ok(draw(stream))
    }
}

impl Drop for Run<'_> {
    /// Leaves the scratch to the next run, and nothing that was made of values that are gone.
    fn drop(&mut self) {
        self.context.give_back(std::mem::take(&mut self.scratch));
        let changed = self.changed.take();
        if let (false, Some(session)) = (changed.is_empty(), self.session) {
            let kept: Vec<Arc<Kept>> = lock(&session.kept).values().cloned().collect();
            kept.iter().for_each(|kept| kept.forget(&changed));
        }
    }
}

/// What a node does to its first input, which has these sizes, and the output's; an error is the node's.
fn stage<'s>(
    session: &Session,
    node: &'s Node,
    sizes: &mut Vec<usize>,
    others: &'s [Tensor],
) -> Result<Option<Stage<'s, f32>>> {
    let following = node.op.following();
    let following = following.ok_or_else(|| internal(node, "the op follows none"))?;
    following.stage(sizes, others).map_err(|error| {
        let others = others.iter().map(|other| Shape::from(other.shape()));
        let shapes: Vec<Shape> = [Shape::from(&**sizes)].into_iter().chain(others).collect();
        error
            .at(&node.name, node.def.name, describe(session, node, &shapes))
            .located(node.location)
    })
}

/// The inputs' values, taken from their places where nobody reads them later.
fn take(inputs: &[Input], places: &mut [Option<Tensor>]) -> Option<Vec<Tensor>> {
    let mut values = Vec::with_capacity(inputs.len());
    for input in inputs {
        values.push(match input {
            Input::Constant(value) => value.clone(),
            Input::Place { place, last: true } => places[*place].take()?,
            Input::Place { place, last: false } => places[*place].clone()?,
        });
    }
    Some(values)
}

fn uninitialized(handle: &Handle) -> Error {
    Error::new(
        Code::FailedPrecondition,
        format!("Attempting to use uninitialized value {}", handle.0),
    )
    .help("run its initializer() once in this session before; global_variables_initializer() runs those of all, and so resets the others")
}

fn internal(node: &Node, what: &str) -> Error {
    Error::new(Code::Internal, what)
        .at(&node.name, node.def.name, Vec::new())
        .located(node.location)
}
