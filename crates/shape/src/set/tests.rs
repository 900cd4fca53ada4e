use super::*;

#[test]
fn sets_are_written_as_people_write_them() {
    let mod_ = |by, rest| SizeSet::congruent(by, rest).intersect(&SizeSet::at_least(1));
    for (set, text) in [
        (SizeSet::none(), "no H"),
        (SizeSet::at_least(1), "any H"),
        (SizeSet::at_least(0), "any H"),
        (SizeSet::at_least(3), "H >= 3"),
        (SizeSet::of([9, 1, 2, 3, 5, 6]), "H in {1, 2, 3, 5, 6, 9}"),
        (SizeSet::range(2..=3), "H in {2, 3}"),
        (SizeSet::range(1..=50), "H <= 50"),
        (SizeSet::range(97..=110), "97 <= H <= 110"),
        (mod_(8, 0), "H mod 8 == 0"),
        (
            mod_(8, 0).union(&SizeSet::of([1])),
            "H in {1} or H mod 8 == 0",
        ),
        (
            mod_(8, 0).intersect(&SizeSet::at_least(32)),
            "H >= 32 and H mod 8 == 0",
        ),
        (
            mod_(8, 0).intersect(&SizeSet::range(32..=4096)),
            "32 <= H <= 4096 and H mod 8 == 0",
        ),
        (mod_(4, 1).union(&mod_(4, 2)), "H mod 4 in {1, 2}"),
        (mod_(6, 0).union(&mod_(6, 5)), "H mod 6 in {0, 5}"),
        (SizeSet::at_least(1).minus(&mod_(8, 3)), "H mod 8 != 3"),
        (SizeSet::at_least(1).minus(&mod_(8, 0)), "H mod 8 != 0"),
        (
            mod_(8, 0).intersect(&SizeSet::at_most(1_000_000_000_000)),
            "H <= 1000000000000 and H mod 8 == 0",
        ),
        (
            SizeSet::of((1..40).map(|n| n * n)),
            "H in {1, 4, 9, 16, 25, 36, ..., 1521} (39 sizes)",
        ),
    ] {
        assert_eq!(set.describe("H"), text);
    }
}

/// Random sets and what is made of them, against lists of members.
#[test]
fn sets_have_the_members_that_lists_have() {
    let mut state = 7u64;
    let mut next = move |n: i64| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((state >> 33) % n as u64) as i64
    };
    let mut random = || match next(5) {
        0 => SizeSet::at_least(next(20)),
        1 => SizeSet::at_most(next(60)),
        2 => SizeSet::congruent(next(9) + 1, next(9)),
        3 => SizeSet::of((0..next(8)).map(|_| next(50)).collect::<Vec<_>>()),
        _ => {
            let from = next(40);
            SizeSet::range(from..=from + next(40))
        }
    };
    const MOST: i64 = 400;
    let members = |set: &SizeSet| (0..MOST).map(|n| set.contains(n)).collect::<Vec<bool>>();
    for _ in 0..3_000 {
        let (mut a, mut list) = {
            let a = random();
            let list = members(&a);
            (a, list)
        };
        for step in 0..4 {
            let b = random();
            let other = members(&b);
            let op: fn(bool, bool) -> bool = match step % 3 {
                0 => |a, b| a || b,
                1 => |a, b| a && !b,
                _ => |a, b| a && b,
            };
            a = match step % 3 {
                0 => a.union(&b),
                1 => a.minus(&b),
                _ => a.intersect(&b),
            };
            list = list.iter().zip(&other).map(|(&a, &b)| op(a, b)).collect();
            assert_eq!(members(&a), list, "{a:?}");
        }
        for n in 0..60 {
            let below = (0..n).rev().find(|&n| list[n as usize]);
            assert_eq!(a.nearest_below(n), below, "{a:?} {n}");
            let above = (n + 1..MOST).find(|&n| list[n as usize]);
            assert_eq!(a.nearest_above(n).filter(|&n| n < MOST), above, "{a:?} {n}");
        }
        assert_eq!(
            a.least().filter(|&n| n < MOST),
            (0..MOST).find(|&n| list[n as usize])
        );
        assert_eq!(a.is_empty(), a.least().is_none());
        // Equal whichever way it was made.
        let again = SizeSet::at_least(0).minus(&SizeSet::at_least(0).minus(&a));
        assert_eq!(a, again);
        assert!(a.is_subset(&again) && again.minus(&a).is_empty());
    }
}
