//! Where the results of a block's lanes are, and which taps these see inside the source.

use super::super::Pass;
use super::super::phase::Phase;
use super::block::Block;
use super::plan::{MOST_PAIRS, Plan, ROWS};
use crate::tiles::SIDE;

/// The place of a lane that has no result.
pub(super) const NONE: usize = usize::MAX;

/// Two tiles of lanes, or one.
#[derive(Clone, Copy, Default)]
pub(super) struct Pair {
    /// The first lane of each.
    pub(super) lanes: [usize; 2],
    pub(super) tiles: usize,
    /// Of each tile whose results are equally far from one another, how far; else [`NONE`].
    pub(super) steps: [usize; 2],
    /// From the first tap that any of them sees inside the source to the one behind the last.
    seen: [(usize, usize); 3],
    /// Whether all taps are.
    pub(super) all: bool,
    /// Whether there is any result.
    pub(super) used: bool,
}

impl Pair {
    /// Whether any of them sees a tap inside the source.
    pub(super) fn sees(&self, tap: [usize; 3]) -> bool {
        let mut taps = tap.iter().zip(self.seen);
        taps.all(|(tap, (start, end))| (start..end).contains(tap))
    }
}

/// Where the results of all lanes of a block are, for the phases of a panel and its first channel.
pub(super) struct Places {
    lanes: [[usize; ROWS]; MOST_PAIRS],
    pairs: [Pair; MOST_PAIRS],
    count: usize,
    /// The greatest.
    pub(super) last: usize,
}

impl Places {
    pub(super) fn new() -> Places {
        Places {
            lanes: [[NONE; ROWS]; MOST_PAIRS],
            pairs: [Pair::default(); MOST_PAIRS],
            count: 0,
            last: 0,
        }
    }

    /// The pairs, and the places of the results of each one's lanes.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Pair, &[usize; ROWS])> {
        self.pairs[..self.count].iter().zip(&self.lanes)
    }

    /// Those of a block for some phases.
    pub(super) fn fill(&mut self, plan: &Plan, block: &Block, phases: &[Phase; 3]) {
        (self.count, self.last) = (0, 0);
        let images = block.images.len();
        for run in block.runs() {
            let (mut at, mut image) = block.window(run.start);
            let mut row = Place::new(plan, block, phases, at);
            for (index, lane) in run.clone().step_by(SIDE).enumerate() {
                let count = (run.end - lane).min(SIDE);
                // Those of the filter's gradient are side by side.
                let alone = plan.pass == Pass::BackpropFilter && index % 2 == 0;
                let new = self.count == 0 || alone || self.pairs[self.count - 1].tiles == 2;
                if new {
                    self.lanes[self.count].fill(NONE);
                    self.pairs[self.count] = Pair {
                        seen: [(usize::MAX, 0); 3],
                        steps: [NONE; 2],
                        ..Pair::default()
                    };
                    self.count += 1;
                }
                let pair = &mut self.pairs[self.count - 1];
                let places = &mut self.lanes[self.count - 1][pair.tiles * SIDE..][..SIDE];
                for place in &mut places[..count] {
                    if row.inside {
                        *place = row.place + (block.images.start + image) * plan.target.batch;
                        self.last = self.last.max(*place);
                        for (seen, taps) in pair.seen.iter_mut().zip(row.taps) {
                            *seen = (seen.0.min(taps.0), seen.1.max(taps.1));
                        }
                        pair.used = true;
                    }
                    image += 1;
                    if image == images {
                        image = 0;
                        at[2] += 1;
                        if at[2] == block.seen[2] {
                            at[2] = 0;
                            at[1] += 1;
                            if at[1] == block.seen[1] {
                                (at[1], at[0]) = (0, at[0] + 1);
                            }
                        }
                        row = Place::new(plan, block, phases, at);
                    }
                }
                let step = places[1].wrapping_sub(places[0]);
                let mut neighbours = places.windows(2);
                let even = neighbours.all(|two| two[1].wrapping_sub(two[0]) == step);
                let whole = even && !places.contains(&NONE);
                pair.lanes[pair.tiles] = lane;
                pair.steps[pair.tiles] = if whole { step } else { NONE };
                pair.tiles += 1;
                pair.all = (0..3).all(|i| pair.seen[i] == (0, phases[i].patch.taps));
            }
        }
    }
}

/// Where a window's result is, in the first image, and which taps it sees inside the source.
struct Place {
    inside: bool,
    place: usize,
    taps: [(usize, usize); 3],
}

impl Place {
    fn new(plan: &Plan, block: &Block, phases: &[Phase; 3], at: [usize; 3]) -> Place {
        let windows: [usize; 3] = std::array::from_fn(|i| block.first[i] + at[i]);
        let inside =
            (0..3).all(|i| at[i] < block.windows[i] && windows[i] < phases[i].patch.windows);
        let result = std::array::from_fn(|i| phases[i].first + windows[i] * phases[i].step);
        Place {
            inside,
            place: plan.target.place(0, result, 0),
            taps: match inside {
                true => std::array::from_fn(|i| phases[i].real_taps(windows[i])),
                false => [(0, 0); 3],
            },
        }
    }
}
