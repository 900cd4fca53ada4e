//! The program as a user meets it: exit codes, messages, files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tconv_tensor::{Tensor, write_npy};
use tempfile::TempDir;

mod bench;
mod op;
mod shape;
mod train;

fn tconv(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tconv"))
        .args(args)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn succeeds(args: &[&str]) -> Output {
    let output = tconv(args);
    assert!(output.status.success(), "{args:?}: {}", stderr(&output));
    output
}

/// The standard error of a call that ends with this code.
#[track_caller]
fn fails(code: i32, args: &[&str]) -> String {
    let output = tconv(args);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {message}");
    assert!(!message.contains("panicked"), "{args:?}: {message}");
    assert_eq!(stdout(&output), "", "{args:?}");
    message
}

/// A folder of a test's own.
struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_string()
    }

    fn npy(&self, name: &str, tensor: &Tensor) -> String {
        let path = self.path(name);
        write_npy(&path, tensor).unwrap();
        path
    }

    /// A folder of two small photographs: quicker than those that are built in.
    fn photographs(&self) -> String {
        let folder = self.path("photographs");
        std::fs::create_dir(&folder).unwrap();
        for name in ["a.png", "b.png"] {
            let color = |x, y| image::Rgb([(5 * x) as u8, (x * y) as u8, 128]);
            image::RgbImage::from_fn(40, 30, color)
                .save(format!("{folder}/{name}"))
                .unwrap();
        }
        folder
    }

    fn list(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// 1, 2, 3, ... in this shape.
fn counted(shape: &[usize]) -> Tensor {
    let len: usize = shape.iter().product();
    Tensor::new(shape, (1..=len).map(|n| n as f32).collect::<Vec<_>>()).unwrap()
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new();
    let (x, w) = (
        folder.npy("x", &counted(&[1, 9, 9, 3])),
        folder.npy("w", &counted(&[2, 2, 3, 4])),
    );
    let mut child = Command::new(env!("CARGO_BIN_EXE_tconv"))
        .args(["op", "conv2d", "--input", &x, "--filter", &w])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(stderr(&output), "");
}

#[test]
fn help_shows_an_example_of_each_subcommand() {
    let ops = [
        "conv2d_transpose",
        "conv2d",
        "conv2d_backprop_input",
        "conv2d_backprop_filter",
    ];
    for op in ops {
        let help = stdout(&succeeds(&["op", op, "--help"]));
        assert!(
            help.contains(&format!("Example:\n  tconv op {op} --")),
            "{help}"
        );
    }
    assert!(stdout(&succeeds(&["op", "--help"])).contains("Example:\n  tconv op "));
    for op in ["conv2d_transpose", "conv2d"] {
        let help = stdout(&succeeds(&["shape", op, "--help"]));
        let example = format!("Examples:\n  tconv shape {op} --");
        assert!(
            help.contains(&example) && help.contains("--solve"),
            "{help}"
        );
    }
    assert!(stdout(&succeeds(&["shape", "--help"])).contains("Example:\n  tconv shape "));
    let bench = stdout(&succeeds(&["bench", "--help"]));
    assert!(bench.contains("Examples:\n  tconv bench "), "{bench}");
    let train = stdout(&succeeds(&["train", "--help"]));
    assert!(
        train.contains("Examples:\n  tconv train ") && train.contains("At least the stride"),
        "{train}"
    );
    assert!(stdout(&succeeds(&["--help"])).contains("tconv train"));
    assert!(fails(2, &[]).contains("Usage: tconv"));
    assert!(fails(2, &["train", "--stride", "0"]).contains("--stride"));
    for rate in ["-1", "0", "nan", "inf", "1e300"] {
        assert!(fails(2, &["train", "--learning-rate", rate]).contains("a number above 0"));
    }
    assert!(fails(2, &["train", "--checkpoint-every", "0"]).contains("1..=10000000"));
}
