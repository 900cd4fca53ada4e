//! The kernels, strides, paddings and dilations that join given sizes.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use tconv::{Error, Padding};
use tconv_shape::{Condition, Dim, Verdict, Window};

use crate::geometry::padding_text;

use super::question::{AXES, Op, Question};
use super::taps::Overlap;
use super::text::table;

/// The most rows that people are shown.
const SHOWN: usize = 20;

/// How far to search.
#[derive(clap::Args)]
pub struct Bounds {
    /// With --solve: the largest kernel that is tried
    #[arg(long, value_name = "N", default_value_t = 7, requires = "solve", value_parser = clap::value_parser!(i64).range(1..=100))]
    max_kernel: i64,
    /// With --solve: the largest stride that is tried
    #[arg(long, value_name = "N", default_value_t = 4, requires = "solve", value_parser = clap::value_parser!(i64).range(1..=100))]
    max_stride: i64,
    /// With --solve: the largest dilation that is tried
    #[arg(long, value_name = "N", default_value_t = 2, requires = "solve", value_parser = clap::value_parser!(i64).range(1..=16))]
    max_dilation: i64,
}

/// One way to join the sizes of an axis. The order is that of simplicity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    dilation: i64,
    /// Which of the paddings that are tried.
    padding: usize,
    stride: i64,
    kernel: i64,
}

/// Ways that differ in their kernels only, which follow each other.
struct Row {
    way: Way,
    greatest: i64,
    /// The kernels that feed every pixel of a transposed convolution equally often.
    even: Vec<i64>,
}

/// All ways within bounds.
pub struct Solutions {
    op: Op,
    paddings: Vec<Padding>,
    /// The input's and the output's size, and the ways between them, for each spatial axis.
    axes: Vec<(Dim, Dim, Vec<Row>)>,
    /// The ways that both axes have.
    square: Vec<Row>,
    searched: String,
}

impl Solutions {
    /// Tries all within bounds; flags that were given stay as they are.
    ///
    /// # Errors
    /// `Value` for batches that differ, and for a kernel whose size is a name.
    pub fn new(question: &Question, output: &[Dim], bounds: &Bounds) -> tconv::Result<Solutions> {
        let (batch, wanted) = (&question.input[0], &output[0]);
        if Condition::Equal(batch.clone(), wanted.clone()).prove() == Verdict::Never {
            return Err(Error::value(format!("batch {batch:?} is never {wanted:?}"))
                .help("a convolution does not change the batch"));
        }
        let paddings = match &question.padding {
            Some(padding) => vec![padding.clone()],
            None => vec![Padding::Same, Padding::Valid],
        };
        let mut ways: Vec<BTreeSet<Way>> = Vec::new();
        for axis in 0..AXES.len() {
            ways.push(ways_of(question, output, axis, &paddings, bounds)?);
        }
        let rows = |ways: &BTreeSet<Way>| rows(question.op, ways);
        let both: BTreeSet<Way> = ways[0].intersection(&ways[1]).copied().collect();
        let sizes = |axis| {
            let of = |dims| question.spatial(dims, axis).clone();
            (of(&question.input), of(output))
        };
        let axes = ways.iter().enumerate().map(|(axis, ways)| {
            let (input, output) = sizes(axis);
            (input, output, rows(ways))
        });
        Ok(Solutions {
            op: question.op,
            axes: axes.collect(),
            square: rows(&both),
            paddings,
            searched: format!(
                "kernels to {}, strides to {}, dilations to {}, padding SAME and VALID",
                bounds.max_kernel, bounds.max_stride, bounds.max_dilation
            ),
        })
    }

    /// What people read.
    pub fn text(&self) -> String {
        let named = |(input, output, _): &(Dim, Dim, _)| {
            input.known().is_none() || output.known().is_none()
        };
        let mut text = format!("searched, where not given: {}", self.searched);
        text += match self.axes.iter().any(named) {
            true => "; listed is what fits for every size\n",
            false => "\n",
        };
        let [(input, output, _), others @ ..] = &self.axes[..] else {
            return text;
        };
        let alike = others.iter().all(|(i, o, _)| (i, o) == (input, output));
        for (name, (input, output, rows)) in AXES.iter().zip(&self.axes) {
            if !alike {
                text += &format!("\n{name}: {input:?} to {output:?}\n{}", self.rows(rows));
            }
        }
        let title = match alike {
            true => format!("{}: {input:?} to {output:?}", AXES.join(" and ")),
            false => "the same for both".into(),
        };
        text + &format!("\n{title}\n{}", self.rows(&self.square))
    }

    fn rows(&self, rows: &[Row]) -> String {
        if rows.is_empty() {
            return "  none\n".into();
        }
        let titles = ["padding", "stride", "kernel", "dilation", "even kernels"];
        let mut cells = vec![titles.map(String::from).to_vec()];
        for row in rows.iter().take(SHOWN) {
            cells.push(vec![
                padding_text(&self.paddings[row.way.padding]),
                row.way.stride.to_string(),
                match row.greatest {
                    only if only == row.way.kernel => only.to_string(),
                    greatest => format!("{} to {greatest}", row.way.kernel),
                },
                row.way.dilation.to_string(),
                few(&row.even),
            ]);
        }
        let more = rows.len().saturating_sub(SHOWN);
        let more = match more {
            0 => String::new(),
            _ => format!("  and {more} more; --json lists all\n"),
        };
        table(&cells) + &more
    }

    pub fn json(&self) -> Value {
        let row = |row: &Row| {
            let mut json = json!({
                "padding": padding_text(&self.paddings[row.way.padding]),
                "stride": row.way.stride,
                "dilation": row.way.dilation,
                "kernels": [row.way.kernel, row.greatest],
            });
            if self.op == Op::Conv2dTranspose {
                json["even_kernels"] = json!(row.even);
            }
            json
        };
        let rows = |rows: &[Row]| rows.iter().map(row).collect::<Value>();
        let mut json = json!({"square": rows(&self.square)});
        for (name, (_, _, found)) in AXES.iter().zip(&self.axes) {
            json[name] = rows(found);
        }
        json
    }
}

/// The numbers, or the first and the last of many.
fn few(numbers: &[i64]) -> String {
    let list = |numbers: &[i64]| {
        let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
        numbers.join(", ")
    };
    match numbers {
        [first @ .., last] if first.len() > 7 => format!("{}, ..., {last}", list(&first[..3])),
        all => list(all),
    }
}

/// The ways of one axis.
fn ways_of(
    question: &Question,
    output: &[Dim],
    axis: usize,
    paddings: &[Padding],
    bounds: &Bounds,
) -> tconv::Result<BTreeSet<Way>> {
    let (input, output) = (
        question.spatial(&question.input, axis),
        question.spatial(output, axis),
    );
    let (large, small) = match question.op {
        Op::Conv2dTranspose => (output, input),
        Op::Conv2d => (input, output),
    };
    let kernels = match question.filter.as_ref().map(|filter| &filter[axis]) {
        None => 1..=bounds.max_kernel,
        Some(Dim::Known(kernel)) => *kernel..=*kernel,
        Some(name) => {
            return Err(Error::value(format!("filter[{axis}] is {name:?}"))
                .help("--solve needs a number there, or no --filter"));
        }
    };
    let up_to = |given: Option<[i64; 2]>, most: i64| match given {
        Some(fixed) => fixed[axis]..=fixed[axis],
        None => 1..=most,
    };
    let [strides, dilations] = question.given();
    let mut known: HashMap<Dim, bool> = HashMap::new();
    let mut ways = BTreeSet::new();
    for dilation in up_to(dilations, bounds.max_dilation) {
        for (padding, tried) in paddings.iter().enumerate() {
            for stride in up_to(strides, bounds.max_stride) {
                for kernel in kernels.clone() {
                    // A single tap has nothing to be apart from.
                    if kernel == 1 && dilation > 1 && dilations.is_none() {
                        continue;
                    }
                    let window = Window::new(kernel, stride, dilation, tried.axis(axis))?;
                    let Ok(made) = window.output(large) else {
                        continue;
                    };
                    let fits = *known
                        .entry(made)
                        .or_insert_with_key(|made| always(made, small));
                    if fits {
                        ways.insert(Way {
                            dilation,
                            padding,
                            stride,
                            kernel,
                        });
                    }
                }
            }
        }
    }
    Ok(ways)
}

/// Whether both are the same for all sizes of their unknowns.
fn always(made: &Dim, wanted: &Dim) -> bool {
    let equal = Condition::Equal(made.clone(), wanted.clone());
    // Most are refuted by a small size, which is quicker than a proof.
    let refuted = [0, 1, 6, 36]
        .into_iter()
        .any(|below| equal.holds(&|unknown| unknown.sizes().nearest_above(below)) == Some(false));
    !refuted && equal.prove() == Verdict::Always
}

fn rows(op: Op, ways: &BTreeSet<Way>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for &way in ways {
        let even = || {
            let window = Window::new(
                way.kernel,
                way.stride,
                way.dilation,
                tconv_shape::AxisPadding::Same,
            );
            op == Op::Conv2dTranspose
                && window.is_ok_and(|window| {
                    Overlap::new(&window).is_some_and(|overlap| overlap.is_even())
                })
        };
        let even = even().then_some(way.kernel);
        match rows.last_mut() {
            Some(row)
                if row.greatest + 1 == way.kernel
                    && Way {
                        kernel: row.way.kernel,
                        ..way
                    } == row.way =>
            {
                row.greatest = way.kernel;
                row.even.extend(even);
            }
            _ => rows.push(Row {
                way,
                greatest: way.kernel,
                even: even.into_iter().collect(),
            }),
        }
    }
    rows
}
