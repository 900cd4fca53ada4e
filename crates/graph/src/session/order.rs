//! What a run sees of the variables that it changes.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::Graph;
use crate::attrs::AttrValue;
use crate::node::Node;

/// Reads that see the value from before the run: the node and the variable's name.
pub(super) type Snapshots = Vec<(usize, Arc<str>)>;

/// The variables that a node reads or writes, where the graph says it plainly: the `shared_name` of each
/// `VarHandleOp` among its inputs.
fn variable_of(node: &Node, graph: &Graph) -> Vec<Arc<str>> {
    let name = |&(id, _): &(usize, usize)| match graph.node(id).attrs.get("shared_name")? {
        AttrValue::String(name) => Some(Arc::from(name.as_str())),
        _ => None,
    };
    node.inputs.iter().filter_map(name).collect()
}

/// Orders reads before unrelated updates of the same variable.
///
/// A read that no update of its variable precedes takes a snapshot before the first step. One that
/// follows an update runs before each other update that does not precede it.
pub(super) fn order_variables(graph: &Graph, order: Vec<Arc<Node>>) -> (Vec<Arc<Node>>, Snapshots) {
    let nodes: HashMap<usize, Arc<Node>> =
        order.iter().map(|node| (node.id, node.clone())).collect();
    let is_read = |node: &Node| node.def.name == "ReadVariableOp";
    let is_update = |node: &Node| {
        ["Assign", "ResourceApply"]
            .iter()
            .any(|update| node.def.name.starts_with(update))
    };
    let updates: Vec<(usize, Vec<Arc<str>>)> = order
        .iter()
        .filter(|n| is_update(n))
        .map(|n| (n.id, variable_of(n, graph)))
        .collect();
    let mut snapshots = Vec::new();
    let mut before: HashMap<usize, Vec<usize>> = HashMap::new();
    for read in order.iter().filter(|node| is_read(node)) {
        let Some(name) = variable_of(read, graph).pop() else {
            continue;
        };
        let of_it: Vec<usize> = updates
            .iter()
            .filter(|(_, names)| names.contains(&name))
            .map(|(id, _)| *id)
            .collect();
        if of_it.is_empty() {
            snapshots.push((read.id, name));
            continue;
        }
        let ancestors = ancestors(read, &nodes);
        let (earlier, others): (Vec<_>, Vec<_>) =
            of_it.into_iter().partition(|id| ancestors.contains(id));
        if earlier.is_empty() {
            snapshots.push((read.id, name));
        } else {
            others
                .into_iter()
                .for_each(|update| before.entry(update).or_default().push(read.id));
        }
    }
    (
        if before.is_empty() {
            order
        } else {
            reorder(order, &before)
        },
        snapshots,
    )
}

/// What a node waits for, itself included.
fn ancestors(node: &Arc<Node>, nodes: &HashMap<usize, Arc<Node>>) -> HashSet<usize> {
    let (mut found, mut stack) = (HashSet::new(), vec![node.id]);
    while let Some(id) = stack.pop() {
        if let Some(node) = nodes.get(&id)
            && found.insert(id)
        {
            stack.extend(
                node.inputs
                    .iter()
                    .map(|&(id, _)| id)
                    .chain(node.control.iter().copied()),
            );
        }
    }
    found
}

/// The same steps with each update behind the reads in `before`; where that would be a circle the
/// reads go first as far as they can.
fn reorder(order: Vec<Arc<Node>>, before: &HashMap<usize, Vec<usize>>) -> Vec<Arc<Node>> {
    let nodes: HashMap<usize, Arc<Node>> =
        order.iter().map(|node| (node.id, node.clone())).collect();
    let (mut open, mut done, mut result) = (
        HashSet::new(),
        HashSet::new(),
        Vec::with_capacity(order.len()),
    );
    for node in order {
        let mut stack = vec![(node, false)];
        while let Some((node, ready)) = stack.pop() {
            if ready {
                if done.insert(node.id) {
                    result.push(node);
                }
                continue;
            }
            if done.contains(&node.id) || !open.insert(node.id) {
                continue;
            }
            stack.push((node.clone(), true));
            let needed = node
                .inputs
                .iter()
                .map(|&(id, _)| id)
                .chain(node.control.iter().copied());
            let reads = before.get(&node.id).into_iter().flatten().copied();
            // The inputs are pushed last, so they are finished first, whatever the reads need.
            let wanted: Vec<usize> = reads.chain(needed).collect();
            stack.extend(
                wanted
                    .iter()
                    .filter_map(|id| nodes.get(id))
                    .map(|node| (node.clone(), false)),
            );
        }
    }
    result
}
