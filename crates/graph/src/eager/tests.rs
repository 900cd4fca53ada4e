use tconv_tensor::{DType, Handle, Tensor};

use crate::{AttrValue, Attrs, Code, Eager, Graph, Session, Shape, nn};

fn numbers(shape: &[usize]) -> Tensor {
    let len: usize = shape.iter().product();
    Tensor::new(shape, (0..len).map(|i| (i % 7) as f32 - 3.0).collect()).unwrap()
}

fn conv() -> Attrs {
    Attrs::from([
        ("strides".into(), AttrValue::Ints(vec![1, 2, 2, 1])),
        ("padding".into(), AttrValue::from("SAME")),
    ])
}

#[test]
fn gives_what_a_session_gives() {
    let (x, w) = (numbers(&[2, 5, 6, 3]), numbers(&[3, 2, 3, 4]));
    let g = Graph::new();
    let build = nn::conv2d(g.constant(&x).unwrap(), &w).strides(2);
    let expected = Session::new(&g).run(&build.build().unwrap()).unwrap();
    let eager = Eager::with_threads(3).unwrap();
    let y = eager.run("Conv2D", conv(), vec![x.clone(), w.clone()]);
    assert_eq!(y.unwrap(), std::slice::from_ref(&expected));
    assert_eq!(
        nn::conv2d(&x, &w).strides(2).compute(&eager).unwrap(),
        expected
    );
    let mut out = vec![f32::NAN; expected.len()];
    let build = || nn::conv2d(&x, &w).strides(2);
    assert_eq!(build().shape().unwrap(), Shape::from(expected.shape()));
    build().compute_into(&eager, &mut out).unwrap();
    assert_eq!(out, expected.as_slice::<f32>().unwrap());
}

#[test]
fn refuses_as_a_node_does() {
    let eager = Eager::with_threads(1).unwrap();
    let (x, w) = (numbers(&[2, 5, 6, 3]), numbers(&[3, 2, 2, 4]));
    let error = eager.run("Conv2D", conv(), vec![x.clone(), w]).unwrap_err();
    assert_eq!(error.code(), Code::Value);
    assert_eq!(
        error.to_string(),
        "Depth of input (3) is not a multiple of input depth of filter (2)\n  \
         the filter is [height, width, input channels, output channels]\n  \
         in op Conv2D\n    input: (2, 5, 6, 3) float32\n    filter: (3, 2, 2, 4) float32"
    );
    let integers = Tensor::zeros(DType::Int32, &[1, 1, 3, 1]).unwrap();
    let error = eager
        .run("Conv2D", conv(), vec![x.clone(), integers])
        .unwrap_err();
    assert_eq!(error.code(), Code::Type);
    let mut unknown = conv();
    unknown.insert("stride".into(), AttrValue::Int(1));
    let error = eager.run("Conv2D", unknown, vec![x.clone(), numbers(&[1, 1, 3, 1])]);
    assert!(
        error
            .unwrap_err()
            .message()
            .contains("'stride' is not understood")
    );
    let error = eager.run("Conv9D", Attrs::new(), vec![]).unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    // What only the run can know.
    let wrong = Tensor::new(&[2], vec![-5i32, 7]).unwrap();
    let error = eager
        .run("Reshape", Attrs::new(), vec![x.clone(), wrong])
        .unwrap_err();
    assert!(error.to_string().contains("in op Reshape"), "{error}");
    let g = Graph::new();
    let error = nn::conv2d(g.constant(&x).unwrap(), numbers(&[1, 1, 3, 1])).compute(&eager);
    assert!(
        error
            .unwrap_err()
            .message()
            .contains("before a Session runs it")
    );
}

#[test]
fn memory_that_does_not_fit_stays_as_it_was() {
    let eager = Eager::with_threads(1).unwrap();
    let (x, w) = (numbers(&[1, 2, 2, 1]), numbers(&[1, 1, 1, 1]));
    let mut short = [7.0f32; 3];
    let error = nn::conv2d(&x, &w)
        .compute_into(&eager, &mut short)
        .unwrap_err();
    assert!(error.message().contains("holds 3"), "{error}");
    let mut wide = [7.0f64; 4];
    let error = nn::conv2d(&x, &w)
        .compute_into(&eager, &mut wide)
        .unwrap_err();
    assert!(error.message().contains("is float64"), "{error}");
    assert!(short == [7.0; 3] && wide == [7.0; 4]);
}

#[test]
fn variables_are_refused_and_random_numbers_begin_anew() {
    let eager = Eager::with_threads(1).unwrap();
    let handle = Tensor::scalar(Handle("v".into()));
    for (op, attr, value) in [
        ("ReadVariableOp", "dtype", None),
        ("AssignVariableOp", "dtype", Some(Tensor::scalar(1.0f32))),
        ("VarIsInitializedOp", "_class", None),
        (
            "ResourceApplyGradientDescent",
            "T",
            Some(Tensor::scalar(1.0f32)),
        ),
    ] {
        let attrs = Attrs::from([(attr.to_string(), DType::Float32.into())]);
        let mut inputs = vec![handle.clone()];
        inputs.extend(value.clone());
        if op == "ResourceApplyGradientDescent" {
            inputs.extend(value);
        }
        let error = eager.run(op, attrs, inputs).unwrap_err();
        assert_eq!(error.code(), Code::FailedPrecondition, "{error}");
        assert!(
            error.to_string().contains(&format!("in op {op}")),
            "{error}"
        );
    }
    let draw = |seed: i64| {
        let attrs = Attrs::from([
            ("dtype".to_string(), DType::Float32.into()),
            ("seed".to_string(), seed.into()),
        ]);
        let shape = Tensor::new(&[1], vec![4i32]).unwrap();
        eager.run("RandomUniform", attrs, vec![shape]).unwrap()
    };
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(0), draw(0));
}

#[test]
fn threads_share_one() {
    let eager = Eager::with_threads(2).unwrap();
    let (x, w) = (numbers(&[1, 16, 16, 8]), numbers(&[3, 3, 8, 8]));
    let expected = nn::conv2d(&x, &w).compute(&eager).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(nn::conv2d(&x, &w).compute(&eager).unwrap(), expected);
                }
            });
        }
    });
}
