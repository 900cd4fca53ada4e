//! What inference says of sizes and values, against what a run gives, for sizes from 1 to 9.

use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::{Dim, Padding, Unknown};
use tconv_tensor::{DType, Tensor};

use crate::array::{
    Index, concat, expand_dims, fill, identity, pack, pad, reshape, slice, tile, transpose,
};
use crate::math::{
    Axes, abs, add_n, cast, floor_div, matmul, maximum, minimum, multiply, negative, range,
    reduce_max, reduce_sum, sign, square, subtract,
};
use crate::{Graph, Output, Result, Session, feed, nn, sizes};

/// `x` of `[H, W]`, of which everything is made.
struct Start {
    graph: Graph,
    x: Output,
    h: Unknown,
    w: Unknown,
    session: Session,
    /// Fed too, so that a run computes what inference knew.
    other: Output,
}

impl Start {
    fn new() -> Start {
        let graph = Graph::new();
        let x = graph.placeholder_named::<f32>("x", [None, None]).unwrap();
        let axis = |axis: usize| {
            x.static_shape().dims().unwrap()[axis]
                .bare()
                .unwrap()
                .clone()
        };
        let (h, w) = (axis(0), axis(1));
        let session = Session::with(&graph, Threads::ONE, InstructionSet::best());
        let other = identity(graph.constant(0).unwrap()).unwrap();
        Start {
            other,
            graph,
            x,
            h,
            w,
            session,
        }
    }

    fn text(&self, dims: &[Dim]) -> String {
        let name = |unknown: &Unknown| match unknown {
            unknown if *unknown == self.h => "H".to_string(),
            unknown if *unknown == self.w => "W".to_string(),
            unknown => unknown.name().to_string(),
        };
        let sizes: Vec<String> = dims
            .iter()
            .map(|dim| dim.named(&name).to_string())
            .collect();
        format!("[{}]", sizes.join(", "))
    }

    fn image(&self) -> Result<Output> {
        expand_dims(expand_dims(&self.x, 0)?, -1)
    }

    /// Compares what is known of `output` with what a run gives for these sizes; whether it ran.
    fn agrees(&self, output: &Output, [h, w]: [usize; 2]) -> bool {
        let x = Tensor::zeros(DType::Float32, &[h, w]).unwrap();
        let feed = feed![self.x => x, self.other => Tensor::from(0)];
        let Ok(run) = self.session.run_with(output, feed) else {
            return false;
        };
        let at = |unknown: &Unknown| match unknown {
            unknown if *unknown == self.h => Some(h as i64),
            unknown if *unknown == self.w => Some(w as i64),
            _ => None,
        };
        let what = format!("{output} of {h}, {w}");
        if let Some(dims) = output.static_shape().dims() {
            assert_eq!(dims.len(), run.rank(), "{what}");
            for (dim, &size) in dims.iter().zip(run.shape()) {
                if let Some(value) = dim.value(&at) {
                    assert_eq!(value, size as i64, "{what}: {dim:?}");
                }
            }
        }
        if let Some(followed) = &output.fact().value {
            let values = run.to_i64_vec().unwrap();
            assert_eq!(followed.len(), values.len(), "{what}");
            for (dim, value) in followed.iter().zip(values) {
                if let Some(expected) = dim.value(&at) {
                    assert_eq!(expected, value, "{what}: {dim:?}");
                }
            }
        }
        true
    }
}

fn every_size() -> impl Iterator<Item = [usize; 2]> {
    (0..81).map(|i| [i / 9 + 1, i % 9 + 1])
}

/// `x[:, begin:end:step]`
fn columns(x: &Output, begin: Option<i64>, end: Option<i64>, step: i64) -> Result<Output> {
    x.slice(&[Index::all(), Index::range(begin, end, step)])
}

fn between(begin: impl Into<crate::Size>, end: impl Into<crate::Size>) -> Index {
    Index::Range {
        begin: Some(begin.into()),
        end: Some(end.into()),
        step: 1.into(),
    }
}

#[test]
fn sizes_are_followed_exactly_and_simply() {
    let start = Start::new();
    let (x, g) = (&start.x, &start.graph);
    let s = x.shape().unwrap();
    let (h, w) = (s.at(0).unwrap(), s.at(1).unwrap());
    // What is missing to a multiple of 8.
    let missing = || (floor_div((-&h)?, 8)? * -8)? - &h;
    let behind = pack(&[g.constant(0).unwrap(), missing().unwrap()], 0).unwrap();
    let nothing = g.constant([0, 0]).unwrap();
    let part = |begin, end, step| columns(x, begin, end, step);
    let at = |n: i64| vec![n];
    type Row<'a> = (Result<Output>, &'a str);
    let shapes: Vec<Row> = vec![
        (part(Some(1), Some(-1), 1), "[H, max(0, W - 2)]"),
        (part(Some(1), None, 1), "[H, W - 1]"),
        (part(None, Some(-1), 1), "[H, W - 1]"),
        (part(Some(2), None, 1), "[H, max(0, W - 2)]"),
        (part(None, None, 2), "[H, ceil(W/2)]"),
        (part(Some(1), None, 2), "[H, floor(W/2)]"),
        (part(Some(1), Some(-1), 2), "[H, ceil(W/2) - 1]"),
        (part(None, Some(5), 1), "[H, min(5, W)]"),
        (part(None, Some(5), 2), "[H, min(3, ceil(W/2))]"),
        (part(Some(-3), None, 1), "[H, min(3, W)]"),
        (part(Some(2), Some(5), 1), "[H, max(0, min(3, W - 2))]"),
        (part(Some(-4), Some(-2), 1), "[H, max(0, min(2, W - 2))]"),
        (part(None, None, -1), "[H, W]"),
        (part(None, None, -3), "[H, ceil(W/3)]"),
        (part(Some(-2), None, -1), "[H, W - 1]"),
        (part(Some(3), Some(0), -1), "[H, min(3, W - 1)]"),
        (
            x.slice(&[between(1, subtract(&h, 1).unwrap())]),
            "[max(0, H - 2), W]",
        ),
        (
            x.slice(&[between(2, subtract(&h, 2).unwrap())]),
            "[max(0, H - 4), W]",
        ),
        (
            x.slice(&[between(0, floor_div(&h, 2).unwrap())]),
            "[floor(H/2), W]",
        ),
        (
            x.slice(&[between(0, multiply(floor_div(&h, 4).unwrap(), 4).unwrap())]),
            "[4*floor(H/4), W]",
        ),
        (x.slice(&[between(&w, &h)]), "[max(0, H - W), W]"),
        (
            x.slice(&[between(negative(&w).unwrap(), &h)]),
            "[min(H, W), W]",
        ),
        (
            part(Some(1), Some(-1), 1).and_then(|y| columns(&y, Some(1), Some(-1), 1)),
            "[H, max(0, W - 4)]",
        ),
        (slice(x, [1i64, 0], [-1i64, 3]), "[H - 1, 3]"),
        (
            slice(x, sizes![floor_div(&h, 2).unwrap(), 0], sizes![-1, &w]),
            "[H - floor(H/2), W]",
        ),
        (pad(x, [(1, 2), (0, 3)]), "[H + 3, W + 3]"),
        (
            pad(x, pack(&[behind.clone(), nothing], 0).unwrap()),
            "[8*ceil(H/8), W]",
        ),
        (concat(&[x.clone(), x.clone()], 0), "[2*H, W]"),
        (
            part(Some(1), None, 1).and_then(|y| concat(&[y, x.clone()], -1)),
            "[H, 2*W - 1]",
        ),
        (tile(x, [2i64, 3]), "[2*H, 3*W]"),
        (tile(x, sizes![&w, 1]), "[H*W, W]"),
        (transpose(x, [1i64, 0]), "[W, H]"),
        (reshape(x, at(-1)), "[H*W]"),
        (reshape(x, sizes![&w, -1]), "[W, H]"),
        (
            part(Some(1), None, 1).and_then(|y| reshape(y, sizes![-1, &h])),
            "[W - 1, H]",
        ),
        (
            tile(x, [1i64, 6]).and_then(|y| reshape(y, sizes![&h, -1, 2])),
            "[H, 3*W, 2]",
        ),
        (fill(sizes![&(&h + &w).unwrap(), &w], 0f32), "[H + W, W]"),
        (range(0, &h, 3), "[ceil(H/3)]"),
        (range(&h, 0, -2), "[ceil(H/2)]"),
        (range(1, &h, 1), "[H - 1]"),
        (pack(&[x.clone(), x.clone()], 1), "[H, 2, W]"),
        (
            x + transpose(x, [1i64, 0]).unwrap(),
            "[max(H, W), max(H, W)]",
        ),
        (x + part(Some(1), None, 1).unwrap(), "[H, W*min(1, W - 1)]"),
        (matmul(x, transpose(x, [1i64, 0]).unwrap()), "[H, H]"),
        (reduce_sum(x, 0), "[W]"),
        (
            start
                .image()
                .and_then(|x| nn::max_pool(x, 3, 2, Padding::Same).build()),
            "[1, ceil(H/2), ceil(W/2), 1]",
        ),
        (
            start
                .image()
                .and_then(|x| nn::avg_pool(x, 2, 1, Padding::Valid).build()),
            "[1, H - 1, W - 1, 1]",
        ),
    ];
    let values: Vec<Row> = vec![
        (floor_div(&h, 2), "[floor(H/2)]"),
        (multiply(&h, 2), "[2*H]"),
        (-floor_div((-&h).unwrap(), 4).unwrap(), "[ceil(H/4)]"),
        (minimum(&h, &w), "[min(H, W)]"),
        (maximum(&h, 3), "[max(3, H)]"),
        (maximum(&h, 1), "[H]"),
        (square(&h), "[H*H]"),
        (abs((-&h).unwrap()), "[H]"),
        (abs((&h - &w).unwrap()), "[max(W - H, H - W)]"),
        (sign((&h - &w).unwrap()), "[max(-1, min(1, H - W))]"),
        (reduce_sum(&s, 0), "[H + W]"),
        (reduce_max(&s, Axes::All), "[max(H, W)]"),
        (add_n(&[h.clone(), w.clone(), h.clone()]), "[2*H + W]"),
        (cast(&s, DType::Int64), "[H, W]"),
        (missing(), "[8*ceil(H/8) - H]"),
    ];
    let shape = |output: &Output| start.text(output.static_shape().dims().unwrap());
    let value = |output: &Output| start.text(output.fact().value.as_ref().unwrap());
    let shapes = shapes
        .into_iter()
        .map(|(output, text)| (output, text, true));
    let values = values
        .into_iter()
        .map(|(output, text)| (output, text, false));
    for (output, text, is_shape) in shapes.chain(values) {
        let output = output.unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = if is_shape {
            shape(&output)
        } else {
            value(&output)
        };
        assert_eq!(shown, text, "{output}");
        let runs = every_size()
            .filter(|&size| start.agrees(&output, size))
            .count();
        assert!(runs > 4, "{output}: {text} in {runs} runs");
    }
}

/// What TensorFlow would not know is not shown, and what holds from 1 on is not taken for a size of 0.
#[test]
fn a_size_of_0_is_left_to_the_run() -> Result<()> {
    let start = Start::new();
    let rest = start.x.slice(&[Index::from(1..)])?;
    let less = (rest.shape()?.at(0)? - start.x.shape()?.at(0)?)?;
    assert_eq!(less.fact().known_values(), Some(vec![-1]));
    assert!(start.agrees(&less, [3, 1]));
    let fed = |h: usize| feed![start.x => Tensor::zeros(DType::Float32, &[h, 1]).unwrap()];
    assert_eq!(start.session.run_with(&less, fed(1))?.to_i64_vec()?, [-1]);
    assert_eq!(start.session.run_with(&less, fed(0))?.to_i64_vec()?, [0]);
    assert_eq!(start.session.run_with(&less, fed(2))?.to_i64_vec()?, [-1]);
    Ok(())
}

/// Numbers for a test that are the same each time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) % n as u64) as i64
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as i64) as usize].clone()
    }
}

/// An op at random of matrices and of scalars; an error where it cannot be.
fn grow(chance: &mut Chance, matrices: &mut Vec<Output>, scalars: &mut Vec<Output>) -> Result<()> {
    let (x, y) = (chance.of(matrices), chance.of(matrices));
    let (a, b) = (chance.of(scalars), chance.of(scalars));
    let n = chance.below(5);
    let axis = chance.below(2);
    let edge = |chance: &mut Chance, tensor: &Output| match chance.below(4) {
        0 => None,
        1 => Some(tensor.into()),
        _ => Some((chance.below(9) - 4).into()),
    };
    let scalar = match chance.below(30) {
        0 => a + b,
        1 => a - b,
        2 => a * n,
        3 => floor_div(a, n - 2),
        4 => floor_div(a, b),
        5 => maximum(a, b),
        6 => minimum(a, n),
        7 => square(a),
        8 => abs(a),
        9 => reduce_max(pack(&[a, b], 0)?, 0),
        10 => reduce_sum(pack(&[a, b], 0)?, 0),
        11..16 => x.shape()?.at(axis),
        kind => {
            let step = [1, 1, 2, -1, -2, 3][chance.below(6) as usize];
            let cut = Index::Range {
                begin: edge(chance, &a),
                end: edge(chance, &b),
                step: step.into(),
            };
            let matrix = match kind {
                16..21 => x.slice(&[cut]),
                21 => slice(x, sizes![&a, 0], sizes![-1, b]),
                22 => pad(x, [(n, 0), (0, 1)]),
                23 => concat(&[x, y], axis),
                24 => tile(x, sizes![1 + n / 2, 1]),
                25 => transpose(x, [1i64, 0]),
                26 => reshape(x, sizes![-1, a]),
                27 => reshape(range(a, b, n - 2)?, [-1i64, 1]),
                28 => maximum(x, y),
                _ => x + y,
            }?;
            let elements = matrix.static_shape().known();
            if elements.is_none_or(|sizes| sizes.iter().all(|&size| size < 50)) {
                matrices.push(matrix);
            }
            return Ok(());
        }
    };
    scalars.push(scalar?);
    Ok(())
}

#[test]
fn random_graphs_have_the_sizes_that_are_inferred() {
    let (mut followed, mut ran) = (0, 0);
    for seed in 0..60 {
        let start = Start::new();
        let mut chance = Chance(seed);
        let s = start.x.shape().unwrap();
        let mut matrices = vec![start.x.clone()];
        let mut scalars = vec![s.at(0).unwrap(), s.at(1).unwrap()];
        for _ in 0..14 {
            // What cannot be is left out.
            let _ = grow(&mut chance, &mut matrices, &mut scalars);
        }
        for output in matrices
            .iter()
            .chain(&scalars)
            .filter(|output| output.fact() != start.x.fact())
        {
            followed += usize::from(output.fact().value.is_some());
            for h in [1, 2, 3, 6] {
                for w in [1, 2, 5, 9] {
                    ran += usize::from(start.agrees(output, [h, w]));
                }
            }
        }
    }
    assert!(followed > 300 && ran > 4000, "{followed} {ran}");
}
