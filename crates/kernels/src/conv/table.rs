//! The table of algorithms, by type of element, the preferred first.

use half::{bf16, f16};

use super::{
    Algorithm, Element, Precision, amx, direct, filter_gradient, grouped, implicit, reference,
    rows, stem, thin, tiny, turned, winograd,
};
use crate::simd::{Float, InstructionSet};

/// Products of gathered pixels with a packed filter.
const fn direct<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "direct",
        purpose: "matrix products of gathered pixels with a packed filter, by stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: direct::supports,
        pays: |_, _| true,
        scratch: direct::scratch::<T>,
        packed_len: direct::packed_len::<T>,
        pack: direct::pack,
        compute: direct::compute,
    }
}

/// The filter's gradient from the tensors as they are.
const fn filter_gradient<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "filter-gradient",
        purpose: "the filter's gradient, channels last: tiles summed over the windows",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: filter_gradient::supports,
        pays: filter_gradient::pays::<T>,
        scratch: filter_gradient::scratch::<T>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: filter_gradient::compute,
    }
}

/// Products of gathered blocks.
const fn gemm<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "gemm",
        purpose: "matrix products of gathered blocks, by stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: |_, _| true,
        pays: |_, _| true,
        scratch: implicit::scratch::<T>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: implicit::compute,
    }
}

/// Few numbers.
const fn tiny<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "tiny",
        purpose: "so few numbers that any preparation would take longer",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: |_, _| true,
        pays: tiny::pays,
        scratch: |_, _, _| 0,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: tiny::compute,
    }
}

/// Groups of few channels.
const fn grouped<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "grouped",
        purpose: "groups of one or a few channels: channels in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: grouped::supports,
        pays: grouped::pays::<T>,
        scratch: grouped::scratch::<T>,
        packed_len: grouped::packed_len,
        pack: grouped::pack,
        compute: grouped::compute,
    }
}

/// Channels first, computed as channels last.
const fn turned<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "turned",
        purpose: "channels first: block by block turned, and computed as channels last",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: turned::supports::<T>,
        pays: turned::pays::<T>,
        scratch: turned::scratch::<T>,
        packed_len: turned::packed_len::<T>,
        pack: turned::pack,
        compute: turned::compute,
    }
}

/// Few channels.
const fn thin<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "thin",
        purpose: "few channels: pixels in vector lanes, phases that see the same computed together",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: thin::supports::<T>,
        pays: thin::pays::<T>,
        scratch: thin::scratch::<T>,
        packed_len: thin::packed_len::<T>,
        pack: thin::pack,
        compute: thin::compute,
    }
}

/// Few channels of the source.
const fn stem<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "stem",
        purpose: "few channels of the source: runs of its rows read in place, channels in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: stem::supports,
        pays: stem::pays,
        scratch: stem::scratch::<T>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: stem::compute,
    }
}

/// Few channels of the result.
const fn rows<T: Float + Element>() -> Algorithm<T> {
    Algorithm {
        name: "rows",
        purpose: "few channels of a gradient towards the input: runs of its rows in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: rows::supports,
        pays: rows::pays::<T>,
        scratch: rows::scratch,
        packed_len: rows::packed_len,
        pack: rows::pack,
        compute: rows::compute,
    }
}

/// Products of parts on tile registers.
const fn amx<T: amx::Number, const PARTS: usize>(precision: Precision) -> Algorithm<T> {
    let (name, purpose) = match PARTS {
        1 => (
            "amx_bf16",
            "numbers rounded to bf16, one product of them on tile registers",
        ),
        2 => (
            "amx_bf16x3",
            "numbers split into two bf16 parts, three products of them on tile registers",
        ),
        _ => (
            "amx_bf16x6",
            "numbers split into three bf16 parts, six products of them on tile registers",
        ),
    };
    Algorithm {
        name,
        purpose,
        requires: InstructionSet::Amx,
        precision,
        supports: amx::supports::<T, PARTS>,
        pays: amx::pays::<T, PARTS>,
        scratch: amx::scratch::<T, PARTS>,
        packed_len: amx::packed_len::<T, PARTS>,
        pack: amx::pack::<T, PARTS>,
        compute: amx::compute::<T, PARTS>,
    }
}

pub(super) static ALGORITHMS_F32: [Algorithm<f32>; 18] = [
    tiny(),
    grouped(),
    amx::<f32, 1>(Precision::Medium),
    amx::<f32, 2>(Precision::High),
    amx::<f32, 3>(Precision::Highest),
    Algorithm {
        pays: |pass, shape| {
            let rows = || {
                winograd::rows::supports::<f32>(pass, shape)
                    && winograd::rows::pays::<f32>(pass, shape)
            };
            stem::pays(pass, shape) && (stem::is_small(shape) || !rows())
        },
        ..stem()
    },
    Algorithm {
        name: "winograd-rows",
        purpose: "fewer multiplications along the first axis: rows of the source read in place",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::rows::supports::<f32>,
        pays: winograd::rows::pays::<f32>,
        scratch: winograd::rows::scratch::<f32>,
        packed_len: winograd::rows::packed_len::<f32>,
        pack: winograd::rows::pack,
        compute: winograd::rows::compute,
    },
    Algorithm {
        name: "winograd",
        purpose: "fewer multiplications for two or three taps an axis of each stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::supports,
        pays: winograd::pays::<f32>,
        scratch: winograd::scratch::<f32>,
        packed_len: winograd::packed_len::<f32>,
        pack: winograd::pack,
        compute: winograd::compute,
    },
    Algorithm {
        name: "winograd-runs",
        purpose: "fewer multiplications along the first axis for few channels of a gradient towards the input",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::runs::supports,
        pays: winograd::runs::pays::<f32>,
        scratch: winograd::runs::scratch::<f32>,
        packed_len: winograd::runs::packed_len,
        pack: winograd::runs::pack,
        compute: winograd::runs::compute,
    },
    Algorithm {
        name: "winograd-thin",
        purpose: "fewer multiplications for few channels: tiles in vector lanes",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: winograd::thin::supports::<f32>,
        pays: winograd::thin::pays::<f32>,
        scratch: winograd::thin::scratch::<f32>,
        packed_len: winograd::thin::packed_len::<f32>,
        pack: winograd::thin::pack,
        compute: winograd::thin::compute,
    },
    turned(),
    rows(),
    thin(),
    Algorithm {
        name: "winograd-filter-gradient",
        purpose: "the filter's gradient with fewer multiplications for two or three taps an axis of each stride phase",
        requires: InstructionSet::Portable,
        precision: Precision::Highest,
        supports: filter_gradient::winograd::supports,
        pays: filter_gradient::winograd::pays::<f32>,
        scratch: filter_gradient::winograd::scratch::<f32>,
        packed_len: |_, _| 0,
        pack: |_| (),
        compute: filter_gradient::winograd::compute,
    },
    direct(),
    filter_gradient(),
    gemm(),
    reference::algorithm(),
];

pub(super) static ALGORITHMS_F64: [Algorithm<f64>; 10] = [
    tiny(),
    grouped(),
    turned(),
    rows(),
    stem(),
    thin(),
    direct(),
    filter_gradient(),
    gemm(),
    reference::algorithm(),
];

/// What is not here is faster in `f32`, halves widened before and rounded behind. One part has the bits of a bf16
/// number, and two those of an `f16`.
pub(super) static ALGORITHMS_BF16: [Algorithm<bf16>; 2] =
    [amx::<bf16, 1>(Precision::Highest), reference::algorithm()];

pub(super) static ALGORITHMS_F16: [Algorithm<f16>; 2] =
    [amx::<f16, 2>(Precision::Highest), reference::algorithm()];

pub(super) static ALGORITHMS_I32: [Algorithm<i32>; 1] = [reference::algorithm()];
