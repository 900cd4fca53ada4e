//! Tensors as text, exactly as `print` shows the same NumPy array under NumPy 2's default options.

use std::fmt;
use std::ops::Range;

use crate::dtype::storage::Storage;
use crate::{Handle, Tensor};

mod float;

use float::FloatFormat;

/// Above this many elements only the edges are shown (NumPy's `threshold`).
const THRESHOLD: usize = 1000;
/// How many items of an axis its edge has (`edgeitems`).
const EDGE: usize = 3;
/// The longest line, brackets included (`linewidth`).
const LINE_WIDTH: usize = 75;
/// The most axes that an array of NumPy's can have (`NPY_MAXDIMS`).
const MAX_RANK: usize = 64;

/// As NumPy prints: at most 8 digits after the point and only as many as tell the values apart,
/// 75 columns, and `...` in the middle of long axes where there are more than 1000 elements.
/// bfloat16, which NumPy does not have, is written as the package `ml_dtypes` adds it: six digits, no padding.
/// A resource is written `<Resource NAME>`; a tensor of more than NumPy's 64 axes as `fmt::Debug` does.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The other sizes of an empty tensor have no limit, and the layout recurses once per axis.
        if self.is_empty() {
            return f.write_str("[]");
        }
        if self.rank() > MAX_RANK {
            return fmt::Debug::fmt(self, f);
        }
        let text = match self.storage() {
            Storage::Float16(data) => float_text(self.shape(), data),
            Storage::Bfloat16(data) => array_text(self.shape(), |index| {
                float::six_digits(data[index].to_f32())
            }),
            Storage::Float32(data) => float_text(self.shape(), data),
            Storage::Float64(data) => float_text(self.shape(), data),
            Storage::Int32(data) => integer_text(self.shape(), data),
            Storage::Int64(data) => integer_text(self.shape(), data),
            Storage::Uint8(data) => integer_text(self.shape(), data),
            Storage::Bool(data) => bool_text(self.shape(), data),
            Storage::Resource(data) => {
                array_text(self.shape(), |index| Handle::to_string(&data[index]))
            }
        };
        f.write_str(&text)
    }
}

fn float_text<T: float::Float>(shape: &[usize], data: &[T]) -> String {
    if let ([], [value]) = (shape, data) {
        return float::scalar_text(*value);
    }
    let format = FloatFormat::new(&shown(shape).map(|index| data[index]).collect::<Vec<T>>());
    array_text(shape, |index| format.text(data[index]))
}

fn integer_text<T: fmt::Display>(shape: &[usize], data: &[T]) -> String {
    // The longest text belongs to the least or the greatest value, so NumPy's rule comes to this.
    let width = shown(shape)
        .map(|index| data[index].to_string().len())
        .max()
        .unwrap_or(0);
    array_text(shape, |index| {
        format!("{:>width$}", data[index].to_string())
    })
}

fn bool_text(shape: &[usize], data: &[bool]) -> String {
    array_text(shape, |index| match (data[index], shape.is_empty()) {
        (true, true) => "True".to_owned(),
        (true, false) => " True".to_owned(),
        (false, _) => "False".to_owned(),
    })
}

/// The items of an axis that are shown, as what comes before and what comes after `...`;
/// the second range is empty when the axis is shown whole.
fn shown_items(size: usize, summarise: bool) -> (Range<usize>, Range<usize>) {
    if summarise && size > 2 * EDGE {
        (0..EDGE, size - EDGE..size)
    } else {
        (0..size, size..size)
    }
}

/// Whether the middles of long axes are left out.
fn summarises(shape: &[usize]) -> bool {
    shape.iter().product::<usize>() > THRESHOLD
}

/// The offsets of the elements that are shown.
fn shown(shape: &[usize]) -> impl Iterator<Item = usize> {
    let summarise = summarises(shape);
    let offsets = shape.iter().fold(vec![0], |offsets, &size| {
        let (head, tail) = shown_items(size, summarise);
        let items = head.chain(tail);
        offsets
            .iter()
            .flat_map(|offset| items.clone().map(move |item| offset * size + item))
            .collect()
    });
    offsets.into_iter()
}

fn array_text(shape: &[usize], element: impl Fn(usize) -> String) -> String {
    let layout = Layout {
        summarise: summarises(shape),
        element,
    };
    layout.text(shape, 0, " ", LINE_WIDTH)
}

/// NumPy's `_formatArray`.
struct Layout<F> {
    summarise: bool,
    element: F,
}

impl<F: Fn(usize) -> String> Layout<F> {
    /// The text of the part of shape `shape` that starts at `offset`, counted in such parts.
    ///
    /// `indent` is what later lines start with; `width` is what is left of the line for this part.
    fn text(&self, shape: &[usize], offset: usize, indent: &str, width: usize) -> String {
        let Some((&size, inner)) = shape.split_first() else {
            return (self.element)(offset);
        };
        let (head, tail) = shown_items(size, self.summarise);
        // `None` stands for the dots.
        let dots = (!tail.is_empty()).then_some(None);
        let items = head.map(Some).chain(dots).chain(tail.map(Some));
        let texts = items.map(|item| match item {
            Some(item) => self.text(
                inner,
                offset * size + item,
                &format!("{indent} "),
                width.saturating_sub(1),
            ),
            None => "...".to_owned(),
        });
        let body = if inner.is_empty() {
            row(texts, indent, width.saturating_sub(1))
        } else {
            texts
                .collect::<Vec<_>>()
                .join(&format!("{}{indent}", "\n".repeat(inner.len())))
        };
        format!("[{body}]")
    }
}

/// The elements of one row, broken into lines of at most `width` columns.
fn row(words: impl Iterator<Item = String>, indent: &str, width: usize) -> String {
    let mut lines = Vec::new();
    let mut line = indent.to_owned();
    for word in words {
        // A word that is too long for a line of its own is not helped by another line.
        if line.chars().count() + word.chars().count() > width && line.len() > indent.len() {
            lines.push(line.trim_end().to_owned());
            line = indent.to_owned();
        }
        line.push_str(&word);
        line.push(' ');
    }
    line.pop();
    lines.push(line);
    // The bracket that opens the row takes the place of the first line's indent.
    lines.join("\n").split_off(indent.len())
}

#[cfg(test)]
mod tests;
