use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tconv_tensor::Tensor;

use super::fuse::fuse;
use super::order::order_variables;
use super::run::Run;
use super::sizes::Sizes;
use super::{PlanKey, Session, Slot};
use crate::node::Node;
use crate::op::{Fact, Following, brackets};
use crate::ops::conv::Kept;
use crate::{Error, Result, Shape};

/// Folded constants above this many elements are made anew in each run instead of being kept.
const LARGEST_FOLDED: i64 = 1 << 20;

/// What one set of feeds and fetches takes: the steps in order, and where values live between them.
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// How many values a run keeps at most: one place for each.
    pub places: usize,
    /// The places of the fed values, in the order of the key's feeds.
    pub feeds: Vec<usize>,
    /// The fetched values.
    pub fetches: Vec<Input>,
    /// The variables that steps read as they are before the run.
    pub snapshots: Vec<Slot>,
    /// What the fed sizes must be.
    pub sizes: Sizes,
}

/// One node's evaluation.
pub(super) struct Step {
    pub node: Arc<Node>,
    pub inputs: Vec<Input>,
    /// The places of its outputs; `None` for one that nobody reads, or that is fed.
    pub outputs: Vec<Option<usize>>,
    /// Which snapshot it reads.
    pub snapshot: Option<usize>,
    pub kept: Option<Arc<Kept>>,
    /// What is done to its output in the same pass.
    pub then: Vec<Follower>,
    /// How many of the steps before it, none of which needs its output, were behind the node in the graph's order.
    pub passed: usize,
}

/// A node that changes the output of the one before it, which nobody else reads.
pub(super) struct Follower {
    pub node: Arc<Node>,
    /// Its inputs but the first.
    pub others: Vec<Input>,
}

impl Follower {
    /// Whether it changes sizes alone.
    pub fn reshapes(&self) -> bool {
        self.node.op.following().is_some_and(Following::reshapes)
    }
}

/// Where a value comes from.
pub(super) enum Input {
    /// It is the same in each run.
    Constant(Tensor),
    Place {
        place: usize,
        /// Nobody reads the value after this.
        last: bool,
    },
}

/// What a node needs before a run.
struct Planner<'a> {
    session: &'a Session,
    places: HashMap<(usize, usize), usize>,
    next_place: usize,
    constants: HashMap<usize, Tensor>,
    fed: HashSet<(usize, usize)>,
    /// Whether what inference knew holds: it takes sizes to be at least 1, and a tensor that is fed though
    /// it has inputs may be of other sizes than they would have given it.
    facts_hold: bool,
    /// The nodes to run, each after its inputs.
    order: Vec<Arc<Node>>,
    seen: HashSet<usize>,
}

impl Plan {
    pub fn new(session: &Session, key: &PlanKey) -> Result<Plan> {
        let mut planner = Planner {
            session,
            places: HashMap::new(),
            next_place: 0,
            constants: HashMap::new(),
            fed: key.feeds.iter().copied().collect(),
            facts_hold: !key.unproved
                && key
                    .feeds
                    .iter()
                    .all(|&(node, _)| session.graph.node(node).inputs.is_empty()),
            order: Vec::new(),
            seen: HashSet::new(),
        };
        let feeds = key
            .feeds
            .iter()
            .map(|&output| planner.place(output))
            .collect();
        for &(node, slot) in &key.values {
            if !planner.fed.contains(&(node, slot)) {
                planner.visit(node)?;
            }
        }
        for &node in &key.operations {
            if !planner.is_fed_whole(node) {
                planner.visit(node)?;
            }
        }
        let order = std::mem::take(&mut planner.order);
        let (order, snapshots) = order_variables(&session.graph, order);
        let sizes = Sizes::new(session, key, planner.facts_hold);
        let reads: HashMap<usize, usize> = (snapshots.iter().enumerate())
            .map(|(i, (node, _))| (*node, i))
            .collect();
        let mut steps: Vec<Step> = order
            .into_iter()
            .map(|node| Step {
                inputs: node.inputs.iter().map(|&o| planner.input(o)).collect(),
                outputs: (0..node.facts.len())
                    .map(|slot| planner.output((node.id, slot)))
                    .collect(),
                snapshot: reads.get(&node.id).copied(),
                kept: node.op.keeps().then(|| session.kept(node.id)),
                then: Vec::new(),
                passed: 0,
                node,
            })
            .collect();
        let mut fetches: Vec<Input> = key.values.iter().map(|&o| planner.input(o)).collect();
        fuse(&mut steps, &fetches);
        mark_last_reads(&mut steps, &mut fetches);
        Ok(Plan {
            steps,
            places: planner.next_place,
            feeds,
            fetches,
            snapshots: snapshots
                .iter()
                .map(|(_, name)| session.variable(name))
                .collect(),
            sizes,
        })
    }
}

impl Planner<'_> {
    /// Where an output's value lives; the outputs of one node live side by side.
    fn place(&mut self, (node, slot): (usize, usize)) -> usize {
        if let Some(&place) = self.places.get(&(node, slot)) {
            return place;
        }
        let count = self.session.graph.node(node).facts.len().max(1);
        for slot in 0..count {
            // A fed output's place is its own, also when the node runs for another output.
            self.places.insert((node, slot), self.next_place + slot);
        }
        self.next_place += count;
        self.places[&(node, slot)]
    }

    /// Where an output's value comes from.
    fn input(&mut self, output: (usize, usize)) -> Input {
        let place = self.place(output);
        match self.constants.get(&place) {
            Some(constant) => Input::Constant(constant.clone()),
            None => Input::Place { place, last: false },
        }
    }

    /// Where the value goes that a step makes.
    fn output(&mut self, output: (usize, usize)) -> Option<usize> {
        (!self.fed.contains(&output)).then(|| self.place(output))
    }

    /// Adds what `root` needs, inputs first. Iterative: graphs may be deeper than a stack.
    fn visit(&mut self, root: usize) -> Result<()> {
        let mut stack = vec![(root, false)];
        while let Some((id, inputs_done)) = stack.pop() {
            if inputs_done {
                self.finish(self.session.graph.node(id))?;
                continue;
            }
            if !self.seen.insert(id) {
                continue;
            }
            let node = self.session.graph.node(id);
            if self.known_before(&node)? {
                continue;
            }
            stack.push((id, true));
            for &id in node.control.iter().rev() {
                if !self.is_fed_whole(id) {
                    stack.push((id, false));
                }
            }
            for &(id, slot) in node.inputs.iter().rev() {
                if !self.fed.contains(&(id, slot)) {
                    stack.push((id, false));
                }
            }
        }
        Ok(())
    }

    fn is_fed_whole(&self, id: usize) -> bool {
        let outputs = self.session.graph.node(id).facts.len();
        outputs > 0 && (0..outputs).all(|slot| self.fed.contains(&(id, slot)))
    }

    /// Whether inference already knew all that the node makes, so that its inputs need not run.
    fn known_before(&mut self, node: &Arc<Node>) -> Result<bool> {
        if node.def.name == "VarHandleOp" && node.control.is_empty() {
            let handle = Run::new(self.session).evaluate(node, Vec::new())?;
            self.keep(node.id, handle);
            return Ok(true);
        }
        let [fact] = node.facts.as_slice() else {
            return Ok(false);
        };
        if node.def.stateful || !node.control.is_empty() || !self.facts_hold {
            return Ok(false);
        }
        let (Some(values), Some(shape)) = (fact.known_values(), fact.shape.known()) else {
            return Ok(false);
        };
        let shape: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
        let Ok(tensor) = crate::operand::integers(&shape, &values, Some(fact.dtype)) else {
            return Ok(false);
        };
        self.keep(node.id, vec![tensor]);
        Ok(true)
    }

    fn keep(&mut self, node: usize, outputs: Vec<Tensor>) {
        for (slot, tensor) in outputs.into_iter().enumerate() {
            if !self.fed.contains(&(node, slot)) {
                let place = self.place((node, slot));
                self.constants.insert(place, tensor);
            }
        }
    }

    /// Takes up a node whose inputs have been: folds it where all of them are constants.
    fn finish(&mut self, node: Arc<Node>) -> Result<()> {
        if node.def.name == "Placeholder" {
            return Err(unfed(&node));
        }
        if let Some(outputs) = self.fold(&node) {
            self.keep(node.id, outputs);
            return Ok(());
        }
        self.place((node.id, 0));
        self.order.push(node);
        Ok(())
    }

    /// The node's outputs if they are the same in each run. An error is left to the run.
    fn fold(&mut self, node: &Arc<Node>) -> Option<Vec<Tensor>> {
        let small = |fact: &Fact| {
            fact.shape
                .known()
                .and_then(|sizes| sizes.iter().try_fold(1i64, |n, &size| n.checked_mul(size)))
                .is_some_and(|elements| elements <= LARGEST_FOLDED)
        };
        let is_const = node.def.name == "Const";
        if node.def.stateful
            || !node.control.is_empty()
            || !(is_const || node.facts.iter().all(small))
        {
            return None;
        }
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for &output in &node.inputs {
            let place = *self.places.get(&output)?;
            inputs.push(self.constants.get(&place)?.clone());
        }
        Run::new(self.session).evaluate(node, inputs).ok()
    }
}

/// TensorFlow's error for a placeholder without a value.
fn unfed(node: &Node) -> Error {
    let fact = &node.facts[0];
    let dtype = fact.dtype.c_name();
    let shape = brackets(&fact.shape);
    Error::invalid(format!(
        "You must feed a value for placeholder tensor '{}' with dtype {dtype} and shape {shape}",
        node.name
    ))
    .help(format!(
        "feed one: feed_dict={{{0}: value}} in Python, feed![{0} => value] in Rust",
        node.name
    ))
    .at(&node.name, node.def.name, Vec::new())
    .located(node.location)
}

/// Marks where each value is read for the last time, and forgets outputs that nobody reads.
fn mark_last_reads(steps: &mut [Step], fetches: &mut [Input]) {
    let mut read: HashSet<usize> = HashSet::new();
    let mark = |read: &mut HashSet<usize>, inputs: &mut [Input]| {
        for input in inputs.iter_mut().rev() {
            if let Input::Place { place, last } = input {
                *last = read.insert(*place);
            }
        }
    };
    mark(&mut read, fetches);
    for step in steps.iter_mut().rev() {
        for output in &mut step.outputs {
            *output = output.filter(|place| read.contains(place));
        }
        for follower in step.then.iter_mut().rev() {
            mark(&mut read, &mut follower.others);
        }
        mark(&mut read, &mut step.inputs);
    }
}

/// The inputs of a node for an error, with the shapes that they have in this run:
/// `argument: tensor:slot (shape) dtype`.
pub(super) fn describe(session: &Session, node: &Node, shapes: &[Shape]) -> Vec<String> {
    let describe = |i: usize| {
        let (id, slot) = node.inputs[i];
        let input = session.graph.node(id);
        let (argument, shape) = (node.def.argument(i, node.inputs.len()), &shapes[i]);
        format!(
            "{argument}: {}:{slot} {shape} {}",
            input.name, input.facts[slot].dtype
        )
    };
    (0..node.inputs.len().min(shapes.len()))
        .map(describe)
        .collect()
}
