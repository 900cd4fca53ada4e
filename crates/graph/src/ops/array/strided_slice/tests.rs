use super::*;
use crate::Graph;

/// What Python's `range(*slice(begin, end, step).indices(size))` gives.
fn python(size: i64, begin: Option<i64>, end: Option<i64>, step: i64) -> Vec<i64> {
    (0..size)
        .map(|i| if step > 0 { i } else { size - 1 - i })
        .scan(None, |first, i| {
            let front = |n: i64| if n < 0 { n.saturating_add(size) } else { n };
            let in_range = if step > 0 {
                begin.is_none_or(|n| i >= front(n)) && end.is_none_or(|n| i < front(n))
            } else {
                begin.is_none_or(|n| i <= front(n)) && end.is_none_or(|n| i > front(n))
            };
            let first = if in_range {
                *first.get_or_insert(i)
            } else {
                return Some(None);
            };
            Some((((i - first).unsigned_abs()).is_multiple_of(step.unsigned_abs())).then_some(i))
        })
        .flatten()
        .collect()
}

#[test]
fn cuts_are_those_of_python() {
    let edges = [
        i64::MIN,
        i64::MIN + 1,
        -9,
        -5,
        -4,
        -2,
        -1,
        0,
        1,
        2,
        3,
        4,
        5,
        9,
        i64::MAX - 1,
        i64::MAX,
    ];
    let edges: Vec<Option<i64>> = edges.into_iter().map(Some).chain([None]).collect();
    for size in [0, 1, 4, 5] {
        for &begin in &edges {
            for &end in &edges {
                for step in [1, 2, 3, 7, i64::MAX, -1, -2, -3, -7, i64::MIN] {
                    let spec = AxisSpec {
                        entry: Some(0),
                        from_edge: begin.is_none(),
                        to_edge: end.is_none(),
                        shrink: false,
                    };
                    let (from, to) = (begin.unwrap_or(0), end.unwrap_or(0));
                    let cut = spec.cut(0, size, from, to, step, Error::invalid).unwrap();
                    let ours: Vec<i64> = (0..cut.count).map(|i| cut.start + i * cut.step).collect();
                    assert_eq!(
                        ours,
                        python(size, begin, end, step),
                        "{size} [{begin:?}:{end:?}:{step}]"
                    );
                }
            }
        }
    }
}

#[test]
fn unknown_sizes_keep_what_is_known_of_them() {
    let g = Graph::new();
    let x = g.placeholder::<f32>([None, None, Some(6)]).unwrap();
    let dims = x.static_shape().dims().unwrap();
    let slice = |indices: &[Index]| x.slice(indices).unwrap().static_shape().clone();
    let halved = slice(&[
        Index::all(),
        Index::range(None, None, -2),
        Index::range(Some(1), Some(-1), 1),
    ]);
    assert_eq!(halved.dims().unwrap()[0], dims[0]);
    assert_eq!(
        halved.dims().unwrap()[1],
        dims[1].plus(1).unwrap().floor_div(2).unwrap()
    );
    assert_eq!(halved.dims().unwrap()[2], Dim::Known(4));
    assert_eq!(
        slice(&[Index::from(3), Index::NewAxis, Index::Ellipsis])
            .dims()
            .unwrap(),
        [Dim::Known(1), dims[1].clone(), Dim::Known(6)]
    );
    assert_eq!(slice(&[Index::from(1..)]).to_string(), "(None, None, 6)");
}

#[test]
fn nodes_are_named_as_tensorflow_names_them() {
    let g = Graph::new();
    let (x, i) = (
        g.placeholder::<f32>([4, 5, 6]).unwrap(),
        g.placeholder::<i32>([0; 0]).unwrap(),
    );
    let (zero, one) = (g.constant(0i32).unwrap(), g.constant(1i32).unwrap());
    let ranged = Index::Range {
        begin: None,
        end: Some((&zero).into()),
        step: (&one).into(),
    };
    x.slice(&[Index::from(&i)]).unwrap();
    x.slice(&[
        Index::from(0),
        Index::Range {
            begin: Some((&i).into()),
            end: None,
            step: 1.into(),
        },
        ranged,
    ])
    .unwrap();
    let operations = g.operations();
    let names: Vec<&str> = operations[4..]
        .iter()
        .map(|operation| operation.name())
        .collect();
    assert_eq!(
        names,
        [
            "add/y",
            "add",
            "strided_slice/stack",
            "strided_slice/stack_1",
            "strided_slice/stack_2",
            "strided_slice",
            "strided_slice_1/stack/0",
            "strided_slice_1/stack/2",
            "strided_slice_1/stack",
            "strided_slice_1/stack_1/0",
            "strided_slice_1/stack_1/1",
            "strided_slice_1/stack_1",
            "strided_slice_1/stack_2/0",
            "strided_slice_1/stack_2/1",
            "strided_slice_1/stack_2",
            "strided_slice_1",
        ]
    );
}
