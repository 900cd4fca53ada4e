//! What ops say that they need of sizes, and what they refuse, against runs with all sizes from 1 to 5.

use std::collections::BTreeMap;

use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::{Dim, Padding, Shape, Unknown};
use tconv_tensor::{DType, Tensor};

use crate::array::{
    Index, broadcast_gradient_args, concat, expand_dims, fill, pack, pad, reshape, slice, squeeze,
    tile,
};
use crate::math::{
    add, add_n, equal, matmul, matmul_with, maximum, multiply, range, select, subtract,
};
use crate::need::Words;
use crate::ops::basic::identity;
use crate::{AttrValue, Code, Fact, Feed, Graph, Output, Result, Session, nn, sizes};

type Sizes = BTreeMap<Unknown, i64>;

/// One node: its needs and its check, and runs of it.
struct Case {
    /// The node, or what fetches it.
    output: Output,
    /// The placeholders.
    fed: Vec<Output>,
}

impl Case {
    /// Whether all needs hold and whether the check passes at these sizes; fails where a run differs.
    fn at(&self, session: &Session, sizes: &Sizes) -> (bool, bool) {
        let what = format!("{} {sizes:?}", self.output);
        let node = self.output.graph().node(self.output.node_id());
        let size = |unknown: &Unknown| sizes.get(unknown).copied();
        let number =
            |dim: &Dim| Dim::Known(dim.value(&size).expect("an unknown of no placeholder"));
        let inputs: Vec<Fact> = self
            .output
            .op()
            .inputs()
            .iter()
            .map(|input| input.fact().clone())
            .collect();
        let known: Vec<Fact> = inputs
            .iter()
            .map(|fact| Fact {
                shape: fact
                    .shape
                    .dims()
                    .unwrap()
                    .iter()
                    .map(number)
                    .collect::<Vec<_>>()
                    .into(),
                value: fact
                    .value
                    .as_ref()
                    .map(|value| value.iter().map(number).collect()),
                ..fact.clone()
            })
            .collect();
        let needs = node.op.needs(&inputs);
        let holds = needs.iter().all(|need| {
            need.condition
                .holds(&size)
                .expect("an unknown of no placeholder")
        });
        let checked = node.op.check(&known);
        // A tensor in between that is fed switches the session's own check of the sizes off.
        let aside = identity(self.output.graph().constant(0.0f32).unwrap()).unwrap();
        let feed = Feed::new().with(&aside, Tensor::scalar(0.0f32));
        let feed = self.fed.iter().fold(feed, |feed, x| {
            let shape = x.static_shape().dims().unwrap().iter();
            let shape: Vec<usize> = shape
                .map(|dim| number(dim).known().unwrap() as usize)
                .collect();
            feed.with(x, Tensor::zeros(x.dtype(), &shape).unwrap())
        });
        match (&checked, session.run_with(&self.output, feed)) {
            (Ok(()), Ok(_)) => {}
            (Err(error), Err(run)) => {
                assert_eq!(error.code(), run.code(), "{what}");
                assert_eq!(error.message(), run.message(), "{what}");
                assert_eq!(error.help_lines(), run.help_lines(), "{what}");
                assert_eq!(error.code(), Code::InvalidArgument, "{what}");
                assert_eq!(run.op(), self.output.op().op_name(), "{what}");
            }
            (checked, run) => panic!("{what}: the check gives {checked:?}, the run {run:?}"),
        }
        (holds, checked.is_ok())
    }

    /// The first clause of the needs.
    fn says(&self) -> String {
        let inputs = self.output.op().inputs();
        let node = self.output.graph().node(self.output.node_id());
        let facts: Vec<Fact> = inputs.iter().map(|input| input.fact().clone()).collect();
        let names: Vec<String> = inputs
            .iter()
            .map(|input| format!("'{}'", input.op().name()))
            .collect();
        let words = Words {
            format: "NHWC",
            inputs: &names,
            size: &|unknown| unknown.name().replace(":0", ""),
        };
        let needs = node.op.needs(&facts);
        needs
            .first()
            .map_or_else(String::new, |need| need.says.clause(&words))
    }
}

struct Table {
    graph: Graph,
    fed: Vec<Output>,
}

impl Table {
    /// A placeholder with so many sizes that are not known, behind those that are.
    fn x(&mut self, name: &str, shape: &[i64]) -> Output {
        let shape: Vec<Option<i64>> = shape.iter().map(|&n| (n >= 0).then_some(n)).collect();
        let x = self.graph.placeholder_named::<f32>(name, shape).unwrap();
        self.fed.push(x.clone());
        x
    }
}

const NONE: i64 = -1;

type Build = fn(&mut Table) -> Result<Output>;

/// Each op with unknown sizes, and what its first need says.
#[rustfmt::skip]
const TABLE: &[(&str, Build)] = &[
    ("axis 0: 'x' has x[0], 'y' has y[0]", |t| add(t.x("x", &[NONE, NONE]), t.x("y", &[NONE, NONE]))),
    ("axis 1 of 'x' has x[1], axis 0 of 'y' has y[0]", |t| subtract(t.x("x", &[2, NONE]), t.x("y", &[NONE]))),
    ("height (axis 1): 'x' has x[1], 'y' has y[1]", |t| multiply(t.x("x", &[1, NONE, 2, 3]), t.x("y", &[1, NONE, 2, 3]))),
    ("axis 0: 'x' has x[0], 'y' has 3", |t| maximum(t.x("x", &[NONE]), t.x("y", &[3]))),
    ("axis 0: 'x' has x[0], 'y' has y[0]", |t| equal(t.x("x", &[NONE]), t.x("y", &[NONE]))),
    ("axis 0: 'y' has y[0], 'z' has z[0]", |t| {
        let (x, y, z) = (t.x("x", &[NONE, 1]), t.x("y", &[NONE]), t.x("z", &[NONE]));
        select(equal(&x, &x)?, y, z)
    }),
    ("axis 0: 'x' has x[0], 'y' has 2", |t| add_n(&[t.x("x", &[NONE]), t.x("y", &[2]), t.x("z", &[NONE])])),
    ("axis 0: 'x' has x[0], 'y' has y[0]", |t| op("ReluGrad", &[t.x("x", &[NONE, 2]), t.x("y", &[NONE, 2])])),
    ("axis 1: 'x' has x[1], 'y' has y[1]", |t| op("TanhGrad", &[t.x("x", &[2, NONE]), t.x("y", &[2, NONE])])),
    ("axis 0: 'x' has x[0], 'y' has y[0]", |t| op("SqrtGrad", &[t.x("x", &[NONE]), t.x("y", &[NONE])])),
    ("axis 0: 'x' has x[0], 'y' has y[0]", |t| concat(&[t.x("x", &[NONE, NONE]), t.x("y", &[NONE, NONE])], 1)),
    ("axis 1: 'x' has x[1], 'y' has 4", |t| concat(&[t.x("x", &[1, NONE]), t.x("y", &[2, 4]), t.x("z", &[3, NONE])], -2)),
    ("axis 0: 'x' has x[0], 'y' has y[0]", |t| pack(&[t.x("x", &[NONE, NONE]), t.x("y", &[NONE, NONE])], 1)),
    ("axis 0: 'x' has x[0], and 3 slices are made", |t| {
        let node = t.x("x", &[NONE, 2]);
        t.graph.add("Unpack").input(&node).attr("num", 3i64).attr("axis", 0i64).build().map(|node| node.output(0))
    }),
    ("axis 1 of 'x' has x[1], axis 0 of 'y' has y[0]", |t| matmul(t.x("x", &[2, NONE]), t.x("y", &[NONE, 3]))),
    ("axis 0 of 'x' has x[0], axis 1 of 'y' has y[1]", |t| matmul_with(t.x("x", &[NONE, 2]), true, t.x("y", &[2, NONE]), true)),
    ("axis 1 of 'x' has x[1], axis 0 of 'y' has y[0]", |t| nn::bias_add(t.x("x", &[2, NONE]), t.x("y", &[NONE]))),
    ("axis 1 of 'x' has x[1], axis 0 of 'y' has y[0]", |t| {
        nn::bias_add_format(t.x("x", &[2, NONE, 1, 1]), t.x("y", &[NONE]), crate::DataFormat::ChannelsFirst)
    }),
    ("'x' is [x[0], x[1]], to be [3, 4]", |t| reshape(t.x("x", &[NONE, NONE]), [3i64, 4])),
    ("'x' is [x[0], x[1]], to be [-1, 4]", |t| reshape(t.x("x", &[NONE, NONE]), [-1i64, 4])),
    ("'x' is [x[0], x[1], 6], to be [x[1], -1, 4]", |t| {
        let x = t.x("x", &[NONE, NONE, 6]);
        reshape(&x, sizes![x.shape()?.at(1)?, -1, 4])
    }),
    ("'x' is [x[0], 6], to be [y[0], 2, 3]", |t| {
        let (x, y) = (t.x("x", &[NONE, 6]), t.x("y", &[NONE]));
        reshape(x, sizes![y.shape()?.at(0)?, 2, 3])
    }),
    ("axis 1: 'x' has x[1], and 1 can be taken away", |t| squeeze(t.x("x", &[2, NONE]), &[-1])),
    ("axis 1: 'x' has x[1], and element 2 is taken", |t| t.x("x", &[2, NONE]).slice(&[Index::all(), Index::from(2)])),
    ("axis 0: 'x' has x[0], and element -3 is taken", |t| t.x("x", &[NONE]).at(-3)),
    ("axis 0: 'x' has x[0], and element y[0] is taken", |t| {
        let (x, y) = (t.x("x", &[NONE]), t.x("y", &[NONE]));
        x.slice(&[Index::from(&y.shape()?.at(0)?)])
    }),
    ("axis 0: 'x' has x[0], and element y[0] - 4 is taken", |t| {
        let (x, y) = (t.x("x", &[NONE]), t.x("y", &[NONE]));
        x.slice(&[Index::from(&(y.shape()?.at(0)? - 4)?)])
    }),
    ("axis 0: 'x' has x[0], and 2 from 1 on are taken", |t| slice(t.x("x", &[NONE, 3]), [1i64, 0], [2i64, -1])),
    ("axis 0: 'x' has x[0], and all from y[0] on are taken", |t| {
        let (x, y) = (t.x("x", &[NONE]), t.x("y", &[NONE]));
        slice(x, sizes![y.shape()?.at(0)?], [-1i64])
    }),
    ("axis 0: 'x' has x[0], and max(0, y[0] - 2) from 1 on are taken", |t| {
        let (x, y) = (t.x("x", &[NONE]), t.x("y", &[NONE]));
        // A size of -1 means all: what is 0 at least is not that.
        slice(x, [1i64], sizes![&maximum((y.shape()?.at(0)? - 2)?, 0)?])
    }),
    ("axis 0: the padding before is x[0] - 3", |t| {
        let x = t.x("x", &[NONE]);
        let before = (x.shape()?.at(0)? - 3)?;
        pad(&x, expand_dims(pack(&[before.clone(), before], 0)?, 0)?)
    }),
    ("element 0 of 'Tile/multiples' is x[0] - 3", |t| {
        let x = t.x("x", &[NONE]);
        tile(&x, sizes![&(x.shape()?.at(0)? - 3)?])
    }),
    ("element 1 of 'Fill/dims' is x[0] - 3", |t| {
        let x = t.x("x", &[NONE]);
        fill(sizes![2, &(x.shape()?.at(0)? - 3)?], 1f32)
    }),
    ("element 0 of 'sub' is x[0] - 3", |t| {
        let shape = (t.x("x", &[NONE]).shape()? - 3)?;
        t.graph.add("RandomUniform").input(&shape).attr("dtype", DType::Float32).output()
    }),
    ("the range goes from 3 to x[0] by 2", |t| range(3, t.x("x", &[NONE]).shape()?.at(0)?, 2)),
    ("the range goes from y[0] to x[0] by -1", |t| {
        let (x, y) = (t.x("x", &[NONE]), t.x("y", &[NONE]));
        range(y.shape()?.at(0)?, x.shape()?.at(0)?, -1)
    }),
    ("axis 0: 'Shape' has x[0], 'Shape_1' has y[0]", |t| {
        let (x, y) = (t.x("x", &[NONE]), t.x("y", &[NONE]));
        Ok(broadcast_gradient_args(&x.shape()?, &y.shape()?)?.0)
    }),
    ("axis 0: 'z' has z[0], the slice ceil(x[0]/2)", |t| {
        let (x, z) = (t.x("x", &[NONE]), t.x("z", &[NONE]));
        let y = x.slice(&[Index::range(None, None, 2)])?;
        let numbers = y.op().inputs();
        let node = t.graph.add("StridedSliceGrad").input(&x.shape()?).inputs(&numbers[1..]).input(&z);
        node.attrs(y.op().attrs().clone()).output()
    }),
    ("axis 1: 'y' has y[1], the pooled input ceil(x[1]/2)", |t| {
        let x = t.x("x", &[1, NONE, 2, 1]);
        let pooled = nn::max_pool(&x, 2, 2, Padding::Same).build()?;
        let inputs = [x, t.x("y", &[1, NONE, 1, 1]), t.x("z", &[1, NONE, 1, 1])];
        t.graph.add("MaxPoolGrad").inputs(&inputs).attrs(pooled.op().attrs().clone()).output()
    }),
    ("axis 2: 'y' has y[2], the pooled input x[2]", |t| {
        let x = t.x("x", &[1, 2, NONE, 1]);
        let pooled = nn::avg_pool(&x, 2, 1, Padding::Same).build()?;
        let inputs = [x.shape()?, t.x("y", &[1, 2, NONE, 1])];
        t.graph.add("AvgPoolGrad").inputs(&inputs).attrs(pooled.op().attrs().clone()).output()
    }),
    // Nothing is needed.
    ("", |t| add(t.x("x", &[NONE, 1]), t.x("y", &[1, NONE]))),
    ("", |t| { let x = t.x("x", &[NONE, NONE]); reshape(&x, sizes![-1, x.shape()?.at(1)?]) }),
    ("", |t| { let x = t.x("x", &[NONE, NONE]); slice(&x, [0i64, 0], x.shape()?) }),
    ("", |t| { let x = t.x("x", &[NONE]); concat(&[x.clone(), x], 0) }),
    ("", |t| nn::max_pool(t.x("x", &[1, NONE, NONE, 1]), 3, 2, Padding::Same).build()),
];

fn op(name: &str, inputs: &[Output]) -> Result<Output> {
    inputs[0].graph().add(name).inputs(inputs).output()
}

fn build(make: Build) -> Case {
    let mut table = Table {
        graph: Graph::new(),
        fed: Vec::new(),
    };
    let output = make(&mut table).unwrap();
    Case {
        output,
        fed: table.fed,
    }
}

/// Runs all sizes; how often the needs held and how often the run was refused.
fn every_size(case: &Case, mut seen: impl FnMut(&Sizes, bool, bool)) {
    let session = Session::with(case.output.graph(), Threads::ONE, InstructionSet::best());
    let shapes = case.fed.iter().map(|x| x.static_shape());
    let unknowns: Vec<Unknown> = shapes
        .flat_map(|shape| shape.dims().unwrap().iter().flat_map(Dim::unknowns))
        .collect();
    for i in 0..5usize.pow(unknowns.len() as u32) {
        let size = |k: usize| (i / 5usize.pow(k as u32) % 5 + 1) as i64;
        let sizes: Sizes = unknowns.iter().cloned().zip((0..).map(size)).collect();
        let (holds, passes) = case.at(&session, &sizes);
        seen(&sizes, holds, passes);
    }
}

#[test]
fn needs_hold_where_the_check_passes_and_the_run_succeeds() {
    for (says, make) in TABLE {
        let case = build(*make);
        assert_eq!(case.says(), *says, "{}", case.output);
        let mut refused = 0;
        every_size(&case, |sizes, holds, passes| {
            assert_eq!(holds, passes, "{} {sizes:?}", case.output);
            refused += usize::from(!passes);
        });
        assert_eq!(refused > 0, !says.is_empty(), "{}", case.output);
    }
}

/// TensorFlow lets windows lack less than two strides, and makes nothing of them; that is not what anybody
/// wants, and inference would take it for less than nothing.
#[test]
fn a_window_is_to_fit() {
    let tables: [(&str, Build, i64); 2] = [
        (
            "axis 1: 'x' has x[1], and a window has 3",
            |t| nn::max_pool(t.x("x", &[1, NONE, 5, 1]), 3, 1, Padding::Valid).build(),
            3,
        ),
        (
            "axis 1: 'x' has x[1], and a window has 5",
            |t| {
                let padding = Padding::Explicit(vec![(1, 0), (0, 0)]);
                nn::max_pool(t.x("x", &[1, NONE, 5, 1]), 5, 1, padding).build()
            },
            4,
        ),
    ];
    for (says, make, least) in tables {
        let case = build(make);
        assert_eq!(case.says(), says);
        every_size(&case, |sizes, holds, passes| {
            let size = *sizes.values().next().unwrap();
            assert_eq!((holds, passes), (size >= least, size >= least - 1));
        });
    }
}

#[test]
fn a_variable_takes_only_its_own_sizes() -> Result<()> {
    let graph = Graph::new();
    let handle = graph
        .add("VarHandleOp")
        .attr("dtype", DType::Float32)
        .attr("shape", Shape::from([2, 3]))
        .attr("shared_name", AttrValue::from("v"))
        .output()?;
    let x = graph.placeholder_named::<f32>("x", [None, Some(3)])?;
    let alpha = graph.constant(0.5f32)?;
    let assign = graph
        .add("AssignVariableOp")
        .input(&handle)
        .input(&x)
        .build()?;
    let apply = graph
        .add("ResourceApplyGradientDescent")
        .inputs([&handle, &alpha, &x])
        .build()?;
    let session = Session::with(&graph, Threads::ONE, InstructionSet::best());
    let fed = |h: usize| Feed::new().with(&x, Tensor::zeros(DType::Float32, &[h, 3]).unwrap());
    session.run_with(&assign, fed(2))?;
    let unknown = x.static_shape().dims().unwrap()[0].bare().unwrap().clone();
    for operation in [assign, apply] {
        let node = graph.node(operation.id());
        let facts: Vec<Fact> = operation
            .inputs()
            .iter()
            .map(|input| input.fact().clone())
            .collect();
        let needs = node.op.needs(&facts);
        assert_eq!(needs.len(), 1);
        for h in 1..=5i64 {
            let mut known = facts.clone();
            known.last_mut().unwrap().shape = [h, 3].into();
            let holds = needs[0]
                .condition
                .holds(&|size| (*size == unknown).then_some(h));
            let checked = node.op.check(&known);
            assert_eq!((holds, checked.is_ok()), (Some(h == 2), h == 2));
            match (checked, session.run_with(&operation, fed(h as usize))) {
                (Ok(()), run) => drop(run?),
                (Err(error), run) => {
                    let run = run.unwrap_err();
                    assert_eq!((error.code(), error.message()), (run.code(), run.message()));
                }
            }
        }
    }
    Ok(())
}
