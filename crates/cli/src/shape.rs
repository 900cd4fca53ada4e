use clap::Subcommand;
use serde_json::{Value, json};
use tconv::Error;
use tconv_shape::{Dim, Names, ShapeError};

use crate::geometry::{Geometry, padding_text};
use crate::{Failure, say};

mod claims;
mod forward;
mod help;
mod listing;
mod needs;
mod question;
mod solve;
mod taps;
mod text;

pub use text::table;

use question::{AXES, Op, Question, Sizes, shape};

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
    #[command(
        name = "conv2d_transpose",
        arg_required_else_help = true,
        after_help = help::CONV2D_TRANSPOSE
    )]
    Conv2dTranspose {
        /// What the forward convolution made: batch, height, width, channels
        #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
        value: Sizes,
        /// Height, width, output channels, input channels; with --solve it keeps the kernel fixed
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
    #[command(name = "conv2d", arg_required_else_help = true, after_help = help::CONV2D)]
    Conv2d {
        /// Batch, height, width, channels
        #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
        input: Sizes,
        /// Height, width, input channels, output channels; with --solve it keeps the kernel fixed
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
    /// What is known of a name: "H % 8 == 0", "H >= 32 and H <= 4096"; may be given several times
    #[arg(long = "where", value_name = "BOUNDS", value_parser = parse_bounds)]
    bounds: Vec<String>,
    /// List the kernels, strides, paddings and dilations that join the sizes; flags that are given stay fixed
    #[arg(long, requires = "output_shape")]
    solve: bool,
    #[command(flatten)]
    search: solve::Bounds,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn parse_bounds(text: &str) -> Result<String, String> {
    match Names::new().bound(text) {
        Err(error @ ShapeError::Text { .. }) => Err(error.to_string()),
        _ => Ok(text.to_string()),
    }
}

/// Runs `tconv shape`.
///
/// # Errors
/// Shapes that do not go together, for any size.
pub fn run(args: &Args) -> Result<(), Failure> {
    let (Command::Conv2dTranspose { options, .. } | Command::Conv2d { options, .. }) = &args.op;
    match answer(args) {
        Ok(answer) if options.json => say(&answer.json.to_string()),
        Ok(answer) => say(answer.text.trim_end()),
        Err(Failure::Error(message)) if options.json => {
            say(&json!({ "error": message }).to_string())?;
            Err(Failure::Error(message))
        }
        Err(failure) => Err(failure),
    }
}

fn answer(args: &Args) -> Result<Answer, Failure> {
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
    for bound in &options.bounds {
        names.bound(bound).map_err(Error::from)?;
    }
    let input = input.parse(&mut names)?;
    let filter = filter
        .as_ref()
        .map(|sizes| sizes.parse(&mut names))
        .transpose()?;
    let output = options.output_shape.as_ref();
    let output = output.map(|sizes| sizes.parse(&mut names)).transpose()?;
    all_are_used(&names)?;
    let question = Question::new(op, input, filter, output, &options.geometry, options.solve)?;
    let mut answer = Answer {
        text: question.title() + "\n",
        json: heading(&question),
    };
    match (&question.filter, &question.output) {
        (_, Some(output)) if options.solve => {
            let solutions = solve::Solutions::new(&question, output, &options.search)?;
            answer.text += &solutions.text();
            answer.json["solutions"] = solutions.json();
        }
        (Some(filter), output) => answer.add(&question, filter, output.as_deref())?,
        (None, _) => {}
    }
    Ok(answer)
}

/// A bound of a name that no size has is a mistake.
fn all_are_used(names: &Names) -> tconv::Result<()> {
    let used: Vec<&str> = names.used().collect();
    let mut unused = names.bounded().filter(|name| !used.contains(name));
    match unused.next() {
        None => Ok(()),
        Some(name) => Err(
            Error::value(format!("--where names {name}, but no size does"))
                .help(format!("the names are: {}", used.join(", "))),
        ),
    }
}

/// What is said, to people and to programs.
struct Answer {
    text: String,
    json: Value,
}

impl Answer {
    /// All but solutions.
    fn add(
        &mut self,
        question: &Question,
        filter: &[Dim],
        output: Option<&[Dim]>,
    ) -> tconv::Result<()> {
        let needs = needs::needs(question, Some(filter))?;
        let described = needs::described(&needs);
        for need in &described {
            self.text += &format!("needs {need}\n");
        }
        self.json["needs"] = json!(described);
        if let Some(output) = output {
            let claims = claims::Claims::new(question, filter, output, &needs)?;
            self.text += &claims.text();
            self.json["verdict"] = json!(claims.verdict());
            self.json["claims"] = claims.json();
        }
        match question.op {
            Op::Conv2d => {
                let axes = forward::axes(question, filter)?;
                let made = forward::output(question, filter, &axes);
                self.text += &match output {
                    None => format!("output {}\n\n{}", shape(&made), forward::text(&axes)),
                    Some(_) => format!("\n{}", forward::text(&axes)),
                };
                self.json["output"] = shape_json(&made);
                self.json["axes"] = forward::json(&axes);
            }
            Op::Conv2dTranspose => {
                let axes = backward(question, filter)?;
                self.text += &backward_text(question, filter, &axes);
                let axes = AXES.iter().zip(&axes).map(|(name, axis)| axis.json(name));
                self.json["axes"] = axes.collect();
            }
        }
        Ok(())
    }
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
    let both = AXES.join(" and ");
    let alike = axes.windows(2).all(|pair| pair[0] == pair[1]);
    if let (true, [axis, ..]) = (alike, axes) {
        return text + &format!("\n{}{}", axis.text(&both), axis.coverage());
    }
    let coverage: Vec<String> = axes.iter().map(listing::Axis::coverage).collect();
    let covered_alike = coverage.windows(2).all(|pair| pair[0] == pair[1]);
    for ((name, axis), coverage) in AXES.iter().zip(axes).zip(&coverage) {
        text += &format!("\n{}", axis.text(name));
        text += if covered_alike { "" } else { coverage };
    }
    match (covered_alike, coverage.first()) {
        (true, Some(coverage)) if !coverage.is_empty() => text + &format!("\n{both}\n{coverage}"),
        _ => text,
    }
}

/// The question as it was understood.
fn heading(question: &Question) -> Value {
    let mut report = json!({
        "op": question.op.name(),
        "filter": question.filter.as_deref().map(shape_json),
        "output_shape": question.output.as_deref().map(shape_json),
        "strides": question.strides(),
        "dilations": question.dilations(),
        "padding": padding_text(&question.padding()),
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
