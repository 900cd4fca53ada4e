use super::*;

/// Numbers that are the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, below: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) % below as u64) as i64
    }

    /// A set, and by its definition the sizes below `COUNT` that are in it.
    fn set(&mut self, depth: usize) -> (SizeSet, Vec<bool>) {
        let list = |is: &dyn Fn(i64) -> bool| (0..COUNT).map(is).collect();
        let kind = if depth == 0 {
            self.below(5)
        } else {
            5 + self.below(3)
        };
        match kind {
            0 => {
                let n = self.below(60) - 5;
                (SizeSet::at_least(n), list(&|size| size >= n))
            }
            1 => {
                let n = self.below(150) - 5;
                (SizeSet::at_most(n), list(&|size| size <= n))
            }
            2 => {
                let (a, b) = (self.below(40), self.below(150));
                (SizeSet::range(a..=b), list(&|size| (a..=b).contains(&size)))
            }
            3 => {
                let m = [1, 2, 3, 4, 5, 6, 8, 10, 12][self.below(9) as usize];
                let r = self.below(24) - 12;
                (
                    SizeSet::congruent(m, r),
                    list(&|size| (size - r).rem_euclid(m) == 0),
                )
            }
            4 => {
                let all: Vec<i64> = (0..self.below(6)).map(|_| self.below(50)).collect();
                (
                    SizeSet::of(all.iter().copied()),
                    list(&|size| all.contains(&size)),
                )
            }
            kind => {
                let (a, x) = self.set(depth - 1);
                let (b, y) = self.set(depth - 1);
                let each = x.iter().zip(&y);
                match kind {
                    5 => (a.intersect(&b), each.map(|(x, y)| x & y).collect()),
                    6 => (a.union(&b), each.map(|(x, y)| x | y).collect()),
                    _ => (a.minus(&b), each.map(|(x, y)| x & !y).collect()),
                }
            }
        }
    }
}

/// Beyond the last beginning and two of the longest periods, 120, of the sets that are made here.
const COUNT: i64 = 400;

#[test]
fn sets_have_the_members_that_counting_finds() {
    let mut random = Random(1);
    for round in 0..20_000 {
        let (set, members) = random.set(round % 4);
        let is = |size: i64| members[size as usize];
        for size in 0..COUNT {
            assert_eq!(set.contains(size), is(size), "{set:?} {size}");
        }
        for size in [0, 1, 7, 30, 59, random.below(200)] {
            let below = (0..size).rev().find(|&n| is(n));
            assert_eq!(set.nearest_below(size), below, "{set:?} below {size}");
            let above = (size + 1..COUNT).find(|&n| is(n));
            let found = set.nearest_above(size).filter(|&n| n < COUNT);
            assert_eq!(found, above, "{set:?} above {size}");
        }
        let least = (0..COUNT).find(|&n| is(n));
        assert_eq!(set.least().filter(|&n| n < COUNT), least, "{set:?}");
        if let Some(count) = set.count() {
            assert_eq!(count, (0..COUNT).filter(|&n| is(n)).count() as i64);
            assert_eq!(set.greatest(), (0..COUNT).rev().find(|&n| is(n)));
        }
    }
}

#[test]
fn equal_sets_are_equal_and_hash_alike() {
    let hash = |set: &SizeSet| {
        let mut state = std::hash::DefaultHasher::new();
        set.hash(&mut state);
        state.finish()
    };
    let mut random = Random(2);
    let mut equal = 0;
    for round in 0..20_000 {
        let (a, x) = random.set(round % 4);
        let (b, y) = random.set(round % 3);
        // The same set, made in another way.
        let again = a.minus(&b).union(&a.intersect(&b));
        assert_eq!(a, again, "{a:?} {again:?}");
        assert_eq!(hash(&a), hash(&again), "{a:?}");
        assert_eq!(a == b, x == y, "{a:?} {b:?}");
        let within = x.iter().zip(&y).all(|(x, y)| x <= y);
        assert_eq!(a.is_subset(&b), within, "{a:?} {b:?}");
        equal += i32::from(x == y);
    }
    assert!(equal > 100, "{equal}");
}

/// Splits where a description says `and` and `or`, and evaluates each comparison.
fn says(text: &str, size: i64) -> bool {
    let number = |text: &str| text.parse::<i64>();
    text.split(" or ").any(|all| {
        all.split(" and ").all(|one| {
            let words: Vec<&str> = one.splitn(5, ' ').collect();
            let inside = |list: &str| {
                let list = list.trim_matches(['{', '}']);
                list.split(", ").any(|n| number(n) == Ok(size))
            };
            match words[..] {
                ["no", "H"] => false,
                ["any", "H"] => true,
                ["H", "==", n] => number(n) == Ok(size),
                ["H", ">=", n] => size >= number(n).unwrap(),
                ["H", "<=", n] => size <= number(n).unwrap(),
                [a, "<=", "H", "<=", b] => {
                    (number(a).unwrap()..=number(b).unwrap()).contains(&size)
                }
                ["H", "mod", m, "==", n] => size % number(m).unwrap() == number(n).unwrap(),
                ["H", "mod", m, "!=", n] => size % number(m).unwrap() != number(n).unwrap(),
                ["H", "mod", m, "in", list] => {
                    let rest = size % number(m).unwrap();
                    list.trim_matches(['{', '}'])
                        .split(", ")
                        .any(|n| number(n) == Ok(rest))
                }
                ["H", "in", ..] => inside(one.strip_prefix("H in ").unwrap()),
                _ => panic!("{text}: {one}"),
            }
        })
    })
}

#[test]
fn what_is_described_is_the_set() {
    let mut random = Random(3);
    let mut whole = 0;
    for round in 0..20_000 {
        let (set, members) = random.set(round % 4);
        let text = set.describe("H");
        if text.contains("...") {
            continue;
        }
        whole += 1;
        for size in 1..COUNT {
            assert_eq!(says(&text, size), members[size as usize], "{text} {size}");
        }
    }
    assert!(whole > 15_000, "{whole}");
}

#[test]
fn sets_are_described_as_people_write_them() {
    let of = |members: &[i64]| SizeSet::of(members.iter().copied());
    let mod8 = SizeSet::congruent(8, 0);
    let huge = 1_000_000_000_000;
    for (set, text) in [
        (SizeSet::none(), "no H"),
        (SizeSet::at_least(-3), "any H"),
        (SizeSet::at_least(1), "any H"),
        (SizeSet::at_least(3), "H >= 3"),
        (SizeSet::at_most(5), "H <= 5"),
        (SizeSet::range(1..=5), "1 <= H <= 5"),
        (SizeSet::range(1..=huge), "1 <= H <= 1000000000000"),
        (of(&[7]), "H == 7"),
        (of(&[1, 2]), "H in {1, 2}"),
        (of(&[9, 6, 5, 3, 2, 1, 1, -4]), "H in {1, 2, 3, 5, 6, 9}"),
        (mod8.clone(), "H mod 8 == 0"),
        (SizeSet::congruent(-8, -1), "H mod 8 == 7"),
        (SizeSet::congruent(0, 5), "H == 5"),
        (mod8.intersect(&SizeSet::at_least(1)), "H mod 8 == 0"),
        (
            mod8.intersect(&SizeSet::at_least(25)),
            "H >= 32 and H mod 8 == 0",
        ),
        (mod8.union(&of(&[1])), "H in {1} or H mod 8 == 0"),
        (
            mod8.minus(&of(&[0])).union(&of(&[1])),
            "H in {1} or H mod 8 == 0",
        ),
        (
            mod8.minus(&of(&[0, 16])).union(&of(&[1])),
            "H in {1, 8} or H >= 24 and H mod 8 == 0",
        ),
        (
            mod8.intersect(&SizeSet::at_most(1_000_000_000)),
            "H <= 1000000000 and H mod 8 == 0",
        ),
        (
            mod8.intersect(&SizeSet::range(30..=huge)),
            "32 <= H <= 1000000000000 and H mod 8 == 0",
        ),
        (
            SizeSet::congruent(4, 1).union(&SizeSet::congruent(4, 2)),
            "H mod 4 in {1, 2}",
        ),
        (
            SizeSet::congruent(6, 1).union(&SizeSet::congruent(6, 5)),
            "H mod 6 in {1, 5}",
        ),
        (SizeSet::at_least(1).minus(&mod8), "H mod 8 != 0"),
        (
            SizeSet::congruent(2, 0).union(&SizeSet::congruent(2, 1)),
            "any H",
        ),
        (
            SizeSet::at_least(1).minus(&of(&[7])),
            "1 <= H <= 6 or H >= 8",
        ),
        (
            SizeSet::range(1..=30).union(&SizeSet::range(40..=60)),
            "1 <= H <= 30 or 40 <= H <= 60",
        ),
        (
            SizeSet::of((1..=40).map(|n| n * n)),
            "H in {1, 4, 9, ..., 1600} (40 sizes)",
        ),
        (
            SizeSet::of((0..20).map(|n| n * n % 97)).union(&SizeSet::congruent(97, 96)),
            "H in {0, 1, 2, ..., 95} (20 sizes) or H mod 97 == 96",
        ),
        (
            (0..20).fold(SizeSet::none(), |set, n| {
                set.union(&SizeSet::congruent(97, n * n))
            }),
            "H mod 97 in {0, 1, 2, ..., 95} (20 of 97)",
        ),
    ] {
        assert_eq!(set.describe("H"), text);
    }
}

#[test]
fn huge_sets_stay_small() {
    let huge = 1_000_000_000_000;
    let all = SizeSet::range(0..=huge);
    assert_eq!(all.count(), Some(huge + 1));
    let eights = all.intersect(&SizeSet::congruent(8, 0));
    assert_eq!(eights.runs.len(), 1);
    assert_eq!(eights.greatest(), Some(huge));
    assert_eq!(eights.nearest_below(huge), Some(huge - 8));
    assert_eq!(eights.nearest_above(huge), None);
    // A pattern that goes on is one run, however it was put together.
    let rest = SizeSet::congruent(8, 0).intersect(&SizeSet::at_least(huge));
    assert_eq!(eights.union(&rest).runs.len(), 1);
    assert_eq!(eights.union(&rest), SizeSet::congruent(8, 0));
    assert_ne!(eights, SizeSet::congruent(8, 0));
    assert!(eights.is_subset(&SizeSet::congruent(4, 0)));
    let third = eights.minus(&SizeSet::congruent(3, 0));
    assert_eq!(third.count(), Some(eights.count().unwrap() - huge / 24 - 1));
    let far = SizeSet::at_least(i64::MAX - 3).intersect(&SizeSet::congruent(2, 1));
    assert_eq!(far.least(), Some(i64::MAX - 2));
    assert!(far.contains(i64::MAX - 2) && !far.contains(i64::MAX));
    assert!(SizeSet::at_least(i64::MAX).is_empty());
    assert!(SizeSet::of([i64::MAX]).is_empty());
    assert_eq!(SizeSet::at_most(i64::MAX), SizeSet::at_least(0));
    assert!(SizeSet::at_most(i64::MIN).is_empty());
}

#[test]
fn sets_that_cannot_be_written_down_are_larger() {
    let (a, b) = (
        SizeSet::congruent(999_999_937, 5),
        SizeSet::congruent(1_000_000_007, 6),
    );
    assert_eq!(a.checked_intersect(&b), None);
    assert_eq!(a.intersect(&b), a);
    assert_eq!(a.union(&b), SizeSet::at_least(5));
    assert_eq!(a.minus(&b), a);
    assert!(!a.is_subset(&b));
    assert_ne!(a, b);
    // Few of a long period are found at once.
    let (a, b) = (SizeSet::congruent(999_983, 5), SizeSet::congruent(64, 6));
    let both = a.intersect(&b);
    assert_eq!(
        both.least(),
        (0..).map(|n| 5 + 999_983 * n).find(|n| n % 64 == 6)
    );
    assert!(both.is_subset(&a) && both.is_subset(&b));
}
