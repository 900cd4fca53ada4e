use super::*;
use crate::Dim;
use crate::condition::Condition;

mod brute_force;
mod hard;

fn h() -> (Dim, Unknown) {
    let dim = Dim::unknown("H");
    let unknown = dim.bare().unwrap().clone();
    (dim, unknown)
}

fn up(dim: &Dim, by: i64) -> Dim {
    dim.ceil_div(by).unwrap()
}

fn down(dim: &Dim, by: i64) -> Dim {
    dim.floor_div(by).unwrap()
}

fn times(dim: &Dim, by: i64) -> Dim {
    dim.times(by).unwrap()
}

fn plus(dim: &Dim, by: i64) -> Dim {
    dim.plus(by).unwrap()
}

fn equal(a: &Dim, b: &Dim) -> Condition {
    Condition::Equal(a.clone(), b.clone())
}

/// The verdict as one line: for which it fails first, where it holds.
fn text(condition: &Condition) -> String {
    let sizes = |fails: &[(Unknown, i64)]| {
        let each = fails
            .iter()
            .map(|(unknown, size)| format!("{unknown:?}={size}"));
        each.collect::<Vec<_>>().join(" ")
    };
    match condition.prove() {
        Verdict::Always => "always".into(),
        Verdict::Never => "never".into(),
        Verdict::Sometimes { fails_at, holds } => {
            let holds = holds.map_or(String::new(), |holds| {
                format!(", {}", holds.describe(fails_at[0].0.name()))
            });
            format!("fails {}{holds}", sizes(&fails_at))
        }
        Verdict::Undecided { fails_at } => match fails_at {
            Some(fails_at) => format!("undecided, fails {}", sizes(&fails_at)),
            None => "undecided".into(),
        },
    }
}

#[test]
fn one_unknown_is_decided() {
    let (h, _) = h();
    let doubled = times(&up(&up(&up(&h, 2), 2), 2), 8);
    let vast = 1_000_000_000_000;
    for (condition, said) in [
        // The notes' program 3.
        (
            equal(&up(&h, 4), &up(&h, 3)),
            "fails H=4, H in {1, 2, 3, 5, 6, 9}",
        ),
        (equal(&up(&up(&h, 2), 2), &up(&h, 4)), "always"),
        (equal(&doubled, &h), "fails H=1, H mod 8 == 0"),
        (
            Condition::broadcast(doubled.clone(), h.clone()),
            "fails H=2, H in {1} or H mod 8 == 0",
        ),
        (equal(&times(&h, 2), &plus(&times(&h, 2), 1)), "never"),
        (
            equal(&plus(&times(&up(&h, 2), 2), 1), &times(&h, 2)),
            "never",
        ),
        (
            equal(&plus(&times(&h, 2), 1), &times(&down(&h, 2), 4)),
            "never",
        ),
        (
            equal(&h, &Dim::Known(1_000_000_007)),
            "fails H=1, H == 1000000007",
        ),
        (
            equal(&h.lesser(vast), &h),
            "fails H=1000000000001, 1 <= H <= 1000000000000",
        ),
        (Condition::AtLeast(h.clone(), 3), "fails H=1, H >= 3"),
        (Condition::AtMost(h.clone(), 0), "never"),
        (Condition::within(h.clone(), 0..=i64::MAX), "always"),
        (
            Condition::within(times(&up(&h, 2), 2), 3..=9),
            "fails H=1, 3 <= H <= 8",
        ),
        (
            equal(&plus(&down(&h, 2), 0), &down(&plus(&h, 1), 2)),
            "fails H=1, H mod 2 == 0",
        ),
        (
            equal(&down(&h, 2).plus(down(&plus(&h, 1), 2)).unwrap(), &h),
            "always",
        ),
        // What all terms share is taken out.
        (
            equal(&h.times(&h).unwrap(), &times(&h, 4)),
            "fails H=1, H == 4",
        ),
        (equal(&h.times(&h).unwrap(), &Dim::Known(0)), "never"),
        // Nothing shows that no square is 2.
        (
            equal(&h.times(&h).unwrap(), &Dim::Known(2)),
            "undecided, fails H=1",
        ),
        (equal(&h.times(&h).unwrap(), &Dim::Known(49)), "fails H=1"),
        (Condition::All(vec![]), "always"),
        (Condition::Any(vec![]), "never"),
        (
            Condition::Any(vec![
                equal(&times(&up(&h, 2), 2), &h),
                equal(&times(&down(&h, 2), 2), &plus(&h, -1)),
            ]),
            "always",
        ),
        (
            Condition::All(vec![
                Condition::AtLeast(h.clone(), 30),
                equal(&times(&up(&h, 16), 16), &h),
            ]),
            "fails H=1, H >= 32 and H mod 16 == 0",
        ),
        (
            equal(
                &h.times(i64::MAX).unwrap(),
                &plus(&times(&down(&h, 2), i64::MAX), i64::MAX),
            ),
            "fails H=3, H in {1, 2}",
        ),
    ] {
        assert_eq!(text(&condition), said, "{condition:?}");
    }
}

#[test]
fn several_unknowns_are_decided_where_that_can_be_shown() {
    let [n, h, w] = ["N", "H", "W"].map(Dim::unknown);
    let eights = |dim: &Dim| equal(&times(&up(dim, 8), 8), dim);
    let product = |dims: &[&Dim]| {
        let dims = dims.iter();
        dims.fold(Dim::Known(1), |product, dim| product.times(*dim).unwrap())
    };
    let bound = |least: i64| Condition::AtLeast(h.plus(&w).unwrap(), least);
    for (condition, said) in [
        (equal(&h, &w), "fails H=1 W=2"),
        // One is left, and the other is at its least.
        (
            equal(&h.plus(&w).unwrap(), &plus(&w, 5)),
            "fails H=1 W=1, H == 5",
        ),
        (
            equal(
                &product(&[&n, &h, &w]),
                &product(&[&n, &w, &times(&up(&h, 4), 4)]),
            ),
            "fails H=1 N=1 W=1, H mod 4 == 0",
        ),
        (equal(&product(&[&n, &h]), &Dim::Known(0)), "never"),
        (
            equal(&product(&[&n, &h, &w]), &product(&[&w, &n, &h])),
            "always",
        ),
        (
            equal(&product(&[&n, &h]), &times(&product(&[&h, &n]), 2)),
            "never",
        ),
        // The common factor of all terms does not divide the number.
        (equal(&times(&h, 6), &plus(&times(&w, 4), 3)), "never"),
        // Bounds, each part exactly.
        (bound(2), "always"),
        (bound(3), "fails H=1 W=1"),
        (
            Condition::within(
                h.modulo(4).unwrap().plus(w.modulo(3).unwrap()).unwrap(),
                0..=5,
            ),
            "always",
        ),
        (
            Condition::AtMost(h.modulo(4).unwrap().minus(w.modulo(3).unwrap()).unwrap(), 2),
            "fails H=3 W=3",
        ),
        (equal(&product(&[&h, &w]), &Dim::Known(0)), "never"),
        (Condition::AtLeast(h.lesser(&w), 1), "always"),
        (Condition::AtMost(h.greater(&w), 0), "never"),
        (Condition::AtLeast(w.floor_div(&h).unwrap(), 0), "always"),
        // Each unknown by itself.
        (
            Condition::All(vec![eights(&h), eights(&w)]),
            "fails H=1 W=1",
        ),
        (
            Condition::All(vec![
                Condition::AtLeast(h.clone(), 1_000_000),
                Condition::AtMost(w.clone(), 1_000_000),
            ]),
            "fails H=1 W=1",
        ),
        (
            Condition::Any(vec![
                Condition::AtMost(h.clone(), 1_000_000),
                Condition::AtMost(w.clone(), 2_000_000),
            ]),
            "fails H=1000001 W=2000001",
        ),
        (
            Condition::All(vec![
                Condition::AtLeast(h.clone(), 3),
                equal(&h, &w),
                Condition::AtMost(h.clone(), 2),
            ]),
            "never",
        ),
        (
            Condition::Any(vec![
                Condition::AtLeast(h.clone(), 3),
                equal(&h, &w),
                Condition::AtMost(h.clone(), 2),
            ]),
            "always",
        ),
        (Condition::broadcast(h.clone(), w.clone()), "fails H=2 W=3"),
        // True, but nothing here shows it.
        (
            Condition::AtLeast(product(&[&h, &w]).minus(h.lesser(&w)).unwrap(), 0),
            "undecided",
        ),
    ] {
        assert_eq!(text(&condition), said, "{condition:?}");
    }
}

#[test]
fn what_is_given_narrows_the_sizes() {
    let (h, unknown) = h();
    let eights = equal(&times(&up(&h, 8), 8), &h);
    let given = |sizes: SizeSet| Given::from([(unknown.clone(), sizes)]);
    let sixteens = SizeSet::congruent(16, 0);
    assert_eq!(
        eights.prove_given(&given(sixteens.clone())),
        Verdict::Always
    );
    assert_eq!(
        eights.prove_given(&given(SizeSet::congruent(16, 1))),
        Verdict::Never
    );
    let small = SizeSet::range(15..=40);
    assert_eq!(
        eights.prove_given(&given(small)),
        Verdict::Sometimes {
            fails_at: vec![(unknown.clone(), 15)],
            holds: Some(SizeSet::of([16, 24, 32, 40])),
        }
    );
    // Where there are no sizes everything holds of them.
    let none = sixteens.intersect(&SizeSet::congruent(2, 1));
    let never = Condition::AtMost(h.clone(), 0);
    assert_eq!(never.prove_given(&given(none)), Verdict::Always);
    let unknown = Dim::unknown_in("H", SizeSet::congruent(32, 0));
    let even = equal(&times(&down(&unknown, 2), 2), &unknown);
    assert_eq!(even.prove(), Verdict::Always);
    // A size of 0 is one where the user said so.
    let zero = Dim::unknown_in("H", SizeSet::at_least(0));
    assert_eq!(
        text(&equal(&zero.times(&h).unwrap(), &Dim::Known(0))),
        "fails H=1 H=1, H == 0"
    );
}

#[test]
fn the_sizes_of_a_condition_are_those_where_it_holds() {
    let (h, unknown) = h();
    let w = Dim::unknown_in("W", SizeSet::congruent(8, 0));
    let sizes = |condition: &Condition| condition.sizes().map(|(_, sizes)| sizes.describe("H"));
    let fours = equal(&times(&up(&h, 4), 4), &h);
    assert_eq!(fours.sizes().map(|(which, _)| which), Some(unknown));
    assert_eq!(sizes(&fours).as_deref(), Some("H mod 4 == 0"));
    // All of at least 1, whatever is known of the unknown.
    assert_eq!(
        sizes(&Condition::AtLeast(w.clone(), 0)).as_deref(),
        Some("any H")
    );
    assert_eq!(
        sizes(&Condition::AtMost(w.clone(), 0)).as_deref(),
        Some("no H")
    );
    assert_eq!(sizes(&equal(&h, &w)), None);
    assert_eq!(sizes(&equal(&h, &h)), None);
    assert_eq!(sizes(&equal(&h.times(&h).unwrap(), &Dim::Known(4))), None);
}

#[test]
fn nothing_is_said_of_what_was_too_large_to_keep() {
    let (h, unknown) = h();
    let mut large = h.clone();
    while !large.unknowns().iter().any(Unknown::is_stand_in) {
        large = times(&large, 3)
            .lesser(plus(&h, 7))
            .greater(plus(&up(&large, 7), -9));
    }
    for condition in [
        Condition::AtLeast(large.clone(), 0),
        Condition::AtMost(large.clone(), 0),
        equal(&large, &h),
        Condition::AtMost(large.lesser(&h), 0),
    ] {
        assert_eq!(text(&condition), "undecided", "{condition:?}");
        assert_eq!(condition.sizes(), None);
    }
    // What does not rest on it is said.
    let both = |other: Condition| Condition::All(vec![equal(&large, &h), other]);
    assert_eq!(text(&both(Condition::AtMost(h.clone(), 0))), "never");
    assert_eq!(
        both(Condition::AtLeast(h.clone(), 3)).prove(),
        Verdict::Undecided {
            fails_at: Some(vec![(unknown, 1)])
        }
    );
    assert_eq!(text(&equal(&large, &plus(&large, 1))), "never");
}
