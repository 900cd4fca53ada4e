//! How many elements a slice takes where a size or an index is known only when the graph runs.

use tconv_shape::{Condition, Dim};

use super::AxisSpec;
use crate::ops::sizes::{always, greater, lesser};

/// An index as it is read: a negative one counts from the end.
#[derive(Clone)]
struct Read<'a> {
    index: Option<&'a Dim>,
    negative: bool,
}

impl Read<'_> {
    /// The ways to read an index; that of an edge does not count.
    fn ways(index: &Dim, edge: bool) -> Vec<Read<'_>> {
        let index = (!edge).then_some(index);
        let signs = match index.map(Dim::known) {
            None => vec![false],
            Some(Some(n)) => vec![n < 0],
            Some(None) => vec![false, true],
        };
        signs
            .into_iter()
            .map(|negative| Read { index, negative })
            .collect()
    }

    /// Where it is not to be read so.
    fn misread(&self) -> Option<Condition> {
        let index = self.index.filter(|index| index.known().is_none())?.clone();
        Some(match self.negative {
            true => Condition::AtLeast(index, 0),
            false => Condition::AtMost(index, -1),
        })
    }

    fn place(&self, size: &Dim) -> Option<Option<Dim>> {
        Some(match (self.index, self.negative) {
            (None, _) => None,
            (Some(index), false) => Some(index.clone()),
            (Some(index), true) => Some(size.plus(index).ok()?),
        })
    }
}

impl AxisSpec {
    /// How many elements of an axis of `size` are taken; `None` where that is no one expression.
    pub(super) fn count(&self, size: &Dim, begin: &Dim, end: &Dim, stride: i64) -> Option<Dim> {
        let mut counts = Vec::new();
        for begin in Read::ways(begin, self.from_edge) {
            for end in Read::ways(end, self.to_edge) {
                let misread: Vec<Condition> = [&begin, &end]
                    .iter()
                    .filter_map(|read| read.misread())
                    .collect();
                counts.push((misread, count(size, &begin, &end, stride)?));
            }
        }
        // One that the others are equal to wherever they count.
        let covers = |one: &Dim| {
            counts.iter().all(|(misread, other)| {
                let mut either = misread.clone();
                either.push(Condition::Equal(one.clone(), other.clone()));
                one == other || always(&Condition::Any(either))
            })
        };
        let (_, count) = counts.iter().find(|(_, count)| covers(count))?;
        // As a number it would be what TensorFlow does not see, and be wrong for a size of 0.
        Some(count.clone()).filter(|count| count.known().is_none())
    }
}

/// The length between the lower and the upper end, in steps of the stride.
///
/// TensorFlow clamps both ends to the axis. That the upper one is at most its end and the lower one at
/// least its beginning decides all: the other two clamps change nothing but lengths that are below 0.
fn count(size: &Dim, begin: &Read, end: &Read, stride: i64) -> Option<Dim> {
    let (first, last, low, high) = match stride > 0 {
        true => (Dim::Known(0), size.clone(), begin, end),
        false => (Dim::Known(-1), size.minus(1).ok()?, end, begin),
    };
    let ends = |read: &Read, edge: Dim, clamped: bool| {
        Some(match read.place(size)? {
            None => vec![edge],
            Some(place) if clamped => vec![place, edge],
            Some(place) => vec![place],
        })
    };
    let (lows, highs) = (
        ends(low, first, low.negative)?,
        ends(high, last, !high.negative)?,
    );
    let by = stride.checked_abs()?;
    let mut least: Option<Dim> = None;
    for high in &highs {
        for low in &lows {
            let steps = high.minus(low).ok()?.ceil_div(by).ok()?;
            least = Some(match least {
                None => steps,
                Some(least) => lesser(&least, &steps),
            });
        }
    }
    Some(greater(&least?, &Dim::Known(0)))
}
