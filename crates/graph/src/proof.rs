//! Proves, when a node is added, that the sizes of its inputs fit for every size that may be fed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tconv_shape::{Condition, Dim, Given, Shape, Unknown, Verdict};

use crate::attrs::AttrValue;
use crate::graph::State;
use crate::need::{Kind, Need, Words};
use crate::node::Node;
use crate::op::Fact;
use crate::{Error, Result};

/// What is known of the sizes that reach a node.
#[derive(Clone, Default)]
pub(crate) struct Proof {
    /// What does not hold for every size.
    pub open: Vec<Open>,
    /// The sizes with which the node and those before it run.
    pub given: Arc<Given>,
}

/// A need that some sizes break.
#[derive(Clone)]
pub(crate) struct Open {
    pub need: Need,
    pub verdict: Verdict,
    /// Whether it is a mistake in all likelihood, and not a requirement of the graph as it was meant.
    pub suspect: bool,
}

/// Where each unknown size comes from: the placeholders and axes that give it.
#[derive(Default)]
pub(crate) struct Sources {
    of: BTreeMap<Unknown, Vec<(usize, usize)>>,
    /// The unknowns that the user named.
    named: BTreeMap<String, Unknown>,
}

impl Sources {
    /// Takes up the sizes of a placeholder.
    pub fn add(&mut self, node: &Node) {
        let dims = node.facts.first().and_then(|fact| fact.shape.dims());
        for (axis, dim) in dims.unwrap_or_default().iter().enumerate() {
            if let Some(unknown) = dim.bare() {
                self.of
                    .entry(unknown.clone())
                    .or_default()
                    .push((node.id, axis));
            }
        }
    }

    /// The placeholders and axes that give `unknown`.
    pub fn of(&self, unknown: &Unknown) -> &[(usize, usize)] {
        self.of.get(unknown).map_or(&[], Vec::as_slice)
    }

    /// A size of a placeholder in this graph's own unknowns: one for each name, and `place` for one that the
    /// user did not name.
    ///
    /// # Errors
    /// `Value` for a name that is none, or has stood for other sizes.
    pub fn own(&mut self, dim: &Dim, place: &str) -> Result<Dim> {
        for unknown in dim
            .unknowns()
            .iter()
            .filter(|unknown| !unknown.is_anonymous())
        {
            let name = unknown.name();
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(letter) || name.starts_with(char::is_numeric) {
                let message = format!("'{name}' is no name of a size");
                return Err(Error::value(message).help(
                    "a name is letters, digits and _; an expression in one is made by arithmetic, in Rust that of Dim",
                ));
            }
            let known = self
                .named
                .entry(unknown.name().to_string())
                .or_insert_with(|| unknown.clone());
            if known.sizes() != unknown.sizes() {
                let name = unknown.name();
                return Err(
                    Error::value(format!("size {name} has been declared otherwise")).help(format!(
                        "before: {}; now: {}",
                        known.sizes().describe(name),
                        unknown.sizes().describe(name)
                    )),
                );
            }
        }
        let own = |unknown: &Unknown| match self.named.get(unknown.name()) {
            Some(known) => known.clone().into(),
            None => Dim::unknown_in(place, unknown.sizes().clone()),
        };
        match dim.bare() {
            Some(unknown) => Ok(own(unknown)),
            None => Ok(dim.replace(&mut |unknown| own(unknown))?),
        }
    }

    /// Whether `condition` speaks of placeholders' sizes alone, so that a feed decides it.
    pub fn decide(&self, condition: &Condition) -> bool {
        let unknowns = condition.unknowns();
        unknowns.iter().all(|unknown| self.of.contains_key(unknown))
    }

    /// Whether some placeholder gives all of the sizes in `condition`.
    fn one_gives(&self, condition: &Condition) -> bool {
        let unknowns = condition.unknowns();
        let Some(first) = unknowns.first() else {
            return true;
        };
        self.of(first).iter().any(|(node, _)| {
            unknowns
                .iter()
                .all(|unknown| self.of(unknown).iter().any(|(other, _)| other == node))
        })
    }
}

impl Proof {
    /// What reaches a node whose inputs are these, before its own needs.
    pub fn of_inputs<'n>(inputs: impl Iterator<Item = &'n Arc<Given>>) -> Proof {
        let mut given: Arc<Given> = Arc::default();
        for other in inputs {
            if other.is_empty() || Arc::ptr_eq(&given, other) {
                continue;
            }
            if given.is_empty() {
                given = other.clone();
                continue;
            }
            if other
                .iter()
                .any(|(unknown, sizes)| given.get(unknown) != Some(sizes))
            {
                let merged = Arc::make_mut(&mut given);
                for (unknown, sizes) in &**other {
                    restrict(merged, unknown, sizes);
                }
            }
        }
        Proof {
            open: Vec::new(),
            given,
        }
    }

    /// Proves `need`; what some sizes break is kept.
    ///
    /// # Errors
    /// The need when no size fits.
    pub fn add(&mut self, sources: &Sources, need: Need) -> Result<(), Box<Need>> {
        if !sources.decide(&need.condition) {
            return Ok(());
        }
        let verdict = need.condition.prove_given(&self.given);
        match verdict {
            Verdict::Always => return Ok(()),
            // Where 0 is wanted a size may be 0, which is outside what is proved.
            Verdict::Never
                if wants_zero(&need.condition)
                    && need.condition.holds(&|_| Some(0)) == Some(true) =>
            {
                return Ok(());
            }
            Verdict::Never => return Err(Box::new(need)),
            _ => {}
        }
        let suspect = need.kind == Kind::Agree
            && sources.one_gives(&need.condition)
            && !is_declared(need.meant.as_ref().unwrap_or(&need.condition))
            && !matches!(verdict, Verdict::Undecided { fails_at: None });
        if let Some((unknown, sizes)) = need.condition.sizes() {
            restrict(Arc::make_mut(&mut self.given), &unknown, &sizes);
        }
        self.open.push(Open {
            need,
            verdict,
            suspect,
        });
        Ok(())
    }
}

impl Proof {
    /// Sizes of what the node makes in their simplest form: where two broadcast and are equal whenever the
    /// node runs, that one size.
    pub fn settle(&self, facts: &mut [Fact]) {
        // What inference gave for two sizes, and the one of them that it is whenever the node runs.
        let mut known: Vec<(Dim, Dim)> = Vec::new();
        for open in &self.open {
            let Some(Condition::Equal(a, b)) = &open.need.meant else {
                continue;
            };
            let one = |size: &Dim| Shape::new(vec![size.clone()]);
            let joined = Shape::broadcast(&one(a), &one(b));
            let joined = joined.ok().and_then(|shape| shape.dims()?.first().cloned());
            let stays = |size: &Dim, other: &Dim| {
                let repeated = Condition::Equal(other.clone(), Dim::Known(1));
                let equal = Condition::Equal(size.clone(), other.clone());
                Condition::Any(vec![equal, repeated]).prove_given(&self.given) == Verdict::Always
            };
            match joined {
                Some(joined) if stays(a, b) => known.push((joined, a.clone())),
                Some(joined) if stays(b, a) => known.push((joined, b.clone())),
                _ => {}
            }
        }
        for fact in facts.iter_mut().filter(|_| !known.is_empty()) {
            let Some(dims) = fact.shape.dims() else {
                continue;
            };
            let simple = |dim: &Dim| known.iter().find(|(joined, _)| joined == dim);
            let dims = dims
                .iter()
                .map(|dim| simple(dim).map_or(dim, |(_, size)| size).clone());
            fact.shape = Shape::new(dims.collect());
        }
    }
}

fn restrict(given: &mut Given, unknown: &Unknown, sizes: &tconv_shape::SizeSet) {
    given
        .entry(unknown.clone())
        .and_modify(|known| *known = known.intersect(sizes))
        .or_insert_with(|| sizes.clone());
}

/// Whether a size must be 0, as far as is known.
fn wants_zero(condition: &Condition) -> bool {
    match condition {
        Condition::Equal(a, b) => *a == Dim::Known(0) || *b == Dim::Known(0),
        _ => false,
    }
}

/// Whether a size that the user left open must be a number: what `None` is for.
fn is_declared(condition: &Condition) -> bool {
    match condition {
        Condition::Equal(a, b) => {
            (a.bare().is_some() && b.known().is_some())
                || (b.bare().is_some() && a.known().is_some())
        }
        _ => false,
    }
}

impl State {
    /// The order of an image's axes in this graph: `NCHW` where all ops that say one say that.
    pub(crate) fn format(&self) -> &'static str {
        let formats = self
            .nodes()
            .iter()
            .filter_map(|node| match node.attrs.get("data_format") {
                Some(AttrValue::String(format)) => Some(format == "NCHW"),
                _ => None,
            });
        match formats.reduce(|all, one| all && one) {
            Some(true) => "NCHW",
            _ => "NHWC",
        }
    }

    /// The name of an unknown size for people: the user's, or that of its axis (`H`) where a placeholder
    /// of four axes gives it, or the tensor's (`x:0[1]`).
    pub(crate) fn size_name(&self, unknown: &Unknown, format: &str) -> String {
        let Some(&(node, axis)) = self.sources.of(unknown).first() else {
            return unknown.name().to_string();
        };
        let own = format!("{}:0[{axis}]", self.nodes()[node].name);
        let rank = self.nodes()[node].facts[0].shape.rank();
        match format.get(axis..axis + 1) {
            Some(letter) if own == unknown.name() && rank == Some(format.len()) => letter.into(),
            _ => unknown.name().to_string(),
        }
    }
}

/// The words for an op's sizes: short names for the unknowns, and what each stands for.
pub(crate) struct Vocabulary {
    pub inputs: Vec<String>,
    pub format: String,
    names: BTreeMap<Unknown, String>,
}

impl Vocabulary {
    /// Names for `unknowns`, short where no two would be the same.
    pub fn new(
        state: &State,
        inputs: Vec<String>,
        unknowns: impl IntoIterator<Item = Unknown>,
        format: &str,
    ) -> Vocabulary {
        let mut names: BTreeMap<Unknown, String> = unknowns
            .into_iter()
            .map(|unknown| {
                let name = state.size_name(&unknown, format);
                (unknown, name)
            })
            .collect();
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for name in names.values() {
            *count.entry(name.clone()).or_default() += 1;
        }
        for (unknown, name) in &mut names {
            if count[name] > 1 {
                *name = unknown.name().to_string();
            }
        }
        Vocabulary {
            inputs,
            format: format.to_string(),
            names,
        }
    }

    pub fn size(&self, unknown: &Unknown) -> String {
        match self.names.get(unknown) {
            Some(name) => name.clone(),
            None => unknown.name().to_string(),
        }
    }

    /// Gives `f` these words.
    pub fn say<T>(&self, f: impl FnOnce(&Words) -> T) -> T {
        f(&Words {
            inputs: &self.inputs,
            format: &self.format,
            size: &|unknown| self.size(unknown),
        })
    }

    pub fn dim(&self, dim: &Dim) -> String {
        dim.named(&|unknown| self.size(unknown)).to_string()
    }

    /// `H is inputs:0[1]`, for each of these whose name is not the unknown's own.
    pub fn legend_of(&self, unknowns: &BTreeSet<Unknown>) -> Vec<String> {
        let names = self
            .names
            .iter()
            .filter(|(unknown, _)| unknowns.contains(unknown));
        let differs = |(unknown, name): (&Unknown, &String)| {
            (unknown.name() != name).then(|| format!("{name} is {}", unknown.name()))
        };
        names.filter_map(differs).collect()
    }

    /// A condition as people write it.
    pub fn condition(&self, condition: &Condition) -> String {
        let all = |conditions: &[Condition], word: &str| {
            let parts: Vec<String> = conditions.iter().map(|one| self.condition(one)).collect();
            parts.join(word)
        };
        match condition {
            Condition::Equal(a, b) if a > b && b.known().is_none() => {
                format!("{} == {}", self.dim(b), self.dim(a))
            }
            Condition::Equal(a, b) => format!("{} == {}", self.dim(a), self.dim(b)),
            Condition::AtLeast(a, n) => format!("{} >= {n}", self.dim(a)),
            Condition::AtMost(a, n) => format!("{} <= {n}", self.dim(a)),
            Condition::All(conditions) => all(conditions, " and "),
            Condition::Any(conditions) => all(conditions, " or "),
        }
    }
}
