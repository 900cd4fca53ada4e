//! The program as a user meets it: exit codes, messages, files.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tconv_tensor::{Tensor, read_npy, write_npy};
use tempfile::TempDir;

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

fn recorded(view: &safetensors::tensor::TensorView) -> Option<Tensor> {
    fn elements<T, const N: usize>(data: &[u8], read: fn([u8; N]) -> T) -> Vec<T> {
        data.as_chunks()
            .0
            .iter()
            .map(|&bytes| read(bytes))
            .collect()
    }
    let (shape, data) = (view.shape(), view.data());
    let tensor = match view.dtype() {
        Dtype::F32 => Tensor::new(shape, elements(data, f32::from_le_bytes)),
        Dtype::F64 => Tensor::new(shape, elements(data, f64::from_le_bytes)),
        Dtype::I32 => Tensor::new(shape, elements(data, i32::from_le_bytes)),
        _ => return None,
    };
    Some(tensor.unwrap())
}

/// Runs a recorded case; false for one that the program has no flags for.
fn agrees(folder: &Folder, tensors: &SafeTensors, case: &Value) -> bool {
    let tensor = |key: &Value| recorded(&tensors.tensor(key.as_str().unwrap()).unwrap());
    let list = |value: &Value| {
        let numbers: Vec<String> = value
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        numbers.join(",")
    };
    let sizes = |tensor: &Tensor| {
        let numbers: Vec<String> = tensor
            .to_i64_vec()
            .unwrap()
            .iter()
            .map(i64::to_string)
            .collect();
        numbers.join(",")
    };
    let attrs = &case["attrs"];
    let format = attrs["data_format"].as_str().unwrap();
    let pads: Vec<i64> = attrs["explicit_paddings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pad| pad.as_i64().unwrap())
        .collect();
    let padding = match (attrs["padding"].as_str().unwrap(), format) {
        ("EXPLICIT", "NHWC") => list(&pads[2..6].into()),
        ("EXPLICIT", _) => list(&pads[4..8].into()),
        (padding, _) => padding.to_string(),
    };
    let inputs: Option<Vec<Tensor>> = case["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(tensor)
        .collect();
    let (Some(inputs), Some(expected)) = (inputs, tensor(&case["outputs"][0])) else {
        return false;
    };
    let out = folder.path("out.npy");
    let file = |name: &str, tensor: &Tensor| folder.npy(name, tensor);
    let (op, flags) = match case["op"].as_str().unwrap() {
        "Conv2D" => (
            "conv2d",
            vec![
                ("--input", file("input", &inputs[0])),
                ("--filter", file("filter", &inputs[1])),
            ],
        ),
        "Conv2DBackpropInput" => (
            "conv2d_transpose",
            vec![
                ("--output-shape", sizes(&inputs[0])),
                ("--filter", file("filter", &inputs[1])),
                ("--value", file("value", &inputs[2])),
            ],
        ),
        "Conv2DBackpropFilter" => (
            "conv2d_backprop_filter",
            vec![
                ("--input", file("input", &inputs[0])),
                ("--filter-sizes", sizes(&inputs[1])),
                ("--out-backprop", file("out_backprop", &inputs[2])),
            ],
        ),
        _ => return false,
    };
    let mut args = vec!["op", op];
    args.extend(
        flags
            .iter()
            .flat_map(|(flag, value)| [*flag, value.as_str()]),
    );
    let (strides, dilations) = (list(&attrs["strides"]), list(&attrs["dilations"]));
    args.extend([
        "--strides",
        &strides,
        "--dilations",
        &dilations,
        "--padding",
        &padding,
    ]);
    args.extend(["--data-format", format, "--threads", "1", "--out", &out]);
    succeeds(&args);
    assert_eq!(read_npy(&out).unwrap(), expected, "{args:?}");
    true
}

#[test]
fn ops_give_what_tensorflow_gives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/conv.safetensors");
    let bytes = std::fs::read(path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases: Value = serde_json::from_str(&header.metadata().as_ref().unwrap()["cases"]).unwrap();
    let folder = Folder::new();
    // Of multiples of 1/8 every order of summation gives the same bits.
    let exact = |case: &&Value| case["name"].as_str().unwrap().ends_with("eighths");
    let exact = cases.as_array().unwrap().iter().filter(exact);
    let ran = exact
        .step_by(5)
        .filter(|case| agrees(&folder, &tensors, case))
        .count();
    assert!(ran >= 20, "only {ran} cases");
}

#[test]
fn conv2d_backprop_input_is_conv2d_transpose() {
    let folder = Folder::new();
    let (x, w) = (
        folder.npy("x", &counted(&[1, 3, 3, 1])),
        folder.npy("w", &counted(&[2, 2, 3, 1])),
    );
    let (a, b) = (folder.path("a.npy"), folder.path("b.npy"));
    let sizes = "1,5,5,3";
    succeeds(&[
        "op",
        "conv2d_transpose",
        "--value",
        &x,
        "--filter",
        &w,
        "--output-shape",
        sizes,
        "--strides",
        "2",
        "--out",
        &a,
    ]);
    succeeds(&[
        "op",
        "conv2d_backprop_input",
        "--out-backprop",
        &x,
        "--filter",
        &w,
        "--input-sizes",
        sizes,
        "--strides",
        "2,2",
        "--out",
        &b,
    ]);
    assert_eq!(read_npy(&a).unwrap(), read_npy(&b).unwrap());
    assert_eq!(read_npy(&a).unwrap().shape(), [1, 5, 5, 3]);
}

#[test]
fn other_orders_of_bytes_and_axes_are_read() {
    let folder = Folder::new();
    let filter = folder.npy("w", &counted(&[2, 2, 3, 1]));
    let transposed = |value: &str| {
        let flags = [
            "--filter",
            &filter,
            "--output-shape",
            "1,4,6,3",
            "--strides",
            "1,2,2,1",
        ];
        stdout(&succeeds(
            &[&["op", "conv2d_transpose", "--value", value], &flags[..]].concat(),
        ))
    };
    let header = "{'descr': '>f4', 'fortran_order': True, 'shape': (1, 2, 3, 1), }";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    // The elements of counted(..), columns first.
    bytes.extend(
        [1f32, 4.0, 2.0, 5.0, 3.0, 6.0]
            .iter()
            .flat_map(|value| value.to_be_bytes()),
    );
    std::fs::write(folder.path("fortran"), bytes).unwrap();
    let expected = transposed(&folder.npy("c", &counted(&[1, 2, 3, 1])));
    assert!(expected.starts_with("[[[["), "{expected}");
    assert_eq!(transposed(&folder.path("fortran")), expected);
}

#[test]
fn op_errors_leave_nothing_behind() {
    let folder = Folder::new();
    let (x, w) = (
        folder.npy("x", &counted(&[1, 3, 3, 1])),
        folder.npy("w", &counted(&[2, 2, 3, 1])),
    );
    let out = folder.path("y.npy");
    let call = |code: i32, value: &str, shape: &str, strides: &str, padding: &str| {
        let flags = [
            "--output-shape",
            shape,
            "--strides",
            strides,
            "--padding",
            padding,
            "--json",
        ];
        let args = [
            "op",
            "conv2d_transpose",
            "--value",
            value,
            "--filter",
            &w,
            "--out",
            &out,
        ];
        fails(code, &[&args[..], &flags[..]].concat())
    };
    let message = call(1, &x, "1,7,5,3", "2", "SAME");
    assert!(
        message.contains("Shapes (1, 4, 3, 1) and (1, 3, 3, 1) are not compatible"),
        "{message}"
    );
    assert!(
        message.contains("5 to 6") && message.contains("value:0"),
        "{message}"
    );
    assert!(
        call(1, &folder.path("missing.npy"), "1,5,5,3", "2", "SAME")
            .contains("missing.npy: No such file")
    );
    assert!(call(1, &x, "-1,5,5,3", "2", "SAME").contains("error: "));
    assert!(call(1, &x, "1,5,5,3", "0", "SAME").contains("error: "));
    assert!(call(1, &x, "2147483647,2147483647,2147483647,3", "2", "SAME").contains("error: "));
    let padding = "padding must be either VALID or SAME";
    assert!(call(2, &x, "1,5,5,3", "2", "same").contains(padding));
    assert!(call(2, &x, "1,5,5,3", "2", "1,2,3").contains(padding));
    assert!(call(2, &x, "1,five", "2", "SAME").contains("'five' is no integer"));
    assert!(fails(2, &["op", "conv2d", "--input", &x]).contains("--filter"));
    assert!(fails(2, &["op", "conv3d"]).contains("conv3d"));
    std::fs::write(folder.path("text"), "not an array").unwrap();
    assert!(call(1, &folder.path("text"), "1,5,5,3", "2", "SAME").contains("text"));
    assert_eq!(folder.list(""), ["text", "w", "x"]);
    let unwritable = folder.path("missing/y.npy");
    let args = [
        "op",
        "conv2d_transpose",
        "--value",
        &x,
        "--filter",
        &w,
        "--output-shape",
        "6,6",
        "--strides",
        "2",
    ];
    assert!(fails(1, &[&args[..], &["--out", &unwritable]].concat()).contains(&unwritable));
}

#[test]
fn json_holds_shapes_and_time() {
    let folder = Folder::new();
    let (x, w) = (
        folder.npy("x", &counted(&[2, 6, 5, 3])),
        folder.npy("w", &counted(&[2, 2, 3, 4])),
    );
    let output = succeeds(&[
        "op",
        "conv2d",
        "--input",
        &x,
        "--filter",
        &w,
        "--padding",
        "1,0,2,0",
        "--json",
    ]);
    let report: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(report["op"], "conv2d");
    assert_eq!(
        report["inputs"]["filter"],
        serde_json::json!({"shape": [2, 2, 3, 4], "dtype": "float32"})
    );
    assert_eq!(
        report["output"],
        serde_json::json!({"shape": [2, 6, 6, 4], "dtype": "float32"})
    );
    assert!(report["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(folder.list(""), ["w", "x"]);
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
    let train = stdout(&succeeds(&["train", "--help"]));
    assert!(
        train.contains("Examples:\n  tconv train ") && train.contains("At least the stride"),
        "{train}"
    );
    assert!(stdout(&succeeds(&["--help"])).contains("tconv train"));
    assert!(fails(2, &[]).contains("Usage: tconv"));
    assert!(fails(2, &["train", "--stride", "0"]).contains("--stride"));
    assert!(fails(2, &["train", "--learning-rate", "-1"]).contains("--learning-rate"));
}

/// A small run; `flags` come after its own and count for more.
fn training<'a>(out: &'a str, flags: &[&'a str]) -> Vec<&'a str> {
    let small = [
        "--channels",
        "3",
        "--batch",
        "1",
        "--crop",
        "17",
        "--threads",
        "1",
    ];
    [&["train", "--out", out], &small[..], flags].concat()
}

const RESULTS: [&str; 4] = [
    "checkpoint.safetensors",
    "loss.svg",
    "metrics.csv",
    "reconstruction.png",
];

#[test]
fn a_run_writes_its_results() {
    let folder = Folder::new();
    let output = succeeds(&training(&folder.path("out"), &["--steps", "6"]));
    assert_eq!(folder.list("out"), RESULTS);
    let (report, progress) = (stdout(&output), stderr(&output));
    assert!(
        report.contains("photographs held out: ") && report.contains("4x4 means"),
        "{report}"
    );
    assert!(report.contains("numbers kept of 48"), "{report}");
    assert!(
        progress.contains("step 1/6") && progress.contains("step 6/6"),
        "{progress}"
    );
    let metrics = std::fs::read_to_string(folder.path("out/metrics.csv")).unwrap();
    let lines: Vec<&str> = metrics.lines().collect();
    assert_eq!((lines[0], lines.len()), ("step,loss,psnr", 7));
    for (step, line) in (1..).zip(&lines[1..]) {
        let cells: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        assert_eq!(cells[0], f64::from(step));
        assert!((cells[2] + 10.0 * cells[1].log10()).abs() < 1e-3, "{line}");
    }
    let picture = image::open(folder.path("out/reconstruction.png")).unwrap();
    assert!(
        picture.width() > 1440,
        "three photographs of 480 pixels stand side by side"
    );
}

#[test]
fn training_beats_the_means_of_blocks() {
    let folder = Folder::new();
    let flags = [
        "--steps",
        "250",
        "--learning-rate",
        "0.02",
        "--channels",
        "20",
        "--crop",
        "33",
        "--batch",
        "4",
    ];
    let report = stdout(&succeeds(&training(&folder.path("out"), &flags)));
    let line = report
        .lines()
        .find(|line| line.starts_with("photographs held out"))
        .unwrap();
    let decibels: Vec<f64> = line
        .split([' ', ':'])
        .filter_map(|word| word.parse().ok())
        .collect();
    assert_eq!(decibels.len(), 2, "{line}");
    assert!((decibels[1] - 24.35).abs() < 0.05, "{line}");
    assert!(decibels[0] > decibels[1] + 1.0, "{line}");
}

/// The bytes of what a run leaves that must not depend on how it came about.
fn bytes(folder: &Folder, name: &str) -> [Vec<u8>; 2] {
    ["checkpoint.safetensors", "metrics.csv"]
        .map(|file| std::fs::read(folder.path(&format!("{name}/{file}"))).unwrap())
}

#[test]
fn a_resumed_run_is_the_run_that_never_stopped() {
    for optimizer in ["adam", "nesterov", "sgd"] {
        let folder = Folder::new();
        let (straight, stopped) = (folder.path("straight"), folder.path("stopped"));
        let images = folder.photographs();
        let flags = ["--images", &images, "--optimizer", optimizer, "--seed", "7"];
        succeeds(&training(
            &straight,
            &[&flags[..], &["--steps", "7"]].concat(),
        ));
        succeeds(&training(
            &stopped,
            &[&flags[..], &["--steps", "3"]].concat(),
        ));
        assert_ne!(bytes(&folder, "stopped"), bytes(&folder, "straight"));
        // No settings: the checkpoint has them. Another number of threads changes nothing.
        succeeds(&[
            "train",
            "--resume",
            "--out",
            &stopped,
            "--steps",
            "7",
            "--threads",
            "2",
        ]);
        assert!(
            bytes(&folder, "stopped") == bytes(&folder, "straight"),
            "{optimizer}"
        );
    }
}

#[test]
fn what_does_not_go_with_resume_is_named() {
    let folder = Folder::new();
    let (out, images) = (folder.path("out"), folder.photographs());
    succeeds(&training(&out, &["--steps", "2", "--images", &images]));
    let before = bytes(&folder, "out");
    let resume =
        |flags: &[&str]| fails(1, &[&["train", "--resume", "--out", &out], flags].concat());
    assert!(resume(&["--kernel", "5"]).contains("--kernel 5 does not go with --resume"));
    assert!(resume(&["--optimizer", "sgd"]).contains("has --optimizer adam"));
    assert!(resume(&["--learning-rate", "0.5"]).contains("--learning-rate 0.5"));
    assert!(resume(&["--steps", "1"]).contains("has done 2 already"));
    std::fs::create_dir(folder.path("own")).unwrap();
    image::RgbImage::new(20, 20)
        .save(folder.path("own/a.png"))
        .unwrap();
    assert!(
        resume(&["--images", &folder.path("own")]).contains("--images does not go with --resume")
    );
    // The same as in the checkpoint is no conflict.
    succeeds(&[
        "train",
        "--resume",
        "--out",
        &out,
        "--crop",
        "17",
        "--learning-rate",
        "2e-3",
    ]);
    assert!(bytes(&folder, "out") == before);
    let empty = folder.path("empty");
    assert!(
        fails(1, &["train", "--resume", "--out", &empty])
            .contains("checkpoint.safetensors: No such file")
    );
    assert!(!Path::new(&empty).exists());
    std::fs::write(folder.path("out/checkpoint.safetensors"), "x").unwrap();
    assert!(resume(&[]).contains("no checkpoint of tconv train"));
}

#[test]
fn photographs_of_any_size_and_files_that_are_none() {
    let folder = Folder::new();
    let images = folder.path("images");
    std::fs::create_dir_all(folder.path("images/folder")).unwrap();
    assert!(
        fails(1, &training(&folder.path("out"), &["--images", &images])).contains("no PNG or JPEG")
    );
    std::fs::write(folder.path("images/notes.txt"), "no picture").unwrap();
    assert!(fails(1, &training(&folder.path("out"), &["--images", &images])).contains("skipped"));
    assert!(!Path::new(&folder.path("out")).exists());
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../assets/chelsea.jpg");
    let shipped = std::fs::read(shipped).unwrap();
    std::fs::write(folder.path("images/cut.jpg"), &shipped[..200]).unwrap();
    let color = |x, y| image::Rgb([x as u8, y as u8, 128]);
    image::RgbImage::from_fn(3, 2, color)
        .save(folder.path("images/small.png"))
        .unwrap();
    image::RgbImage::from_fn(1, 40, color)
        .save(folder.path("images/thin.png"))
        .unwrap();
    image::GrayImage::new(1300, 700)
        .save(folder.path("images/wide.jpg"))
        .unwrap();
    let output = succeeds(&training(
        &folder.path("out"),
        &["--images", &images, "--steps", "4"],
    ));
    let (report, notes) = (stdout(&output), stderr(&output));
    for skipped in ["cut.jpg", "notes.txt"] {
        assert!(
            notes
                .lines()
                .any(|line| line.starts_with("skipped ") && line.contains(skipped)),
            "{notes}"
        );
    }
    assert!(
        report.contains("wide (held out)") && report.contains("small") && report.contains("thin"),
        "{report}"
    );
    assert_eq!(folder.list("out"), RESULTS);
    assert!(fails(1, &["train", "--images", &folder.path("none")]).contains("none: No such file"));
    // A run goes on with its own photographs.
    succeeds(&[
        "train",
        "--resume",
        "--out",
        &folder.path("out"),
        "--steps",
        "5",
    ]);
}

#[test]
fn an_output_folder_that_cannot_be_is_an_error_at_once() {
    let folder = Folder::new();
    std::fs::write(folder.path("file"), "").unwrap();
    let message = fails(
        1,
        &training(&folder.path("file/out"), &["--steps", "1000000"]),
    );
    assert!(
        message.contains("file/out: cannot be written to"),
        "{message}"
    );
}

#[test]
fn gaps_and_divergence_are_said() {
    let folder = Folder::new();
    let images = folder.photographs();
    let output = succeeds(&training(
        &folder.path("out"),
        &["--steps", "1", "--kernel", "3", "--images", &images],
    ));
    assert!(stderr(&output).contains("reaches 9 of the 16 pixels of each block"));
    let flags = [
        "--images",
        &images,
        "--steps",
        "1000",
        "--optimizer",
        "sgd",
        "--learning-rate",
        "1e4",
    ];
    let output = tconv(&training(&folder.path("far"), &flags));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("A --learning-rate below 10000"),
        "{}",
        stderr(&output)
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_goes_on() {
    use std::io::{BufRead, BufReader};
    let folder = Folder::new();
    let images = folder.photographs();
    let (out, straight) = (folder.path("out"), folder.path("straight"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_tconv"))
        .args(training(&out, &["--steps", "1000000", "--images", &images]))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    assert!(lines.next().unwrap().starts_with("step 1/"));
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let message = lines
        .find(|line| line.starts_with("stopped after step "))
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(
        folder.list("out"),
        ["checkpoint.safetensors", "metrics.csv"]
    );
    let step: u64 = message.split(' ').nth(3).unwrap().parse().unwrap();
    let steps = (step + 2).to_string();
    succeeds(&["train", "--resume", "--out", &out, "--steps", &steps]);
    succeeds(&training(
        &straight,
        &["--steps", &steps, "--images", &images],
    ));
    assert!(bytes(&folder, "out") == bytes(&folder, "straight"));
}
