use super::Products;

/// A product's sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dims {
    /// Rows of the left matrix and of the result.
    pub(crate) rows: usize,
    /// Columns of the right matrix and of the result.
    pub(crate) columns: usize,
    /// What is summed over.
    pub(crate) depth: usize,
}

impl Dims {
    /// Multiplications, at least one for each element that is written.
    fn work(&self) -> usize {
        self.rows
            .saturating_mul(self.columns)
            .saturating_mul(self.depth.max(1))
    }
}

/// The depth of a block. A tile's columns of the right matrix, so deep, stay in the first-level cache.
pub(crate) const DEPTH: usize = 256;

/// From one row of the left block to the next when it is written along the depth. Not a power of two, so
/// that a tile's rows do not meet in one cache set.
pub(crate) const DEPTH_PITCH: usize = DEPTH + 16;

/// Block borders are multiples of every instruction set's tile: of its rows ...
pub(crate) const ROWS_UNIT: usize = 12;

/// ... and of its columns, which are up to this many bytes.
pub(super) const COLUMNS_UNIT_BYTES: usize = 128;

const ROWS_BYTES: usize = 960;
const COLUMNS_BYTES: usize = 1024;

/// The most rows and columns of a block; with a block's depth, they stay in the second-level cache.
pub(super) const fn most<T>() -> (usize, usize) {
    (ROWS_BYTES / size_of::<T>(), COLUMNS_BYTES / size_of::<T>())
}

/// A block smaller than this many multiplications is not worth another thread.
const LEAST_WORK: usize = 1 << 21;
/// As many blocks as keep many threads busy to the end.
const ENOUGH_BLOCKS: usize = 16;
/// Below this many multiplications the caller's thread is done before another has woken up.
const SERIAL_WORK: usize = 1 << 18;

/// How products are cut into tasks. It depends on their sizes alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    wanted: usize,
    may_slice: bool,
    /// Whether the caller's thread does it alone.
    pub(super) serial: bool,
}

impl Policy {
    pub(super) fn new<T, P: Products<T>>(products: &P) -> Policy {
        let count = products.count();
        let work = (0..count).fold(0usize, |sum, i| sum.saturating_add(products.dims(i).work()));
        let blocks = (work / LEAST_WORK).clamp(1, ENOUGH_BLOCKS);
        Policy {
            wanted: blocks.div_ceil(count.max(1)),
            may_slice: count == 1 && products.may_slice(),
            serial: work < SERIAL_WORK,
        }
    }
}

/// How one product is cut: into blocks of the result, and the depth into slices that are summed apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) dims: Dims,
    /// A block's rows; the last block may have fewer.
    pub(super) rows: usize,
    /// A block's columns; the last block may have fewer.
    pub(super) columns: usize,
    /// A slice's depth, whole blocks of it; the last slice may have less.
    pub(super) depth: usize,
}

/// The size of a block when `size` is cut into as few of them as possible, none above `most`.
fn balanced(size: usize, most: usize, unit: usize) -> usize {
    let blocks = size.div_ceil(most.max(unit)).max(1);
    size.div_ceil(blocks).next_multiple_of(unit).max(unit)
}

impl Plan {
    pub(super) fn new<T>(dims: Dims, policy: Policy) -> Plan {
        let (most_rows, most_columns) = most::<T>();
        let unit = COLUMNS_UNIT_BYTES / size_of::<T>();
        let mut plan = Plan {
            dims,
            rows: balanced(dims.rows, most_rows, ROWS_UNIT),
            columns: balanced(dims.columns, most_columns, unit),
            depth: dims.depth.max(1),
        };
        let depth_blocks = dims.depth.div_ceil(DEPTH);
        let slices = (policy.wanted / plan.blocks().max(1)).min(depth_blocks / 4);
        // Partial sums are for small results; a large one has blocks enough.
        if policy.may_slice && slices > 1 && plan.blocks() < ENOUGH_BLOCKS / 2 {
            plan.depth = depth_blocks.div_ceil(slices) * DEPTH;
        }
        while plan.tasks() > 0 && plan.tasks() < policy.wanted {
            if plan.columns > 2 * unit && plan.columns >= plan.rows / 2 {
                plan.columns = balanced(plan.columns, plan.columns / 2, unit);
            } else if plan.rows > 4 * ROWS_UNIT {
                plan.rows = balanced(plan.rows, plan.rows / 2, ROWS_UNIT);
            } else {
                break;
            }
        }
        plan
    }

    pub(super) fn slices(&self) -> usize {
        self.dims.depth.div_ceil(self.depth).max(1)
    }

    pub(super) fn row_blocks(&self) -> usize {
        self.dims.rows.div_ceil(self.rows)
    }

    fn blocks(&self) -> usize {
        self.row_blocks()
            .saturating_mul(self.dims.columns.div_ceil(self.columns))
    }

    /// How many tasks: one for each block of each slice.
    pub(super) fn tasks(&self) -> usize {
        self.blocks().saturating_mul(self.slices())
    }

    /// The scratch for partial sums.
    pub(super) fn partial_sums(&self) -> usize {
        match self.slices() {
            1 => 0,
            slices => slices * self.dims.rows * self.dims.columns,
        }
    }
}
