//! Ways to mend sizes that do not fit, each tried on the graph and proved before it is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use tconv_kernels::conv::Pass;
use tconv_shape::{Dim, Given, Shape, Verdict};

use crate::attrs::{AttrReader, AttrValue};
use crate::diagnostic::Help;
use crate::need::Kind;
use crate::node::Node;
use crate::op::{Fact, Op};
use crate::ops::conv::axes_of;
use crate::proof::{Open, Proof, Sources, Vocabulary};

mod conv;
mod joins;

/// The graph in which a mend is looked for, and the node that does not fit.
pub(crate) struct Patient<'a> {
    pub nodes: &'a [Arc<Node>],
    pub sources: &'a Sources,
    pub target: usize,
    pub words: &'a Vocabulary,
}

/// A change to try.
enum Change {
    /// Another value of a node's attribute.
    Attr(usize, &'static str, AttrValue),
    /// Another tensor at a node's input.
    Input(usize, usize, Fact),
    /// Another shape of a node's first output.
    Output(usize, Shape),
}

impl Change {
    fn node(&self) -> usize {
        match self {
            Change::Attr(node, ..) | Change::Input(node, ..) | Change::Output(node, _) => *node,
        }
    }
}

/// How many mends are named at most.
const MOST: usize = 5;

impl Patient<'_> {
    /// The mends: first those that leave everything else as it was.
    pub fn mends(&self) -> Vec<Help> {
        let target = &self.nodes[self.target];
        let mut mends = match target.def.name {
            name if axes_of(Pass::BackpropInput, name).is_some() => self.of_transposed(),
            _ => self.of_join(),
        };
        mends.sort_by_key(|mend| !mend.consequences.is_empty());
        mends.truncate(MOST);
        mends
    }

    fn fact(&self, node: usize, input: usize) -> &Fact {
        let (id, slot) = self.nodes[node].inputs[input];
        &self.nodes[id].facts[slot]
    }

    fn name(&self, node: usize) -> String {
        format!("'{}'", self.nodes[node].name)
    }

    /// Makes `changes` and names the mend `text`, if the target then fits for every size.
    fn try_out(&self, text: String, changes: &[Change]) -> Option<Help> {
        let consequences = self.replay(changes)?;
        let help = Help::new(text);
        Some(consequences.into_iter().fold(help, Help::consequence))
    }

    /// Infers and proves again all that `changes` reach. `None` when the target does not fit then; else
    /// what else does not fit any more.
    fn replay(&self, changes: &[Change]) -> Option<Vec<String>> {
        let mut facts: BTreeMap<usize, Vec<Fact>> = BTreeMap::new();
        let mut given: BTreeMap<usize, Arc<Given>> = BTreeMap::new();
        let mut skipped = std::collections::BTreeSet::new();
        let mut consequences = Vec::new();
        let first = changes.iter().map(Change::node).min()?;
        for node in &self.nodes[first..] {
            let here: Vec<&Change> = changes
                .iter()
                .filter(|change| change.node() == node.id)
                .collect();
            let reached =
                |&(id, _): &(usize, usize)| facts.contains_key(&id) || given.contains_key(&id);
            if here.is_empty() && !node.inputs.iter().any(reached) {
                continue;
            }
            if node.derived || node.inputs.iter().any(|(id, _)| skipped.contains(id)) {
                skipped.insert(node.id);
                continue;
            }
            let proof = Proof::of_inputs(
                node.inputs
                    .iter()
                    .map(|&(id, _)| given.get(&id).unwrap_or(&self.nodes[id].proof.given)),
            );
            let inputs = node.inputs.iter().map(|&(id, slot)| match facts.get(&id) {
                Some(facts) => facts[slot].clone(),
                None => self.nodes[id].facts[slot].clone(),
            });
            match self.again(node, &here, inputs.collect(), proof) {
                Ok((made, proof)) => {
                    // What was no mistake before may stay open: two batches that must be equal.
                    let agree = |open: &&Open| open.need.kind == Kind::Agree;
                    let count = |proof: &Proof| proof.open.iter().filter(agree).count();
                    let suspects =
                        |proof: &Proof| proof.open.iter().filter(|open| open.suspect).count();
                    let suspect = suspects(&node.proof);
                    match node.id == self.target {
                        true if suspects(&proof) > 0
                            || count(&proof) > count(&node.proof) - suspect =>
                        {
                            return None;
                        }
                        false if count(&proof) > count(&node.proof) => {
                            consequences.push(self.worse(node, &proof));
                        }
                        _ => {}
                    }
                    if made != node.facts {
                        facts.insert(node.id, made);
                    }
                    if *proof.given != *node.proof.given {
                        given.insert(node.id, proof.given);
                    }
                }
                Err(_) if node.id <= self.target => return None,
                Err(_) => {
                    consequences.push(format!("{} does not fit any more", self.name(node.id)));
                    skipped.insert(node.id);
                }
            }
        }
        Some(consequences)
    }

    /// The node's facts and proof with these changes of its own and these inputs.
    fn again(
        &self,
        node: &Node,
        changes: &[&Change],
        mut inputs: Vec<Fact>,
        mut proof: Proof,
    ) -> Result<(Vec<Fact>, Proof), ()> {
        let mut op = node.op.clone();
        let mut shape = None;
        for change in changes {
            match change {
                Change::Attr(_, name, value) => op = with_attr(node, name, value)?,
                Change::Input(_, i, fact) => inputs[*i] = fact.clone(),
                Change::Output(_, new) => shape = Some(new.clone()),
            }
        }
        let mut made = op.infer(&inputs).map_err(drop)?;
        if let (Some(shape), Some(fact)) = (shape, made.first_mut()) {
            fact.shape = shape;
        }
        for need in op.needs(&inputs) {
            proof.add(self.sources, need).map_err(drop)?;
        }
        proof.settle(&mut made);
        Ok((made, proof))
    }

    /// What a node that used to fit needs now.
    fn worse(&self, node: &Node, proof: &Proof) -> String {
        let mut sets = proof
            .open
            .iter()
            .filter(|open| open.need.kind == Kind::Agree)
            .filter_map(|open| match &open.verdict {
                Verdict::Sometimes {
                    holds: Some(sizes),
                    fails_at,
                } => {
                    let (unknown, _) = fails_at.first()?;
                    Some(sizes.describe(&self.words.size(unknown)))
                }
                _ => None,
            });
        match sets.next() {
            Some(set) => format!("{} fits only for {set} then", self.name(node.id)),
            None => format!("{} fits only for some sizes then", self.name(node.id)),
        }
    }

    /// The nearest node before `input` of `node` that `is` one, behind nodes that leave its sizes alone.
    fn maker(&self, node: usize, input: usize, is: impl Fn(&Node) -> bool) -> Option<usize> {
        let (mut id, slot) = self.nodes[node].inputs[input];
        let dims = spatial(&self.nodes[id].facts[slot])?;
        loop {
            let node = &self.nodes[id];
            if is(node) {
                return Some(id);
            }
            let same = |&&(id, slot): &&(usize, usize)| {
                spatial(&self.nodes[id].facts[slot]).as_ref() == Some(&dims)
            };
            id = node.inputs.iter().find(same)?.0;
        }
    }
}

/// The sizes but for the batch, of a tensor of four or five axes.
fn spatial(fact: &Fact) -> Option<Vec<Dim>> {
    let dims = fact.shape.dims()?;
    matches!(dims.len(), 4 | 5).then(|| dims[1..].to_vec())
}

/// The node's op with another value of one attribute.
fn with_attr(node: &Node, name: &str, value: &AttrValue) -> Result<Arc<dyn Op>, ()> {
    let mut attrs = node.attrs.clone();
    attrs.insert(name.to_string(), value.clone());
    if name == "padding" {
        attrs.remove("explicit_paddings");
    }
    (node.def.make)(&mut AttrReader::new(&attrs)).map_err(drop)
}
