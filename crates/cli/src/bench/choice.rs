//! Which algorithms there are for a case, and which is taken.

use serde_json::{Value, json};
use tconv::Precision;
use tconv_kernels::Threads;
use tconv_kernels::conv::{self, Algorithm, Pass};
use tconv_kernels::simd::InstructionSet;

use super::case::{Case, pass_name};
use super::element::Number;
use super::report::bytes;
use crate::Failure;
use crate::shape::table;

/// What is asked of algorithms.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// The name of the one to take, whatever is chosen.
    pub forced: Option<&'a str>,
    pub set: InstructionSet,
    pub precision: Precision,
}

/// The algorithm of each of the case's kernels: the forced one, or what the library chooses.
///
/// # Errors
/// A name that is none, or of an algorithm that does not compute them all; with the names that would do.
pub fn algorithms<T: Number>(
    case: &Case,
    wanted: Wanted<'_>,
) -> Result<Vec<&'static Algorithm<T>>, Failure> {
    let Wanted {
        forced,
        set,
        precision,
    } = wanted;
    let passes = case.op.passes;
    let Some(name) = forced else {
        let choose = |&pass| conv::choose(set, precision, pass, &case.shape);
        let chosen = passes.iter().map(choose);
        return Ok(chosen.collect());
    };
    let admissible = |one: &Algorithm<T>| {
        let mut passes = passes.iter();
        one.requires <= set && passes.all(|&pass| (one.supports)(pass, &case.shape))
    };
    let all = conv::algorithms::<T>();
    let names = || {
        let names = all.iter().filter(|one| admissible(one));
        names.map(|one| one.name).collect::<Vec<_>>().join(", ")
    };
    let problem = match all.iter().find(|one| one.name == name) {
        Some(one) if admissible(one) => return Ok(vec![one; passes.len()]),
        Some(one) if one.requires > set => format!(
            "the algorithm '{name}' needs the instruction set '{}' (this is '{set}') for",
            one.requires
        ),
        Some(_) => format!("the algorithm '{name}' does not compute"),
        None => format!("there is no algorithm '{name}' for"),
    };
    Err(Failure::Error(format!(
        "{problem} {} of {}; those that do: {}",
        case.op.name,
        case.title(),
        names()
    )))
}

/// The algorithms for a case.
pub struct List {
    title: String,
    rows: Vec<Row>,
}

struct Row {
    pass: Pass,
    algorithm: &'static str,
    purpose: &'static str,
    requires: InstructionSet,
    precision: Precision,
    admissible: bool,
    chosen: bool,
    why: String,
    scratch: usize,
    filter: usize,
}

/// Lists them.
///
/// # Errors
/// As [`algorithms`].
pub fn list<T: Number>(
    case: &Case,
    wanted: Wanted<'_>,
    threads: &Threads,
) -> Result<List, Failure> {
    let Wanted {
        forced,
        set,
        precision,
    } = wanted;
    let mut rows = Vec::new();
    let taken = algorithms::<T>(case, wanted)?;
    for (&pass, taken) in case.op.passes.iter().zip(taken) {
        for algorithm in conv::algorithms::<T>() {
            let missing = algorithm.requires > set;
            let admissible = !missing && (algorithm.supports)(pass, &case.shape);
            let chosen = algorithm.name == taken.name;
            let pays = admissible && (algorithm.pays)(pass, &case.shape);
            let permitted = algorithm.precision >= precision;
            let bytes = |elements: usize| elements.saturating_mul(size_of::<T>());
            rows.push(Row {
                pass,
                algorithm: algorithm.name,
                purpose: algorithm.purpose,
                requires: algorithm.requires,
                precision: algorithm.precision,
                admissible,
                chosen,
                why: match (admissible, chosen, forced) {
                    (true, true, Some(_)) => "forced".into(),
                    (true, true, None) => "the first that pays".into(),
                    (true, false, _) if !permitted => {
                        format!("needs --precision {}", algorithm.precision)
                    }
                    (true, false, _) if pays => {
                        format!("would pay, were it not for {}", taken.name)
                    }
                    (true, false, _) => "does not pay here".into(),
                    (false, ..) if missing && !permitted => format!(
                        "needs {} and --precision {}",
                        algorithm.requires, algorithm.precision
                    ),
                    (false, ..) if missing => format!("needs {}", algorithm.requires),
                    (false, ..) => "does not compute this".into(),
                },
                scratch: match admissible {
                    true => bytes((algorithm.scratch)(pass, &case.shape, threads.count())),
                    false => 0,
                },
                filter: match admissible {
                    true => bytes((algorithm.packed_len)(pass, &case.shape)),
                    false => 0,
                },
            });
        }
    }
    Ok(List {
        title: case.title(),
        rows,
    })
}

impl List {
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({
                "pass": pass_name(row.pass),
                "algorithm": row.algorithm,
                "purpose": row.purpose,
                "requires": row.requires.to_string(),
                "precision": row.precision.name(),
                "admissible": row.admissible,
                "chosen": row.chosen,
                "why": row.why,
                "scratch_bytes": row.scratch,
                "filter_bytes": row.filter,
            })
        });
        json!({"case": self.title, "algorithms": rows.collect::<Vec<_>>()})
    }

    pub fn text(&self) -> String {
        let titles = ["", "algorithm", "", "why", "scratch", "filter", "purpose"];
        let mut lines = vec![titles.map(String::from).to_vec()];
        let several = self.rows.iter().any(|row| row.pass != self.rows[0].pass);
        for row in &self.rows {
            let size = |size: usize| match row.admissible {
                true => bytes(size),
                false => String::new(),
            };
            lines.push(vec![
                if several { pass_name(row.pass) } else { "" }.into(),
                row.algorithm.into(),
                match (row.chosen, row.admissible) {
                    (true, _) => "chosen",
                    (false, true) => "admissible",
                    (false, false) => "no",
                }
                .into(),
                row.why.clone(),
                size(row.scratch),
                size(row.filter),
                row.purpose.into(),
            ]);
        }
        format!("{}\n{}", self.title, table(&lines))
    }
}
