use std::collections::HashMap;

use serde_json::Value;
use tconv_tensor::{DType, Tensor};

use super::*;
use crate::{Feed, Result};

/// A mistake, made in Rust: the graph, and what is built and run.
type Mistake = fn(&Graph) -> Result<()>;

fn f<const N: usize>(g: &Graph, shape: [i64; N]) -> Output {
    g.placeholder::<f32>(shape).unwrap()
}

fn open(g: &Graph, rank: usize) -> Output {
    g.placeholder::<f32>(vec![None; rank]).unwrap()
}

fn i<const N: usize>(g: &Graph, shape: [i64; N]) -> Output {
    g.placeholder::<i32>(shape).unwrap()
}

fn zeros<const N: usize>(shape: [usize; N]) -> Tensor {
    Tensor::zeros(DType::Float32, &shape).unwrap()
}

fn session(graph: &Graph) -> Session {
    Session::with(graph, Threads::ONE, InstructionSet::best())
}

fn run<const N: usize>(output: Result<Output>, feeds: [(&Output, Tensor); N]) -> Result<()> {
    let output = output?;
    let feed = feeds
        .into_iter()
        .fold(Feed::new(), |feed, (holder, value)| {
            feed.with(holder, value)
        });
    session(output.graph()).run_with(&output, feed).map(|_| ())
}

const MISTAKES: &[(&str, Mistake)] = &[
    ("Reshape of wrong count", |g| {
        reshape(f(g, [2, 3]), [4i64, 2]).map(|_| ())
    }),
    ("Reshape of wrong count at run time", |g| {
        let x = open(g, 1);
        run(reshape(&x, [4i64, 2]), [(&x, zeros([6]))])
    }),
    ("Reshape that does not divide", |g| {
        reshape(f(g, [2, 3]), [4i64, -1]).map(|_| ())
    }),
    ("Reshape that does not divide at run time", |g| {
        let x = open(g, 1);
        run(reshape(&x, [4i64, -1]), [(&x, zeros([6]))])
    }),
    ("Reshape of two unknowns", |g| {
        run(reshape(g.constant([1f32, 2.0])?, [-1i64, -1]), [])
    }),
    ("Reshape of two unknowns at run time", |g| {
        let (x, s) = (f(g, [2]), i(g, [2]));
        run(reshape(&x, &s), [(&x, zeros([2])), (&s, [-1, -1].into())])
    }),
    ("Reshape to a negative size at run time", |g| {
        let (x, s) = (f(g, [2]), i(g, [2]));
        run(reshape(&x, &s), [(&x, zeros([2])), (&s, [-2, -1].into())])
    }),
    ("ConcatV2 of different sizes", |g| {
        concat(&[f(g, [2, 3]), f(g, [3, 4])], 0).map(|_| ())
    }),
    ("ConcatV2 of different sizes at run time", |g| {
        let (a, b) = (open(g, 2), open(g, 2));
        run(
            concat(&[a.clone(), b.clone()], 1),
            [(&a, zeros([2, 3])), (&b, zeros([3, 3]))],
        )
    }),
    ("ConcatV2 of different ranks", |g| {
        concat(&[f(g, [2, 3]), f(g, [2])], 0).map(|_| ())
    }),
    ("ConcatV2 axis out of range", |g| {
        concat(&[f(g, [2, 3]), f(g, [2, 3])], 2).map(|_| ())
    }),
    ("ConcatV2 axis out of range at run time", |g| {
        let (a, n) = (f(g, [2, 3]), i(g, []));
        run(
            g.add("ConcatV2").inputs([&a, &a, &n]).output(),
            [(&a, zeros([2, 3])), (&n, (-3i32).into())],
        )
    }),
    ("ConcatV2 of scalars", |g| {
        concat(&[f(g, []), f(g, [])], 0).map(|_| ())
    }),
    ("Pack of different shapes", |g| {
        pack(&[f(g, [2]), f(g, [3])], 0).map(|_| ())
    }),
    ("Pack of different shapes at run time", |g| {
        let (a, b) = (open(g, 1), open(g, 1));
        run(
            pack(&[a.clone(), b.clone()], 0),
            [(&a, zeros([2])), (&b, zeros([3]))],
        )
    }),
    ("Pack axis out of range", |g| {
        pack(&[f(g, [2]), f(g, [2])], 3).map(|_| ())
    }),
    ("Unpack of wrong num", |g| {
        g.add("Unpack")
            .input(&f(g, [3, 2]))
            .attr("num", 2i64)
            .build()
            .map(|_| ())
    }),
    ("Unpack of wrong num at run time", |g| {
        let x = g.placeholder::<f32>([None, Some(2)])?;
        run(
            g.add("Unpack").input(&x).attr("num", 2i64).output(),
            [(&x, zeros([3, 2]))],
        )
    }),
    ("Unpack of unknown num", |g| {
        unpack(&g.placeholder::<f32>([None, Some(2)])?, 0).map(|_| ())
    }),
    ("Unpack axis out of range", |g| {
        unpack(&f(g, [3, 2]), 2).map(|_| ())
    }),
    ("StridedSlice index out of bounds", |g| {
        f(g, [3]).at(3).map(|_| ())
    }),
    ("StridedSlice negative index out of bounds", |g| {
        f(g, [3]).at(-4).map(|_| ())
    }),
    ("StridedSlice index out of bounds at run time", |g| {
        let x = open(g, 1);
        run(x.at(3), [(&x, zeros([3]))])
    }),
    ("StridedSlice zero stride", |g| {
        f(g, [3]).slice(&[Index::range(None, None, 0)]).map(|_| ())
    }),
    ("StridedSlice zero stride at run time", |g| {
        let (x, n) = (f(g, [3]), i(g, []));
        let stepped = x.slice(&[Index::Range {
            begin: None,
            end: None,
            step: (&n).into(),
        }]);
        run(stepped, [(&x, zeros([3])), (&n, 0i32.into())])
    }),
    ("StridedSlice too many indices", |g| {
        f(g, [3]).slice(&[1.into(), 2.into()]).map(|_| ())
    }),
    ("StridedSlice two ellipses", |g| {
        f(g, [3, 4])
            .slice(&[Index::Ellipsis, Index::Ellipsis])
            .map(|_| ())
    }),
    ("StridedSlice reversed shrink", |g| {
        let [one, zero, back] = [1, 0, -1].map(|n: i32| g.constant([n]).unwrap());
        let node = g
            .add("StridedSlice")
            .inputs([&f(g, [3]), &one, &zero, &back]);
        node.attr("shrink_axis_mask", 1i64).build().map(|_| ())
    }),
    ("Slice out of range at run time", |g| {
        let x = g.placeholder::<f32>([None, Some(3)])?;
        run(slice(&x, [1i64, 1], [2i64, 1]), [(&x, zeros([2, 3]))])
    }),
    ("Slice negative begin at run time", |g| {
        let (x, b) = (f(g, [2, 3]), i(g, [2]));
        run(
            slice(&x, &b, [1i64, 1]),
            [(&x, zeros([2, 3])), (&b, [-1, 0].into())],
        )
    }),
    ("Slice size below -1", |g| {
        slice(f(g, [2, 3]), [0i64, 0], [-2i64, 1]).map(|_| ())
    }),
    ("Slice of wrong rank", |g| {
        slice(f(g, [2, 3]), [0i64], [1i64]).map(|_| ())
    }),
    ("Squeeze of a size that is not 1", |g| {
        squeeze(f(g, [2, 3]), &[1]).map(|_| ())
    }),
    ("Squeeze of a size that is not 1 at run time", |g| {
        let x = g.placeholder::<f32>([None, Some(3)])?;
        run(squeeze(&x, &[0]), [(&x, zeros([2, 3]))])
    }),
    ("Squeeze axis out of range", |g| {
        squeeze(f(g, [2, 3]), &[2]).map(|_| ())
    }),
    ("ExpandDims axis out of range", |g| {
        expand_dims(f(g, [2, 3]), 3i64).map(|_| ())
    }),
    ("ExpandDims axis out of range at run time", |g| {
        let (x, n) = (f(g, [2, 3]), i(g, []));
        run(
            expand_dims(&x, &n),
            [(&x, zeros([2, 3])), (&n, (-4i32).into())],
        )
    }),
    ("Transpose of wrong length", |g| {
        transpose(f(g, [2, 3]), [0i64]).map(|_| ())
    }),
    ("Transpose with a repeated axis at run time", |g| {
        let (x, p) = (f(g, [2, 3]), i(g, [2]));
        run(
            transpose(&x, &p),
            [(&x, zeros([2, 3])), (&p, [0, 0].into())],
        )
    }),
    ("Transpose axis out of range", |g| {
        transpose(f(g, [2, 3]), [0i64, 2]).map(|_| ())
    }),
    ("Transpose axis out of range at run time", |g| {
        let (x, p) = (f(g, [2, 3]), i(g, [2]));
        run(
            transpose(&x, &p),
            [(&x, zeros([2, 3])), (&p, [0, 2].into())],
        )
    }),
    ("Pad negative", |g| {
        pad(f(g, [2, 3]), [(1, 1), (-1, 0)]).map(|_| ())
    }),
    ("Pad negative at run time", |g| {
        let (x, p) = (f(g, [2]), i(g, [1, 2]));
        run(
            pad(&x, &p),
            [
                (&x, zeros([2])),
                (&p, Tensor::new(&[1, 2], vec![-1i32, 0])?),
            ],
        )
    }),
    ("Pad of wrong rank", |g| {
        pad(f(g, [2, 3]), [(1, 1)]).map(|_| ())
    }),
    ("Tile negative at run time", |g| {
        let (x, m) = (f(g, [2]), i(g, [1]));
        run(tile(&x, &m), [(&x, zeros([2])), (&m, [-1].into())])
    }),
    ("Tile of wrong rank", |g| {
        tile(f(g, [2, 3]), [1i64]).map(|_| ())
    }),
    ("Fill negative", |g| {
        fill(g.constant([2i32, -1])?, 1.0f32).map(|_| ())
    }),
    ("Fill negative at run time", |g| {
        let d = i(g, [2]);
        run(fill(&d, 1.0f32), [(&d, [2, -1].into())])
    }),
    ("Fill of a vector", |g| {
        fill([2i64], g.constant([1f32, 2.0])?).map(|_| ())
    }),
];

/// What TensorFlow accepts, though some of it cannot run.
const NO_MISTAKES: &[Mistake] = &[
    |g| slice(f(g, [2, 3]), [1i64, 1], [2i64, 1]).map(|_| ()),
    |g| slice(f(g, [2, 3]), [-1i64, 1], [1i64, 1]).map(|_| ()),
    |g| transpose(f(g, [2, 3]), [0i64, 0]).map(|_| ()),
    |g| tile(f(g, [2, 3]), [1i64, -1]).map(|_| ()),
    |g| {
        let (x, s) = (open(g, 1), i(g, [2]));
        run(reshape(&x, &s), [(&x, zeros([0])), (&s, [0, -1].into())])
    },
];

#[test]
fn mistakes_are_answered_in_tensorflows_words() {
    let path = format!("{}/../../testdata/errors.json", env!("CARGO_MANIFEST_DIR"));
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let recorded: HashMap<&str, &Value> = file["cases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|case| (case["name"].as_str().unwrap(), &case["error"]))
        .collect();
    for (name, make) in MISTAKES {
        let error = make(&Graph::new()).expect_err(name);
        let theirs = recorded[name];
        let message = theirs["message"].as_str().unwrap();
        let message = message.split(" for '{{node").next().unwrap();
        assert_eq!(
            (error.code().class(), error.message()),
            (theirs["class"].as_str().unwrap(), message),
            "{name}"
        );
    }
    for make in NO_MISTAKES {
        make(&Graph::new()).unwrap();
    }
}
