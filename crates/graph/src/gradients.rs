use std::collections::{HashMap, HashSet};

use crate::operand::number;
use crate::{Code, Error, Graph, Operation, Output, Result, Variable, array, location, math};

/// What a gradient is taken with respect to: a tensor or a variable.
pub trait Source {
    /// The tensor at which the gradient is collected.
    fn source(&self) -> &Output;
}

impl Source for Output {
    fn source(&self) -> &Output {
        self
    }
}

impl Source for Variable {
    fn source(&self) -> &Output {
        self.handle()
    }
}

impl<S: Source> Source for &S {
    fn source(&self) -> &Output {
        (**self).source()
    }
}

/// The gradients of the sum of all elements of `ys` with respect to each of `xs`: reverse mode, as new
/// nodes of the graph (`tf.gradients`). `None` for an x on which no y depends.
///
/// # Errors
/// `Lookup` when the way leads through an op without a gradient, `Type` for a y of integers.
#[track_caller]
pub fn gradients<S: Source>(ys: &[&Output], xs: &[S]) -> Result<Vec<Option<Output>>> {
    gradients_with(ys, xs, &[])
}

/// [`gradients`] that starts from `grad_ys`, one for each of `ys`, where it is not empty.
///
/// # Errors
/// As [`gradients`]; `Value` for a wrong number of `grad_ys` or one of another shape than its y.
#[track_caller]
pub fn gradients_with<S: Source>(
    ys: &[&Output],
    xs: &[S],
    grad_ys: &[&Output],
) -> Result<Vec<Option<Output>>> {
    let _from = location::caller();
    let Some(first) = ys.first() else {
        return Ok(vec![None; xs.len()]);
    };
    if !grad_ys.is_empty() && grad_ys.len() != ys.len() {
        return Err(Error::value(format!(
            "{} ys, but {} grad_ys",
            ys.len(),
            grad_ys.len()
        )));
    }
    let graph = first.graph().clone();
    for output in ys
        .iter()
        .copied()
        .chain(xs.iter().map(Source::source))
        .chain(grad_ys.iter().copied())
    {
        graph.check_own(output.graph(), || output.name())?;
    }
    let build = || {
        let sources: Vec<&Output> = xs.iter().map(Source::source).collect();
        let mut flow = Flow::new(&graph, ys, &sources);
        for (i, y) in ys.iter().enumerate() {
            if !y.dtype().is_floating() {
                return Err(Error::type_(format!(
                    "Gradients of tensors must be floating, but {y} is not"
                )));
            }
            let start = match grad_ys.get(i) {
                Some(given) => {
                    check_like(y, given)?;
                    (*given).clone()
                }
                None => {
                    let sizes = array::shape(y)?;
                    let one = number(1.0, Some(y.dtype()))?;
                    let one = graph.constant_named(&format!("grad_ys_{i}/Const"), one)?;
                    let fill = graph.add("Fill").name(&format!("grad_ys_{i}"));
                    fill.input(&sizes).input(&one).output()?
                }
            };
            flow.arrive(y, start);
        }
        flow.run()?;
        sources.iter().map(|x| flow.sum(x)).collect()
    };
    graph.name_scope("gradients", || graph.deriving(build))
}

/// Refuses a gradient of another dtype or shape than what it is the gradient of.
fn check_like(y: &Output, given: &Output) -> Result<()> {
    let help = || format!("grad_ys holds {given} for y {y}: they must be alike");
    if y.dtype() != given.dtype() {
        let message = format!(
            "Gradient type {} generated for tensor {} does not match {}",
            given.dtype(),
            y.name(),
            y.dtype()
        );
        return Err(Error::value(message).help(help()));
    }
    match y.static_shape().merge(given.static_shape()) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::from(error).help(help())),
    }
}

/// Gradients on their way from the ys to the xs.
struct Flow<'a> {
    graph: &'a Graph,
    /// The nodes through which a gradient can reach an x.
    between: HashSet<usize>,
    arrived: HashMap<(usize, usize), Vec<Output>>,
    last: usize,
}

impl<'a> Flow<'a> {
    fn new(graph: &'a Graph, ys: &[&Output], xs: &[&Output]) -> Flow<'a> {
        let last = ys.iter().map(|y| y.node_id()).max().unwrap_or(0);
        let mut leads_to_x: HashSet<usize> = xs.iter().map(|x| x.node_id()).collect();
        // A node's inputs precede it, so one pass each way finds all paths.
        let nodes: Vec<_> = (0..=last).map(|id| graph.node(id)).collect();
        for node in &nodes {
            if node.inputs.iter().any(|(id, _)| leads_to_x.contains(id)) {
                leads_to_x.insert(node.id);
            }
        }
        let mut below_y: HashSet<usize> = ys.iter().map(|y| y.node_id()).collect();
        for node in nodes
            .iter()
            .rev()
            .filter(|node| leads_to_x.contains(&node.id))
        {
            if below_y.contains(&node.id) {
                below_y.extend(node.inputs.iter().map(|(id, _)| *id));
            }
        }
        let between = leads_to_x.intersection(&below_y).copied().collect();
        Flow {
            graph,
            between,
            arrived: HashMap::new(),
            last,
        }
    }

    fn arrive(&mut self, at: &Output, gradient: Output) {
        self.arrived
            .entry((at.node_id(), at.slot()))
            .or_default()
            .push(gradient);
    }

    /// The sum of what arrived at a tensor.
    fn sum(&mut self, at: &Output) -> Result<Option<Output>> {
        let key = (at.node_id(), at.slot());
        let Some(parts) = self.arrived.get(&key) else {
            return Ok(None);
        };
        let sum = match parts.as_slice() {
            [only] => only.clone(),
            parts => math::add_n(parts)?,
        };
        self.arrived.insert(key, vec![sum.clone()]);
        Ok(Some(sum))
    }

    fn run(&mut self) -> Result<()> {
        for id in (0..=self.last)
            .rev()
            .filter(|id| self.between.contains(id))
            .collect::<Vec<_>>()
        {
            let operation = Operation::new(self.graph.clone(), self.graph.node(id));
            let inputs = operation.inputs();
            if !inputs
                .iter()
                .any(|input| self.between.contains(&input.node_id()))
            {
                continue;
            }
            let dy = operation
                .outputs()
                .iter()
                .map(|output| self.sum(output))
                .collect::<Result<Vec<_>>>()?;
            if dy.iter().all(Option::is_none) {
                continue;
            }
            let scope = format!("{}_grad", operation.name());
            let dx = self.graph.name_scope(&scope, || operation.gradient(&dy))?;
            if dx.len() != inputs.len() {
                return Err(Error::new(
                    Code::Internal,
                    format!("{operation:?} has {} gradients", dx.len()),
                ));
            }
            for (input, gradient) in inputs.iter().zip(dx) {
                if let Some(gradient) = gradient
                    && self.between.contains(&input.node_id())
                {
                    self.arrive(input, gradient);
                }
            }
        }
        Ok(())
    }
}
