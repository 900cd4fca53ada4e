//! Mends of ops that join tensors whose sizes do not agree: another `output_shape` before, a crop, an
//! input padded to a multiple.

use tconv_kernels::conv::Pass;
use tconv_shape::{Condition, Dim, Shape, Verdict};

use super::{Change, Patient};
use crate::diagnostic::Help;
use crate::op::Fact;
use crate::ops::conv::axes_of;
use crate::proof::Proof;

impl Patient<'_> {
    pub(super) fn of_join(&self) -> Vec<Help> {
        let mut mends = Vec::new();
        let inputs = self.nodes[self.target].inputs.len();
        for (of, to) in [(0, 1), (1, 0)] {
            if inputs > 1 {
                mends.extend(self.decoder(of, to));
            }
        }
        for (of, to) in [(0, 1), (1, 0)] {
            if inputs > 1 {
                mends.extend(self.crop(of, to));
            }
        }
        mends.extend(self.padded_inputs());
        mends
    }

    /// The sizes of two inputs of four axes each.
    fn pair(&self, of: usize, to: usize) -> Option<(Vec<Dim>, Vec<Dim>)> {
        let dims = |i: usize| {
            let dims = self.fact(self.target, i).shape.dims()?;
            (dims.len() == 4).then(|| dims.to_vec())
        };
        Some((dims(of)?, dims(to)?))
    }

    /// The axes on which `of` may be cut or grown to `to`: those of an image.
    fn differing(&self, a: &[Dim], b: &[Dim]) -> Vec<usize> {
        let is_spatial = |&axis: &usize| {
            matches!(
                self.words.format.as_bytes().get(axis),
                Some(b'D' | b'H' | b'W')
            )
        };
        (0..a.len().min(b.len()))
            .filter(is_spatial)
            .filter(|&axis| a[axis] != b[axis])
            .collect()
    }

    /// A transposed convolution before input `of` that makes the sizes of input `to`.
    fn decoder(&self, of: usize, to: usize) -> Option<Help> {
        let (a, b) = self.pair(of, to)?;
        let made = self.maker(self.target, of, |node| {
            axes_of(Pass::BackpropInput, node.def.name).is_some()
        })?;
        let dims = self.nodes[made].facts[0].shape.dims()?;
        let mut wanted = dims.to_vec();
        for axis in self.differing(&a, &b) {
            wanted[axis] = b[axis].clone();
        }
        let (id, slot) = self.nodes[self.target].inputs[to];
        // The shape must be there when the transposed convolution runs.
        if id >= made || wanted == dims {
            return None;
        }
        let sizes = self.fact(made, 0);
        let fact = Fact::vector_value(sizes.dtype, wanted);
        let text = format!(
            "in {} the height and width of '{}:{slot}' as output_shape",
            self.name(made),
            self.nodes[id].name
        );
        self.try_out(text, &[Change::Input(made, 0, fact)])
    }

    /// Input `of` cut to the sizes of input `to`, where it is never smaller.
    fn crop(&self, of: usize, to: usize) -> Option<Help> {
        let (a, b) = self.pair(of, to)?;
        let inputs = self.nodes[self.target].inputs.iter();
        let before = Proof::of_inputs(inputs.map(|&(id, _)| &self.nodes[id].proof.given));
        let mut dims = a.clone();
        for axis in self.differing(&a, &b) {
            let larger = a[axis].minus(&b[axis]).ok()?;
            let proof = Condition::AtLeast(larger, 0).prove_given(&before.given);
            if proof != Verdict::Always {
                return None;
            }
            dims[axis] = b[axis].clone();
        }
        if dims == a {
            return None;
        }
        let fact = Fact::new(self.fact(self.target, of).dtype, Shape::new(dims.clone()));
        let (id, _) = self.nodes[self.target].inputs[of];
        let text = format!(
            "{} cut to {} by slice",
            self.name(id),
            self.words.say(|words| words.shape(&dims))
        );
        self.try_out(text, &[Change::Input(self.target, of, fact)])
    }

    /// A placeholder padded so that its sizes are multiples of what the node needs.
    pub(super) fn padded_inputs(&self) -> Option<Help> {
        let target = &self.nodes[self.target];
        let mut changes: Vec<(usize, Vec<Dim>)> = Vec::new();
        let mut said = Vec::new();
        for open in target.proof.open.iter().filter(|open| open.suspect) {
            let (unknown, sizes, _) = open.need.sizes()?;
            let by = (2..=4096).find(|&by| {
                tconv_shape::SizeSet::congruent(by, 0)
                    .intersect(&tconv_shape::SizeSet::at_least(1))
                    .is_subset(&sizes)
            })?;
            let padded = Dim::from(unknown.clone())
                .ceil_div(by)
                .ok()?
                .times(by)
                .ok()?;
            for &(node, axis) in self.sources.of(&unknown) {
                let place = match changes.iter().position(|(other, _)| *other == node) {
                    Some(place) => place,
                    None => {
                        let dims = self.nodes[node].facts[0].shape.dims()?;
                        changes.push((node, dims.to_vec()));
                        changes.len() - 1
                    }
                };
                changes[place].1[axis] = padded.clone();
            }
            said.push((self.words.size(&unknown), by));
        }
        let names: Vec<String> = changes.iter().map(|(node, _)| self.name(*node)).collect();
        let text = format!(
            "{} padded (pad) so that {}",
            names.join(" and "),
            multiples(&said)
        );
        let changes: Vec<Change> = changes
            .into_iter()
            .map(|(node, dims)| Change::Output(node, Shape::new(dims)))
            .collect();
        (!changes.is_empty()).then(|| self.try_out(text, &changes))?
    }
}

/// `H is a multiple of 8`, `H and W are multiples of 8`.
fn multiples(said: &[(String, i64)]) -> String {
    let groups = said.chunk_by(|a, b| a.1 == b.1);
    let each: Vec<String> = groups
        .map(|group| match group {
            [(name, by)] => format!("{name} is a multiple of {by}"),
            group => {
                let names: Vec<&str> = group.iter().map(|(name, _)| name.as_str()).collect();
                format!("{} are multiples of {}", names.join(" and "), group[0].1)
            }
        })
        .collect();
    each.join(" and ")
}
