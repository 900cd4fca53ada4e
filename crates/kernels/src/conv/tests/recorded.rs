//! TensorFlow's recorded values, by every algorithm on every instruction set.

use safetensors::SafeTensors;
use serde_json::Value;
use tconv_shape::{AxisPadding, Dim, Window};

use super::*;

/// A recorded tensor's sizes and values; every type fits into f64.
struct Recorded {
    dims: Vec<usize>,
    values: Vec<f64>,
}

fn tensor(file: &SafeTensors<'_>, name: &Value) -> Option<Recorded> {
    let tensor = file.tensor(name.as_str()?).unwrap();
    let (data, width) = (tensor.data(), tensor.dtype().bitsize() / 8);
    let read = |x: &[u8]| match tensor.dtype() {
        safetensors::Dtype::F32 => f32::from_le_bytes(x.try_into().unwrap()).into(),
        safetensors::Dtype::F64 => f64::from_le_bytes(x.try_into().unwrap()),
        safetensors::Dtype::I32 => i32::from_le_bytes(x.try_into().unwrap()).into(),
        other => panic!("{other:?}"),
    };
    Some(Recorded {
        dims: tensor.shape().to_vec(),
        values: data.chunks_exact(width).map(read).collect(),
    })
}

/// The convolution of an `input` and a `filter` with a node's attributes.
fn convolution(attrs: &Value, input: &[usize], filter: &[usize]) -> ConvShape {
    let list = |name: &str| -> Vec<i64> {
        let list = attrs[name].as_array().into_iter().flatten();
        list.map(|x| x.as_i64().unwrap()).collect()
    };
    let (strides, dilations) = (list("strides"), list("dilations"));
    let pads = list("explicit_paddings");
    let spatial = filter.len() - 2;
    let format = DataFormat::parse(attrs["data_format"].as_str().unwrap(), spatial).unwrap();
    let axes = (0..spatial).map(|i| {
        let at = format.spatial_axis(i);
        let padding = match attrs["padding"].as_str().unwrap() {
            "SAME" => AxisPadding::Same,
            "VALID" => AxisPadding::Valid,
            "EXPLICIT" => AxisPadding::Explicit(pads[2 * at], pads[2 * at + 1]),
            other => panic!("{other}"),
        };
        let kernel = Dim::Known(filter[i] as i64);
        let window = Window::new(kernel, strides[at], dilations[at], padding).unwrap();
        ConvAxis::new(&window, input[at] as i64).unwrap()
    });
    let in_channels = input[format.channel_axis(spatial)];
    ConvShape {
        batch: input[0],
        in_channels,
        out_channels: filter[spatial + 1],
        groups: in_channels / filter[spatial],
        format,
        axes: axes.collect(),
    }
}

/// From a recorded value and back.
type Casts<T> = (fn(f64) -> T, fn(T) -> f64);

fn compare<T: Element>(
    name: &str,
    (pass, shape): (Pass, &ConvShape),
    [a, b, expected]: [&Recorded; 3],
    unit: f64,
    (narrow, widen): Casts<T>,
) {
    let [a_dims, b_dims, dims] = pass.dims(shape);
    assert_eq!(
        [&a_dims, &b_dims, &dims],
        [&a.dims, &b.dims, &expected.dims]
    );
    let cast = |x: &Recorded| -> Vec<T> { x.values.iter().map(|&x| narrow(x)).collect() };
    let (a, b) = (cast(a), cast(b));
    let largest = |x: f64, y: &f64| x.max(y.abs());
    // Sums of multiples of 1/8 and of integers are exact; others differ in the order of summing.
    let largest = expected.values.iter().fold(1.0, largest);
    let sums = match name.contains("normal") {
        true => unit * largest,
        false => 0.0,
    };
    for algorithm in supporting(T::algorithms(), pass, shape) {
        let bound = sums + 4.0 * product_error(algorithm.precision) * largest;
        for set in algorithm.sets() {
            let one = &Threads::ONE;
            let out = apply(algorithm, set, one, (pass, shape), (&a, &b), narrow(99.0));
            for (i, (&out, &expected)) in out.iter().zip(&expected.values).enumerate() {
                let (out, algorithm) = (widen(out), algorithm.name);
                assert!(
                    (out - expected).abs() <= bound,
                    "{name}: {pass:?} by {algorithm}, {set}: {i}: {out} is not {expected}",
                );
            }
        }
    }
}

#[test]
fn recorded_values() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/conv.safetensors"
    );
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases = &metadata.metadata().as_ref().unwrap()["cases"];
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    let mut compared = [0; 3];
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let input = |i: usize| tensor(&file, &case["inputs"][i]);
        let gradient = |i: usize| tensor(&file, &case["grads"]["dx"][i]);
        let output = tensor(&file, &case["outputs"][0]);
        let dy = tensor(&file, &case["grads"]["dy"][0]);
        // A convolution's input, filter and output's gradient, and what its three kernels give: the
        // gradients of each kernel are the two others.
        let (x, w, y, results) = match case["op"].as_str().unwrap() {
            "Conv2D" | "Conv3D" => (input(0), input(1), dy, [output, gradient(0), gradient(1)]),
            "Conv2DBackpropInput" | "Conv3DBackpropInputV2" => {
                (dy, input(1), input(2), [gradient(2), output, gradient(1)])
            }
            "Conv2DBackpropFilter" | "Conv3DBackpropFilterV2" => {
                (input(0), dy, input(2), [gradient(2), gradient(0), output])
            }
            other => panic!("{other}"),
        };
        let dims = |tensor: &Option<Recorded>, sizes: usize| match tensor {
            Some(tensor) => tensor.dims.clone(),
            None => {
                let sizes = input(sizes).unwrap().values;
                sizes.iter().map(|&x| x as usize).collect()
            }
        };
        let shape = convolution(&case["attrs"], &dims(&x, 0), &dims(&w, 1));
        for (pass, result) in Pass::ALL.into_iter().zip(&results) {
            let operands = match pass {
                Pass::Forward => [&x, &w, result],
                Pass::BackpropInput => [&y, &w, result],
                Pass::BackpropFilter => [&x, &y, result],
            };
            let [Some(a), Some(b), Some(expected)] = operands else {
                continue;
            };
            let (pass_of, tensors) = ((pass, &shape), [a, b, expected]);
            match case["attrs"]["T"].as_str().unwrap() {
                "float32" => {
                    let casts: Casts<f32> = (|x| x as f32, f64::from);
                    compare(name, pass_of, tensors, 2e-6, casts)
                }
                "float64" => compare::<f64>(name, pass_of, tensors, 1e-14, (|x| x, |x| x)),
                "int32" => {
                    let casts: Casts<i32> = (|x| x as i32, f64::from);
                    compare(name, pass_of, tensors, 0.0, casts)
                }
                other => panic!("{other}"),
            }
            compared[pass as usize] += 1;
        }
    }
    assert!(compared.iter().all(|&n| n > 100), "{compared:?}");
}
