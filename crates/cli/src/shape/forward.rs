//! What a forward convolution makes of each spatial axis.

use serde_json::{Value, json};
use tconv::Padding;
use tconv_shape::Dim;

use super::dim_json;
use super::question::{AXES, Question};
use super::text::{range, table};

/// One spatial axis of a forward convolution.
pub struct Axis {
    input: Dim,
    output: Dim,
    /// None where it depends on an unknown input.
    padding: Option<(i64, i64)>,
    /// The least and the greatest input size with this output.
    same: (Dim, Dim),
}

/// The forward convolution's axes.
///
/// # Errors
/// As `Window::output`.
pub fn axes(question: &Question, kernel: &[Dim]) -> tconv::Result<Vec<Axis>> {
    let one = |axis| {
        let window = question.window(axis, &kernel[axis])?;
        let input = question.spatial(&question.input, axis).clone();
        let output = window.output(&input)?;
        let fixed = question.padding() != Padding::Same;
        Ok(Axis {
            padding: match input.known().or(fixed.then_some(1)) {
                Some(size) => window.pads(size).ok(),
                None => None,
            },
            same: window.input_bounds(&output)?,
            input,
            output,
        })
    };
    (0..AXES.len()).map(one).collect()
}

/// The output's shape, in the format's order.
pub fn output(question: &Question, filter: &[Dim], axes: &[Axis]) -> Vec<Dim> {
    let spatial: Vec<Dim> = axes.iter().map(|axis| axis.output.clone()).collect();
    let (batch, channels) = (question.input[0].clone(), filter[3].clone());
    question.format.arrange(batch, channels, &spatial)
}

pub fn text(axes: &[Axis]) -> String {
    let titles = [
        "",
        "input",
        "output",
        "padding",
        "inputs with the same output",
    ];
    let mut rows = vec![titles.map(String::from).to_vec()];
    for (name, axis) in AXES.iter().zip(axes) {
        rows.push(vec![
            name.to_string(),
            format!("{:?}", axis.input),
            format!("{:?}", axis.output),
            axis.padding.map_or(String::new(), |(before, after)| {
                format!("{before} and {after}")
            }),
            range(&axis.same.0, &axis.same.1),
        ]);
    }
    table(&rows)
}

pub fn json(axes: &[Axis]) -> Value {
    let one = |(name, axis): (&&str, &Axis)| {
        json!({
            "axis": name,
            "input": dim_json(&axis.input),
            "output": dim_json(&axis.output),
            "padding": axis.padding.map(|(before, after)| [before, after]),
            "least": dim_json(&axis.same.0),
            "greatest": dim_json(&axis.same.1),
        })
    };
    AXES.iter().zip(axes).map(one).collect()
}
