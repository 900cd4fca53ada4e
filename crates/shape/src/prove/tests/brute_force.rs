//! Random conditions, compared with what counting over many sizes finds.

use std::collections::BTreeMap;

use crate::condition::{Condition, Given, Verdict};
use crate::{Dim, SizeSet, Unknown};

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

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as i64) as usize]
    }
}

/// Arithmetic as it is written, without any canonical form.
enum Written {
    Unknown(usize),
    Number(i64),
    Plus(Box<Written>, Box<Written>),
    Minus(Box<Written>, Box<Written>),
    Times(Box<Written>, i64),
    Floor(Box<Written>, i64),
    Ceil(Box<Written>, i64),
    Min(Box<Written>, Box<Written>),
    Max(Box<Written>, Box<Written>),
}

impl Written {
    fn random(random: &mut Random, depth: i64, unknowns: usize) -> Written {
        if depth == 0 || random.below(8) == 0 {
            return match random.below(3) {
                0 => Written::Number(random.below(30) - 8),
                _ => Written::Unknown(random.below(unknowns as i64) as usize),
            };
        }
        let kind = random.below(9);
        let a = Box::new(Written::random(random, depth - 1, unknowns));
        let mut b = || Box::new(Written::random(random, depth - 1, unknowns));
        match kind {
            0 => Written::Plus(a, b()),
            1 => Written::Minus(a, b()),
            2 => Written::Min(a, b()),
            3 => Written::Max(a, b()),
            4 => Written::Times(a, random.below(9) - 4),
            5 | 6 => Written::Floor(a, random.below(7) + 1),
            _ => Written::Ceil(a, random.below(7) + 1),
        }
    }

    fn dim(&self, unknowns: &[Dim]) -> Dim {
        match self {
            Written::Unknown(place) => unknowns[*place].clone(),
            Written::Number(n) => Dim::Known(*n),
            Written::Plus(a, b) => a.dim(unknowns).plus(b.dim(unknowns)).unwrap(),
            Written::Minus(a, b) => a.dim(unknowns).minus(b.dim(unknowns)).unwrap(),
            Written::Times(a, n) => a.dim(unknowns).times(*n).unwrap(),
            Written::Floor(a, n) => a.dim(unknowns).floor_div(*n).unwrap(),
            Written::Ceil(a, n) => a.dim(unknowns).ceil_div(*n).unwrap(),
            Written::Min(a, b) => a.dim(unknowns).lesser(b.dim(unknowns)),
            Written::Max(a, b) => a.dim(unknowns).greater(b.dim(unknowns)),
        }
    }

    /// The values at many places at once.
    fn values(&self, sizes: &[Vec<i64>]) -> Vec<i64> {
        let one = |a: &Written, f: &dyn Fn(i64) -> i64| -> Vec<i64> {
            a.values(sizes).into_iter().map(f).collect()
        };
        let two = |a: &Written, b: &Written, f: fn(i64, i64) -> i64| -> Vec<i64> {
            let (a, b) = (a.values(sizes), b.values(sizes));
            a.into_iter().zip(b).map(|(a, b)| f(a, b)).collect()
        };
        match self {
            Written::Unknown(place) => sizes[*place].clone(),
            Written::Number(n) => vec![*n; sizes[0].len()],
            Written::Plus(a, b) => two(a, b, |a, b| a + b),
            Written::Minus(a, b) => two(a, b, |a, b| a - b),
            Written::Times(a, n) => one(a, &|a| a * n),
            Written::Floor(a, n) => one(a, &|a| a.div_euclid(*n)),
            Written::Ceil(a, n) => one(a, &|a| -(-a).div_euclid(*n)),
            Written::Min(a, b) => two(a, b, i64::min),
            Written::Max(a, b) => two(a, b, i64::max),
        }
    }
}

/// A condition, and how its truth is counted.
enum Claim {
    Equal(Written, Written),
    Within(Written, i64, i64),
    Broadcast(Written, Written),
    All(Box<Claim>, Box<Claim>),
    Any(Box<Claim>, Box<Claim>),
}

impl Claim {
    fn random(random: &mut Random, depth: i64, unknowns: usize) -> Claim {
        let expression = |random: &mut Random| {
            let depth = random.below(depth.max(0) + 1);
            Written::random(random, depth, unknowns)
        };
        match random.below(12) {
            0..=5 => Claim::Equal(expression(random), expression(random)),
            6..=8 => {
                let least = random.below(60) - 20;
                let length = *random.pick(&[0, 1, 7, 40, 10_000]);
                Claim::Within(expression(random), least, least + length)
            }
            9 => Claim::Broadcast(expression(random), expression(random)),
            kind => {
                let a = Box::new(Claim::random(random, depth - 1, unknowns));
                let b = Box::new(Claim::random(random, depth - 1, unknowns));
                match kind {
                    10 => Claim::All(a, b),
                    _ => Claim::Any(a, b),
                }
            }
        }
    }

    fn condition(&self, unknowns: &[Dim]) -> Condition {
        match self {
            Claim::Equal(a, b) => Condition::Equal(a.dim(unknowns), b.dim(unknowns)),
            Claim::Within(a, least, greatest) => {
                Condition::within(a.dim(unknowns), *least..=*greatest)
            }
            Claim::Broadcast(a, b) => Condition::broadcast(a.dim(unknowns), b.dim(unknowns)),
            Claim::All(a, b) => Condition::All(vec![a.condition(unknowns), b.condition(unknowns)]),
            Claim::Any(a, b) => Condition::Any(vec![a.condition(unknowns), b.condition(unknowns)]),
        }
    }

    fn truths(&self, sizes: &[Vec<i64>]) -> Vec<bool> {
        let values = |a: &Written, b: &Written, f: fn(i64, i64) -> bool| -> Vec<bool> {
            let (a, b) = (a.values(sizes), b.values(sizes));
            a.into_iter().zip(b).map(|(a, b)| f(a, b)).collect()
        };
        let both = |a: &Claim, b: &Claim, f: fn(bool, bool) -> bool| -> Vec<bool> {
            let (a, b) = (a.truths(sizes), b.truths(sizes));
            a.into_iter().zip(b).map(|(a, b)| f(a, b)).collect()
        };
        match self {
            Claim::Equal(a, b) => values(a, b, |a, b| a == b),
            Claim::Within(a, least, greatest) => {
                let values = a.values(sizes).into_iter();
                values.map(|n| (*least..=*greatest).contains(&n)).collect()
            }
            Claim::Broadcast(a, b) => values(a, b, |a, b| a == b || a == 1 || b == 1),
            Claim::All(a, b) => both(a, b, |a, b| a && b),
            Claim::Any(a, b) => both(a, b, |a, b| a || b),
        }
    }

    fn truth(&self, sizes: &[i64]) -> bool {
        let sizes: Vec<Vec<i64>> = sizes.iter().map(|&size| vec![size]).collect();
        self.truths(&sizes)[0]
    }
}

fn domain(random: &mut Random) -> SizeSet {
    let modulus = random.below(9) + 1;
    let remainder = random.below(modulus);
    let least = random.below(40);
    let set = match random.below(8) {
        0..=2 => SizeSet::at_least(1),
        3 => SizeSet::at_least(least),
        4 => SizeSet::congruent(modulus, remainder),
        5 => SizeSet::congruent(modulus, remainder).intersect(&SizeSet::at_least(least)),
        6 => SizeSet::range(least..=least + random.below(100)),
        _ => SizeSet::of((0..random.below(6)).map(|_| random.below(90))),
    };
    match random.below(12) {
        0 => set.union(&SizeSet::congruent(modulus + 1, 0)),
        1 => set.minus(&SizeSet::congruent(modulus + 1, 0)),
        _ => set,
    }
}

/// What counting says of a verdict: that the sizes below `count`, and some beyond, are as it claims.
fn agrees(
    claim: &Claim,
    domain: &SizeSet,
    verdict: &Verdict,
    sizes: &[i64],
) -> Result<&'static str, String> {
    let truths = claim.truths(&[sizes.to_vec()]);
    let mut in_domain = sizes
        .iter()
        .zip(&truths)
        .filter(|(size, _)| domain.contains(**size));
    match verdict {
        Verdict::Always => match in_domain.find(|(_, truth)| !**truth) {
            Some((size, _)) => Err(format!("fails at {size}")),
            None => Ok("always"),
        },
        Verdict::Never if domain.is_empty() => Err("there are no sizes".into()),
        Verdict::Never => match in_domain.find(|(_, truth)| **truth) {
            Some((size, _)) => Err(format!("holds at {size}")),
            None => Ok("never"),
        },
        Verdict::Sometimes { fails_at, holds } => {
            let [(_, least)] = fails_at[..] else {
                return Err("one unknown".into());
            };
            let holds = holds.as_ref().ok_or("no set of sizes")?;
            if claim.truth(&[least]) || !domain.contains(least) || holds.is_empty() {
                return Err(format!("does not fail at {least}"));
            }
            let earlier: Vec<i64> = (0..least.min(100_000)).collect();
            let mut earlier = earlier
                .iter()
                .zip(claim.truths(std::slice::from_ref(&earlier)));
            if let Some((size, _)) = earlier.find(|(n, truth)| !truth && domain.contains(**n)) {
                return Err(format!("fails at {size} before"));
            }
            for (&size, &truth) in sizes.iter().zip(&truths) {
                if holds.contains(size) != (truth && domain.contains(size)) {
                    return Err(format!("holds for {holds:?}, at {size} it is {truth}"));
                }
            }
            match holds.least().is_some_and(|size| claim.truth(&[size])) {
                true => Ok("sometimes"),
                false => Err("does not hold at the least of these".into()),
            }
        }
        Verdict::Undecided { .. } => Err("not decided".into()),
    }
}

#[test]
fn one_unknown_is_as_counting_says() {
    const CASES: i64 = 100_000;
    let mut random = Random(7);
    let mut seen: BTreeMap<&str, i64> = BTreeMap::new();
    for case in 0..CASES {
        let claim = Claim::random(&mut random, 2 + case % 4, 1);
        let mut domain = domain(&mut random);
        let dim = Dim::unknown_in("H", domain.clone());
        let condition = claim.condition(&[dim]);
        if condition.unknowns().is_empty() {
            domain = SizeSet::at_least(1);
        }
        let verdict = condition.prove();
        // Most periods are less than 420, of which 1, ..., 7 are divisors; beyond, sizes here and there.
        let near = if case % 50 == 0 { 5_000 } else { 450 };
        let far = (0..100).map(|_| random.below(1 << 30) >> random.below(24));
        let sizes: Vec<i64> = (0..near).chain(far).collect();
        match agrees(&claim, &domain, &verdict, &sizes) {
            Ok(kind) => *seen.entry(kind).or_default() += 1,
            Err(why) => panic!("{condition:?} for {domain:?}: {verdict:?}: {why}"),
        }
        if let (Verdict::Sometimes { .. }, Some((_, holds))) = (&verdict, condition.sizes()) {
            for &size in &sizes[1..100] {
                assert_eq!(holds.contains(size), claim.truth(&[size]), "{condition:?}");
            }
        }
    }
    // All kinds are there.
    for kind in ["always", "never", "sometimes"] {
        assert!(seen[kind] > CASES / 50, "{seen:?}");
    }
}

#[test]
fn several_unknowns_are_never_wrong() {
    let mut random = Random(9);
    let mut seen: BTreeMap<&str, i64> = BTreeMap::new();
    let grid: Vec<[i64; 2]> = (0..=12)
        .flat_map(|a| (0..=12).map(move |b| [a, b]))
        .collect();
    for case in 0..30_000 {
        let claim = Claim::random(&mut random, 2 + case % 4, 2);
        let dims = ["H", "W"].map(Dim::unknown);
        let unknowns = dims.clone().map(|dim| dim.bare().unwrap().clone());
        let domains = [domain(&mut random), domain(&mut random)];
        let given: Given = unknowns.iter().cloned().zip(domains.clone()).collect();
        let condition = claim.condition(&dims);
        let verdict = condition.prove_given(&given);
        let inside = |sizes: &[i64; 2]| {
            let each = sizes.iter().zip(&domains);
            each.into_iter()
                .all(|(&size, domain)| size >= 1 && domain.contains(size))
        };
        let all: Vec<[i64; 2]> = grid.iter().copied().filter(inside).collect();
        let truths = claim.truths(&[0, 1].map(|i| all.iter().map(|sizes| sizes[i]).collect()));
        let fails = |fails_at: &[(Unknown, i64)]| {
            let size = |place: usize| {
                let mut named = fails_at.iter();
                let found = named.find(|(unknown, _)| *unknown == unknowns[place]);
                found.map_or(1, |(_, size)| *size)
            };
            let sizes = [size(0), size(1)];
            let named = condition.unknowns().len();
            assert_eq!(fails_at.len(), named, "{condition:?}");
            !claim.truth(&sizes) && (inside(&sizes) || named < 2)
        };
        let (kind, right) = match &verdict {
            Verdict::Always => ("always", truths.iter().all(|&truth| truth)),
            Verdict::Never => ("never", truths.iter().all(|&truth| !truth)),
            Verdict::Sometimes { fails_at, .. } => ("sometimes", fails(fails_at)),
            Verdict::Undecided { fails_at } => (
                "undecided",
                fails_at.as_ref().is_none_or(|fails_at| fails(fails_at)),
            ),
        };
        assert!(right, "{condition:?} for {domains:?}: {verdict:?}");
        *seen.entry(kind).or_default() += 1;
    }
    assert!(seen["undecided"] < 3_000, "{seen:?}");
    for kind in ["always", "never", "sometimes"] {
        assert!(seen[kind] > 600, "{seen:?}");
    }
}
