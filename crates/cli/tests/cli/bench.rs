//! `tconv bench`.

use serde_json::Value;

use super::*;

/// A small case; a flag that is given again replaces the first.
const TINY: &str = "--input 2,3,3,6 --output-shape 2,5,6,4 --kernel 3,2 --strides 2";
const WIDE: &str = "--input 1,7,4 --output-shape 1,20,3 --kernel 5 --strides 3";
const DEEP: &str = "--input 1,2,3,4,2 --output-shape 1,4,6,8,4 --kernel 2 --strides 2";

/// The answer to `tconv bench --json` with few calls.
#[track_caller]
fn timed(flags: &str) -> Value {
    let flags = format!("bench --json --repeat 3 --threads 1 {flags}");
    let args: Vec<&str> = flags.split_whitespace().collect();
    serde_json::from_str(&stdout(&succeeds(&args))).unwrap()
}

#[track_caller]
fn refused(code: i32, flags: &str) -> String {
    let flags = format!("bench {flags}");
    fails(code, &flags.split_whitespace().collect::<Vec<_>>())
}

#[test]
fn every_op_is_timed_and_counted() {
    // The products of one kernel: pixels, channels in, taps, channels out.
    let (tiny, wide, deep) = (18 * 6 * 6 * 4, 7 * 4 * 5 * 3, 24 * 2 * 8 * 4);
    for (op, sizes, products) in [
        ("conv2d_transpose", TINY, tiny),
        ("conv2d", TINY, tiny),
        ("conv2d_backprop_filter", TINY, tiny),
        ("train", TINY, tiny * 3),
        ("conv1d_transpose", WIDE, wide),
        ("conv1d", WIDE, wide),
        ("train", WIDE, wide * 3),
        ("conv3d_transpose", DEEP, deep),
        ("conv3d_backprop_filter", DEEP, deep),
        ("train", DEEP, deep * 3),
    ] {
        for filter in ["constant", "fresh"] {
            let report = timed(&format!("--op {op} {sizes} --filter {filter}"));
            assert_eq!(report["op"], op);
            let times = report["times_s"].as_array().unwrap();
            assert!((1..=3).contains(&times.len()), "{report}");
            let number = |name: &str| report[name].as_f64().unwrap();
            assert!(
                number("min_s") > 0.0 && number("min_s") <= number("median_s"),
                "{report}"
            );
            let counted = number("gflops") * 1e9 * number("median_s");
            let expected = 2.0 * f64::from(products);
            assert!((counted / expected - 1.0).abs() < 1e-9, "{op}: {counted}");
            assert!(
                number("peak_gflops") > 0.01 && number("checked") > 0.0,
                "{report}"
            );
            assert!(number("max_error") < 4e-6 && number("scratch_bytes") >= 0.0);
        }
    }
    let train = timed(&format!("--op train {TINY}"));
    assert_eq!(train["algorithm"].as_object().unwrap().len(), 3);
    assert_eq!(
        train["filter"], "fresh",
        "each step changes the filter that it trains"
    );
}

#[test]
fn the_geometry_is_the_library_s() {
    let grouped = timed(&format!(
        "{TINY} --groups 2 --format NCHW --dilations 1,3 --padding 1,1,1,2"
    ));
    for (name, expected) in [
        ("input", "[2,3,3,6]"),
        ("output_shape", "[2,5,6,4]"),
        ("kernel", "[3,2]"),
        ("strides", "[2,2]"),
        ("dilations", "[1,3]"),
        ("groups", "2"),
        ("format", "\"NCHW\""),
        ("padding", "\"1,1,1,2\""),
    ] {
        assert_eq!(grouped[name].to_string(), expected, "{name}");
    }
    let three = "--input has 3 sizes; for conv2d_transpose it needs 4: batch,height,width,channels";
    for (change, expected) in [
        (
            "--output-shape 2,5,7,4",
            "width 7 with stride 2 makes 4; an input of 3 goes with 5 to 6",
        ),
        ("--input 2,3,6", three),
        ("--input 2,3,0,6", "--input has the size 0"),
        ("--kernel 0", "--kernel has the size 0"),
        ("--kernel 2,2,2", "--kernel has 3 numbers; it takes 1 or 2"),
        ("--groups 4", "--groups 4 does not divide both"),
        ("--strides -1", "-1 must be at least 1"),
    ] {
        let message = refused(1, &format!("{TINY} {change}"));
        assert!(message.contains(expected), "{change}: {message}");
    }
    let sizes = "1,1000000,1000000,64";
    let lost = refused(
        1,
        &format!("--input {sizes} --output-shape {sizes} --kernel 1"),
    );
    assert!(lost.contains("GiB are needed"), "{lost}");
    let far = refused(
        1,
        &format!("{TINY} --kernel 1 --dilations 4000000000000000000 --list"),
    );
    assert!(far.contains("leaves the address range"), "{far}");
    assert!(refused(2, "--strides 2").contains("--input"));
    assert!(refused(2, "--format HWNC").contains("NCHW"));
}

#[test]
fn algorithms_are_listed_and_forced() {
    let listed = timed(&format!("{TINY} --list"));
    let rows = listed["algorithms"].as_array().unwrap();
    let chosen: Vec<&Value> = rows.iter().filter(|row| row["chosen"] == true).collect();
    assert_eq!(chosen.len(), 1, "{listed}");
    assert_eq!(timed(TINY)["algorithm"], chosen[0]["algorithm"]);
    let admissible = |row: &&Value| row["admissible"] == true;
    let names: Vec<&str> = rows
        .iter()
        .filter(admissible)
        .map(|row| row["algorithm"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"reference"), "{listed}");
    for row in rows.iter().filter(admissible) {
        let name = row["algorithm"].as_str().unwrap();
        for (filter, packed) in [("constant", &row["filter_bytes"]), ("fresh", &0.into())] {
            let flags = format!("--algorithm {name} --filter {filter} --threads 2 --seconds 1e-9");
            let forced = timed(&format!("{TINY} {flags}"));
            assert_eq!(forced["algorithm"], name);
            assert_eq!(&forced["filter_bytes"], packed);
            let times = forced["times_s"].as_array().unwrap();
            assert_eq!(times.len(), 1, "no time is left for a second call");
        }
    }
    let flags = format!("bench --list {TINY}");
    let text = stdout(&succeeds(&flags.split_whitespace().collect::<Vec<_>>()));
    assert!(
        text.contains("chosen") && text.contains("the definition"),
        "{text}"
    );
    let message = refused(1, &format!("{TINY} --algorithm magic"));
    let expected = format!("those that do: {}", names.join(", "));
    assert!(
        message.contains("there is no algorithm 'magic'") && message.contains(&expected),
        "{message}"
    );
}

#[test]
fn types_and_precisions_are_said_and_checked() {
    for (dtype, precision) in [
        ("f32", "medium"),
        ("f32", "high"),
        ("f64", "highest"),
        ("bf16", "highest"),
        ("f16", "medium"),
    ] {
        for flags in ["--filter constant", "--filter fresh", "--op train"] {
            let said = format!("--dtype {dtype} --precision {precision}");
            let report = timed(&format!("{TINY} {flags} {said}"));
            assert_eq!([&report["dtype"], &report["precision"]], [dtype, precision]);
            assert!(report["checked"].as_u64().unwrap() > 0, "{report}");
            let listed = timed(&format!("{TINY} --list {said}"));
            let rows = listed["algorithms"].as_array().unwrap();
            let row = |name: &str| rows.iter().find(|row| row["algorithm"] == name);
            assert!(row("reference").is_some(), "{listed}");
            let of = |name| row(name).map(|row| [&row["requires"], &row["precision"]]);
            if dtype != "f64" {
                assert_eq!(of("amx_bf16"), Some([&"amx".into(), &"medium".into()]));
                assert_eq!(of("amx_bf16x3"), Some([&"amx".into(), &"high".into()]));
            }
        }
    }
    let text = refused(2, &format!("{TINY} --precision bf16"));
    assert!(text.contains("'highest', 'high' or 'medium'"), "{text}");
    let text = refused(2, &format!("{TINY} --dtype bfloat16"));
    assert!(text.contains("bf16") && text.contains("f64"), "{text}");
}

#[test]
fn layers_are_a_table() {
    let array = timed("--layers L13,L1");
    let layers = array.as_array().unwrap().iter();
    let names: Vec<&Value> = layers.map(|layer| &layer["layer"]).collect();
    assert_eq!(names, ["L1", "L13"]);
    let table = stdout(&succeeds(&["bench", "--layers", "L13", "--repeat", "1"]));
    assert!(
        table.contains("GF/s") && table.contains("3x3x1 -> 5x5x3"),
        "{table}"
    );
    assert!(refused(1, "--layers L99").contains("L2b"));
    assert!(refused(1, "--op conv1d").contains("--input"));
}

#[test]
fn the_instruction_set_is_the_environment_s() {
    let run = |name: &str| {
        Command::new(env!("CARGO_BIN_EXE_tconv"))
            .env("TCONV_INSTRUCTION_SET", name)
            .args(["bench", "--layers", "L13", "--repeat", "1", "--json"])
            .output()
            .unwrap()
    };
    let report: Value = serde_json::from_str(&stdout(&run("portable"))).unwrap();
    assert_eq!(report[0]["isa"], "portable");
    let refused = run("sse9");
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("portable"));
}
