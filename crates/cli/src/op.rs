use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Subcommand;
use serde_json::json;
use tconv::nn::ConvBuilder;
use tconv::{Feed, Graph, Output, Precision, Session, Tensor, nn};
use tconv_tensor::{read_npy, write_npy};

use crate::geometry::{Geometry, Integers};
use crate::{Failure, say};

/// Run one op on .npy files
///
/// Flags are named as TensorFlow's arguments. Files may hold float16, float32, float64 or int32 (int32 only where
/// TensorFlow has it), in C or Fortran order and either byte order.
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "\
Example:
  tconv op conv2d_transpose --value x.npy --filter w.npy --output-shape 1,5,5,3 --strides 1,2,2,1 --padding SAME --out y.npy"
)]
pub struct Args {
    #[command(subcommand)]
    op: Op,
}

#[derive(Subcommand)]
enum Op {
    /// Run a convolution backwards: from what it made to the output shape that is wanted back
    ///
    /// Strides, padding and filter are those of the forward convolution.
    #[command(
        name = "conv2d_transpose",
        arg_required_else_help = true,
        after_help = "\
Example:
  tconv op conv2d_transpose --value x.npy --filter w.npy --output-shape 1,5,5,3 --strides 1,2,2,1 --padding SAME --out y.npy

With x.npy of shape (1, 3, 3, 1) and w.npy of (2, 2, 3, 1), 1,6,6,3 is right as well: the forward
convolution takes either to (1, 3, 3, 1). A wrong shape is answered with the right ones."
    )]
    Conv2dTranspose {
        /// What the forward convolution made: batch, height, width, channels
        #[arg(long, value_name = "FILE")]
        value: PathBuf,
        /// Height, width, output channels, input channels
        #[arg(long, value_name = "FILE")]
        filter: PathBuf,
        /// The shape that is wanted back: all four sizes, or height,width
        #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
        output_shape: Integers,
        #[command(flatten)]
        options: Options,
    },
    /// Convolve
    #[command(
        name = "conv2d",
        arg_required_else_help = true,
        after_help = "\
Example:
  tconv op conv2d --input x.npy --filter w.npy --strides 1,2,2,1 --padding SAME --out y.npy"
    )]
    Conv2d {
        /// Batch, height, width, channels
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// Height, width, input channels, output channels
        #[arg(long, value_name = "FILE")]
        filter: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// The gradient of conv2d at its input
    #[command(
        name = "conv2d_backprop_input",
        arg_required_else_help = true,
        after_help = "\
Example:
  tconv op conv2d_backprop_input --input-sizes 1,5,5,3 --filter w.npy --out-backprop g.npy --strides 2 --out dx.npy"
    )]
    Conv2dBackpropInput {
        /// The shape of conv2d's input
        #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
        input_sizes: Integers,
        /// Height, width, input channels, output channels
        #[arg(long, value_name = "FILE")]
        filter: PathBuf,
        /// The gradient at conv2d's output
        #[arg(long, value_name = "FILE")]
        out_backprop: PathBuf,
        #[command(flatten)]
        options: Options,
    },
    /// The gradient of conv2d at its filter
    #[command(
        name = "conv2d_backprop_filter",
        arg_required_else_help = true,
        after_help = "\
Example:
  tconv op conv2d_backprop_filter --input x.npy --filter-sizes 3,3,10,20 --out-backprop g.npy --strides 2 --out dw.npy"
    )]
    Conv2dBackpropFilter {
        /// conv2d's input
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// The shape of conv2d's filter
        #[arg(long, value_name = "SIZES", allow_hyphen_values = true)]
        filter_sizes: Integers,
        /// The gradient at conv2d's output
        #[arg(long, value_name = "FILE")]
        out_backprop: PathBuf,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(clap::Args)]
struct Options {
    #[command(flatten)]
    geometry: Geometry,
    /// Threads; 0 means what TCONV_NUM_THREADS says, or as many as the machine offers
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = crate::train::threads())]
    threads: u16,
    /// How exact products of float32 must be, where the processor has faster ones for less: highest, high or medium
    #[arg(long, value_name = "NAME", default_value = "highest", value_parser = crate::geometry::parse_precision)]
    precision: Precision,
    /// Where the result goes; without it the result is printed as NumPy prints
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print shapes and time as JSON
    #[arg(long)]
    json: bool,
}

/// The graph of one op, whose files are placeholders under their flags' names.
struct Inputs {
    graph: Graph,
    fed: Vec<(Output, Tensor)>,
}

impl Inputs {
    fn read(&mut self, name: &str, path: &Path) -> Result<Output, Failure> {
        let tensor = read_npy(path)?;
        let sizes: Vec<i64> = tensor
            .shape()
            .iter()
            .filter_map(|&size| size.try_into().ok())
            .collect();
        let placeholder = self.graph.placeholder_of(tensor.dtype(), name, sizes)?;
        self.fed.push((placeholder.clone(), tensor));
        Ok(placeholder)
    }
}

/// Runs `tconv op`.
///
/// # Errors
/// Files that cannot be read or written, and whatever the op says of its arguments; nothing is written then.
pub fn run(args: &Args) -> Result<(), Failure> {
    let mut inputs = Inputs {
        graph: Graph::new(),
        fed: Vec::new(),
    };
    let (name, conv, options) = match &args.op {
        Op::Conv2dTranspose {
            value,
            filter,
            output_shape,
            options,
        } => {
            let (value, filter) = (inputs.read("value", value)?, inputs.read("filter", filter)?);
            (
                "conv2d_transpose",
                nn::conv2d_transpose(value, filter, output_shape.0.clone()),
                options,
            )
        }
        Op::Conv2d {
            input,
            filter,
            options,
        } => {
            let (input, filter) = (inputs.read("input", input)?, inputs.read("filter", filter)?);
            ("conv2d", nn::conv2d(input, filter), options)
        }
        Op::Conv2dBackpropInput {
            input_sizes,
            filter,
            out_backprop,
            options,
        } => {
            let filter = inputs.read("filter", filter)?;
            let out_backprop = inputs.read("out_backprop", out_backprop)?;
            let conv = nn::conv2d_backprop_input(input_sizes.0.clone(), filter, out_backprop);
            ("conv2d_backprop_input", conv, options)
        }
        Op::Conv2dBackpropFilter {
            input,
            filter_sizes,
            out_backprop,
            options,
        } => {
            let input = inputs.read("input", input)?;
            let out_backprop = inputs.read("out_backprop", out_backprop)?;
            let conv = nn::conv2d_backprop_filter(input, filter_sizes.0.clone(), out_backprop);
            ("conv2d_backprop_filter", conv, options)
        }
    };
    evaluate(name, conv, options, inputs)
}

/// The graph's help is for those who write the graph; here a file has to change.
fn for_a_shell(error: tconv::Error) -> tconv::Error {
    let casts = |line: &String| line.contains("cast does");
    match error.help_lines().iter().any(casts) {
        true => error.help(
            "here: convert one .npy file to the other's dtype, in NumPy with numpy.load(file).astype(dtype)",
        ),
        false => error,
    }
}

fn evaluate(
    name: &str,
    conv: ConvBuilder<'_>,
    options: &Options,
    inputs: Inputs,
) -> Result<(), Failure> {
    let output = options
        .geometry
        .of(conv)
        .name(name)
        .build()
        .map_err(for_a_shell)?;
    let mut session = Session::with_threads(&inputs.graph, options.threads.into())?;
    session.set_precision(options.precision);
    let feed = inputs
        .fed
        .iter()
        .fold(Feed::new(), |feed, (placeholder, tensor)| {
            feed.with(placeholder, tensor)
        });
    let start = Instant::now();
    let result = session.run_with(&output, feed)?;
    let seconds = start.elapsed().as_secs_f64();
    if let Some(path) = &options.out {
        write_npy(path, &result)?;
    }
    let describe =
        |tensor: &Tensor| json!({"shape": tensor.shape(), "dtype": tensor.dtype().name()});
    match &options.out {
        _ if options.json => {
            let inputs: serde_json::Map<_, _> = inputs
                .fed
                .iter()
                .map(|(placeholder, tensor)| {
                    (placeholder.op().name().to_string(), describe(tensor))
                })
                .collect();
            let report = json!({"op": name, "inputs": inputs, "output": describe(&result), "seconds": seconds});
            say(&report.to_string())
        }
        None => say(&result.to_string()),
        Some(_) => Ok(()),
    }
}
