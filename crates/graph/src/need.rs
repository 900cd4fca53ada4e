//! What ops need of the sizes of their inputs, beyond what inference could see.

use std::sync::Arc;

use tconv_shape::{Condition, Dim, SizeSet, Unknown, Verdict};

/// What must hold of the sizes of an op's inputs for it to run, where inference could not know it.
#[derive(Clone)]
pub struct Need {
    /// What must hold.
    pub condition: Condition,
    /// The part of it that people mean, where the condition allows more: two sizes that broadcast are
    /// meant to be equal.
    pub meant: Option<Condition>,
    /// How it is seen.
    pub kind: Kind,
    /// What is compared, in words.
    pub says: Arc<dyn Says>,
}

/// How a [`Need`] that holds only for some sizes is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Two sizes must agree: where only some sizes of one placeholder make them agree, the graph is
    /// probably wrong.
    Agree,
    /// A size must be large enough, or be what a known size says: a requirement of the graph, no mistake.
    Require,
}

/// What a [`Need`] compares, in the user's words; a closure gives the clause alone.
pub trait Says: Send + Sync {
    /// One clause: `height: 'Conv/Relu' is ceil(H/4) high, but ...`.
    fn clause(&self, words: &Words) -> String;

    /// The first line of the error where no size will do, if the op has one of its own.
    fn refusal(&self, words: &Words) -> Option<String> {
        let _ = words;
        None
    }

    /// What would be right, if the op knows.
    fn legal(&self, words: &Words) -> Option<String> {
        let _ = words;
        None
    }
}

impl<F: Fn(&Words) -> String + Send + Sync> Says for F {
    fn clause(&self, words: &Words) -> String {
        self(words)
    }
}

/// The user's words for what a [`Need`] compares.
pub struct Words<'a> {
    /// The names of the op's inputs, each in quotation marks.
    pub inputs: &'a [String],
    /// The order of an image's axes: `NHWC` or `NCHW`.
    pub format: &'a str,
    /// The name of an unknown size.
    pub size: &'a dyn Fn(&Unknown) -> String,
}

impl Words<'_> {
    /// A size as people write it.
    pub fn dim(&self, dim: &Dim) -> String {
        dim.named(&self.size).to_string()
    }

    /// A shape as people write it: `[N, ceil(H/4), ceil(W/4), 20]`.
    pub fn shape(&self, dims: &[Dim]) -> String {
        let sizes: Vec<String> = dims.iter().map(|dim| self.dim(dim)).collect();
        format!("[{}]", sizes.join(", "))
    }
}

impl Need {
    /// Where it comes down to one unknown: the sizes of it that are meant, and those with which it runs.
    pub(crate) fn sizes(&self) -> Option<(Unknown, SizeSet, SizeSet)> {
        let (unknown, runs) = self.condition.sizes()?;
        let meant = match &self.meant {
            None => runs.clone(),
            Some(meant) => match (meant.sizes(), meant.prove()) {
                (_, Verdict::Never) => SizeSet::none(),
                (Some((_, sizes)), _) => sizes,
                (None, _) => return None,
            },
        };
        Some((unknown, meant, runs))
    }

    /// That `left` and `right` are equal; nothing where that is plain.
    pub fn equal(
        left: &Dim,
        right: &Dim,
        says: impl Fn(&Words) -> String + Send + Sync + 'static,
    ) -> Option<Need> {
        (left != right && (left.known().is_none() || right.known().is_none())).then(|| Need {
            condition: Condition::Equal(left.clone(), right.clone()),
            meant: None,
            kind: Kind::Agree,
            says: Arc::new(says),
        })
    }

    /// That `left` and `right` are equal, or one of them is 1 and is repeated.
    pub fn broadcast(
        left: &Dim,
        right: &Dim,
        says: impl Fn(&Words) -> String + Send + Sync + 'static,
    ) -> Option<Need> {
        if *left == Dim::Known(1) || *right == Dim::Known(1) {
            return None;
        }
        let need = Need::equal(left, right, says)?;
        Some(Need {
            condition: Condition::broadcast(left.clone(), right.clone()),
            meant: Some(need.condition),
            ..need
        })
    }

    /// That `size` is at least `least`; nothing where it is known.
    pub fn at_least(
        size: &Dim,
        least: i64,
        says: impl Fn(&Words) -> String + Send + Sync + 'static,
    ) -> Option<Need> {
        size.known().is_none().then(|| Need {
            condition: Condition::AtLeast(size.clone(), least),
            meant: None,
            kind: Kind::Require,
            says: Arc::new(says),
        })
    }
}
