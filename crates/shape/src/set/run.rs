use crate::dim::gcd;

/// The end of a run that has none.
pub(crate) const FOREVER: i64 = i64::MAX;

/// Sizes with one pattern: `n` of `from..end` is a member where `(n - from) mod period` lies in a span.
#[derive(Clone)]
pub(super) struct Run {
    /// The least member.
    pub(super) from: i64,
    /// One more than the greatest member, or [`FOREVER`].
    pub(super) end: i64,
    /// At least 1; as long as the run or longer where nothing repeats.
    pub(super) period: i64,
    /// Half-open, sorted, apart; the first begins at 0, the last ends within the period.
    pub(super) spans: Vec<(i64, i64)>,
}

impl Run {
    /// Whether each size between the ends is a member.
    pub(super) fn is_whole(&self) -> bool {
        self.spans == [(0, self.period)]
    }

    /// Whether the pattern comes only once.
    pub(super) fn is_list(&self) -> bool {
        self.end != FOREVER && self.end - self.from <= self.period
    }

    /// Whether the pattern has a member at `size`, and the least greater size at which that may differ. The
    /// pattern goes on below the run.
    pub(super) fn at(&self, size: i64) -> (bool, i64) {
        if self.is_whole() && size >= self.from {
            return (true, self.end);
        }
        let offset = (size - self.from).rem_euclid(self.period);
        let base = size - offset;
        let place = self.spans.partition_point(|span| span.1 <= offset);
        let (state, next) = match self.spans.get(place) {
            None => (false, base.saturating_add(self.period)),
            Some(span) if span.0 <= offset => (true, base.saturating_add(span.1)),
            Some(span) => (false, base.saturating_add(span.0)),
        };
        (state, next.min(self.end))
    }

    /// Whether the pattern has a member at `size - 1`, and the least size from which on that was so. The
    /// pattern goes on below the run.
    pub(super) fn below(&self, size: i64) -> (bool, i64) {
        if self.is_whole() {
            let from = if size > self.from { self.from } else { 0 };
            return (true, from);
        }
        let offset = (size - 1 - self.from).rem_euclid(self.period);
        let base = size - 1 - offset;
        // The first span begins at 0, so that there is one at or before the offset.
        let place = self.spans.partition_point(|span| span.0 <= offset) - 1;
        let span = self.spans[place];
        match offset < span.1 {
            true => (true, base + span.0),
            false => (false, base + span.1),
        }
    }

    /// How many members a run with an end has.
    pub(super) fn count(&self) -> i64 {
        let length = self.end - self.from;
        let within = |end: i64| -> i64 {
            let spans = self.spans.iter();
            spans.map(|span| span.1.min(end) - span.0.min(end)).sum()
        };
        length / self.period * within(self.period) + within(length % self.period)
    }

    /// The intervals of one that is a list.
    pub(super) fn intervals(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.spans
            .iter()
            .map(|span| {
                let end = self.from.saturating_add(span.1).min(self.end);
                (self.from.saturating_add(span.0), end)
            })
            .filter(|span| span.0 < span.1)
    }

    /// Makes the pattern begin at the first member from `size` on; it goes on below the run.
    pub(super) fn begin_at(&mut self, size: i64) {
        let cut = (size - self.from).rem_euclid(self.period);
        let mut spans: Vec<(i64, i64)> = Vec::with_capacity(self.spans.len() + 1);
        let later = self.spans.iter().filter(|span| span.1 > cut);
        let earlier = self.spans.iter().filter(|span| span.0 < cut);
        let turned = later
            .map(|span| (span.0.max(cut) - cut, span.1 - cut))
            .chain(earlier.map(|span| {
                let shift = self.period - cut;
                (span.0 + shift, span.1.min(cut) + shift)
            }));
        for span in turned {
            match spans.last_mut() {
                Some(last) if last.1 == span.0 => last.1 = span.1,
                _ => spans.push(span),
            }
        }
        self.from = size;
        self.spans = spans;
        self.begin_at_member();
    }

    /// Moves the beginning up to the first member.
    pub(super) fn begin_at_member(&mut self) {
        let first = self.spans.first().map_or(0, |span| span.0);
        self.from = self.from.saturating_add(first);
        for span in &mut self.spans {
            *span = (span.0 - first, span.1 - first);
        }
    }

    /// Ends the run before `end`, at its last member.
    pub(super) fn end_before(&mut self, end: i64) {
        self.end = match self.below(end) {
            (true, _) => end,
            (false, last) => last,
        };
    }

    /// Takes the shortest period.
    pub(super) fn shorten(&mut self) {
        if self.is_whole() {
            (self.period, self.spans) = (1, vec![(0, 1)]);
            return;
        }
        // The spans around the circle of one period, and so of all the shorter ones in it.
        let joined = self
            .spans
            .last()
            .is_some_and(|last| last.1 == self.period && self.spans.len() > 1);
        let around = self.spans.len() as i64 - i64::from(joined);
        let mut left = gcd(self.period, around);
        let mut prime = 2;
        while left > 1 {
            if prime * prime > left {
                prime = left;
            }
            while left % prime == 0 {
                left /= prime;
                if self.repeats(self.period / prime) {
                    self.period /= prime;
                    self.spans.retain(|span| span.0 < self.period);
                    if let Some(last) = self.spans.last_mut() {
                        last.1 = last.1.min(self.period);
                    }
                }
            }
            prime += 1;
        }
    }

    /// Whether this divisor of the period is one too.
    fn repeats(&self, period: i64) -> bool {
        let later = self
            .spans
            .iter()
            .filter(|span| span.1 > period)
            .map(|span| (span.0.max(period) - period, span.1 - period));
        let end = self.period - period;
        let earlier = self
            .spans
            .iter()
            .filter(|span| span.0 < end)
            .map(|span| (span.0, span.1.min(end)));
        later.eq(earlier)
    }
}
