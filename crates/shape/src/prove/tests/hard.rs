//! Conditions that are large or near the limits: decided, or given up, but soon and without a panic.

use std::time::{Duration, Instant};

use super::{down, equal, h, plus, text, times, up};
use crate::condition::Condition;
use crate::{Dim, SizeSet, Unknown};

/// `dim mod by`.
fn rest(dim: &Dim, by: i64) -> Dim {
    dim.modulo(by).unwrap()
}

/// A sum of all.
fn sum(each: impl Iterator<Item = Dim>) -> Dim {
    each.fold(Dim::Known(0), |sum, dim| sum.plus(dim).unwrap())
}

/// What is said of it, which must not take long.
fn soon(condition: &Condition) -> String {
    let begin = Instant::now();
    let said = text(condition);
    let took = begin.elapsed();
    // Less than a second where nothing else runs.
    assert!(took < Duration::from_secs(10), "{took:?} {condition:?}");
    said
}

#[test]
fn periods_up_to_a_million_are_decided() {
    let (h, _) = h();
    let million = 1_000_000;
    let steps = |by: i64| times(&down(&h, by), by);
    for (condition, said) in [
        (
            equal(&times(&up(&h, 999_983), 999_983), &h),
            "fails H=1, H mod 999983 == 0",
        ),
        (
            equal(&down(&plus(&h, 999_982), 999_983), &up(&h, 999_983)),
            "always",
        ),
        (
            Condition::AtLeast(rest(&h, 999_983), 999_982),
            "fails H=1, H mod 999983 == 999982",
        ),
        (
            equal(&steps(64), &steps(15_625)),
            "fails H=64, H mod 1000000 in {0, 1, 2, ..., 63} (64 of 1000000)",
        ),
        (
            equal(&down(&h, million), &down(&plus(&h, 500_000), million)),
            "fails H=500000, H mod 1000000 in {0, 1, 2, ..., 499999} (500000 of 1000000)",
        ),
        (
            equal(
                &rest(&h, million).lesser(down(&h, million)),
                &rest(&h, million),
            ),
            "fails H=1, H in {1000000, 1000001, 2000000, ..., 999998999998} (499999499999 sizes) or H >= 999999000000",
        ),
        (
            equal(&rest(&h, million), &down(&h, million)),
            "fails H=1, H in {1000001, 2000002, 3000003, ..., 999999999999} (999999 sizes)",
        ),
        (
            equal(&rest(&times(&h, 3), million), &down(&h, million)),
            "fails H=1, H in {1666667, 2333334, 3000001, ..., 999999333333} (999999 sizes)",
        ),
        // The sizes for which it holds are too many to write down.
        (
            Condition::AtLeast(
                rest(&times(&h, 333_667), million)
                    .minus(down(&h, million))
                    .unwrap(),
                0,
            ),
            "fails H=1000000",
        ),
    ] {
        assert_eq!(soon(&condition), said);
    }
}

#[test]
fn what_is_too_large_is_given_up_soon() {
    let (h, _) = h();
    let primes = [999_983, 999_979, 999_961, 999_959, 999_953];
    let wide = |by: &dyn Fn(i64) -> i64| sum((1..120).map(|n| down(&plus(&h, n), by(n))));
    let mut deep = h.clone();
    let mut nested = h.clone();
    let mut halved = h.clone();
    for n in 0..40 {
        let next = times(&deep, 3).lesser(plus(&times(&h, 2), n)).greater(n);
        deep = down(&plus(&next, n), 2 + n % 5);
        let next = times(&nested, 3).lesser(plus(&h, n));
        nested = plus(&down(&plus(&next, 1), 3), n);
        halved = times(&down(&plus(&halved.greater(n), 1), 2), 2);
    }
    for dim in [&deep, &nested, &halved] {
        assert!(dim.parts() > 100 && !dim.unknowns().iter().any(Unknown::is_stand_in));
    }
    let most = i64::MAX;
    for condition in [
        equal(&down(&h, primes[0]), &down(&h, primes[1])),
        equal(&sum(primes.iter().map(|&by| down(&h, by))), &times(&h, 5)),
        equal(&wide(&|n| n + 1), &times(&h, 7)),
        equal(&wide(&|n| primes[n as usize % 5]), &h),
        equal(&wide(&|_| 999_983), &h),
        equal(&wide(&|n| if n % 2 == 0 { 64 } else { 15_625 }), &h),
        equal(
            &wide(&|n| if n % 2 == 0 { 64 } else { 15_625 }).lesser(times(&h, 3)),
            &h,
        ),
        Condition::within(deep.clone(), 3..=5),
        equal(&deep, &nested),
        Condition::AtLeast(nested.clone(), 17),
        equal(&halved, &h),
        equal(&times(&h, most), &plus(&times(&up(&h, 3), most - 1), most)),
        equal(
            &times(&down(&times(&h, most), most - 1), most),
            &times(&h, most - 2),
        ),
        Condition::within(times(&h, most), i64::MIN..=i64::MAX),
        Condition::AtMost(plus(&times(&h, i64::MIN), most), i64::MIN),
        equal(
            &times(&down(&plus(&h, -5), 2), i64::MIN),
            &Dim::Known(i64::MIN),
        ),
        equal(&down(&h, most), &Dim::Known(1)),
        equal(&h.times(&h).unwrap(), &times(&h, 3).plus(1).unwrap()),
        equal(&h.times(&h).unwrap().lesser(most), &Dim::Known(4)),
        equal(&Dim::Known(12).floor_div(&h).unwrap(), &Dim::Known(5)),
        equal(
            &Dim::Known(12).floor_div(plus(&h, -3)).unwrap(),
            &Dim::Known(5),
        ),
    ] {
        soon(&condition);
    }
}

#[test]
fn many_unknowns_are_given_up_soon() {
    let each: Vec<Dim> = (0..40).map(|n| Dim::unknown(format!("x{n}"))).collect();
    let total = || sum(each.iter().cloned());
    let product = each[..12]
        .iter()
        .fold(Dim::Known(1), |p, x| p.times(x).unwrap());
    let pairs = each.windows(2).map(|two| equal(&two[0], &two[1])).collect();
    let ups = each
        .windows(2)
        .map(|two| equal(&up(&two[0], 7), &down(&two[1], 999_983)));
    for condition in [
        equal(&total(), &Dim::Known(40)),
        equal(&total(), &Dim::Known(41)),
        equal(&down(&total(), 7), &up(&total(), 11)),
        equal(&product, &total()),
        Condition::All(pairs),
        Condition::Any(ups.collect()),
    ] {
        soon(&condition);
    }
}

#[test]
fn large_domains_are_taken_as_they_are() {
    let squares = SizeSet::of((1..100_000).map(|n| n * n));
    let h = Dim::unknown_in("H", squares);
    assert_eq!(
        soon(&equal(&times(&down(&h, 4), 4), &h)),
        "fails H=1, H in {4, 16, 36, ..., 9999600004} (49999 sizes)"
    );
    assert_eq!(soon(&Condition::AtMost(rest(&h, 4), 1)), "always");
    assert_eq!(soon(&equal(&rest(&h, 16), &Dim::Known(5))), "never");
    let h = Dim::unknown_in("H", SizeSet::range(1..=4096));
    assert_eq!(
        soon(&equal(&h.times(&h).unwrap(), &Dim::Known(49))),
        "fails H=1, H == 7"
    );
    assert_eq!(soon(&equal(&h.times(&h).unwrap(), &Dim::Known(2))), "never");
}
