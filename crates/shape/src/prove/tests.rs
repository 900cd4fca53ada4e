use super::*;

/// Numbers without a pattern.
struct Noise(u64);

impl Noise {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % n
    }

    fn range(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from + 1) as u64) as i64
    }

    /// An expression in these unknowns, as networks make them and as they do not.
    fn dim(&mut self, of: &[Dim], depth: u64) -> Dim {
        if depth == 0 || self.below(6) == 0 {
            return match self.below(5) {
                0 => Dim::Known(self.range(-3, 9)),
                n => of[n as usize % of.len()].clone(),
            };
        }
        let a = self.dim(of, depth - 1);
        let by = self.range(1, 7);
        match self.below(10) {
            0 => a.plus(self.dim(of, depth - 1)),
            1 => a.minus(self.dim(of, depth - 1)),
            2 => a.times(self.range(-2, 4)),
            3 | 4 => a.floor_div(by),
            5 | 6 => a.ceil_div(by),
            7 => Ok(a.greater(self.dim(of, depth - 1))),
            8 => Ok(a.lesser(self.dim(of, depth - 1))),
            _ => a.plus(self.range(-4, 4)),
        }
        .unwrap()
    }

    fn sizes(&mut self) -> SizeSet {
        let (least, by) = (self.range(1, 9), self.range(2, 6));
        let rest = self.range(0, 5);
        match self.below(5) {
            0 => SizeSet::at_least(least),
            1 => SizeSet::congruent(by, rest).intersect(&SizeSet::at_least(1)),
            2 => SizeSet::range(least..=least + 20),
            3 => SizeSet::congruent(by, rest).intersect(&SizeSet::range(least..=200)),
            _ => SizeSet::at_least(1),
        }
    }

    fn condition(&mut self, of: &[Dim]) -> Condition {
        let depth = 1 + self.below(4);
        let (a, b) = (self.dim(of, depth), self.dim(of, depth));
        match self.below(6) {
            0 => {
                let low = self.range(-2, 9);
                let span = self.range(0, 20);
                Condition::within(a, low..=low + span)
            }
            1 => Condition::broadcast(a, b),
            2 => Condition::AtLeast(a, self.range(-2, 40)),
            3 => Condition::All(vec![
                Condition::Equal(a.clone(), b),
                Condition::AtMost(a, self.range(0, 40)),
            ]),
            _ => Condition::Equal(a, b),
        }
    }
}

/// A hundred thousand random conditions on one unknown against every size tried.
#[test]
fn one_unknown_is_decided_as_trying_decides() {
    const MOST: i64 = 300;
    let mut noise = Noise(1);
    let mut seen = [0; 3];
    for _ in 0..100_000 {
        let sizes = noise.sizes();
        let h = Dim::unknown_in("H", sizes.clone());
        let condition = noise.condition(std::slice::from_ref(&h));
        let tried: Vec<(i64, bool)> = (1..=MOST)
            .filter(|&n| sizes.contains(n))
            .map(|n| (n, condition.holds(&|_| Some(n)).unwrap()))
            .collect();
        let fails = tried.iter().find(|(_, holds)| !holds).map(|(n, _)| *n);
        let holds = tried.iter().any(|(_, holds)| *holds);
        match condition.prove() {
            Verdict::Always => {
                assert_eq!(fails, None, "{condition:?} {sizes:?}");
                seen[0] += 1;
            }
            Verdict::Never => {
                assert!(!holds, "{condition:?} {sizes:?}");
                seen[1] += 1;
            }
            Verdict::Sometimes {
                fails_at,
                holds: Some(set),
            } => {
                let least = fails_at[0].1;
                assert!(
                    fails == Some(least) || (fails.is_none() && least > MOST),
                    "{condition:?} {sizes:?}: {least} {fails:?}"
                );
                for (n, holds) in tried {
                    assert_eq!(
                        set.contains(n),
                        holds,
                        "{condition:?} {sizes:?}: {n} {set:?}"
                    );
                }
                assert!(set.is_subset(&sizes) && !set.is_empty());
                seen[2] += 1;
            }
            other => panic!("{condition:?} {sizes:?}: {other:?}"),
        }
    }
    // All of them happen, and often.
    assert!(seen.iter().all(|&n| n > 2_000), "{seen:?}");
}

/// With two unknowns: no wrong always or never, and every example is one.
#[test]
fn two_unknowns_are_never_decided_wrongly() {
    let mut noise = Noise(2);
    let mut seen = [0; 4];
    for _ in 0..20_000 {
        let (h, w) = (
            Dim::unknown_in("H", noise.sizes()),
            Dim::unknown_in("W", noise.sizes()),
        );
        let of = |dim: &Dim| dim.bare().unwrap().clone();
        let (first, second) = (of(&h), of(&w));
        let condition = noise.condition(&[h, w]);
        let at = |a: i64, b: i64| {
            condition
                .holds(&|unknown| Some(if *unknown == first { a } else { b }))
                .unwrap()
        };
        let (mut holds, mut fails) = (false, false);
        for a in (1..=14).filter(|&a| first.sizes().contains(a)) {
            for b in (1..=14).filter(|&b| second.sizes().contains(b)) {
                match at(a, b) {
                    true => holds = true,
                    false => fails = true,
                }
            }
        }
        let check = |example: &[(Unknown, i64)]| {
            let size = |unknown: &Unknown| {
                let found = example.iter().find(|(other, _)| other == unknown);
                found.map(|(_, n)| *n)
            };
            assert!(
                example
                    .iter()
                    .all(|(unknown, n)| unknown.sizes().contains(*n))
            );
            assert_eq!(
                condition.holds(&size),
                Some(false),
                "{condition:?} {example:?}"
            );
        };
        match condition.prove() {
            Verdict::Always => {
                assert!(!fails, "{condition:?}");
                seen[0] += 1;
            }
            Verdict::Never => {
                assert!(!holds, "{condition:?}");
                seen[1] += 1;
            }
            Verdict::Sometimes { fails_at, .. } => {
                check(&fails_at);
                seen[2] += 1;
            }
            Verdict::Undecided { fails_at } => {
                fails_at.iter().for_each(|example| check(example));
                seen[3] += 1;
            }
        }
    }
    assert!(
        seen[..3].iter().all(|&n| n > 500) && seen[3] < 2_000,
        "{seen:?}"
    );
}

/// What is at most one period of a million is decided, what is beyond is not, and all of it at once.
#[test]
fn large_periods_and_numbers_end_soon() {
    let h = Dim::unknown("H");
    let floor = |by: i64| h.floor_div(by).unwrap();
    let times = |by: i64| floor(by).times(by).unwrap();
    let equal = |a: &Dim, b: &Dim| Condition::Equal(a.clone(), b.clone()).prove();
    let holds = |verdict: &Verdict| match verdict {
        Verdict::Sometimes {
            holds: Some(set), ..
        } => set.describe("H"),
        other => format!("{other:?}"),
    };
    assert_eq!(
        holds(&equal(&h, &Dim::Known(1_000_000_007))),
        "H == 1000000007"
    );
    assert_eq!(holds(&equal(&times(999_983), &h)), "H mod 999983 == 0");
    assert_eq!(
        holds(&Condition::AtLeast(h.lesser(1_000_000_000_000), 7).prove()),
        "H >= 7"
    );
    let clipped = h.lesser(1_000_000_000_000);
    assert_eq!(holds(&equal(&clipped, &h)), "1 <= H <= 1000000000000");
    // 999,983 * 2 is beyond.
    let mixed = times(999_983).plus(times(2)).unwrap();
    assert!(matches!(
        equal(&mixed, &h.times(2).unwrap()),
        Verdict::Undecided { fails_at: Some(_) }
    ));
    let square = h.times(&h).unwrap();
    assert_eq!(
        equal(&square, &h.times(2).unwrap()),
        equal(&h, &Dim::Known(2))
    );
    assert!(matches!(
        equal(&square, &h.plus(6).unwrap()),
        Verdict::Sometimes { .. }
    ));
    // Coefficients near the largest number, and deep nests.
    let huge = h.times(i64::MAX / 3).unwrap();
    let _ = equal(&huge, &huge.plus(1).unwrap().floor_div(2).unwrap());
    let mut nest = h.clone();
    for i in 0..60 {
        nest = nest
            .times(3)
            .unwrap()
            .plus(1)
            .unwrap()
            .floor_div(2 + i % 3)
            .unwrap()
            .greater(h.minus(i).unwrap());
    }
    let _ = equal(&nest, &h);
}

#[test]
fn several_unknowns() {
    let (n, h, w) = (Dim::unknown("N"), Dim::unknown("H"), Dim::unknown("W"));
    let equal = |a: &Dim, b: &Dim| Condition::Equal(a.clone(), b.clone()).prove();
    let area = |h: &Dim, w: &Dim| n.times(h).unwrap().times(w).unwrap();
    let twice = |dim: &Dim| dim.ceil_div(2).unwrap().times(2).unwrap();
    assert_eq!(equal(&area(&h, &w), &area(&w, &h)), Verdict::Always);
    assert_eq!(
        equal(&area(&h, &w), &area(&h, &w).times(2).unwrap()),
        Verdict::Never
    );
    assert_eq!(equal(&h.plus(&w).unwrap(), &Dim::Known(1)), Verdict::Never);
    assert_eq!(
        Condition::AtLeast(h.plus(&w).unwrap(), 2).prove(),
        Verdict::Always
    );
    // Only the height decides, and only in one factor.
    match equal(&area(&twice(&h), &w), &area(&h, &w)) {
        Verdict::Sometimes {
            holds: Some(set),
            fails_at,
        } => {
            assert_eq!(set.describe("H"), "H mod 2 == 0");
            assert_eq!(fails_at.len(), 3);
        }
        other => panic!("{other:?}"),
    }
    match equal(&h, &w) {
        Verdict::Sometimes {
            holds: None,
            fails_at,
        } => {
            assert_eq!(fails_at.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1, 2]);
        }
        other => panic!("{other:?}"),
    }
    // A given set is part of what is known.
    let of = |dim: &Dim| dim.bare().unwrap().clone();
    let even = Given::from([(of(&h), SizeSet::congruent(2, 0))]);
    let condition = Condition::Equal(twice(&h), h.clone());
    assert_eq!(condition.prove_given(&even), Verdict::Always);
    let odd = Given::from([(of(&h), SizeSet::congruent(2, 1))]);
    assert_eq!(condition.prove_given(&odd), Verdict::Never);
}
