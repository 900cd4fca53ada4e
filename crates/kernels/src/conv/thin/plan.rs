//! What a lattice says to each of its blocks, written once, before the filter: to work it out takes longer than to
//! compute a small block.

use super::lattice::Lattice;

/// Numbers that are read in the order in which they were written. A list's length comes before it.
#[derive(Clone, Copy)]
pub(super) struct Numbers<'a>(&'a [u32]);

impl<'a> Numbers<'a> {
    pub(super) fn number(&mut self) -> usize {
        self.take(1)[0] as usize
    }

    pub(super) fn list(&mut self) -> &'a [u32] {
        let len = self.number();
        self.take(len)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, len: usize) -> &'a [u32] {
        let (first, rest) = self.0.split_at(len);
        self.0 = rest;
        first
    }
}

/// A lattice as numbers. All positions are those in a cell.
#[derive(Clone, Copy)]
pub(super) struct Plan<'a> {
    /// Positions along the first axis that no tap leads to, ...
    pub(super) deep_gaps: &'a [u32],
    /// ... those that taps lead to, ...
    pub(super) deep: &'a [u32],
    /// ... and those along the second axis that no tap leads to.
    pub(super) tall_gaps: &'a [u32],
    /// For each band its position along the first axis, a list of those along the second, and how many classes it
    /// has: for each a list of positions along the last axis and one of where its terms are.
    pub(super) bands: Numbers<'a>,
}

impl Plan<'_> {
    /// How many numbers a lattice's plan takes.
    pub(super) fn len(lattice: &Lattice) -> usize {
        let mut len = 1;
        emit(lattice, &mut |_| len += 1);
        len
    }

    /// Writes a lattice's plan and returns the rest of the room.
    pub(super) fn write<'a, T>(lattice: &Lattice, room: &'a mut [T]) -> &'a mut [T] {
        const {
            assert!(align_of::<T>() >= align_of::<u32>() && size_of::<T>() >= size_of::<u32>());
        }
        let (start, count) = (room.as_mut_ptr().cast::<u32>(), room.len());
        // SAFETY: the elements are aligned and large enough, and any bits are numbers of both types.
        let numbers = unsafe { std::slice::from_raw_parts_mut(start, count) };
        let mut len = 1;
        emit(lattice, &mut |number| {
            numbers[len] = number as u32;
            len += 1;
        });
        numbers[0] = len as u32;
        &mut room[len..]
    }

    /// Reads a plan and what is behind it.
    pub(super) fn read<T>(packed: &[T]) -> (Plan<'_>, &[T]) {
        const {
            assert!(align_of::<T>() >= align_of::<u32>() && size_of::<T>() >= size_of::<u32>());
        }
        let start = packed.as_ptr().cast::<u32>();
        // SAFETY: as above.
        let numbers = unsafe { std::slice::from_raw_parts(start, packed.len()) };
        let len = numbers[0] as usize;
        let mut numbers = Numbers(&numbers[1..len]);
        let plan = Plan {
            deep_gaps: numbers.list(),
            deep: numbers.list(),
            tall_gaps: numbers.list(),
            bands: numbers,
        };
        (plan, &packed[len..])
    }
}

/// Gives the numbers of a plan one after the other.
fn emit(lattice: &Lattice, put: &mut impl FnMut(usize)) {
    fn list(put: &mut impl FnMut(usize), len: usize, numbers: impl Iterator<Item = usize>) {
        put(len);
        numbers.for_each(put);
    }
    let [deep, tall, _] = lattice.lines;
    list(put, deep.gaps().count(), deep.gaps());
    list(put, deep.phases(), deep.runs(1).map(|run| run.place(0)));
    list(put, tall.gaps().count(), tall.gaps());
    for band in lattice.bands() {
        let [z, y] = band;
        put(z.place(0));
        list(put, y.len, (0..y.len).map(|i| y.place(i)));
        put(lattice.classes(band).count());
        for class in lattice.classes(band) {
            let x = class.runs[2];
            list(put, x.len, (0..x.len).map(|i| x.place(i)));
            let terms = lattice.terms(class);
            let offsets = terms.map(|(taps, channel)| lattice.offset(&class, taps, channel));
            list(put, class.depth, offsets);
        }
    }
}
