use super::SizeSet;
use super::run::{FOREVER, Run};

/// A run that repeats but has no more intervals than this is written as a list.
const FEW: i64 = 16;

/// Makes a set from pieces that are given in order.
#[derive(Default)]
pub(crate) struct Builder {
    runs: Vec<Run>,
    /// Half-open, after all runs.
    list: Vec<(i64, i64)>,
}

impl Builder {
    /// Adds `from..end`, which comes after all that was added, where that is not empty.
    pub(crate) fn interval(&mut self, from: i64, end: i64) {
        if from >= end {
            return;
        }
        if end == FOREVER {
            return self.run(Run {
                from,
                end,
                period: 1,
                spans: vec![(0, 1)],
            });
        }
        match self.list.last_mut() {
            Some(last) if last.1 == from => last.1 = end,
            _ => self.list.push((from, end)),
        }
    }

    /// Adds those of `from..end`, which come after all that was added, whose distance from `from`, modulo
    /// `period`, lies in `spans`: half-open, sorted, apart.
    pub(crate) fn pattern(&mut self, from: i64, end: i64, period: i64, spans: Vec<(i64, i64)>) {
        if spans.is_empty() {
            return;
        }
        let mut run = Run {
            from,
            end,
            period,
            spans,
        };
        if end - from <= period {
            return run
                .intervals()
                .for_each(|(from, end)| self.interval(from, end));
        }
        if run.is_whole() {
            return self.interval(from, end);
        }
        run.begin_at_member();
        run.shorten();
        if run.from >= end {
            return;
        }
        if end != FOREVER {
            run.end_before(end);
            let times = (run.end - run.from - 1) / run.period + 1;
            if times.saturating_mul(run.spans.len() as i64) <= FEW {
                for time in 0..times {
                    for span in &run.spans {
                        let base = run.from + time * run.period;
                        if base + span.0 < run.end {
                            self.interval(base + span.0, (base + span.1).min(run.end));
                        }
                    }
                }
                return;
            }
        }
        self.run(run);
    }

    /// The set.
    pub(crate) fn finish(mut self) -> SizeSet {
        self.list_to_run(FOREVER);
        SizeSet { runs: self.runs }
    }

    /// Makes the list a run; what follows begins at `before`.
    fn list_to_run(&mut self, before: i64) {
        self.lengthen(before);
        if let (Some(first), Some(last)) = (self.list.first(), self.list.last()) {
            let (from, end) = (first.0, last.1);
            let spans = self.list.drain(..).map(|(a, b)| (a - from, b - from));
            self.runs.push(Run {
                from,
                end,
                period: end - from,
                spans: spans.collect(),
            });
        }
    }

    /// Adds one that repeats: as far down as its pattern holds.
    fn run(&mut self, mut run: Run) {
        let begin = self.give_way(&run);
        if begin < run.from {
            run.begin_at(begin);
        }
        self.list_to_run(run.from);
        self.runs.push(run);
    }

    /// Lets the pattern of the last run go on as far as it says the same as the list.
    fn lengthen(&mut self, before: i64) {
        let Some(last) = self.runs.last_mut().filter(|_| !self.list.is_empty()) else {
            return;
        };
        let mut size = last.end;
        last.end = FOREVER;
        let mut taken = 0;
        while size < before {
            let (here, next) = match self.list.get(taken) {
                Some(&(from, end)) if from <= size => (true, end),
                Some(&(from, _)) => (false, from),
                None => (false, before),
            };
            let (wanted, other) = last.at(size);
            if here != wanted {
                break;
            }
            size = next.min(other);
            taken += usize::from(here && size == next);
        }
        last.end_before(size);
        self.list.drain(..taken);
        if let Some(first) = self.list.first_mut() {
            first.0 = first.0.max(size);
        }
    }

    /// Takes away the end of what was added, as far as the run's pattern says the same; says from where on.
    fn give_way(&mut self, run: &Run) -> i64 {
        let mut size = run.from;
        // Where the last run was entered: two patterns that agree for as long as both periods are the same.
        let mut entered = (0, size);
        while size > 0 {
            self.cut(size);
            if let Some(last) = self.runs.last().filter(|_| self.list.is_empty()) {
                if last.end < size || entered.0 != self.runs.len() {
                    entered = (self.runs.len(), last.end.min(size));
                }
                if entered.1 - size >= last.period.saturating_add(run.period) {
                    size = last.from;
                    continue;
                }
            }
            let (here, since) = self.below(size);
            let (wanted, from) = run.below(size);
            if here != wanted {
                break;
            }
            size = since.max(from).max(0);
        }
        self.cut(size);
        if let Some(last) = self.runs.last_mut() {
            let end = last.end;
            last.end_before(end);
        }
        size
    }

    /// Takes away what is not below `size`. The last run may then end after its last member.
    fn cut(&mut self, size: i64) {
        loop {
            if self.list.is_empty()
                && let Some(last) = self.runs.pop_if(|last| last.is_list())
            {
                self.list.extend(last.intervals());
            }
            if let Some(last) = self.list.last_mut() {
                if last.0 < size {
                    last.1 = last.1.min(size);
                    return;
                }
                self.list.pop();
            } else if let Some(last) = self.runs.last_mut() {
                if last.from < size {
                    last.end = last.end.min(size);
                    return;
                }
                self.runs.pop();
            } else {
                return;
            }
        }
    }

    /// Whether `size - 1` was added, and the least size from which on that was so.
    fn below(&self, size: i64) -> (bool, i64) {
        if let Some(&(from, end)) = self.list.last() {
            return match end < size {
                true => (false, end),
                false => (true, from),
            };
        }
        match self.runs.last() {
            None => (false, 0),
            Some(last) if last.end < size => (false, last.end),
            Some(last) => {
                let (state, since) = last.below(size);
                (state, since.max(last.from))
            }
        }
    }
}
