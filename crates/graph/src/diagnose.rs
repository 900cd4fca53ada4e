//! Says what was found about sizes while a graph was built: errors where no size fits, diagnostics where
//! only some do.

use std::sync::Arc;

use tconv_kernels::conv::Pass;
use tconv_shape::{Condition, Unknown, Verdict};

use crate::attrs::AttrValue;
use crate::diagnostic::{Diagnostic, Level};
use crate::graph::State;
use crate::mends::Patient;
use crate::need::Need;
use crate::node::Node;
use crate::op::OpDef;
use crate::ops::conv::axes_of;
use crate::proof::{Open, Vocabulary};
use crate::{Error, Graph};

impl Graph {
    /// What does not fit for every size that may be fed, in the order in which it was added: which op, the
    /// sizes at which it fits and the smallest at which it fails, and the ways to mend it, each proved for
    /// this op and tried on those that came after it.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let state = self.read();
        let suspect = |node: &&Arc<Node>| node.proof.open.iter().any(|open| open.suspect);
        let nodes: Vec<Arc<Node>> = state.nodes().to_vec();
        let found = nodes.iter().filter(suspect);
        found
            .map(|node| diagnose(&state, &nodes, node, Level::Warning))
            .collect()
    }
}

/// The name that people know an op by.
fn known_as(def: &OpDef) -> &'static str {
    match axes_of(Pass::BackpropInput, def.name) {
        Some(3) => "conv3d_transpose",
        Some(_) => "conv2d_transpose",
        None => def.name,
    }
}

fn title(def: &OpDef) -> String {
    let what = match def.name {
        name if axes_of(Pass::BackpropInput, name).is_some() => {
            "output_shape fits its value only for some sizes"
        }
        "Reshape" => "the shape fits the tensor only for some sizes",
        _ => "its inputs fit only for some sizes",
    };
    format!("{}: {what}", known_as(def))
}

/// The user's names for a node's inputs, and short ones for the sizes in `unknowns`.
fn vocabulary(
    state: &State,
    nodes: &[Arc<Node>],
    node: &Node,
    unknowns: impl IntoIterator<Item = Unknown>,
) -> Vocabulary {
    let inputs = node.inputs.iter().map(|&(id, slot)| match slot {
        0 => format!("'{}'", nodes[id].name),
        slot => format!("'{}:{slot}'", nodes[id].name),
    });
    let format = match node.attrs.get("data_format") {
        Some(AttrValue::String(format)) => format,
        _ => state.format(),
    };
    Vocabulary::new(state, inputs.collect(), unknowns, format)
}

/// Every unknown that the sizes around a node are made of.
fn unknowns_of(nodes: &[Arc<Node>], node: &Node) -> Vec<Unknown> {
    let mut all: Vec<Unknown> = Vec::new();
    for &(id, slot) in &node.inputs {
        let fact = &nodes[id].facts[slot];
        let dims = fact.shape.dims().unwrap_or_default().iter();
        for dim in dims.chain(fact.value.iter().flat_map(|values| values.iter())) {
            all.extend(dim.unknowns());
        }
    }
    all
}

fn diagnose(state: &State, nodes: &[Arc<Node>], node: &Node, level: Level) -> Diagnostic {
    let words = vocabulary(state, nodes, node, unknowns_of(nodes, node));
    let mut notes = Vec::new();
    let mut said: Vec<(Unknown, String)> = Vec::new();
    let mut used = std::collections::BTreeSet::new();
    for open in node.proof.open.iter().filter(|open| open.suspect) {
        let clause = words.say(|words| open.need.says.clause(words));
        used.extend(open.need.condition.unknowns());
        let alone = |open: &Open| match &open.verdict {
            Verdict::Sometimes {
                holds: Some(holds),
                fails_at,
            } => Some((fails_at.first()?.0.clone(), holds.describe("_"))),
            _ => None,
        };
        // The second of two axes that are the same is said shortly.
        if let Some((unknown, holds)) = alone(open) {
            let key = format!("{holds} {}", without_axis(&clause, &words.size(&unknown)));
            let same = said
                .iter()
                .any(|(other, said)| *other != unknown && *said == key);
            said.push((unknown.clone(), key));
            if let (true, Some((axis, _))) = (same, clause.split_once(": ")) {
                notes.push(format!("{axis}: the same, with {}", words.size(&unknown)));
                continue;
            }
        }
        notes.push(clause);
        notes.push(agreement(open, &words));
    }
    notes.extend(
        words
            .legend_of(&used)
            .into_iter()
            .reduce(|a, b| format!("{a}, {b}")),
    );
    let patient = Patient {
        nodes,
        sources: &state.sources,
        target: node.id,
        words: &words,
    };
    let found =
        Diagnostic::new(level, title(node.def)).at(&node.name, node.def.name, node.location);
    let found = notes.into_iter().fold(found, Diagnostic::note);
    patient.mends().into_iter().fold(found, Diagnostic::help)
}

/// A clause without the words for its axis and the name of its size, to tell whether two axes are alike.
fn without_axis(clause: &str, name: &str) -> String {
    let (_, clause) = clause.split_once(": ").unwrap_or(("", clause));
    let words = clause.split_inclusive(|c: char| !c.is_alphanumeric());
    let plain = words.map(|word| {
        let letters = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        match letters {
            "height" | "width" => word.replacen(letters, "size", 1),
            "high" | "wide" => word.replacen(letters, "large", 1),
            _ if letters == name => word.replacen(letters, "_", 1),
            _ => word.to_string(),
        }
    });
    plain.collect()
}

/// Where a need holds, and the smallest size that breaks it.
fn agreement(open: &Open, words: &Vocabulary) -> String {
    let sides = |at: &[(Unknown, i64)]| {
        let meant = open.need.meant.as_ref().unwrap_or(&open.need.condition);
        let value = |unknown: &Unknown| {
            at.iter()
                .find(|(other, _)| other == unknown)
                .map(|(_, n)| *n)
        };
        match meant {
            Condition::Equal(a, b) => match (a.value(&value), b.value(&value)) {
                (Some(a), Some(b)) => format!(": {a} and {b}"),
                _ => String::new(),
            },
            _ => String::new(),
        }
    };
    let sizes = |at: &[(Unknown, i64)]| {
        let each: Vec<String> = at
            .iter()
            .map(|(unknown, size)| format!("{} = {size}", words.size(unknown)))
            .collect();
        each.join(", ")
    };
    match &open.verdict {
        Verdict::Sometimes {
            fails_at,
            holds: Some(holds),
        } => {
            let name = fails_at
                .first()
                .map_or(String::new(), |(unknown, _)| words.size(unknown));
            let meant = open
                .need
                .sizes()
                .map_or(holds.clone(), |(_, meant, _)| holds.intersect(&meant));
            let besides = holds.minus(&meant);
            let only = if meant.is_empty() { "" } else { "only " };
            let set = match besides.is_empty() {
                true => holds.describe(&name),
                false => format!(
                    "{}, and by broadcasting, which is probably not meant, for {}",
                    meant.describe(&name),
                    besides.describe(&name)
                ),
            };
            let smallest = fails_at.first().map_or(0, |(_, size)| *size);
            format!(
                "they agree {only}for {set}; the smallest {name} that fails is {smallest}{}",
                sides(fails_at)
            )
        }
        Verdict::Sometimes { fails_at, .. } => format!(
            "they agree only for some sizes; with {} they do not{}",
            sizes(fails_at),
            sides(fails_at)
        ),
        Verdict::Undecided {
            fails_at: Some(fails_at),
        } => format!(
            "whether any sizes agree was not decided; with {} they do not{}",
            sizes(fails_at),
            sides(fails_at)
        ),
        _ => String::new(),
    }
}

/// The error of a node that is not added: no size fits `need`, or some do not and the graph is strict.
pub(crate) fn refused(state: &State, node: Node, need: Option<&Need>) -> Error {
    let mut nodes: Vec<Arc<Node>> = state.nodes().to_vec();
    let words = vocabulary(state, &nodes, &node, unknowns_of(&nodes, &node));
    let node = Arc::new(node);
    nodes.push(node.clone());
    let Some(need) = need else {
        let found = diagnose(state, &nodes, &node, Level::Error);
        let error = found
            .notes()
            .iter()
            .fold(Error::value(found.title()), |error, note| error.help(note));
        let error = found.helps().iter().fold(error, |error, help| {
            error.help(format!("this would fit: {}", help.text))
        });
        return error;
    };
    let first = words.say(|words| need.says.refusal(words));
    let clause = words.say(|words| need.says.clause(words));
    let first = first.unwrap_or_else(|| match need.meant.as_ref().unwrap_or(&need.condition) {
        Condition::Equal(a, b) => format!(
            "Dimensions must be equal, but are {} and {}",
            words.dim(a),
            words.dim(b)
        ),
        _ => clause.clone(),
    });
    let mut error = Error::value(first)
        .help(clause)
        .help("no size makes them agree");
    if let Some(legal) = words.say(|words| need.says.legal(words)) {
        error = error.help(legal);
    }
    for line in words.legend_of(&need.condition.unknowns()) {
        error = error.help(line);
    }
    let patient = Patient {
        nodes: &nodes,
        sources: &state.sources,
        target: node.id,
        words: &words,
    };
    for mend in patient.mends() {
        error = error.help(format!("this would fit: {}", mend.text));
    }
    error
}
