use clap::Subcommand;
use serde_json::{Value, json};
use tconv_shape::{Dim, Names};

use crate::geometry::Geometry;
use crate::{Failure, say};

mod forward;
mod listing;
mod question;
mod taps;
mod text;

use question::{AXES, Op, Question, Sizes, padding, shape};

/// Say which shapes go together, without running anything
///
/// Sizes are numbers, names or expressions in names: N, H, 2*H - 1, ceil(H/4), floor((H - 3)/2), max(H, 3).
/// The same name is the same size, at least 1, and what is said of it holds for all of them.
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Example:
  tconv shape conv2d_transpose --value 1,3,3,1 --filter 2,2,3,1 --strides 1,2,2,1 --padding SAME"
)]
pub struct Args {
    #[command(subcommand)]
    op: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The legal output shapes of a convolution run backwards, and what feeds their pixels
    ///
    /// Strides, padding and filter are those of the forward convolution.
    #[command(name = "conv2d_transpose", arg_required_else_help = true)]
    Conv2dTranspose {
        /// What the forward convolution made: batch, height, width, channels
        #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
        value: Sizes,
        /// Height, width, output channels, input channels
        #[arg(
            long,
            value_name = "SIZES",
            allow_hyphen_values = true,
            required_unless_present = "solve"
        )]
        filter: Option<Sizes>,
        #[command(flatten)]
        options: Options,
    },
    /// The output shape of a convolution
    #[command(name = "conv2d", arg_required_else_help = true)]
    Conv2d {
        /// Batch, height, width, channels
        #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
        input: Sizes,
        /// Height, width, input channels, output channels
        #[arg(
            long,
            value_name = "SIZES",
            allow_hyphen_values = true,
            required_unless_present = "solve"
        )]
        filter: Option<Sizes>,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(clap::Args)]
struct Options {
    /// The shape that is wanted: all four sizes, or height,width
    #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
    output_shape: Option<Sizes>,
    #[command(flatten)]
    geometry: Geometry,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[arg(long, requires = "output_shape")]
    solve: bool,
}

/// Runs `tconv shape`.
///
/// # Errors
/// Shapes that do not go together, for any size.
pub fn run(args: &Args) -> Result<(), Failure> {
    let (op, input, filter, options) = match &args.op {
        Command::Conv2dTranspose {
            value,
            filter,
            options,
        } => (Op::Conv2dTranspose, value, filter, options),
        Command::Conv2d {
            input,
            filter,
            options,
        } => (Op::Conv2d, input, filter, options),
    };
    let mut names = Names::new();
    let input = input.parse(&mut names)?;
    let filter = filter
        .as_ref()
        .map(|filter| filter.parse(&mut names))
        .transpose()?;
    let output = options
        .output_shape
        .as_ref()
        .map(|output| output.parse(&mut names))
        .transpose()?;
    let question = Question::new(op, input, filter, output, &options.geometry, options.solve)?;
    let (mut text, mut report) = (question.title() + "\n", heading(&question));
    match (&question.filter, op) {
        (Some(filter), Op::Conv2d) => {
            let axes = forward::axes(&question, filter)?;
            let output = forward::output(&question, filter, &axes);
            text += &format!("output {}\n\n{}", shape(&output), forward::text(&axes));
            report["output"] = shape_json(&output);
            report["axes"] = forward::json(&axes);
        }
        (Some(filter), Op::Conv2dTranspose) => {
            let axes = backward(&question, filter)?;
            text += &backward_text(&question, filter, &axes);
            report["axes"] = AXES
                .iter()
                .zip(&axes)
                .map(|(name, axis)| axis.json(name))
                .collect();
        }
        _ => {}
    }
    say(&match options.json {
        true => report.to_string(),
        false => text.trim_end().to_string(),
    })
}

fn backward(question: &Question, filter: &[Dim]) -> tconv::Result<Vec<listing::Axis>> {
    let one = |(axis, name): (usize, &&str)| {
        let window = question.window(axis, &filter[axis])?;
        let wanted = question
            .output
            .as_ref()
            .map(|output| question.spatial(output, axis));
        listing::Axis::new(
            name,
            window,
            question.spatial(&question.input, axis),
            wanted,
        )
    };
    AXES.iter().enumerate().map(one).collect()
}

fn backward_text(question: &Question, filter: &[Dim], axes: &[listing::Axis]) -> String {
    let mut text = String::new();
    if question.output.is_none() {
        let ranges: Vec<String> = axes
            .iter()
            .map(|axis| text::range(&axis.least, &axis.greatest))
            .collect();
        let (batch, channels) = (
            format!("{:?}", question.input[0]),
            format!("{:?}", filter[2]),
        );
        text += &format!(
            "output_shape may be ({}): a forward conv2d takes each to {}\n",
            question.format.arrange(batch, channels, &ranges).join(", "),
            shape(&question.input)
        );
    }
    let alike = axes.windows(2).all(|pair| pair[0] == pair[1]);
    let named: Vec<(String, &listing::Axis)> = match alike {
        true => vec![(AXES.join(" and "), &axes[0])],
        false => AXES.iter().map(|name| name.to_string()).zip(axes).collect(),
    };
    for (name, axis) in named {
        let range = text::range(&axis.least, &axis.greatest);
        text += &format!(
            "\n{name}: a value of {:?} goes with {range}\n{}",
            axis.value,
            axis.text()
        );
    }
    text
}

/// The question as it was understood.
fn heading(question: &Question) -> Value {
    let mut report = json!({
        "op": question.op.name(),
        "filter": question.filter.as_deref().map(shape_json),
        "output_shape": question.output.as_deref().map(shape_json),
        "strides": question.strides(),
        "dilations": question.dilations(),
        "padding": padding(&question.padding()),
        "data_format": question.format.name(AXES.len()),
    });
    report[question.op.input_name()] = shape_json(&question.input);
    report
}

/// A number, or the expression as people write it.
fn dim_json(dim: &Dim) -> Value {
    dim.known()
        .map_or_else(|| json!(format!("{dim:?}")), |size| json!(size))
}

fn shape_json(dims: &[Dim]) -> Value {
    dims.iter().map(dim_json).collect()
}
