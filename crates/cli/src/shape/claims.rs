//! What must hold of the given shapes, proved for every size of their names.

use serde_json::{Value, json};
use tconv::{Error, Padding};
use tconv_shape::{Condition, Dim, Given, Unknown, Verdict, Window};

use super::dim_json;
use super::question::{AXES, Op, Question, shape};
use super::text::{range, table};

/// What must hold of one axis: that `from` makes what `wanted` says.
struct Claim {
    axis: &'static str,
    from: Dim,
    made: Dim,
    wanted: Dim,
    /// The window of a spatial axis.
    window: Option<Window>,
    condition: Condition,
    verdict: Verdict,
}

/// All that must hold for an output shape.
pub struct Claims {
    op: Op,
    claims: Vec<Claim>,
    /// Of all claims at once.
    verdict: Verdict,
    /// The forward convolution's input and what it makes of it.
    large: Vec<Dim>,
    made: Vec<Dim>,
}

impl Claims {
    /// # Errors
    /// `Value` when they hold for no size.
    pub fn new(
        question: &Question,
        filter: &[Dim],
        output: &[Dim],
        given: &Given,
    ) -> tconv::Result<Claims> {
        let (large, small) = match question.op {
            Op::Conv2dTranspose => (output, &question.input[..]),
            Op::Conv2d => (&question.input[..], output),
        };
        let mut claims = vec![Claim::new("batch", &large[0], &large[0], &small[0], given)];
        let mut spatial = Vec::new();
        for (axis, name) in AXES.into_iter().enumerate() {
            let window = question.window(axis, &filter[axis])?;
            let from = question.spatial(large, axis);
            let made = window.output(from)?;
            let mut claim = Claim::new(name, from, &made, question.spatial(small, axis), given);
            if matches!(question.padding(), Padding::Explicit(_)) && !is_positive(from) {
                // The formula goes on below 1, sizes do not.
                let positive = Condition::AtLeast(from.clone(), 1);
                claim.condition = Condition::All(vec![claim.condition, positive]);
                claim.verdict = claim.condition.prove_given(given);
            }
            claim.window = Some(window);
            claims.push(claim);
            spatial.push(made);
        }
        let channel = question.format.channel_axis(AXES.len());
        let depth = &large[channel];
        claims.push(Claim::new(
            "channels",
            depth,
            &filter[3],
            &small[channel],
            given,
        ));
        // Of known channels the library has checked the groups.
        if depth.known().is_none() || filter[2].known().is_none() {
            claims.push(Claim::new("channels", depth, &filter[2], depth, given));
        }
        let all = Condition::All(claims.iter().map(|claim| claim.condition.clone()).collect());
        let claims = Claims {
            op: question.op,
            verdict: all.prove_given(given),
            claims,
            large: large.to_vec(),
            made: question
                .format
                .arrange(large[0].clone(), filter[3].clone(), &spatial),
        };
        match claims.claims.iter().any(Claim::never) || claims.verdict == Verdict::Never {
            true => Err(claims.error(small)),
            false => Ok(claims),
        }
    }

    /// What a forward convolution makes, in plain words.
    fn forward(&self) -> String {
        let what = match self.op {
            Op::Conv2dTranspose => "output_shape",
            Op::Conv2d => "the input",
        };
        format!(
            "a forward conv2d of {what} {} gives {}",
            shape(&self.large),
            shape(&self.made)
        )
    }

    /// The building error of the library, with names.
    fn error(&self, small: &[Dim]) -> Error {
        let (made, small) = (shape(&self.made), shape(small));
        let but = match self.op {
            Op::Conv2dTranspose => format!(", but the value is {small}"),
            Op::Conv2d => format!(", but output_shape is {small}"),
        };
        let error = Error::value(format!("Shapes {made} and {small} are not compatible"));
        let error = error.help(self.forward() + &but);
        let never = |claim: &&Claim| claim.never();
        match self.claims.iter().any(|claim| claim.never()) {
            true => self
                .claims
                .iter()
                .filter(never)
                .fold(error, |error, claim| {
                    error.help(format!(
                        "{}: {:?} makes {:?}, never {:?}{}",
                        claim.axis,
                        claim.from,
                        claim.made,
                        claim.wanted,
                        claim
                            .legal(self.op)
                            .map_or(String::new(), |legal| format!("; {legal}"))
                    ))
                }),
            false => error.help("each axis fits for some sizes, but never all of them at once"),
        }
    }

    /// What people read.
    pub fn text(&self) -> String {
        let titles = match self.op {
            Op::Conv2dTranspose => ["", "output_shape", "makes", "the value has", ""],
            Op::Conv2d => ["", "input", "makes", "output_shape", ""],
        };
        let mut rows = vec![titles.map(String::from).to_vec()];
        let mut legal = String::new();
        for claim in &self.claims {
            rows.push(vec![
                claim.axis.to_string(),
                format!("{:?}", claim.from),
                format!("{:?}", claim.made),
                format!("{:?}", claim.wanted),
                says(&claim.verdict, &claim.condition),
            ]);
            // A transposed convolution's legal sizes are listed anyway.
            if claim.verdict != Verdict::Always
                && self.op == Op::Conv2d
                && let Some(line) = claim.legal(self.op)
            {
                legal += &format!("  {}: {line}\n", claim.axis);
            }
        }
        let mut text = format!("{}\n\n{}{legal}", self.forward(), table(&rows));
        let open = self
            .claims
            .iter()
            .filter(|claim| claim.verdict != Verdict::Always);
        if let (true, Verdict::Sometimes { holds: Some(_), .. }) = (open.count() > 1, &self.verdict)
        {
            let all = Condition::All(Vec::new());
            text += &format!("  all together: {}\n", says(&self.verdict, &all));
        }
        text
    }

    pub fn json(&self) -> Value {
        self.claims.iter().map(Claim::json).collect()
    }

    /// `always`, `sometimes` or `undecided`, of all claims at once.
    pub fn verdict(&self) -> &'static str {
        word(&self.verdict)
    }
}

impl Claim {
    fn new(axis: &'static str, from: &Dim, made: &Dim, wanted: &Dim, given: &Given) -> Claim {
        let condition = Condition::Equal(made.clone(), wanted.clone());
        Claim {
            axis,
            from: from.clone(),
            made: made.clone(),
            wanted: wanted.clone(),
            window: None,
            verdict: condition.prove_given(given),
            condition,
        }
    }

    fn never(&self) -> bool {
        self.verdict == Verdict::Never
    }

    /// What would fit; nothing for what is no spatial axis.
    fn legal(&self, op: Op) -> Option<String> {
        let (least, greatest) = self.window.as_ref()?.input_bounds(&self.wanted).ok()?;
        let (wanted, range) = (&self.wanted, range(&least, &greatest));
        Some(match op {
            Op::Conv2dTranspose => format!("a value of {wanted:?} goes with {range}"),
            Op::Conv2d => format!("{wanted:?} is made of {range}"),
        })
    }

    fn json(&self) -> Value {
        let (fails_at, holds) = match &self.verdict {
            Verdict::Sometimes { fails_at, holds } => {
                let name = fails_at.first().map_or("", |(unknown, _)| unknown.name());
                (
                    Some(fails_at),
                    holds.as_ref().map(|holds| holds.describe(name)),
                )
            }
            Verdict::Undecided { fails_at } => (fails_at.as_ref(), None),
            _ => (None, None),
        };
        let sizes = |at: &Vec<(Unknown, i64)>| -> Value {
            let sizes = at
                .iter()
                .map(|(unknown, size)| (unknown.name().to_string(), json!(size)));
            Value::Object(sizes.collect())
        };
        json!({
            "axis": self.axis,
            "given": dim_json(&self.from),
            "makes": dim_json(&self.made),
            "wanted": dim_json(&self.wanted),
            "verdict": word(&self.verdict),
            "holds": holds,
            "fails_at": fails_at.map(sizes),
        })
    }
}

/// Whether it is at least 1 for every size, as names and numbers are.
fn is_positive(dim: &Dim) -> bool {
    dim.known().is_some() || dim.bare().is_some()
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Always => "always",
        Verdict::Never => "never",
        Verdict::Sometimes { .. } => "sometimes",
        Verdict::Undecided { .. } => "undecided",
    }
}

/// The verdict in plain words, with both sides' numbers where it fails.
fn says(verdict: &Verdict, condition: &Condition) -> String {
    let at = |fails_at: &Vec<(Unknown, i64)>| {
        let sizes: Vec<String> = fails_at
            .iter()
            .map(|(unknown, size)| format!("{} = {size}", unknown.name()))
            .collect();
        let size = |of: &Unknown| {
            fails_at
                .iter()
                .find(|(one, _)| one == of)
                .map(|(_, size)| *size)
        };
        let equal = match condition {
            Condition::All(all) => all.first(),
            one => Some(one),
        };
        let sides = match equal {
            Some(Condition::Equal(a, b)) => a.value(&size).zip(b.value(&size)),
            _ => None,
        };
        let sides = sides.map_or(String::new(), |(a, b)| format!(" ({a} and {b})"));
        sizes.join(", ") + &sides
    };
    match verdict {
        Verdict::Always => "always".into(),
        Verdict::Never => "never".into(),
        Verdict::Sometimes { fails_at, holds } => {
            let name = fails_at.first().map_or("", |(unknown, _)| unknown.name());
            let holds = match holds {
                Some(holds) => format!("only for {}", holds.describe(name)),
                None => "only for some sizes".into(),
            };
            format!("{holds}; fails first at {}", at(fails_at))
        }
        Verdict::Undecided {
            fails_at: Some(fails_at),
        } => {
            format!("not decided; fails at {}", at(fails_at))
        }
        Verdict::Undecided { fails_at: None } => "not decided".into(),
    }
}
