//! `tconv shape`.

use serde_json::{Value, json};
use tconv_shape::{AxisPadding, Dim, Window};
use tconv_tensor::read_npy;

use super::*;

mod proofs;
mod solve;

fn said(args: &str) -> String {
    let args: Vec<&str> = args.split_whitespace().collect();
    stdout(&succeeds(&[&["shape"], &args[..]].concat()))
}

fn report(args: &str) -> Value {
    serde_json::from_str(&said(&format!("{args} --json"))).unwrap()
}

#[track_caller]
fn refused(code: i32, args: &str) -> String {
    let args: Vec<&str> = args.split_whitespace().collect();
    fails(code, &[&["shape"], &args[..]].concat())
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no '{part}' in\n{text}");
    }
}

#[test]
fn the_notes_first_program_has_two_legal_sizes() {
    let asked =
        "conv2d_transpose --value 1,3,3,1 --filter 2,2,3,1 --strides 1,2,2,1 --padding SAME";
    contains(
        &said(asked),
        &[
            "output_shape may be (1, 5 to 6, 5 to 6, 3)",
            "height and width: a value of 3 goes with 5 to 6",
            "5     0 and 1  value[0]*filter[0]  value[2]*filter[0]",
            "6     0 and 0  value[0]*filter[0]  value[2]*filter[1]",
            "1 1 1 1 1 1",
            "even",
        ],
    );
    let report = report(asked);
    for axis in 0..2 {
        let axis = &report["axes"][axis];
        assert_eq!((&axis["least"], &axis["greatest"]), (&json!(5), &json!(6)));
        assert_eq!(
            axis["sizes"][0],
            json!({"size": 5, "padding": [0, 1], "unreached": 0,
                "first_pixel": {"count": 1, "terms": [[0, 0]]},
                "last_pixel": {"count": 1, "terms": [[2, 0]]}})
        );
    }
    assert_eq!(report["value"], json!([1, 3, 3, 1]));
    assert_eq!(report["output_shape"], Value::Null);
    let one =
        said("conv2d_transpose --value 1,3,3,1 --filter 2,2,3,1 --strides 2 --output-shape 5,6");
    contains(
        &one,
        &["a forward conv2d of output_shape (1, 5, 6, 3) gives (1, 3, 3, 1)"],
    );
}

/// Kernel, stride, dilation and padding of both axes, as flags and as windows.
fn geometries() -> impl Iterator<Item = (String, [(i64, Window); 2])> {
    let paddings = [
        ("SAME", [AxisPadding::Same; 2]),
        ("VALID", [AxisPadding::Valid; 2]),
        (
            "1,2,0,3",
            [AxisPadding::Explicit(1, 2), AxisPadding::Explicit(0, 3)],
        ),
    ];
    let sizes = [(1, 3), (2, 5), (3, 2), (5, 1), (4, 4), (7, 3)];
    paddings.into_iter().flat_map(move |(padding, axes)| {
        (0..12).map(move |i| {
            let (height, width) = (sizes[i % 6], sizes[(i + i / 6 + 1) % 6]);
            let dilation = 1 + i as i64 % 3;
            let flags = format!(
                "--filter {},{},3,1 --strides {},{} --dilations {dilation} --padding {padding}",
                height.0, width.0, height.1, width.1
            );
            let window = |(kernel, stride), padding| {
                (
                    kernel,
                    Window::new(kernel, stride, dilation, padding).unwrap(),
                )
            };
            (flags, [window(height, axes[0]), window(width, axes[1])])
        })
    })
}

#[test]
fn legal_sizes_are_those_that_go_forward_to_the_value() {
    for (flags, windows) in geometries() {
        let report = report(&format!("conv2d_transpose --value 1,5,8,1 {flags}"));
        for ((_, window), (axis, value)) in windows.iter().zip([(0, 5), (1, 8)]) {
            let legal: Vec<i64> = (1..100)
                .filter(|&size| window.output(&Dim::Known(size)) == Ok(Dim::Known(value)))
                .collect();
            let axis = &report["axes"][axis];
            let listed: Vec<i64> = axis["sizes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|size| size["size"].as_i64().unwrap())
                .collect();
            assert_eq!(listed, legal, "{flags}");
            let ends = (axis["least"].as_i64(), axis["greatest"].as_i64());
            assert_eq!(
                ends,
                (legal.first().copied(), legal.last().copied()),
                "{flags}"
            );
            for size in axis["sizes"].as_array().unwrap() {
                let pads = window.pads(size["size"].as_i64().unwrap()).unwrap();
                assert_eq!(size["padding"], json!([pads.0, pads.1]), "{flags}");
            }
        }
    }
}

/// What `tconv op` makes of ones, along one axis of the other's first pixel.
#[test]
fn pixels_are_fed_as_a_transposed_convolution_of_ones_says() {
    let folder = Folder::new();
    let ones = |name: &str, shape: &[usize]| folder.npy(name, &Tensor::full(shape, 1f32).unwrap());
    let value = ones("value", &[1, 4, 3, 1]);
    let out = folder.path("out.npy");
    for (flags, windows) in geometries() {
        let kernels = windows.each_ref().map(|(kernel, _)| *kernel as usize);
        let filter = ones("filter", &[kernels[0], kernels[1], 3, 1]);
        let axes = report(&format!("conv2d_transpose --value 1,4,3,1 {flags}"))["axes"].clone();
        let size = |axis: usize| axes[axis]["counts"]["size"].as_i64().unwrap();
        let flags: Vec<&str> = flags.split_whitespace().skip(2).collect();
        let wanted = format!("1,{},{},3", size(0), size(1));
        let args = [
            "op",
            "conv2d_transpose",
            "--value",
            &value,
            "--filter",
            &filter,
        ];
        let output = ["--output-shape", &wanted, "--out", &out];
        succeeds(&[&args[..], &output, &flags].concat());
        let made = read_npy(&out).unwrap();
        let made = made.as_slice::<f32>().unwrap();
        let counts = |axis: usize| -> Vec<i64> {
            let row = &axes[axis]["counts"];
            assert_eq!(row["end"], Value::Null);
            let counts = row["start"].as_array().unwrap().iter();
            counts.map(|count| count.as_i64().unwrap()).collect()
        };
        // Of ones each pixel is the product of what feeds it along both axes.
        let expected: Vec<f32> = counts(0)
            .iter()
            .flat_map(|height| {
                counts(1)
                    .into_iter()
                    .flat_map(move |width| [(height * width) as f32; 3])
            })
            .collect();
        assert_eq!(made, expected, "{flags:?}");
        for axis in 0..2 {
            let listed = axes[axis]["sizes"]
                .as_array()
                .unwrap()
                .last()
                .unwrap()
                .clone();
            let unreached = counts(axis).iter().filter(|count| **count == 0).count();
            assert_eq!(listed["unreached"], json!(unreached));
            let ends = [counts(axis)[0], *counts(axis).last().unwrap()];
            assert_eq!(listed["first_pixel"]["count"], json!(ends[0]));
            assert_eq!(listed["last_pixel"]["count"], json!(ends[1]));
        }
    }
}

#[test]
fn holes_and_checkerboards_are_said_with_the_kernel_that_mends_them() {
    let axis = |flags: &str| {
        report(&format!("conv2d_transpose --value 1,9,9,1 {flags}"))["axes"][0].clone()
    };
    for (flags, overlap) in [
        (
            "--filter 3,3,1,1 --strides 2",
            (1, 2, 0, json!(2), json!(2), json!(4)),
        ),
        (
            "--filter 4,4,1,1 --strides 2",
            (2, 2, 0, json!(2), json!(2), json!(4)),
        ),
        (
            "--filter 2,2,1,1 --strides 3",
            (0, 1, 1, json!(3), json!(3), json!(3)),
        ),
        (
            "--filter 16,16,1,1 --strides 8",
            (2, 2, 0, json!(8), json!(8), json!(16)),
        ),
        (
            "--filter 3,3,1,1 --strides 2 --dilations 2",
            (0, 3, 1, Value::Null, Value::Null, Value::Null),
        ),
        (
            "--filter 3,3,1,1 --strides 3 --dilations 2",
            (1, 1, 0, json!(3), json!(3), json!(3)),
        ),
    ] {
        let (least, greatest, holes, without_holes, even, next) = overlap;
        let expected = json!({"least": least, "greatest": greatest, "holes": holes,
            "even": least == greatest, "kernel_without_holes": without_holes,
            "even_kernel": even, "next_even_kernel": next});
        assert_eq!(axis(flags)["overlap"], expected, "{flags}");
    }
    contains(
        &said("conv2d_transpose --value 1,9,9,1 --filter 3,3,1,1 --strides 2"),
        &[
            "a checkerboard: 1 to 2; the smallest kernel with even counts is 2, the next one 4",
            "▄ █ ▄ █",
        ],
    );
    contains(
        &said("conv2d_transpose --value 1,9,9,1 --filter 2,2,1,1 --strides 3"),
        &["nothing feeds 1 of every 3 pixels; the smallest kernel that feeds all is 3"],
    );
    contains(
        &said("conv2d_transpose --value 1,9,9,1 --filter 3,3,1,1 --strides 2 --dilations 4"),
        &["no kernel feeds all, since 2 and 4 (the dilation) have a common factor"],
    );
    contains(
        &said("conv2d_transpose --value 1,3,3,1 --filter 3,3,1,1 --strides 2 --padding VALID"),
        &["8     0 and 0  value[0]*filter[0]  0: nothing feeds it  1 of 8"],
    );
}

#[test]
fn conv2d_says_its_output_and_which_inputs_give_the_same() {
    let axes = report("conv2d --input 1,5,6,3 --filter 2,2,3,1 --strides 2");
    assert_eq!(axes["output"], json!([1, 3, 3, 1]));
    assert_eq!(
        axes["axes"][0],
        json!({"axis": "height", "input": 5, "output": 3, "padding": [0, 1], "least": 5, "greatest": 6})
    );
    for (flags, windows) in geometries() {
        let axes = report(&format!("conv2d --input 1,30,31,3 {flags}"))["axes"].clone();
        for ((_, window), (axis, input)) in windows.iter().zip([(0, 30), (1, 31)]) {
            let output = |size| window.output(&Dim::Known(size)).ok();
            let same: Vec<i64> = (1..100)
                .filter(|&size| output(size) == output(input))
                .collect();
            let pads = window.pads(input).unwrap();
            let name = ["height", "width"][axis];
            let expected = json!({"axis": name, "input": input,
                "output": output(input).unwrap().known(), "padding": [pads.0, pads.1],
                "least": same[0], "greatest": same.last()});
            assert_eq!(axes[axis], expected, "{flags}");
        }
    }
    let named = said("conv2d --input N,H,11,3 --filter 3,3,3,C --padding VALID --strides 1,2");
    contains(&named, &["output (N, H - 2, 5, C)", "needs H >= 3"]);
    let asked = "conv2d --input N,H,W,3 --filter 3,3,3,8 --padding VALID --output-shape";
    assert_eq!(report(&format!("{asked} N,H-2,W-2,8"))["verdict"], "always");
    contains(
        &refused(1, &format!("{asked} N,H,W-2,8")),
        &[
            "Shapes (N, H - 2, W - 2, 8) and (N, H, W - 2, 8)",
            "never H; H is made of H + 2",
        ],
    );
    contains(
        &refused(1, "conv2d --input 1,2,9,3 --filter 3,3,3,8 --padding VALID"),
        &["Negative dimension size caused by subtracting 3 from 2"],
    );
}

#[test]
fn other_orders_and_groups() {
    let answer = report(
        "conv2d_transpose --value 1,7,3,4 --filter 2,2,5,7 --strides 1,1,2,3 --data-format NCHW",
    );
    assert_eq!(
        (
            &answer["axes"][0]["greatest"],
            &answer["axes"][1]["greatest"]
        ),
        (&json!(6), &json!(12))
    );
    contains(
        &said("conv2d_transpose --value N,7,H,4 --filter 2,2,5,7 --strides 2 --data-format NCHW"),
        &[
            "output_shape may be (N, 5, 2*H - 1 to 2*H, 7 to 8)",
            "data_format NCHW",
        ],
    );
    // Two groups of four channels; of three there are none.
    let grouped = "conv2d_transpose --value 1,3,3,6 --filter 2,2,4,6 --strides 2 --output-shape";
    assert_eq!(report(&format!("{grouped} 1,6,6,8"))["verdict"], "always");
    contains(
        &refused(1, &format!("{grouped} 1,6,6,7")),
        &["output_shape does not match filter's output channels, 7 != 4"],
    );
    assert_eq!(
        report(&format!("{grouped} 1,6,6,C"))["claims"][4]["holds"],
        "C == 4"
    );
    contains(
        &refused(1, "conv2d_transpose --value 1,3,3,2 --filter 2,2,3,1"),
        &["input channels does not match filter's input channels, 2 != 1"],
    );
}

#[test]
fn nothing_loops_over_a_size_and_nothing_overflows() {
    let large = i64::MAX;
    let asked = |value: &str, filter: &str, strides: &str| {
        format!("conv2d_transpose --value 1,{value},3,1 --filter {filter},3,1 --strides {strides}")
    };
    let far = report(&asked("3", "2,2", "1000000000000"));
    assert_eq!(far["axes"][0]["sizes"].as_array().unwrap().len(), 2);
    assert_eq!(far["axes"][0]["least"], 2_000_000_000_001i64);
    assert_eq!(far["axes"][0]["greatest"], 3_000_000_000_000i64);
    assert_eq!(
        far["axes"][0]["sizes"][1]["unreached"],
        3_000_000_000_000i64 - 6
    );
    let wide = said(&asked("3", "1000000000000000000,2", "5"));
    contains(
        &wide,
        &["a kernel of 1000000000000000000 is not counted through"],
    );
    contains(
        &refused(1, &asked(&large.to_string(), "2,2", "2")),
        &[
            "height: 'value' is 9223372036854775807 high",
            "no size makes them agree",
        ],
    );
    for (value, filter, strides) in [
        ("9223372036854775806", "2,2", "1"),
        ("0", "2,2", "2"),
        ("4611686018427387904", "10000,1", "1"),
        ("3", "9223372036854775807,1", "1"),
        ("3", "9,9", "9223372036854775"),
        ("H", "9,9", "3000000000000000000"),
        ("H", "10000,10000", "10000"),
    ] {
        report(&asked(value, filter, strides));
    }
    for (args, message) in [
        (asked("-3", "2,2", "2"), "value[1] is -3"),
        (asked("3", "0,2", "2"), "kernel must be at least 1, got 0"),
        (asked("3", "2", "2"), "filter must have 4 sizes, got 3"),
        (asked("3", "2,2", "0"), "strides should be larger than 0"),
        (asked("3", "2,2", "-1"), "strides should be larger than 0"),
        (
            asked("3", "2,2", "1,2,3"),
            "strides should be of length 1, 2 or 4",
        ),
        (asked("3", "2,2", "2,2,2,2"), "batch and depth"),
        (asked("3", "2,2", "2") + " --dilations 0", "larger than 0"),
        (
            asked("3", "2,2", "2") + " --output-shape 1,2,3",
            "all four sizes or height,width",
        ),
        (
            asked("1", "1,1", "1") + " --padding 4,4,0,0",
            "no height goes with a value of 1",
        ),
        (asked("3-4*H", "1,1", "1"), "at least 1 for no H"),
        (asked("3/(2-2)", "1,1", "1"), "3 / 0"),
    ] {
        contains(&refused(1, &args), &[message]);
    }
    for (args, message) in [
        (asked("3H", "2,2", "2"), "cannot read '3H' at 'H'"),
        (asked("", "2,2", "2"), "expected a number"),
        (asked(&"(".repeat(100_000), "2,2", "2"), "expected"),
        (asked("3", "2,2", "x"), "'x' is no integer"),
        (asked("3", "2,2", "2") + " --padding same", "write SAME"),
        ("conv2d_transpose --value 1,3,3,1".to_string(), "--filter"),
        ("conv3d".to_string(), "conv3d"),
    ] {
        contains(&refused(2, &args), &[message]);
    }
}

#[test]
fn programs_read_a_refusal_too() {
    let run = Command::new(env!("CARGO_BIN_EXE_tconv"))
        .args([
            "shape",
            "conv2d_transpose",
            "--value",
            "N,H,W,20",
            "--filter",
            "3,3,3,20",
        ])
        .args([
            "--strides",
            "2",
            "--output-shape",
            "N,2*H+9,2*W,3",
            "--json",
        ])
        .output()
        .unwrap();
    assert_eq!(run.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&run.stdout).unwrap();
    let error = json["error"].as_str().unwrap();
    assert!(
        error.contains("a value of H goes with 2*H - 1 to 2*H"),
        "{error}"
    );
}
