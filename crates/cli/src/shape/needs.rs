//! For which sizes of the names the given shapes are shapes at all.

use tconv::Error;
use tconv_shape::{Condition, Dim, Given};

use super::question::{AXES, Op, Question};

/// The sizes of names for which each size of the input and the filter is at least 1, and the window fits; only
/// those that are less than what was said of the name.
///
/// # Errors
/// `Value` when there are none.
pub fn needs(question: &Question, filter: Option<&[Dim]>) -> tconv::Result<Given> {
    let mut positive: Vec<(String, Dim)> = Vec::new();
    for (what, dims) in [
        (question.op.input_name(), Some(&question.input[..])),
        ("filter", filter),
    ] {
        for (axis, dim) in dims.into_iter().flatten().enumerate() {
            positive.push((format!("{what}[{axis}]"), dim.clone()));
        }
    }
    if let (Op::Conv2d, Some(filter)) = (question.op, filter) {
        for (axis, name) in AXES.iter().enumerate() {
            let window = question.window(axis, &filter[axis])?;
            let input = question.spatial(&question.input, axis);
            positive.push((format!("the output's {name}"), window.output(input)?));
        }
    }
    let mut needs = Given::new();
    for (what, dim) in positive {
        let Some((unknown, sizes)) = Condition::AtLeast(dim.clone(), 1).sizes() else {
            continue;
        };
        let before = needs.get(&unknown).unwrap_or(unknown.sizes());
        if before.is_subset(&sizes) {
            continue;
        }
        let both = before.intersect(&sizes);
        if both.is_empty() {
            let name = unknown.name();
            let error = format!("{what} is {dim:?}, which is at least 1 for no {name}");
            return Err(match sizes.is_empty() {
                true => Error::value(error),
                false => Error::value(error).help(format!(
                    "it needs {}, but there is only {}",
                    sizes.describe(name),
                    before.describe(name)
                )),
            });
        }
        needs.insert(unknown, both);
    }
    Ok(needs)
}

/// `H >= 3`, for each name.
pub fn described(needs: &Given) -> Vec<String> {
    needs
        .iter()
        .map(|(unknown, sizes)| sizes.describe(unknown.name()))
        .collect()
}
