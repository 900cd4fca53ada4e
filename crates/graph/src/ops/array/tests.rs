use tconv_kernels::Threads;
use tconv_kernels::simd::InstructionSet;
use tconv_shape::Dim;

use super::*;
use crate::{Graph, Operand, Output, Session, sizes};

mod hostile;
mod mistakes;

fn session(graph: &Graph) -> Session {
    Session::with(graph, Threads::ONE, InstructionSet::best())
}

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
    assert_eq!(value(&unpack(&s, 0).unwrap()[1])[0], h);
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
    assert_eq!(value(&identity(one).unwrap())[0], h);
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
