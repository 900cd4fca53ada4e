use std::ops::Range;

use tconv_shape::ConvShape;

use super::super::grid::plane;

/// The most pixels of a tile.
pub(super) const TALL: usize = 12;
/// Runs of a row's pixels that are added at a time have so many elements, so that they stay in the first-level cache, but
/// are of no fewer pixels.
const PART_ELEMENTS: usize = 1 << 12;
const PART: usize = 32;
/// Columns come in so many: whole vectors of every instruction set.
const UNIT: usize = 16;
/// The most vectors of columns of a tile.
const WIDE: usize = 5;
/// The most columns: more than what pays.
const COLUMNS: usize = 512;
/// The most elements of the rows that a thread adds to.
const RING: usize = 1 << 15;
/// The most elements of a packed filter.
const FILTER: usize = 1 << 19;
/// As many tasks as keep many threads busy to the end ...
const ENOUGH_TASKS: usize = 16;
/// ... if each has so many multiplications.
const LEAST_WORK: usize = 1 << 17;

/// A convolution's gradient towards its input, by rows of that: the result.
#[derive(Debug)]
pub(super) struct Plan {
    batch: usize,
    /// The source's sizes.
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) depth: usize,
    pub(super) result_height: usize,
    /// Elements of a row of the result.
    pub(super) result_row: usize,
    /// Rows and elements of a row that are cut off before the result.
    pub(super) before: usize,
    pub(super) cut: usize,
    /// The kernel's rows, and what they are apart.
    pub(super) taps: usize,
    pub(super) dilation: usize,
    /// Rows from one of the source to the next.
    pub(super) stride: usize,
    /// Elements of the kernel's row, and from one pixel of the source to the next.
    pub(super) run: usize,
    pub(super) step: usize,
    /// The runs of all the kernel's rows, filled up.
    pub(super) columns: usize,
    /// The pixels of a row whose runs are added at a time.
    pub(super) part: usize,
    /// Whether nothing is added to anything.
    pub(super) apart: bool,
    /// The rows that a row of the source leads to, and up to the next.
    pub(super) ring: usize,
    /// Whether there is one channel and neighbouring results see different pixels.
    lonely: bool,
    /// Elements of each of these rows, with room for a vector.
    pub(super) row: usize,
    /// Rows of the source before a block that lead into it, and the most rows of a block.
    common: usize,
    block: usize,
}

/// Some rows of the result of one image.
#[derive(Clone)]
pub(super) struct Block {
    pub(super) image: usize,
    /// The rows of the source that lead there.
    pub(super) source: Range<usize>,
    /// Its rows, seen from the first tap of the first row of the source.
    pub(super) result: Range<usize>,
}

impl Plan {
    /// Of a shape that was checked, if it is one of these.
    pub(super) fn new(shape: &ConvShape) -> Option<Plan> {
        let [tall, wide] = plane(shape)?;
        let channels = shape.in_channels;
        let run = wide.kernel.checked_mul(channels)?;
        let columns = run.checked_mul(tall.kernel).filter(|&n| n <= COLUMNS)?;
        let filled = columns.next_multiple_of(UNIT);
        filled
            .checked_mul(shape.out_channels)
            .filter(|&n| n <= FILTER)?;
        let span = (tall.kernel - 1) * tall.dilation + 1;
        let ring = span.max(tall.stride);
        let reach = (wide.output - 1) * wide.stride + wide.kernel.max(wide.stride);
        let reach = reach.max(wide.pad_before + wide.input);
        let row = reach.checked_mul(channels)?.checked_add(2 * UNIT)?;
        ring.checked_mul(row).filter(|&n| n <= RING)?;
        let mut plan = Plan {
            batch: shape.batch,
            height: tall.output,
            width: wide.output,
            depth: shape.out_channels,
            result_height: tall.input,
            result_row: wide.input * channels,
            before: tall.pad_before,
            cut: wide.pad_before * channels,
            taps: tall.kernel,
            dilation: tall.dilation,
            stride: tall.stride,
            run,
            step: wide.stride * channels,
            columns: filled,
            part: PART.max(PART_ELEMENTS / filled),
            apart: span <= tall.stride && wide.kernel <= wide.stride,
            lonely: channels == 1
                && [tall, wide].iter().any(|axis| {
                    axis.kernel > axis.stride
                        && (axis.kernel % axis.stride, axis.pad_before % axis.stride) != (0, 0)
                }),
            ring,
            row: row.next_multiple_of(UNIT),
            common: (span - 1) / tall.stride,
            block: tall.output,
        };
        let wanted = ENOUGH_TASKS.div_ceil(plan.batch);
        let row_work = plan.work() / plan.batch / plan.height;
        let least = LEAST_WORK.div_ceil(row_work.max(1));
        let blocks = (plan.height / least).clamp(1, wanted);
        plan.block = plan.height.div_ceil(blocks);
        Some(plan)
    }

    /// Whether what this algorithm does beside the products costs less than to turn pixels into lanes and back. The
    /// weights are a fortieth of a vector's product for each pixel of the source.
    pub(super) fn pays(&self) -> bool {
        let used = self.run * self.taps;
        let vectors = self.columns / UNIT;
        let groups = vectors.div_ceil(WIDE);
        let lanes = vectors.div_ceil(groups) * groups * UNIT;
        let repeated = match self.block < self.height {
            true => lanes * self.common / self.block,
            false => 0,
        };
        let idle = (lanes - used + repeated) * self.depth / UNIT;
        let runs = self.taps * self.run.div_ceil(UNIT);
        let results = self.stride * self.step;
        let added = match self.apart {
            true => 120 * runs + 20 * results,
            false => 640 + 280 * runs,
        };
        let products = used * self.depth / UNIT;
        let turned = 19 * self.depth + 20 * results + 7 * products;
        // Phases of one channel that see different pixels are computed one by one.
        let alone = match self.lonely {
            true => 60 * products,
            false => 0,
        };
        40 * idle + added <= turned + alone
    }

    /// How many multiplications it takes.
    pub(super) fn work(&self) -> usize {
        [self.height, self.width, self.depth, self.run * self.taps]
            .iter()
            .fold(self.batch, |product, &n| product.saturating_mul(n))
    }

    pub(super) fn packed_len(&self) -> usize {
        self.depth * self.columns
    }

    /// The elements of a filter for each channel of the source, zeros behind them.
    pub(super) fn pack<T: Copy + Default>(&self, filter: &[T], out: &mut [T]) {
        for (channel, columns) in out.chunks_exact_mut(self.columns).enumerate() {
            let elements = filter[channel..].iter().step_by(self.depth);
            let (used, idle) = columns.split_at_mut(self.run * self.taps);
            used.iter_mut()
                .zip(elements)
                .for_each(|(to, &from)| *to = from);
            idle.fill(T::default());
        }
    }

    /// The elements of the runs' room: two tiles and a part, and a vector.
    pub(super) fn runs_len(&self) -> usize {
        (2 * TALL + self.part) * self.columns + UNIT
    }

    /// The elements of scratch that a thread takes.
    pub(super) fn own_len(&self) -> usize {
        self.runs_len() + (self.ring + 1) * self.row
    }

    /// A block by its number, if there are so many.
    pub(super) fn block(&self, number: usize) -> Option<Block> {
        let blocks = self.height.div_ceil(self.block);
        let (image, start) = (number / blocks, number % blocks * self.block);
        let end = self.height.min(start + self.block);
        let own = |row: usize| (row * self.stride).max(self.before);
        let last = self.before + self.result_height;
        let result = own(start).min(last)..if end == self.height {
            last
        } else {
            own(end).min(last)
        };
        (image < self.batch).then(|| Block {
            image,
            source: start.saturating_sub(self.common)..end,
            result,
        })
    }
}
