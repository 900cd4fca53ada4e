//! Joins a convolution and what is done to its output alone, a bias and activations, to one step. Over one axis, an
//! axis of size 1 is taken away between.

use std::collections::HashMap;

use tconv_tensor::DType;

use super::plan::{Follower, Input, Step};

/// Has each step do in its own pass what later steps do to its output, where nobody else reads that: what is
/// fetched stays, and float16, whose every step rounds. What runs, what it makes and which error comes first are
/// as before.
pub(super) fn fuse(steps: &mut Vec<Step>, fetches: &[Input]) {
    let mut readers: HashMap<usize, usize> = HashMap::new();
    let inputs = steps.iter().flat_map(|step| &step.inputs);
    for input in inputs.chain(fetches) {
        if let Input::Place { place, .. } = input {
            *readers.entry(*place).or_default() += 1;
        }
    }
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps.drain(..) {
        match leader(&joined, &step, &readers) {
            None => joined.push(step),
            Some(at) => {
                let mut first = joined.remove(at);
                first.passed += joined.len() - at;
                first.outputs = step.outputs;
                first.then.push(Follower {
                    node: step.node,
                    others: step.inputs.into_iter().skip(1).collect(),
                });
                joined.push(first);
            }
        }
    }
    *steps = joined;
}

/// The step that `step` may be joined to: the one before it that makes its first input. Between the two only
/// variables are read, for the bias, and that only before the first that is joined, but for those that reshape; so an
/// error of what came before is still known as the first.
fn leader(steps: &[Step], step: &Step, readers: &HashMap<usize, usize>) -> Option<usize> {
    let is_float32 = |step: &Step| {
        step.node
            .facts
            .iter()
            .all(|fact| fact.dtype == DType::Float32)
    };
    step.node.op.following()?;
    let Some(Input::Place { place, .. }) = step.inputs.first() else {
        return None;
    };
    let only = readers.get(place) == Some(&1);
    let at = steps
        .iter()
        .rposition(|step| step.node.def.name != "ReadVariableOp")?;
    let first = &steps[at];
    let makes = first.outputs == [Some(*place)];
    let near = first.then.iter().all(Follower::reshapes) || at + 1 == steps.len();
    let fits = only && makes && near && first.node.op.is_followed();
    (fits && is_float32(first) && is_float32(step)).then_some(at)
}
