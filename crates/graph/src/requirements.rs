//! What a graph needs of the sizes that are fed.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use tconv_shape::{Condition, SizeSet, Unknown};

use crate::graph::State;
use crate::node::Node;
use crate::proof::{Open, Vocabulary};
use crate::{Fetch, Fetched, Graph, Result};

/// A condition on sizes of placeholders without which part of a graph does not run.
///
/// Prints as `H mod 16 == 0, where H is inputs:0[1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    condition: String,
    /// What must hold, all of it.
    needs: Vec<Condition>,
    legend: Vec<String>,
    unknown: Option<Unknown>,
    sizes: Option<SizeSet>,
    besides: Option<SizeSet>,
    nodes: Vec<String>,
}

impl Requirement {
    /// The condition as people write it: `H mod 16 == 0`, `images:0[0] == labels:0[0]`.
    pub fn condition(&self) -> &str {
        &self.condition
    }

    /// Whether it holds where `size` gives the unknown sizes; `None` where one of them is missing.
    pub fn holds(&self, size: &impl Fn(&Unknown) -> Option<i64>) -> Option<bool> {
        let each = self.needs.iter().map(|need| need.holds(size));
        each.reduce(|all, one| Some(all? && one?))?
    }

    /// The size that it speaks of, where it is one alone.
    pub fn unknown(&self) -> Option<&Unknown> {
        self.unknown.as_ref()
    }

    /// The sizes that fit, where it speaks of one alone and they can be written down.
    pub fn sizes(&self) -> Option<&SizeSet> {
        self.sizes.as_ref()
    }

    /// Sizes that run as well, by broadcasting a size of 1, which is probably not meant.
    pub fn besides(&self) -> Option<&SizeSet> {
        self.besides.as_ref()
    }

    /// The names of the operations that need it.
    pub fn operations(&self) -> &[String] {
        &self.nodes
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.condition)?;
        if !self.legend.is_empty() {
            write!(f, ", where {}", self.legend.join(" and "))?;
        }
        Ok(())
    }
}

impl Graph {
    /// What the sizes that are fed must be for `fetches` to run: for each unknown size of a placeholder
    /// exactly the sizes that fit, and what must hold between several. Nothing where every size fits.
    ///
    /// A window that must fit (`VALID`) counts as a requirement, though TensorFlow runs some sizes below as
    /// empty tensors, and so does a session here. Sizes of 0 are left to the run.
    ///
    /// # Errors
    /// `Value` for a fetch of another graph.
    pub fn requirements<F: Fetch>(&self, fetches: F) -> Result<Vec<Requirement>> {
        let mut list = Vec::new();
        fetches.list(&mut list);
        for fetched in &list {
            match fetched {
                Fetched::Value(output) => self.check_own(output.graph(), || output.name())?,
                Fetched::Run(operation) => {
                    self.check_own(operation.graph(), || operation.name().to_string())?
                }
            }
        }
        let roots = list.iter().map(|fetched| match fetched {
            Fetched::Value(output) => output.node_id(),
            Fetched::Run(operation) => operation.id(),
        });
        let state = self.read();
        let nodes = state.before(roots);
        Ok(collect(&state, &nodes))
    }
}

impl State {
    /// The nodes that run for `roots`, in the order in which they were added.
    pub(crate) fn before(&self, roots: impl Iterator<Item = usize>) -> Vec<Arc<Node>> {
        let mut stack: Vec<usize> = roots.collect();
        let mut seen = HashSet::new();
        while let Some(id) = stack.pop() {
            if seen.insert(id) {
                let node = &self.nodes()[id];
                stack.extend(node.inputs.iter().map(|&(id, _)| id));
                stack.extend(&node.control);
            }
        }
        let mut ids: Vec<usize> = seen.into_iter().collect();
        ids.sort_unstable();
        ids.iter().map(|&id| self.nodes()[id].clone()).collect()
    }
}

/// The requirements of `nodes`, gathered by the sizes of which they speak.
pub(crate) fn collect(state: &State, nodes: &[Arc<Node>]) -> Vec<Requirement> {
    let open: Vec<(&Open, &str)> = nodes
        .iter()
        .flat_map(|node| {
            node.proof
                .open
                .iter()
                .map(|open| (open, node.name.as_str()))
        })
        .collect();
    let unknowns = open
        .iter()
        .flat_map(|(open, _)| open.need.condition.unknowns());
    let words = Vocabulary::new(state, Vec::new(), unknowns, state.format());
    let mut alone: BTreeMap<Unknown, Gathered> = BTreeMap::new();
    let mut together: Vec<Requirement> = Vec::new();
    for (open, node) in open {
        let need = &open.need;
        let meant = need.meant.as_ref().unwrap_or(&need.condition);
        if let Some((unknown, meant, all)) = need.sizes() {
            let gathered = alone.entry(unknown).or_insert_with_key(Gathered::new);
            gathered.all = gathered.all.intersect(&all);
            gathered.meant = gathered.meant.intersect(&meant);
            gathered.needs.push(need.condition.clone());
            gathered.nodes.push(node.to_string());
            continue;
        }
        let condition = words.condition(meant);
        match together
            .iter_mut()
            .find(|other| other.condition == condition)
        {
            Some(other) => {
                other.needs.push(need.condition.clone());
                other.nodes.push(node.to_string());
            }
            None => together.push(Requirement {
                condition,
                needs: vec![need.condition.clone()],
                legend: words.legend_of(&need.condition.unknowns()),
                unknown: None,
                sizes: None,
                besides: None,
                nodes: vec![node.to_string()],
            }),
        }
    }
    let alone = alone.into_iter().map(|(unknown, gathered)| {
        let besides = gathered.all.minus(&gathered.meant);
        let besides = (!besides.is_empty()).then_some(besides);
        let name = words.size(&unknown);
        let mut condition = gathered.meant.describe(&name);
        if let Some(besides) = &besides {
            condition += &format!(
                " (by broadcasting also {}, which is probably not meant)",
                besides.describe(&name)
            );
        }
        Requirement {
            condition,
            needs: gathered.needs,
            legend: words.legend_of(&[unknown.clone()].into()),
            unknown: Some(unknown),
            sizes: Some(gathered.meant),
            besides,
            nodes: gathered.nodes,
        }
    });
    alone.chain(together).collect()
}

struct Gathered {
    meant: SizeSet,
    all: SizeSet,
    needs: Vec<Condition>,
    nodes: Vec<String>,
}

impl Gathered {
    fn new(unknown: &Unknown) -> Gathered {
        Gathered {
            meant: unknown.sizes().clone(),
            all: unknown.sizes().clone(),
            needs: Vec::new(),
            nodes: Vec::new(),
        }
    }
}
