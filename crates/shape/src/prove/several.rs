use super::*;
pub(super) fn prove(tree: &Tree, unknowns: &[Unknown], domains: &[SizeSet], _: &Sizes, _: bool) -> Verdict {
    let mut fails = None; let mut holds = false;
    for a in domains[0].members().take(12) { for b in domains[1].members().take(12) { for c in domains.get(2).map(|d| d.members().take(6).collect()).unwrap_or(vec![1]) {
        let at = |u: &Unknown| Some(if *u == unknowns[0] { a } else if *u == unknowns[1] { b } else { c });
        match tree.holds(&at) { Some(true) => holds = true, Some(false) if fails.is_none() => fails = Some(unknowns.iter().map(|u| (u.clone(), at(u).unwrap())).collect::<Vec<_>>()), _ => {} }
    }}}
    match (fails, holds) { (Some(f), true) => Verdict::Sometimes { fails_at: f, holds: None }, (f, _) => Verdict::Undecided { fails_at: f } }
}
pub(super) fn decide(_: &Tree, _: &[(&Unknown, &SizeSet)], _: &mut Work, _: &Sizes) -> Option<bool> { None }
