use super::*;
use crate::condition::Condition;

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
