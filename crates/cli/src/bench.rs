use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ValueEnum, value_parser};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use tconv::{DataFormat, Padding, Precision, bf16, f16};
use tconv_kernels::conv;
use tconv_kernels::simd::InstructionSet;
use tconv_kernels::{Threads, peak};

use crate::geometry::{Integers, parse_paddings, parse_precision};
use crate::{Failure, say};
use case::{Case, LAYERS, OPS, Op};
use element::{Halves, Number, Widened};
use measure::{Limits, Timed};
use report::Report;

mod case;
mod choice;
mod element;
mod measure;
mod report;

/// Time convolutions, alone, without a graph
///
/// Sizes are those of the transposed convolution in the order batch, height, width, channels, whatever --format
/// says: conv2d is timed on the forward convolution that leads back from --output-shape to --input,
/// conv2d_backprop_filter on its filter's gradient, train on the transposed convolution and both its gradients.
/// Without --input the layers of known networks are timed. Every call writes the whole result into memory that
/// was there before. Afterwards samples of it are compared with the definition; a wrong one is an error.
#[derive(clap::Args)]
#[command(
    args_override_self = true,
    after_help = "\
Examples:
  tconv bench                                  layers of known networks, with the machine's own peak beside them
  tconv bench --op train --layers L4,L9        forward and both gradients of two of them
  tconv bench --op conv2d_transpose --input 1,64,64,256 --output-shape 1,128,128,128 --kernel 4 --strides 2 --json
  tconv bench --layers L6 --dtype bf16          bfloat16 tensors; --precision high permits float32 less exact products
  tconv bench --op conv1d_transpose --input 1,64,512 --output-shape 1,512,256 --kernel 16 --strides 8 --list
                                               the algorithms that there are for it, and which is chosen"
)]
pub struct Args {
    /// What is timed; train is the transposed convolution and both its gradients
    #[arg(long, value_name = "OP", default_value = "conv2d_transpose", value_parser = ops())]
    op: &'static Op,

    /// What the transposed convolution reads: batch, height, width, channels
    #[arg(long, value_name = "SIZES", allow_hyphen_values = true, requires_all = ["output_shape", "kernel"])]
    input: Option<Integers>,

    /// What the transposed convolution writes: batch, height, width, channels
    #[arg(
        long,
        value_name = "SIZES",
        allow_hyphen_values = true,
        requires = "input"
    )]
    output_shape: Option<Integers>,

    /// The filter's size: one number, or one for each spatial axis
    #[arg(
        long,
        value_name = "SIZES",
        allow_hyphen_values = true,
        requires = "input"
    )]
    kernel: Option<Integers>,

    /// How far the forward window moves: one number, or one for each spatial axis; 1 where not given
    #[arg(
        long,
        value_name = "SIZES",
        allow_hyphen_values = true,
        requires = "input"
    )]
    strides: Option<Integers>,

    /// The forward convolution's: SAME, VALID, or what is added before,after each axis; SAME where not given
    #[arg(long, allow_hyphen_values = true, value_parser = parse_paddings, requires = "input")]
    padding: Option<Padding>,

    /// How far apart the filter's elements are: one number, or one for each spatial axis; 1 where not given
    #[arg(
        long,
        value_name = "SIZES",
        allow_hyphen_values = true,
        requires = "input"
    )]
    dilations: Option<Integers>,

    /// Groups of channels that do not mix; divides both channel counts; 1 where not given
    #[arg(long, value_name = "N", value_parser = value_parser!(i64).range(1..), requires = "input")]
    groups: Option<i64>,

    /// How tensors lie in memory: NHWC or NCHW, or their forms for one and three axes
    #[arg(long, value_name = "FORMAT", default_value = "NHWC", value_parser = parse_format)]
    format: DataFormat,

    /// What tensors consist of; bf16 and f16 are read and written as they are where the processor multiplies them, else
    /// widened to f32 in each call
    #[arg(long, value_enum, default_value = "f32")]
    dtype: Type,

    /// How exact products of f32 must be: highest, high or medium; where the processor has nothing faster for less,
    /// all three are the highest
    #[arg(long, value_name = "NAME", default_value = "highest", value_parser = parse_precision)]
    precision: Precision,

    /// Some of the layers of known networks, such as L2b,L9
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        conflicts_with = "input"
    )]
    layers: Vec<String>,

    /// Whether the filter may be prepared before the timed calls; train always prepares it within, as each
    /// step changes it
    #[arg(long, value_enum, default_value = "constant")]
    filter: FilterUse,

    /// The algorithm to take, rather than the one that is chosen
    #[arg(long, value_name = "NAME")]
    algorithm: Option<String>,

    /// Show the algorithms instead: which can be taken, which is chosen, why, and what memory they need
    #[arg(long)]
    list: bool,

    /// Threads; 0 means what TCONV_NUM_THREADS says, or as many as the machine offers
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = crate::train::threads())]
    threads: u16,

    /// Timed calls at most; calls too short for the clock are timed in batches, which count as one
    #[arg(long, value_name = "R", default_value_t = 100, value_parser = value_parser!(u32).range(1..))]
    repeat: u32,

    /// How long to go on timing a layer, at most; one call is timed anyway
    #[arg(long, value_name = "B", default_value = "1", value_parser = parse_seconds)]
    seconds: f64,

    /// Print one JSON object, or an array of them for several layers; times_s holds the seconds of each timed
    /// call
    #[arg(long)]
    json: bool,
}

/// How often a filter changes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FilterUse {
    /// Prepared once, before
    Constant,
    /// New for each call, so that preparing it is a part of the call
    Fresh,
}

/// A type of element.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Type {
    F32,
    Bf16,
    F16,
    F64,
}

fn ops() -> impl TypedValueParser<Value = &'static Op> {
    PossibleValuesParser::new(OPS.iter().map(|op| op.name)).try_map(|name| {
        let mut ops = OPS.iter();
        ops.find(|op| op.name == name).ok_or("no such op")
    })
}

fn parse_format(text: &str) -> Result<DataFormat, String> {
    let mut axes = 1..=3;
    axes.find_map(|axes| DataFormat::parse(text, axes))
        .ok_or_else(|| "the format must be NHWC or NCHW, or NWC, NCW, NDHWC or NCDHW".to_string())
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if seconds > 0.0 && seconds <= 1e6 => Ok(seconds),
        _ => Err("a number of seconds above 0".to_string()),
    }
}

/// Runs `tconv bench`.
///
/// # Errors
/// Sizes that do not go together or leave the memory, an algorithm that does not compute the case, a result that
/// is wrong.
pub fn run(args: &Args) -> Result<(), Failure> {
    let cases = cases(args)?;
    let threads = match args.threads {
        0 => Threads::from_env()?,
        count => Threads::new(count.into())?,
    };
    let set = InstructionSet::from_env()?;
    let one = args.input.is_some();
    let print = |all: Vec<Value>| match (one, all) {
        (true, mut all) if all.len() == 1 => say(&all.remove(0).to_string()),
        (_, all) => say(&Value::from(all).to_string()),
    };
    let wanted = choice::Wanted {
        forced: args.algorithm.as_deref(),
        set,
        precision: args.precision,
    };
    if args.list {
        let lists = cases.iter().map(|case| match args.dtype {
            Type::F32 => choice::list::<f32>(case, wanted, &threads),
            Type::F64 => choice::list::<f64>(case, wanted, &threads),
            Type::Bf16 => list_halves::<bf16>(case, wanted, &threads),
            Type::F16 => list_halves::<f16>(case, wanted, &threads),
        });
        let lists = lists.collect::<Result<Vec<_>, _>>()?;
        return match args.json {
            true => print(lists.iter().map(choice::List::json).collect()),
            false => say(&lists.iter().map(choice::List::text).collect::<String>()),
        };
    }
    let limits = Limits {
        repeat: args.repeat as usize,
        seconds: args.seconds,
    };
    let bar = progress(args, cases.len());
    let peak = peak(set, &threads)?;
    let mut reports = Vec::new();
    for (done, case) in cases.iter().enumerate() {
        bar.set_message(case.title());
        let constant = args.filter == FilterUse::Constant;
        let progress = |part: f64| bar.set_position(((done as f64 + part) * 1000.0) as u64);
        let task = Task {
            case,
            wanted,
            constant,
            limits,
            threads: &threads,
        };
        let measured = match args.dtype {
            Type::F32 => task.measure::<f32>(wanted, None, progress)?,
            Type::F64 => task.measure::<f64>(wanted, None, progress)?,
            Type::Bf16 => task.measure_halves::<bf16>(progress)?,
            Type::F16 => task.measure_halves::<f16>(progress)?,
        };
        reports.push(Report {
            case,
            measured,
            dtype: args.dtype,
            precision: args.precision,
            set,
            threads: threads.count(),
        });
    }
    bar.finish_and_clear();
    match args.json {
        true => print(reports.iter().map(|report| report.json(peak)).collect()),
        false => say(&report::text(&reports, peak)),
    }
}

/// A case that is to be timed.
struct Task<'a> {
    case: &'a Case,
    wanted: choice::Wanted<'a>,
    constant: bool,
    limits: Limits,
    threads: &'a Threads,
}

impl Task<'_> {
    fn measure<T: Number>(
        &self,
        wanted: choice::Wanted<'_>,
        halves: Option<Box<dyn Widened<T>>>,
        progress: impl FnMut(f64),
    ) -> Result<measure::Measured, Failure> {
        let choice = choice::algorithms::<T>(self.case, wanted)?;
        let (case, set, threads) = (self.case, wanted.set, self.threads);
        let timed = Timed::new(case, &choice, self.constant, set, threads, halves)?;
        timed.measure(self.limits, progress)
    }

    fn measure_halves<T: Number>(
        &self,
        progress: impl FnMut(f64),
    ) -> Result<measure::Measured, Failure> {
        match as_they_are::<T>(self.case, self.wanted) {
            Some(wanted) => self.measure::<T>(wanted, None, progress),
            None => {
                let halves = Box::new(Halves::<T>::default());
                self.measure::<f32>(widened::<T>(self.wanted), Some(halves), progress)
            }
        }
    }
}

/// What is wanted of halves if all kernels have an algorithm that is made for them.
fn as_they_are<'a, T: Number>(
    case: &Case,
    wanted: choice::Wanted<'a>,
) -> Option<choice::Wanted<'a>> {
    let precision = Precision::Highest;
    let fast = |&pass| {
        let chosen = conv::choose::<T>(wanted.set, precision, pass, &case.shape);
        chosen.requires > InstructionSet::Portable
    };
    (case.op.passes.iter().all(fast)).then_some(choice::Wanted {
        precision,
        ..wanted
    })
}

/// What is wanted of halves that were widened: products of their bits are exact.
fn widened<T: Number>(wanted: choice::Wanted<'_>) -> choice::Wanted<'_> {
    choice::Wanted {
        precision: T::PRECISION,
        ..wanted
    }
}

fn list_halves<T: Number>(
    case: &Case,
    wanted: choice::Wanted<'_>,
    threads: &Threads,
) -> Result<choice::List, Failure> {
    match as_they_are::<T>(case, wanted) {
        Some(wanted) => choice::list::<T>(case, wanted, threads),
        None => choice::list::<f32>(case, widened::<T>(wanted), threads),
    }
}

/// The case of the flags, or the layers.
fn cases(args: &Args) -> Result<Vec<Case>, Failure> {
    let known = || LAYERS.each_ref().map(|layer| layer.name).join(", ");
    let unknown = |name: &&String| LAYERS.iter().all(|layer| layer.name != name.as_str());
    if let Some(name) = args.layers.iter().find(unknown) {
        return Err(Failure::Error(format!(
            "there is no layer '{name}': the layers are {}",
            known()
        )));
    }
    if let (Some(input), Some(output), Some(kernel)) =
        (&args.input, &args.output_shape, &args.kernel)
    {
        let one = || Integers(vec![1]);
        return Ok(vec![
            case::Flags {
                op: args.op,
                input: input.clone(),
                output: output.clone(),
                kernel: kernel.clone(),
                strides: args.strides.clone().unwrap_or_else(one),
                dilations: args.dilations.clone().unwrap_or_else(one),
                padding: args.padding.clone().unwrap_or(Padding::Same),
                groups: args.groups.unwrap_or(1),
                format: args.format,
            }
            .case()?,
        ]);
    }
    if args.op.axes.is_some_and(|axes| axes != 2) {
        return Err(Failure::Error(format!(
            "the layers of known networks are two-dimensional: {} needs --input, --output-shape and --kernel",
            args.op.name
        )));
    }
    let wanted = LAYERS.iter().filter(|layer| {
        args.layers.is_empty() || args.layers.iter().any(|name| name == layer.name)
    });
    wanted
        .map(|layer| layer.case(args.op, args.format))
        .collect()
}

/// A bar on a terminal, in thousandths of a case.
fn progress(args: &Args, cases: usize) -> ProgressBar {
    if args.json || cases as f64 * args.seconds < 2.0 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(cases as u64 * 1000);
    let style = ProgressStyle::with_template("{bar:16} {wide_msg} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
