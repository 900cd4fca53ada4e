use tconv_shape::Shape;
use tconv_tensor::Tensor;

use super::session;
use crate::{Code, Error, Feed, Graph, Output, Result, gradients};

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
        for seed in 1..2000u64 {
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
