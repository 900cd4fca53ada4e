use super::*;

#[test]
fn unknowns_are_themselves() {
    let (h, w) = (Dim::unknown("n"), Dim::unknown("n"));
    assert_eq!(h, h.clone());
    assert_ne!(h, w);
    assert_eq!(h.plus(1), h.plus(1));
    assert_ne!(h.plus(1), w.plus(1));
    assert_eq!(h.minus(&h), Ok(Dim::Known(0)));
    assert_eq!(h.times(1).as_ref(), Ok(&h));
}

#[test]
fn numbers_gather_and_expressions_stay_small() {
    let h = Dim::unknown("h");
    assert_eq!(h.minus(1).unwrap().plus(1).as_ref(), Ok(&h));
    assert_eq!(Dim::Known(3).plus(&h).unwrap().minus(5), h.minus(2));
    assert!(h.plus(1).unwrap().plus(i64::MAX).is_err());
    assert!(h.minus(i64::MIN).is_err());
    // Adding up and nesting a hundred thousand times: neither printing nor dropping may take long.
    let (mut twice, mut chain, mut nest) = (h.clone(), h.clone(), h.clone());
    for i in 0..100_000 {
        twice = twice.times(&twice).unwrap();
        chain = chain.times(&h).unwrap();
        nest = nest
            .times(3)
            .unwrap()
            .plus(1)
            .unwrap()
            .floor_div(2 + i % 3)
            .unwrap();
    }
    assert!(format!("{twice:?} {chain:?} {nest:?}").len() < 20_000);
}

#[test]
fn known_arithmetic_is_floored_and_checked() {
    for a in -7..=7i64 {
        for b in [-3, -2, -1, 1, 2, 3i64] {
            let floor = (a as f64 / b as f64).floor() as i64;
            assert_eq!(
                Dim::Known(a).floor_div(b),
                Ok(Dim::Known(floor)),
                "{a} / {b}"
            );
        }
    }
    assert!(Dim::Known(i64::MAX).plus(1).is_err());
    assert!(Dim::Known(i64::MIN).minus(1).is_err());
    assert!(Dim::Known(i64::MAX).times(2).is_err());
    assert!(Dim::Known(i64::MIN).floor_div(-1).is_err());
    assert!(Dim::unknown("h").floor_div(0).is_err());
}

#[test]
fn one_form_for_what_is_the_same_and_written_as_people_write() {
    let (h, w) = (Dim::unknown("H"), Dim::unknown("W"));
    let up = |dim: &Dim, by: i64| dim.ceil_div(by).unwrap();
    let down = |dim: &Dim, by: i64| dim.floor_div(by).unwrap();
    let times = |dim: &Dim, by: i64| dim.times(by).unwrap();
    let plus = |dim: &Dim, by: i64| dim.plus(by).unwrap();
    for (dim, text) in [
        (plus(&down(&plus(&h, -1), 4), 1), "ceil(H/4)"),
        (up(&up(&h, 2), 2), "ceil(H/4)"),
        (down(&down(&h, 2), 3), "floor(H/6)"),
        (down(&times(&h, 6), 4), "H + floor(H/2)"),
        (down(&times(&h, -1), 4), "-ceil(H/4)"),
        (down(&times(&h, 3), 4), "H - ceil(H/4)"),
        (up(&h, 2), "ceil(H/2)"),
        (plus(&times(&h, 2), -1), "2*H - 1"),
        (Dim::Known(7).minus(&h).unwrap(), "7 - H"),
        (
            h.plus(&w).unwrap().floor_div(3).unwrap(),
            "floor((H + W)/3)",
        ),
        (h.times(&w).unwrap().floor_div(&w).unwrap(), "H"),
        (
            plus(&h, -1).times(&w).unwrap().floor_div(&w).unwrap(),
            "H - 1",
        ),
        (h.greater(3), "max(3, H)"),
        (h.greater(plus(&h, 2)).greater(plus(&h, 1)), "H + 2"),
        (h.lesser(&w).lesser(5), "min(5, H, W)"),
        (
            plus(&plus(&h, -2).greater(0), -2).greater(0),
            "max(0, H - 4)",
        ),
        (plus(&h.lesser(&w), 1).lesser(&h), "min(H, W + 1)"),
        (h.modulo(8).unwrap(), "H - 8*floor(H/8)"),
        (times(&h, 12).floor_div(times(&h, 8)).unwrap(), "1"),
        (Dim::Known(12).floor_div(&h).unwrap(), "floor(12/H)"),
    ] {
        assert_eq!(format!("{dim:?}"), text);
    }
}

/// Random arithmetic has the value that plain integers have, for every size tried.
#[test]
fn canonical_forms_keep_their_value() {
    let mut seed = 1u64;
    let mut next = move |below: u64| {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) % below
    };
    let h = Dim::unknown("H");
    let w = Dim::unknown("W");
    for _ in 0..20_000 {
        let sizes = [[1, 1], [2, 7], [5, 3], [12, 31], [40, 1]];
        let mut stack = vec![
            (h.clone(), sizes.map(|s| s[0])),
            (w.clone(), sizes.map(|s| s[1])),
        ];
        for _ in 0..6 {
            let (a, x) = stack[next(stack.len() as u64) as usize].clone();
            let (b, y) = stack[next(stack.len() as u64) as usize].clone();
            let n = next(9) as i64 - 4;
            let by = if n == 0 { 7 } else { n };
            let zip = |f: &dyn Fn(i64, i64) -> i64| std::array::from_fn(|i| f(x[i], y[i]));
            stack.push(match next(8) {
                0 => (a.plus(&b).unwrap(), zip(&|x, y| x + y)),
                1 => (a.minus(&b).unwrap(), zip(&|x, y| x - y)),
                2 => (a.plus(n).unwrap(), zip(&|x, _| x + n)),
                3 => (a.times(n).unwrap(), zip(&|x, _| x * n)),
                4 => (
                    a.floor_div(by).unwrap(),
                    zip(&|x, _| floor_div(x, by).unwrap()),
                ),
                5 => (a.greater(&b), zip(&|x, y| x.max(y))),
                6 => (a.lesser(&b), zip(&|x, y| x.min(y))),
                _ => (
                    a.ceil_div(by).unwrap(),
                    zip(&|x, _| -floor_div(-x, by).unwrap()),
                ),
            });
        }
        for (dim, values) in stack {
            for (size, value) in sizes.iter().zip(values) {
                let at = |unknown: &Unknown| Some(size[usize::from(unknown.name() == "W")]);
                assert_eq!(dim.value(&at), Some(value), "{dim:?} at {size:?}");
            }
        }
    }
}
