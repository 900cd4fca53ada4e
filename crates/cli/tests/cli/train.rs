//! `tconv train`.

use safetensors::SafeTensors;
use serde_json::Value;

use super::*;

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
    let wrote: Vec<String> = [
        "reconstruction.png",
        "loss.svg",
        "metrics.csv",
        "checkpoint.safetensors",
    ]
    .map(|name| folder.path(&format!("out/{name}")))
    .into();
    let last = report.lines().last().unwrap();
    assert_eq!(last, format!("wrote {}", wrote.join(", ")));
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
        .split(" dB")
        .filter_map(|before| before.rsplit(' ').next()?.parse().ok())
        .collect();
    assert_eq!(decibels.len(), 3, "{line}");
    assert!((decibels[1] - 24.35).abs() < 0.05, "{line}");
    assert!(decibels[2] > decibels[1] + 1.0, "{line}");
    for numbers in [
        "from 20 numbers a block",
        "4x4 block's mean (3 numbers)",
        "2x2 means (12 numbers)",
    ] {
        assert!(line.contains(numbers), "{line}");
    }
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
        fails(1, &["train", "--resume", "--out", &empty]).contains("no run there to go on with: ")
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
    let message = fails(1, &training(&folder.path("out"), &["--images", &images]));
    assert!(
        message.contains("no PNG or JPEG") && message.contains("notes.txt: neither PNG nor JPEG"),
        "{message}"
    );
    assert!(!Path::new(&folder.path("out")).exists());
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../assets/chelsea.jpg");
    let shipped = std::fs::read(shipped).unwrap();
    std::fs::write(folder.path("images/cut.jpg"), &shipped[..200]).unwrap();
    for name in ["empty.jpg", "empty.png", "other.gif"] {
        std::fs::write(folder.path(&format!("images/{name}")), "").unwrap();
    }
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
    assert!(
        notes.contains("notes.txt: neither PNG nor JPEG\n"),
        "{notes}"
    );
    assert!(notes.lines().all(|line| !line.is_empty()), "{notes}");
    assert!(
        notes.contains("other.gif: neither PNG nor JPEG\n"),
        "{notes}"
    );
    for skipped in ["cut.jpg", "empty.jpg", "empty.png", "other.gif"] {
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
    assert!(!stderr(&output).contains("smaller than the kernel"));
    let output = succeeds(&training(
        &folder.path("out"),
        &["--steps", "1", "--crop", "5", "--images", &images],
    ));
    assert!(stderr(&output).contains("crops of 5 are smaller than the kernel of 6"));
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
        stderr(&output).contains(
            "--learning-rate 10000 is too large: try a tenth of it (the default for sgd is 2)"
        ),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_diverged_run_leaves_the_last_good_checkpoint() {
    let folder = Folder::new();
    let (out, images) = (folder.path("out"), folder.photographs());
    let flags = |steps| {
        let rate = ["--optimizer", "sgd", "--learning-rate", "1e4"];
        [&["--images", &images, "--steps", steps], &rate[..]].concat()
    };
    succeeds(&training(&out, &flags("1")));
    let before = bytes(&folder, "out");
    // The loss of the second step is still finite, what its update leaves is not to be computed with.
    let message = fails(1, &["train", "--resume", "--out", &out, "--steps", "2"]);
    assert!(
        message.contains("after step 2: the training diverges")
            && message.contains("start anew, without --resume, with a tenth"),
        "{message}"
    );
    assert!(bytes(&folder, "out") == before);
    let mut every = training(&out, &flags("50"));
    every.extend(["--checkpoint-every", "1"]);
    fails(1, &every);
    let bytes = std::fs::read(folder.path("out/checkpoint.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    for (name, view) in tensors.tensors() {
        let numbers = view.data().as_chunks().0.iter();
        let mut numbers = numbers.map(|&bytes| f32::from_le_bytes(bytes));
        assert!(numbers.all(f32::is_finite), "{name}");
    }
    let huge = ["--steps", "1", "--learning-rate", "1e30", "--optimizer"];
    for optimizer in ["adam", "sgd", "momentum"] {
        let far = folder.path("far");
        let args = training(
            &far,
            &[&huge[..], &[optimizer, "--images", &images]].concat(),
        );
        assert!(fails(1, &args).contains("the training diverges"));
        assert_eq!(folder.list("far"), [""; 0]);
    }
}

#[test]
fn steps_between_checkpoints_are_kept() {
    let folder = Folder::new();
    let (out, images) = (folder.path("out"), folder.photographs());
    let saved = || {
        let bytes = std::fs::read(folder.path("out/checkpoint.safetensors")).unwrap();
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let run: Value =
            serde_json::from_str(&header.metadata().as_ref().unwrap()["tconv"]).unwrap();
        run["checkpoint_every"].as_u64()
    };
    let flags = ["--steps", "1", "--images", &images];
    succeeds(&training(
        &out,
        &[&flags[..], &["--checkpoint-every", "3"]].concat(),
    ));
    assert_eq!(saved(), Some(3));
    let resume = ["train", "--resume", "--out", &out];
    succeeds(&[&resume[..], &["--steps", "2"]].concat());
    assert_eq!(saved(), Some(3));
    succeeds(&[&resume[..], &["--checkpoint-every", "8"]].concat());
    assert_eq!(saved(), Some(8));
    succeeds(&training(&out, &flags));
    assert_eq!(saved(), Some(500));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_goes_on() {
    use std::io::{BufRead, BufReader};
    let folder = Folder::new();
    let images = folder.photographs();
    let (out, straight) = (folder.path("my out"), folder.path("straight"));
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
    assert!(message.contains(&format!("--out '{out}'`")), "{message}");
    assert_eq!(
        folder.list("my out"),
        ["checkpoint.safetensors", "metrics.csv"]
    );
    let step: u64 = message.split(' ').nth(3).unwrap().parse().unwrap();
    let steps = (step + 2).to_string();
    succeeds(&["train", "--resume", "--out", &out, "--steps", &steps]);
    succeeds(&training(
        &straight,
        &["--steps", &steps, "--images", &images],
    ));
    assert!(bytes(&folder, "my out") == bytes(&folder, "straight"));
}
