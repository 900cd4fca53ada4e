use super::sizes::infer;
use super::*;

#[test]
fn what_is_left_over_is_computed_with_unknown_sizes() {
    let (b, h, w) = (Dim::unknown("b"), Dim::unknown("h"), Dim::unknown("w"));
    let size = |n: i64| Dim::Known(n);
    let rest = size(-1);
    let area = h.times(&w).unwrap();
    let cases: Vec<(Vec<Dim>, Vec<Dim>, Option<Dim>)> = vec![
        (
            vec![b.clone(), size(4)],
            vec![rest.clone(), size(4)],
            Some(b.clone()),
        ),
        (
            vec![b.clone(), h.clone(), size(4)],
            vec![b.clone(), rest.clone()],
            Some(h.times(4).unwrap()),
        ),
        (
            vec![b.clone(), h.clone(), w.clone(), size(6)],
            vec![rest.clone(), area.clone(), size(3)],
            Some(b.times(2).unwrap()),
        ),
        (
            vec![b.clone(), h.clone(), w.clone()],
            vec![b.clone(), rest.clone()],
            Some(area),
        ),
        (
            vec![b.clone(), size(6)],
            vec![b.clone(), size(2), rest.clone()],
            Some(size(3)),
        ),
        (
            vec![b.clone(), size(6)],
            vec![rest.clone(), size(4)],
            Some(b.times(6).unwrap().floor_div(4).unwrap()),
        ),
        (vec![size(12)], vec![size(4), rest.clone()], Some(size(3))),
        (
            vec![size(0), size(5)],
            vec![size(0), rest.clone()],
            Some(size(5)),
        ),
        (
            vec![size(0), size(3)],
            vec![rest.clone(), size(3)],
            Some(size(0)),
        ),
        // Other unknowns may be 0, and then anything may be left over.
        (
            vec![b.clone(), size(4)],
            vec![h.clone(), rest.clone()],
            None,
        ),
        (
            vec![b.clone(), size(0)],
            vec![b.clone(), rest.clone()],
            None,
        ),
        (
            vec![b.clone(), size(6)],
            vec![b.clone(), size(4), rest.clone()],
            None,
        ),
        (
            vec![b.clone(), size(i64::MAX)],
            vec![rest.clone(), size(1)],
            Some(b.times(i64::MAX).unwrap()),
        ),
        (
            vec![size(i64::MAX), size(4)],
            vec![rest.clone(), size(1)],
            None,
        ),
    ];
    for (from, wanted, left) in cases {
        let shape = infer(&Shape::new(from.clone()), &wanted).unwrap();
        let axis = wanted.iter().position(|dim| *dim == rest).unwrap();
        let found = &shape.dims().unwrap()[axis];
        match left {
            Some(left) => assert_eq!(*found, left, "{from:?} as {wanted:?}"),
            None => assert!(
                matches!(found, Dim::Expr(_)),
                "{from:?} as {wanted:?}: {found:?}"
            ),
        }
    }
}

#[test]
fn the_only_unknown_size_follows_from_a_known_tensor() {
    let u = Dim::unknown("u");
    let shape = infer(&[12].into(), &[u.clone(), Dim::Known(4)]).unwrap();
    assert_eq!(shape.known(), Some(vec![3, 4]));
    assert!(infer(&[13].into(), &[u, Dim::Known(4)]).is_err());
}
