//! The four programs as examples, and what they print.

use std::path::PathBuf;
use std::process::Command;

/// The example's path; cargo builds examples beside the tests.
fn program(example: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(|deps| deps.parent()).unwrap();
    let name = format!("{example}{}", std::env::consts::EXE_SUFFIX);
    folder.join("examples").join(name)
}

fn output(example: &str) -> String {
    let path = program(example);
    let run = Command::new(&path).output();
    let run =
        run.unwrap_or_else(|e| panic!("{}: {e} (cargo test -p tconv builds it)", path.display()));
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    String::from_utf8(run.stdout).unwrap()
}

#[test]
fn program_1_gives_tensorflows_numbers() {
    let text = output("seed_1_output_shape");
    let numbers: Vec<f32> = text
        .split(|c: char| "[] \n".contains(c))
        .filter(|word| !word.is_empty())
        .map(|word| word.parse().unwrap())
        .collect();
    // TensorFlow 2.21, graph seed 1: the first channel, row by row.
    let recorded = [
        0.08601704,
        -0.09420509,
        0.15983868,
        -0.17505388,
        0.11795391,
        0.04894293,
        -0.38120225,
        0.09094679,
        -0.70835805,
        0.06711473,
        0.06556644,
        -0.07180777,
        -0.18607277,
        0.20378523,
        -0.6358305,
        0.03730672,
        -0.29057118,
        -0.10587375,
        0.8246198,
        -0.3617819,
        -0.15016778,
        0.1644624,
        0.29390866,
        -0.32188612,
        -0.11017537f32,
    ];
    assert_eq!(numbers.len(), 75);
    for (made, recorded) in numbers.iter().step_by(3).zip(recorded) {
        // Printed with eight digits behind the point.
        assert!(
            (made - recorded).abs() <= 1.2e-7 * recorded.abs() + 1e-8,
            "{made} {recorded}\n{text}"
        );
    }
}

#[test]
fn a_number_of_threads_that_is_none_is_refused_and_not_ignored() {
    let run = |threads| {
        Command::new(program("seed_4_dynamic_output_shape"))
            .env("TCONV_NUM_THREADS", threads)
            .output()
            .unwrap()
    };
    assert!(run("2").status.success());
    for threads in ["many", "-1", "5000"] {
        let refused = run(threads);
        let text = String::from_utf8_lossy(&refused.stderr);
        let expected =
            format!("TCONV_NUM_THREADS is '{threads}': it must be a number from 0 to 1024");
        assert!(
            !refused.status.success() && text.contains(&expected),
            "{text}"
        );
    }
}

#[test]
fn an_instruction_set_that_is_none_is_refused_and_not_ignored() {
    let run = Command::new(program("seed_1_output_shape"))
        .env("TCONV_INSTRUCTION_SET", "bogus")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && run.stdout.is_empty());
    assert!(
        text.contains("bogus") && text.contains("portable"),
        "{text}"
    );
}

#[test]
fn program_2_is_refused_while_it_is_built() {
    let text = output("seed_2_static_mismatch");
    assert_eq!(
        text.lines().next(),
        Some("ValueError: Shapes (3, 33, 33, 20) and (3, 25, 25, 20) are not compatible")
    );
    assert!(text.contains("height 97 with stride 3 makes 33; an input of 25 goes with 73 to 75; with height 97, stride 4 fits"), "{text}");
    assert!(text.contains("Conv/Relu:0"), "{text}");
}

#[test]
fn program_3_is_refused_while_it_runs_and_trains_once_mended() {
    let text = output("seed_3_dynamic_mismatch");
    assert!(
        text.contains("FailedPreconditionError: Attempting to use uninitialized value "),
        "{text}"
    );
    let first = "InvalidArgumentError: Conv2DSlowBackpropInput: Size of out_backprop doesn't match computed: actual = 25, computed = 33\n";
    assert!(text.contains(first), "{text}");
    assert!(text.contains("height 97 with stride 3 makes 33; an input of 25 goes with 73 to 75; with height 97, stride 4 fits"), "{text}");
    assert!(
        text.contains("value: Conv/Relu:0 (3, 25, 25, 20) float32"),
        "{text}"
    );
    // Ten losses, each printed as NumPy prints an array of four axes.
    let mended = text.split("strides=[1, 4, 4, 1]").nth(1).unwrap();
    assert_eq!(mended.matches("[[[[").count(), 10, "{text}");
    assert!(!mended.contains("Error"), "{text}");
}

#[test]
fn the_readme_shows_the_diagnostic_as_it_is_printed() {
    let text = output("seed_3_dynamic_mismatch");
    let from = text.find("warning: ").expect("a diagnostic");
    let diagnostic = text[from..].split("\n\n").next().unwrap();
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap();
    assert!(readme.contains(diagnostic), "{diagnostic}");
}

#[test]
fn program_4_answers_five_mistakes_and_goes_on() {
    let text = output("seed_4_dynamic_output_shape");
    let answers: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
    assert_eq!(answers.len(), 6, "{text}");
    for answer in &answers[..5] {
        assert!(
            answer.contains("InvalidArgumentError: ")
                || answer.contains("ResourceExhaustedError: "),
            "{text}"
        );
    }
    assert!(answers[1].contains("actual = 3, computed = 4"), "{text}");
    assert!(text.contains("5 to 6"), "{text}");
    assert_eq!(answers[5], "[1, 6, 6, 3]: makes [1, 6, 6, 3]");
    assert!(
        text.contains("with its height fixed: (None, 97, None, 3)"),
        "{text}"
    );
    assert!(
        text.contains("inputs of height 97: makes [2, 97, 50, 3]"),
        "{text}"
    );
    assert!(
        text.contains("inputs of height 96: InvalidArgumentError: "),
        "{text}"
    );
}
