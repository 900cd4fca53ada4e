//! `tconv op`.

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tconv_tensor::read_npy;

use super::*;

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
    let exact = |case: &&Value| {
        let text = |key: &str| case[key].as_str().unwrap();
        text("name").ends_with("eighths") && text("op").starts_with("Conv2D")
    };
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
    assert!(call(2, &x, "1,5,5,3", "2", "same").contains("write SAME"));
    let integers = folder.npy("i", &Tensor::new(&[1, 3, 3, 1], vec![1; 9]).unwrap());
    let message = call(1, &integers, "1,5,5,3", "2", "SAME");
    assert!(message.contains("convert one .npy file"), "{message}");
    assert!(call(2, &x, "1,5,5,3", "2", "1,2,3").contains(padding));
    assert!(call(2, &x, "1,five", "2", "SAME").contains("'five' is no integer"));
    assert!(fails(2, &["op", "conv2d", "--input", &x]).contains("--filter"));
    assert!(fails(2, &["op", "conv3d"]).contains("conv3d"));
    std::fs::write(folder.path("text"), "not an array").unwrap();
    assert!(call(1, &folder.path("text"), "1,5,5,3", "2", "SAME").contains("text"));
    assert_eq!(folder.list(""), ["i", "text", "w", "x"]);
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
