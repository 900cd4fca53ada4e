//! What inference, needs and checks of many ops share: sizes that only a run knows, the simpler of two forms
//! where it is proved, and inputs that must be alike.

use tconv_shape::{Condition, Dim, Shape, SizeSet, Verdict};
use tconv_tensor::Tensor;

use crate::op::Fact;
use crate::{Error, Need, Result, Words};

/// A size that only a run knows; it may be 0, as no size of a placeholder is taken to be.
pub(super) fn open(name: impl Into<String>) -> Dim {
    Dim::unknown_in(name, SizeSet::at_least(0))
}

/// A shape of such sizes.
pub(super) fn open_shape(rank: usize, name: &str) -> Shape {
    let size = |axis| open(format!("{name}[{axis}]"));
    Shape::new((0..rank).map(size).collect())
}

/// Whether something holds whatever sizes are given.
pub(super) fn always(condition: &Condition) -> bool {
    condition.prove() == Verdict::Always
}

/// The greater of both; that one alone where it always is. A number is not taken for it: a size of 0 is
/// fed too.
pub(super) fn greater(a: &Dim, b: &Dim) -> Dim {
    simpler(a.greater(b), a, b, |gap| Condition::AtLeast(gap, 0))
}

/// The lesser of both, as [`greater`].
pub(super) fn lesser(a: &Dim, b: &Dim) -> Dim {
    simpler(a.lesser(b), a, b, |gap| Condition::AtMost(gap, 0))
}

fn simpler(both: Dim, a: &Dim, b: &Dim, wins: impl Fn(Dim) -> Condition) -> Dim {
    let alone = |one: &Dim, other: &Dim| {
        one.known().is_none() && one.minus(other).is_ok_and(|gap| always(&wins(gap)))
    };
    match () {
        _ if both.known().is_some() || both == *a || both == *b => both,
        _ if alone(a, b) => a.clone(),
        _ if alone(b, a) => b.clone(),
        _ => both,
    }
}

/// The sizes of a fact, all of them known.
pub(super) fn known(fact: &Fact) -> Vec<usize> {
    let sizes = fact.shape.known().unwrap_or_default();
    sizes
        .into_iter()
        .map(|n| usize::try_from(n).unwrap_or(0))
        .collect()
}

/// [`known`] of each.
pub(super) fn all_known(facts: &[Fact]) -> Vec<Vec<usize>> {
    facts.iter().map(known).collect()
}

/// The sizes of tensors.
pub(super) fn of(tensors: &[Tensor]) -> Vec<&[usize]> {
    tensors.iter().map(Tensor::shape).collect()
}

/// Sizes that a tensor's elements give.
pub(super) fn from_values(values: &[i64]) -> Result<Vec<usize>> {
    let size = |&n: &i64| {
        usize::try_from(n).map_err(|_| Error::invalid(format!("Dimension {n} must be >= 0")))
    };
    values.iter().map(size).collect()
}

/// An input's name in quotation marks.
pub(super) fn input<'w>(words: &'w Words, index: usize) -> &'w str {
    words.inputs.get(index).map_or("an input", String::as_str)
}

/// An axis as people call it.
fn axis_name(axis: usize, rank: usize, format: &str) -> String {
    let name = match format.chars().nth(axis) {
        Some('N') => "batch",
        Some('H') => "height",
        Some('W') => "width",
        Some('C') => "channels",
        _ => "",
    };
    match (rank, name) {
        (4, "height" | "width" | "batch" | "channels") => format!("{name} (axis {axis})"),
        _ => format!("axis {axis}"),
    }
}

/// One axis of an input.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub input: usize,
    pub axis: usize,
}

type Compare = fn(&Dim, &Dim, Box<dyn Fn(&Words) -> String + Send + Sync>) -> Option<Need>;

/// A need of an axis of one input and one of another, said so: `axis 1: 'a' has H, 'b' has W`.
fn compare(inputs: &[Fact], a: Place, b: Place, compare: Compare) -> Option<Need> {
    let size = |place: Place| inputs.get(place.input)?.shape.dims()?.get(place.axis);
    let (left, right) = (size(a)?.clone(), size(b)?.clone());
    let rank = |place: Place| inputs[place.input].shape.rank().unwrap_or(0);
    // The same place in both: people's name for it is right.
    let shared = (a.axis == b.axis && rank(a) == rank(b)).then(|| rank(a));
    let says = {
        let (left, right) = (left.clone(), right.clone());
        move |words: &Words| {
            let [first, second] = [a, b].map(|place| input(words, place.input));
            let (left, right) = (words.dim(&left), words.dim(&right));
            match &shared {
                Some(rank) => {
                    let axis = axis_name(a.axis, *rank, words.format);
                    format!("{axis}: {first} has {left}, {second} has {right}")
                }
                None => format!(
                    "axis {} of {first} has {left}, axis {} of {second} has {right}",
                    a.axis, b.axis
                ),
            }
        }
    };
    compare(&left, &right, Box::new(says))
}

/// That two axes have the same size.
pub(super) fn equal(inputs: &[Fact], a: Place, b: Place) -> Option<Need> {
    compare(inputs, a, b, |left, right, says| {
        Need::equal(left, right, says)
    })
}

/// That an axis of an input has a size; `why` follows that.
pub(super) fn exactly(
    inputs: &[Fact],
    index: usize,
    axis: usize,
    size: i64,
    why: &'static str,
) -> Option<Need> {
    let found = inputs[index].shape.dims()?.get(axis)?;
    let own = found.clone();
    Need::equal(found, &Dim::Known(size), move |words| {
        let (input, own) = (input(words, index), words.dim(&own));
        format!("axis {axis}: {input} has {own}, and {size} {why}")
    })
}

/// That all inputs have the sizes of the first, along all axes `but` one.
pub(super) fn alike(inputs: &[Fact], but: Option<usize>) -> Vec<Need> {
    let rank = inputs.first().and_then(|first| first.shape.rank());
    let axes = (0..rank.unwrap_or(0)).filter(move |&axis| Some(axis) != but);
    axes.flat_map(|axis| {
        let place = move |input| Place { input, axis };
        (1..inputs.len()).filter_map(move |i| equal(inputs, place(0), place(i)))
    })
    .collect()
}

/// That all inputs broadcast: each two of them along each axis that both have.
pub(super) fn broadcast(inputs: &[Fact]) -> Vec<Need> {
    let mut needs = Vec::new();
    for b in 1..inputs.len() {
        for a in 0..b {
            let (Some(left), Some(right)) = (inputs[a].shape.rank(), inputs[b].shape.rank()) else {
                continue;
            };
            let from_last = |back| {
                let (a, b) = (
                    Place {
                        input: a,
                        axis: left - back,
                    },
                    Place {
                        input: b,
                        axis: right - back,
                    },
                );
                compare(inputs, a, b, |x, y, says| Need::broadcast(x, y, says))
            };
            needs.extend((1..=left.min(right)).rev().filter_map(from_last));
        }
    }
    needs
}

/// That the elements of an input, which are sizes or how often something is repeated, are not negative.
pub(super) fn not_negative(inputs: &[Fact], index: usize) -> Vec<Need> {
    let values = inputs[index].value.as_deref().unwrap_or_default();
    let one = |(i, size): (usize, &Dim)| {
        let own = size.clone();
        at_least(size, 0, move |words| {
            format!(
                "element {i} of {} is {}",
                input(words, index),
                words.dim(&own)
            )
        })
    };
    values.iter().enumerate().filter_map(one).collect()
}

/// [`Need::at_least`], unless the size is an unknown that is never less.
pub(super) fn at_least(
    size: &Dim,
    least: i64,
    says: impl Fn(&Words) -> String + Send + Sync + 'static,
) -> Option<Need> {
    let plain = size.bare().and_then(|unknown| unknown.sizes().least()) >= Some(least);
    Need::at_least(size, least, says).filter(|_| !plain)
}
