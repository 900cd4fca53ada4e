use super::SizeSet;
use super::run::FOREVER;

pub(super) fn describe(set: &SizeSet, name: &str) -> String {
    let mut list: Vec<i64> = Vec::new();
    let mut parts = Vec::new();
    for run in &set.runs {
        if run.end == FOREVER || (run.is_whole() && run.end - run.from > 3) {
            let from = run.from;
            if run.is_whole() {
                parts.push(match run.end {
                    FOREVER => format!("{name} >= {from}"),
                    end => format!("{from} <= {name} <= {}", end - 1),
                });
                continue;
            }
            let residues: Vec<i64> = {
                let mut r: Vec<i64> = run
                    .spans
                    .iter()
                    .flat_map(|s| s.0..s.1)
                    .map(|o| (from + o) % run.period)
                    .collect();
                r.sort();
                r
            };
            let m = match residues[..] {
                [one] => format!("{name} mod {} == {one}", run.period),
                _ => format!(
                    "{name} mod {} in {{{}}}",
                    run.period,
                    residues
                        .iter()
                        .map(|n| n.to_string())
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            parts.push(if from > run.period {
                format!("{name} >= {from} and {m}")
            } else {
                m
            });
        } else {
            let mut n = run.from;
            while n < run.end {
                if run.at(n).0 {
                    list.push(n)
                }
                n += 1;
                if list.len() > 60 {
                    break;
                }
            }
        }
    }
    if !list.is_empty() {
        parts.insert(
            0,
            format!(
                "{name} in {{{}}}",
                list.iter()
                    .map(|n| n.to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        );
    }
    if parts.is_empty() {
        return format!("no {name}");
    }
    parts.join(" or ")
}
