//! Against what NumPy printed; see `testdata/numpy_print.py`.

use serde_json::Value;

use crate::{DType, Handle, Tensor, bf16, f16};

/// One recorded array: bit patterns, repeated cyclically to fill the shape.
fn tensor(case: &Value) -> Tensor {
    let sizes = case["shape"].as_array().unwrap();
    let shape: Vec<usize> = sizes
        .iter()
        .map(|size| size.as_u64().unwrap() as usize)
        .collect();
    let words = case["bits"].as_str().unwrap().split_whitespace();
    let bits = words.map(|word| u64::from_str_radix(word, 16).unwrap());
    let bits = bits.cycle().take(shape.iter().product());
    match case["dtype"].as_str().unwrap() {
        "float16" => Tensor::new(
            &shape,
            bits.map(|bits| f16::from_bits(bits as u16)).collect(),
        ),
        "bfloat16" => Tensor::new(
            &shape,
            bits.map(|bits| bf16::from_bits(bits as u16)).collect(),
        ),
        "float32" => Tensor::new(
            &shape,
            bits.map(|bits| f32::from_bits(bits as u32)).collect(),
        ),
        "float64" => Tensor::new(&shape, bits.map(f64::from_bits).collect()),
        "int32" => Tensor::new(&shape, bits.map(|bits| bits as u32 as i32).collect()),
        "int64" => Tensor::new(&shape, bits.map(|bits| bits as i64).collect()),
        "uint8" => Tensor::new(&shape, bits.map(|bits| bits as u8).collect()),
        "bool" => Tensor::new(&shape, bits.map(|bits| bits != 0).collect()),
        other => panic!("dtype {other}"),
    }
    .unwrap()
}

#[test]
fn prints_as_numpy_does() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../../testdata/numpy_print.json")).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let (printed, expected) = (tensor(case).to_string(), case["text"].as_str().unwrap());
            (printed != expected).then(|| {
                format!(
                    "{} {}\n{printed}\nshould be\n{expected}",
                    case["dtype"], case["shape"]
                )
            })
        })
        .collect();
    assert!(cases.len() > 100);
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn an_empty_tensor_prints_at_once_whatever_its_other_sizes() {
    for shape in [vec![100_000_000_000, 0], vec![0, 1 << 30], vec![3, 0]] {
        for dtype in DType::ALL {
            let empty = Tensor::zeros(dtype, &shape).unwrap();
            assert_eq!(empty.to_string(), "[]", "{dtype} {shape:?}");
        }
    }
}

#[test]
fn ranks_beyond_numpys_print_as_debug_does() {
    let of_rank = |rank| Tensor::full(&vec![1; rank], 7i32).unwrap();
    let most = of_rank(64).to_string();
    assert_eq!(most, format!("{}7{}", "[".repeat(64), "]".repeat(64)));
    for rank in [65, 5000, 100_000] {
        let ones = vec!["1"; rank].join(", ");
        let expected = format!("Tensor(int32, [{ones}]) [7]");
        assert!(of_rank(rank).to_string() == expected, "rank {rank}");
    }
}

#[test]
fn resources_print_their_names() {
    let handle = |name: &str| Handle(name.into());
    assert_eq!(
        Tensor::scalar(handle("Conv/weights")).to_string(),
        "<Resource Conv/weights>"
    );
    let both = Tensor::from([handle("a"), handle("b")]);
    assert_eq!(both.to_string(), "[<Resource a> <Resource b>]");
}
