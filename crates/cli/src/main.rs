//! The program `tconv`: trains the notes' autoencoder on photographs, runs single ops on `.npy` files,
//! says which shapes go together, and how fast convolutions are.
#![forbid(unsafe_code)]

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

mod bench;
mod failure;
mod files;
mod geometry;
mod op;
mod shape;
mod train;

use failure::Failure;

/// TensorFlow's conv2d_transpose, and training with it, in Rust.
#[derive(Parser)]
#[command(name = "tconv", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  tconv train                            learn to rebuild photographs, results in out/
  tconv train --images ~/Pictures        the same with your own
  tconv op conv2d_transpose --value x.npy --filter w.npy --output-shape 1,5,5,3 --strides 2 --out y.npy
  tconv shape conv2d_transpose --value 1,3,3,1 --filter 2,2,3,1 --strides 2
                                         which output shapes are right, and what feeds their pixels
  tconv bench                            how fast convolutions are on this machine";

#[derive(Subcommand)]
enum Command {
    Train(train::Args),
    Op(op::Args),
    Shape(shape::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let result = match Cli::from_arg_matches(&matches) {
        Err(error) => error.exit(),
        Ok(Cli {
            command: Command::Op(args),
        }) => op::run(&args),
        Ok(Cli {
            command: Command::Shape(args),
        }) => shape::run(&args),
        Ok(Cli {
            command: Command::Bench(args),
        }) => bench::run(&args),
        Ok(Cli {
            command: Command::Train(args),
        }) => train::run(args, matches.subcommand_matches("train")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::BrokenPipe) => ExitCode::SUCCESS,
        Err(Failure::Interrupted(message)) => {
            note(&message);
            ExitCode::from(130)
        }
        Err(Failure::Error(message)) => {
            note(&format!("error: {message}"));
            ExitCode::from(1)
        }
    }
}

/// Writes a line to standard error; where nobody listens any more it is lost.
fn note(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes lines to standard output.
///
/// # Errors
/// [`Failure::BrokenPipe`] when nobody listens any more.
fn say(lines: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{lines}")
        .and_then(|()| stdout.flush())
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
            _ => Failure::Error(format!("standard output: {error}")),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
