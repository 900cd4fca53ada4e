use std::collections::HashMap;

use serde_json::Value;
use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::{Dim, Shape};
use tconv_tensor::{DType, Tensor};

use super::*;
use crate::{Code, Error, Feed, Graph, Operand, Output, Result, Session, gradients, sizes};

fn dims(output: &Output) -> Vec<Dim> {
    output.static_shape().dims().unwrap().to_vec()
}

fn value(output: &Output) -> Vec<Dim> {
    output.fact().value.as_ref().unwrap().to_vec()
}

#[test]
fn sizes_keep_their_identity_on_their_way_through_small_vectors() {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, None, None, Some(3)]).unwrap();
    let (s, sizes) = (x.shape().unwrap(), dims(&x));
    let [b, h, w, c] = [0, 1, 2, 3].map(|i| sizes[i].clone());
    let listed = sizes![s.at(0).unwrap(), 97, s.at(2).unwrap(), 3]
        .to_output(&g, None, "sizes")
        .unwrap();
    assert_eq!(
        value(&listed),
        [b.clone(), Dim::Known(97), w.clone(), c.clone()]
    );
    assert_eq!(dims(&fill(&listed, 1.0f32).unwrap()), value(&listed));

    let spatial = s.slice(&[(1..3).into()]).unwrap();
    assert_eq!(value(&spatial), [h.clone(), w.clone()]);
    assert_eq!(
        value(&slice(&s, [1i64], [-1i64]).unwrap()),
        [h.clone(), w.clone(), c.clone()]
    );
    assert_eq!(
        value(&s.slice(&[Index::range(None, None, -2)]).unwrap()),
        [c.clone(), h.clone()]
    );
    let fed = g.placeholder::<i32>([2]).unwrap();
    let joined = concat(&[spatial.clone(), fed.clone()], -1).unwrap();
    assert_eq!(value(&joined)[..2], [h.clone(), w.clone()]);
    assert!(value(&joined)[2..].iter().all(|dim| dim.known().is_none()));
    assert_eq!(value(&unpack(&s, 0).unwrap()[1]), [h.clone()]);
    assert_eq!(
        value(&tile(&spatial, [2i64]).unwrap()),
        [h.clone(), w.clone(), h.clone(), w.clone()]
    );
    assert_eq!(
        value(&transpose(&spatial, [0i64]).unwrap()),
        [h.clone(), w.clone()]
    );
    let one = reshape(
        squeeze(expand_dims(s.at(1).unwrap(), 0i64).unwrap(), &[0]).unwrap(),
        [-1i64],
    )
    .unwrap();
    assert_eq!(value(&identity(one).unwrap()), [h.clone()]);
    assert_eq!(
        value(&fill([2i64], s.at(1).unwrap()).unwrap()),
        [h.clone(), h.clone()]
    );
    let elements = b.times(&h).unwrap().times(&w).unwrap().times(3).unwrap();
    assert_eq!(value(&size(&x).unwrap()), [elements]);
    assert_eq!(value(&rank(&x).unwrap()), [Dim::Known(4)]);

    let flat = reshape(&x, sizes![s.at(0).unwrap(), -1]).unwrap();
    assert_eq!(dims(&flat), [b, h.times(&w).unwrap().times(3).unwrap()]);
    assert_eq!(dims(&transpose(&x, [3i64, -2, 0, 1]).unwrap())[1], w);
    assert_eq!(
        dims(&pad(&x, [(0, 0), (1, 2), (0, 0), (0, 1)]).unwrap())[1],
        h.plus(1).unwrap().plus(2).unwrap()
    );
    let same = |a: &Output, b: &Output| broadcast_gradient_args(a, b).unwrap();
    let (r0, r1) = same(&s, &x.shape().unwrap());
    assert_eq!([value(&r0), value(&r1)], [vec![], vec![]]);
}

#[test]
fn a_vector_that_is_too_long_to_follow_is_not_followed() {
    let g = Graph::new();
    let long = g.constant(vec![2i32; 65]).unwrap();
    let half = long.slice(&[(0..40).into()]).unwrap();
    assert_eq!(concat(&[half.clone(), half], 0).unwrap().fact().value, None);
    assert_eq!(long.fact().value, None);
    assert_eq!(
        tile(g.constant([1i32]).unwrap(), [i64::MAX])
            .unwrap()
            .fact()
            .value,
        None
    );
}

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

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end
    }

    fn integer(&mut self) -> i64 {
        let extremes = [
            i64::MIN,
            i64::MIN + 1,
            -(1 << 62),
            1 << 62,
            i64::MAX - 1,
            i64::MAX,
        ];
        match self.below(10) {
            0 => extremes[self.below(extremes.len())],
            _ => self.below(8) as i64 - 3,
        }
    }

    /// Mostly a vector of `length` elements.
    fn integers(&mut self, length: usize) -> Tensor {
        let shape: Vec<usize> = match self.below(24) {
            0 => vec![],
            1 => vec![self.below(4)],
            2..6 => vec![length, 2],
            _ => vec![length],
        };
        let data = (0..shape.iter().product())
            .map(|_| self.integer())
            .collect();
        Tensor::new(&shape, data).unwrap()
    }

    fn data(&mut self) -> Tensor {
        let shape: Vec<usize> = (0..self.below(4)).map(|_| self.below(4)).collect();
        let data = (0..shape.iter().product())
            .map(|i: usize| i as f32)
            .collect();
        Tensor::new(&shape, data).unwrap()
    }
}

/// A node of hostile inputs: constants, or fed where nothing of them is known.
fn hostile(op: &str, random: &mut Random, constants: bool) -> Result<(Vec<Tensor>, Option<Error>)> {
    let g = Graph::new();
    let integers = match op {
        "Reshape" | "Transpose" | "ExpandDims" | "Pad" | "Tile" => 1,
        "Slice" | "BroadcastGradientArgs" => 2,
        "StridedSlice" => 3,
        "StridedSliceGrad" => 4,
        _ => 0,
    };
    let mut values: Vec<Tensor> = match op {
        "Pack" | "ConcatV2" => (0..random.below(3)).map(|_| random.data()).collect(),
        "BroadcastGradientArgs"
        | "StridedSliceGrad"
        | "Fill"
        | "InvertPermutation"
        | "ConcatOffset" => vec![],
        _ => vec![random.data()],
    };
    let length = values.first().map_or_else(|| random.below(4), Tensor::rank);
    values.extend((0..integers).map(|_| random.integers(length)));
    match op {
        "ConcatV2" => values.push(Tensor::scalar(random.integer())),
        "ConcatOffset" => {
            values.push(Tensor::scalar(random.below(5) as i32 - 2));
            values.extend((0..random.below(3)).map(|_| random.integers(length)));
        }
        "Fill" => values.extend([random.integers(length), Tensor::scalar(1f32)]),
        "InvertPermutation" => values.push(random.integers(length)),
        "StridedSliceGrad" => values.push(random.data()),
        _ => {}
    }
    let mut node = g.add(op);
    match op {
        "Pack" => node = node.attr("axis", random.integer()),
        "Unpack" => {
            node = node
                .attr("axis", random.integer())
                .attr("num", random.integer())
        }
        "Squeeze" => node = node.attr("squeeze_dims", vec![random.integer(); random.below(3)]),
        "StridedSlice" | "StridedSliceGrad" => {
            for mask in [
                "begin_mask",
                "end_mask",
                "ellipsis_mask",
                "new_axis_mask",
                "shrink_axis_mask",
            ] {
                node = node.attr(
                    mask,
                    [0, 0, 0, 1, 2, 5, 64, random.integer()][random.below(8)],
                );
            }
        }
        _ => {}
    }
    let mut feed = Feed::new();
    for value in values {
        if constants {
            node = node.input(&g.constant(value)?);
        } else {
            let holder = g.placeholder_of(value.dtype(), "x", Shape::unknown())?;
            feed = feed.with(&holder, value);
            node = node.input(&holder);
        }
    }
    let node = node.build()?;
    let outputs = node.outputs();
    let (xs, ys): (Vec<Output>, Vec<&Output>) = (
        node.inputs(),
        outputs
            .iter()
            .filter(|output| Output::dtype(output).is_floating())
            .collect(),
    );
    let slopes = gradients(&ys, &xs)?;
    let (values, ()) = session(&g).run_with((&outputs, &node), feed.clone())?;
    let slopes: Vec<Output> = slopes.into_iter().flatten().collect();
    let failed = session(&g).run_with(&slopes, feed).err();
    Ok((values, failed))
}

#[test]
fn hostile_numbers_are_errors_and_inference_and_evaluation_agree() {
    let ops = [
        "Shape",
        "Size",
        "Rank",
        "Pack",
        "Unpack",
        "Slice",
        "StridedSlice",
        "StridedSliceGrad",
        "ConcatV2",
        "ConcatOffset",
        "Reshape",
        "Transpose",
        "InvertPermutation",
        "ExpandDims",
        "Squeeze",
        "Fill",
        "Pad",
        "Tile",
        "BroadcastGradientArgs",
    ];
    for op in ops {
        let mut passed = 0;
        for seed in 1..1000u64 {
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let [known, fed] =
                [true, false].map(|constants| hostile(op, &mut Random(seed), constants));
            match (known, fed) {
                (Ok((known, slope)), Ok((fed, fed_slope))) => {
                    assert_eq!(known, fed, "{op}, seed {seed}");
                    // What has no elements may be repeated more often than a gradient can say, and a
                    // negative axis that is fed has no gradient, nor in TensorFlow.
                    let refused = |error: &Error| {
                        error.code() != Code::ResourceExhausted && error.op() != "InvertPermutation"
                    };
                    let failed: Vec<Error> =
                        slope.into_iter().chain(fed_slope).filter(refused).collect();
                    assert!(failed.is_empty(), "{op}, seed {seed}: {failed:?}");
                    passed += 1;
                }
                (Err(_), Err(_)) => {}
                (known, fed) => panic!(
                    "{op}, seed {seed}: {:?}, but fed {:?}",
                    known.err(),
                    fed.err()
                ),
            }
        }
        assert!(passed > 20, "{op} passed {passed} times");
    }
}
