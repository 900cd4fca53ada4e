//! One axis of a convolution as lattices of cells.

use tconv_shape::ConvAxis;

use super::super::Pass;
use super::super::phase::Phase;

/// One axis of either tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    /// Positions in a cell.
    pub(super) step: usize,
    /// Positions.
    pub(super) size: usize,
}

/// One axis of the result as a function of the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub(super) axis: ConvAxis,
    pass: Pass,
    pub(super) source: Side,
    pub(super) result: Side,
    /// The result's cells.
    pub(super) cells: usize,
    /// The least shift, and how many more there are above it.
    pub(super) low: isize,
    pub(super) span: usize,
}

/// Neighbouring phases that see the same shifts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// How many phases.
    pub(super) len: usize,
    /// The first of them.
    phase: Phase,
    /// From the position of one phase in the cell to that of the next, modulo the cell.
    step: usize,
}

impl Run {
    /// How many taps each phase has.
    pub(super) fn taps(&self) -> usize {
        self.phase.patch.taps
    }

    /// The position in its cell that phase `index` of the run has.
    pub(super) fn place(&self, index: usize) -> usize {
        (self.phase.first + index * self.step) % self.phase.step
    }

    /// The kernel's element that the first phase of the run has at a tap; the next phase's is one more.
    pub(super) fn element(&self, tap: usize) -> usize {
        self.phase.tap(tap)
    }

    /// The source's shift and the position in its cell, at a tap.
    pub(super) fn seen(&self, tap: usize) -> (isize, usize) {
        let patch = &self.phase.patch;
        let at = patch.base + (tap * patch.tap_step) as isize;
        let step = patch.step as isize;
        (at.div_euclid(step), at.rem_euclid(step) as usize)
    }
}

impl Line {
    pub(super) fn new(axis: ConvAxis, pass: Pass) -> Line {
        let (inner, outer) = (
            Side {
                step: axis.stride,
                size: axis.input,
            },
            Side {
                step: 1,
                size: axis.output,
            },
        );
        let (source, result) = match pass {
            Pass::Forward => (inner, outer),
            _ => (outer, inner),
        };
        let mut line = Line {
            axis,
            pass,
            source,
            result,
            cells: result.size.div_ceil(result.step),
            low: 0,
            span: 0,
        };
        let shifts = line
            .runs(usize::MAX)
            .map(|run| (run.seen(0).0, run.seen(run.taps() - 1).0));
        let (low, high) = shifts
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
            .unwrap_or((0, 0));
        line.low = low;
        line.span = (high - low) as usize;
        line
    }

    /// How many positions of a cell of the result are seen by taps.
    pub(super) fn phases(&self) -> usize {
        match self.pass {
            Pass::Forward => 1,
            _ => Phase::count(&self.axis),
        }
    }

    /// Whether the result has positions that no tap leads to.
    pub(super) fn leaves_gaps(&self) -> bool {
        self.phases() < self.result.step
    }

    /// Phase `index`.
    fn phase(&self, index: usize) -> Phase {
        match self.pass {
            Pass::Forward => Phase::forward(&self.axis),
            _ => Phase::new(&self.axis, index),
        }
    }

    /// All phases, in runs of at most so many.
    pub(super) fn runs(&self, most: usize) -> impl Iterator<Item = Run> + use<> {
        let line = *self;
        let mut phases = (0..line.phases()).map(move |i| line.phase(i)).peekable();
        std::iter::from_fn(move || {
            let mut run = Run {
                len: 1,
                phase: phases.next()?,
                step: line.axis.dilation % line.result.step,
            };
            let seen = |phase: &Phase| (phase.patch.base, phase.patch.taps);
            while run.len < most
                && phases
                    .next_if(|next| seen(next) == seen(&run.phase))
                    .is_some()
            {
                run.len += 1;
            }
            Some(run)
        })
    }

    /// The positions in the source's cells that taps lead to.
    pub(super) fn seen(&self) -> impl Iterator<Item = usize> + use<> {
        let count = match self.pass {
            Pass::Forward => Phase::count(&self.axis),
            _ => 1,
        };
        let first = self.runs(1).next();
        first
            .into_iter()
            .flat_map(move |run| (0..count).map(move |tap| run.seen(tap).1))
    }

    /// The positions in the result's first cell that no tap leads to.
    pub(super) fn gaps(&self) -> impl Iterator<Item = usize> + use<> {
        let line = *self;
        let count = if line.leaves_gaps() {
            line.result.step.min(line.result.size)
        } else {
            0
        };
        (0..count).filter(move |&place| {
            let mut runs = line.runs(usize::MAX);
            !runs.any(|run| (0..run.len).any(|phase| run.place(phase) == place))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tap leads where the definition says: `input = output * stride + tap * dilation - pad`.
    #[test]
    fn shifts_are_those_of_the_definition() {
        for (kernel, stride, dilation, pad) in (1..6)
            .flat_map(|k| (1..6).map(move |s| (k, s)))
            .flat_map(|(k, s)| (1..4).flat_map(move |d| (0..4).map(move |p| (k, s, d, p))))
        {
            let axis = ConvAxis {
                input: 40,
                kernel,
                output: 40 / stride,
                stride,
                dilation,
                pad_before: pad,
                pad_after: 0,
            };
            for pass in [Pass::Forward, Pass::BackpropInput] {
                let line = Line::new(axis, pass);
                let mut seen = 0;
                for run in line.runs(3) {
                    for (phase, tap) in
                        (0..run.len).flat_map(|p| (0..run.taps()).map(move |t| (p, t)))
                    {
                        let (shift, place) = run.seen(tap);
                        assert!(shift >= line.low && shift <= line.low + line.span as isize);
                        let cell = 10;
                        let from = (cell + shift) * line.source.step as isize + place as isize;
                        let to = cell * line.result.step as isize + run.place(phase) as isize;
                        let (input, output) = match pass {
                            Pass::Forward => (from, to),
                            _ => (to, from),
                        };
                        let reached = (run.element(tap) + phase) * dilation;
                        assert_eq!(
                            input,
                            output * stride as isize + reached as isize - pad as isize
                        );
                        seen += 1;
                    }
                }
                assert_eq!(seen, kernel);
            }
        }
    }
}
