//! Checks the sizes that are fed against what the graph needs of them, before anything runs.

use std::sync::Arc;

use tconv_shape::{Dim, Shape, SizeSet, Unknown};
use tconv_tensor::Tensor;

use super::plan::describe;
use super::{PlanKey, Session, Slot, lock};
use crate::node::Node;
use crate::op::Fact;
use crate::proof::Vocabulary;
use crate::requirements;
use crate::{Error, Result};

/// What the feeds of one plan must be.
pub(super) struct Sizes {
    /// Each unknown size of a fed placeholder: the feed's place, its axis, the size.
    fed: Vec<(usize, usize, Dim)>,
    key: PlanKey,
    /// Nodes before the fetches with a need that some sizes break, in the order in which they were added.
    open: Vec<(Arc<Node>, usize)>,
}

/// The sizes of this run.
type Bound = Vec<(Unknown, i64)>;

fn lookup(bound: &Bound, unknown: &Unknown) -> Option<i64> {
    let found = bound.iter().find(|(other, _)| other == unknown);
    found.map(|(_, size)| *size)
}

impl Sizes {
    /// What the feeds of `key` must be for its fetches to run.
    pub fn new(session: &Session, key: &PlanKey, facts_hold: bool) -> Sizes {
        let mut fed = Vec::new();
        for (place, &(node, slot)) in key.feeds.iter().enumerate() {
            let node = session.graph.node(node);
            let dims = node.facts[slot].shape.dims().unwrap_or_default();
            if node.inputs.is_empty() {
                let open = dims
                    .iter()
                    .enumerate()
                    .filter(|(_, dim)| dim.known().is_none());
                fed.extend(open.map(|(axis, dim)| (place, axis, dim.clone())));
            }
        }
        let mut open = Vec::new();
        if facts_hold {
            // Those that a run leaves out too, since what they make is known: it is known of sizes that fit.
            let roots = key.values.iter().map(|&(node, _)| node);
            let nodes = session
                .graph
                .read()
                .before(roots.chain(key.operations.iter().copied()));
            for node in nodes {
                open.extend((0..node.proof.open.len()).map(|i| (node.clone(), i)));
            }
        }
        Sizes {
            fed,
            key: key.clone(),
            open,
        }
    }

    /// The key of the plan that uses nothing of what was proved.
    pub fn unproved(&self) -> PlanKey {
        PlanKey {
            unproved: true,
            ..self.key.clone()
        }
    }

    /// Refuses sizes with which some node would fail; says whether all that was proved holds of the others.
    ///
    /// # Errors
    /// `Value` for sizes that one name does not allow together; what the first failing op would say.
    pub fn check(&self, session: &Session, feeds: &[Tensor], reads: &[Slot]) -> Result<bool> {
        if self.fed.is_empty() {
            return Ok(true);
        }
        let bound = self.bind(session, feeds)?;
        let size = |unknown: &Unknown| lookup(&bound, unknown).filter(|&size| size > 0);
        let mut proved = true;
        for (node, i) in &self.open {
            if node.proof.open[*i].need.condition.holds(&size) != Some(false) {
                continue;
            }
            proved = false;
            if let Some(error) = self.refuse(session, node, *i, &bound) {
                // What runs before it fails first where a variable has no value.
                return match reads.iter().all(|slot| lock(slot).is_some()) {
                    true => Err(error),
                    false => Ok(false),
                };
            }
        }
        Ok(proved)
    }

    /// The unknown sizes that the feeds give.
    fn bind(&self, session: &Session, feeds: &[Tensor]) -> Result<Bound> {
        let mut bound: Bound = Vec::new();
        let mut from: Vec<usize> = Vec::new();
        for bare in [true, false] {
            for (place, axis, dim) in &self.fed {
                let size = feeds[*place].shape()[*axis] as i64;
                let Some(unknown) = dim.bare() else {
                    let wanted = dim.value(&|unknown| lookup(&bound, unknown));
                    if !bare && wanted.is_some_and(|wanted| wanted != size) {
                        let help = format!(
                            "axis {axis} is {size}, it must be {dim:?}, which is {}",
                            wanted.unwrap_or_default()
                        );
                        return Err(self.unfit(session, *place, feeds).help(help));
                    }
                    continue;
                };
                if !bare {
                    continue;
                }
                match bound.iter().position(|(other, _)| other == unknown) {
                    None => {
                        let any = *unknown.sizes() == SizeSet::at_least(1);
                        if !any && !unknown.sizes().contains(size) {
                            let name = unknown.name();
                            let help = format!(
                                "axis {axis} is {size}, but {}; {}",
                                unknown.sizes().describe(name),
                                nearest(unknown.sizes(), size)
                            );
                            return Err(self.unfit(session, *place, feeds).help(help));
                        }
                        bound.push((unknown.clone(), size));
                        from.push(*place);
                    }
                    Some(i) if bound[i].1 != size => {
                        let other = self.name(session, from[i]);
                        let help = format!(
                            "axis {axis}: {} is {size} here, but {} in {other}; one name means one size",
                            unknown.name(),
                            bound[i].1
                        );
                        return Err(self.unfit(session, *place, feeds).help(help));
                    }
                    Some(_) => {}
                }
            }
        }
        Ok(bound)
    }

    /// The error of `node` with these sizes: what it would say when it runs, then the requirement. `None`
    /// where it does run.
    fn refuse(
        &self,
        session: &Session,
        node: &Arc<Node>,
        i: usize,
        bound: &Bound,
    ) -> Option<Error> {
        let graph = &session.graph;
        let value = |dim: &Dim| dim.value(&|unknown| lookup(bound, unknown)).map(Dim::Known);
        let known = |&(id, slot): &(usize, usize)| {
            let fact = graph.node(id).facts[slot].clone();
            let sizes: Option<Vec<Dim>> = fact.shape.dims()?.iter().map(value).collect();
            let values = match &fact.value {
                Some(values) => Some(values.iter().map(value).collect::<Option<_>>()?),
                None => None,
            };
            Some(Fact {
                shape: Shape::new(sizes?),
                value: values,
                ..fact
            })
        };
        let inputs: Option<Vec<Fact>> = node.inputs.iter().map(known).collect();
        let inputs = inputs?;
        let mut error = node.op.check(&inputs).err()?;
        let condition = &node.proof.open[i].need.condition;
        let state = graph.read();
        let unknowns = condition.unknowns();
        let words = Vocabulary::new(&state, Vec::new(), unknowns.clone(), state.format());
        let nodes: Vec<Arc<Node>> = self.open.iter().map(|(node, _)| node.clone()).collect();
        for requirement in requirements::collect(&state, &once(nodes)) {
            let Some(sizes) = requirement.sizes() else {
                continue;
            };
            for unknown in unknowns
                .iter()
                .filter(|&unknown| requirement.unknown() == Some(unknown))
            {
                let size = lookup(bound, unknown)?;
                if !sizes.contains(size) {
                    let runs = format!("this graph runs only with {requirement}");
                    error = error.help(format!("{runs}; {size} was fed: {}", nearest(sizes, size)));
                }
            }
        }
        if unknowns.len() > 1 {
            let sizes: Vec<String> = unknowns
                .iter()
                .filter_map(|unknown| {
                    Some(format!(
                        "{} is {}",
                        words.size(unknown),
                        lookup(bound, unknown)?
                    ))
                })
                .collect();
            let need = &node.proof.open[i].need;
            let or_one = if need.meant.is_some() {
                " (or one of them 1, which is repeated)"
            } else {
                ""
            };
            error = error.help(format!(
                "this graph runs only with {}{or_one}; {} as fed",
                words.condition(need.meant.as_ref().unwrap_or(condition)),
                sizes.join(", ")
            ));
        }
        drop(state);
        let shapes: Vec<Shape> = inputs.into_iter().map(|fact| fact.shape).collect();
        let inputs = describe(session, node, &shapes);
        Some(
            error
                .at(&node.name, node.def.name, inputs)
                .located(node.location),
        )
    }

    fn name(&self, session: &Session, place: usize) -> String {
        let (node, slot) = self.key.feeds[place];
        format!("{}:{slot}", session.graph.node(node).name)
    }

    fn unfit(&self, session: &Session, place: usize, feeds: &[Tensor]) -> Error {
        let (node, slot) = self.key.feeds[place];
        let node = session.graph.node(node);
        Error::value(format!(
            "Cannot feed value of shape {} for Tensor {}:{slot}, which has shape {}",
            Shape::from(feeds[place].shape()),
            node.name,
            node.facts[slot].shape,
        ))
    }
}

/// Each node once.
fn once(mut nodes: Vec<Arc<Node>>) -> Vec<Arc<Node>> {
    nodes.dedup_by_key(|node| node.id);
    nodes
}

/// The members of `sizes` on both sides of one that is none.
pub(crate) fn nearest(sizes: &SizeSet, size: i64) -> String {
    match (sizes.nearest_below(size), sizes.nearest_above(size)) {
        (Some(below), Some(above)) => format!("the nearest that fit are {below} and {above}"),
        (Some(below), None) => format!("the nearest that fits is {below} below, none above"),
        (None, Some(above)) => format!("the nearest that fits is {above} above, none below"),
        (None, None) => "no size fits".into(),
    }
}
