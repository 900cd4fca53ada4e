//! How things show themselves in a notebook.

use tconv::{Diagnostic, Graph, Output};

use crate::diagnostic::PyDiagnostic;

/// Operations that are listed of a graph.
const LISTED: usize = 200;

/// A text that is safe within HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A tensor: name, op, shape with its sizes as expressions, dtype.
pub fn tensor(output: &Output) -> String {
    format!(
        "<table><tr><th>Tensor</th><th>op</th><th>shape</th><th>dtype</th></tr>{}</table>",
        row(output)
    )
}

fn row(output: &Output) -> String {
    let cells = [
        output.name(),
        output.op().op_name().to_string(),
        format!("{:?}", output.static_shape()),
        output.dtype().to_string(),
    ];
    let cells = cells.map(|cell| format!("<td><code>{}</code></td>", escape(&cell)));
    format!("<tr>{}</tr>", cells.concat())
}

/// A diagnostic: its text as it is printed.
pub fn diagnostic(diagnostic: &Diagnostic) -> String {
    format!("<pre>{}</pre>", escape(&diagnostic.render(false)))
}

/// A graph: what does not fit, then its tensors.
pub fn graph(graph: &Graph, diagnostics: &[PyDiagnostic]) -> String {
    let outputs: Vec<Output> = graph
        .operations()
        .iter()
        .flat_map(|op| op.outputs())
        .collect();
    let rows: String = outputs.iter().take(LISTED).map(row).collect();
    let more = match outputs.len().checked_sub(LISTED) {
        Some(more) if more > 0 => format!("<p>and {more} more</p>"),
        _ => String::new(),
    };
    let found: String = diagnostics
        .iter()
        .map(|found| diagnostic(&found.0))
        .collect();
    format!(
        "{found}<details open><summary>Graph of {} tensors</summary><table><tr><th>tensor</th><th>op</th><th>shape</th><th>dtype</th></tr>{rows}</table>{more}</details>",
        outputs.len()
    )
}
