//! The counter-based random generator behind TensorFlow's random ops.
//!
//! Philox4x32-10 is of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
//! 1, 2, 3" (SC 2011): ten rounds turn a 128-bit counter and a 64-bit key into 128 random bits.
//! Any place of the stream can be reached at once, so values do not depend on who computes them.

const ROUNDS: usize = 10;
const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const KEY_STEPS: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// TensorFlow's `DEFAULT_GRAPH_SEED`: the graph seed of an op that has only a seed of its own.
const DEFAULT_GRAPH_SEED: i64 = 87_654_321;
/// What TensorFlow reduces seeds by: the largest 32-bit integer.
const SEED_MODULUS: i64 = i32::MAX as i64;

/// The state of one node's stream in one session: TensorFlow's `PhiloxRandom`.
#[derive(Clone, Debug)]
pub struct Philox {
    counter: u128,
    key: [u32; 2],
}

impl Philox {
    /// The start of the stream of a node with the attributes `seed` and `seed2`: `seed` is the
    /// key, `seed2` the upper half of the counter, as in TensorFlow's `GuardedPhiloxRandom`.
    ///
    /// TensorFlow takes (0, 0) to ask for seeds from the system; that choice is the caller's.
    #[must_use]
    pub fn new(seed: i64, seed2: i64) -> Philox {
        let seed = seed.cast_unsigned();
        Philox {
            counter: u128::from(seed2.cast_unsigned()) << 64,
            key: [seed as u32, (seed >> 32) as u32],
        }
    }

    /// Moves past `groups` results of [`Philox::next4`], in constant time.
    pub fn skip(&mut self, groups: u64) {
        self.counter = self.counter.wrapping_add(u128::from(groups));
    }

    /// The next 128 random bits as four words, in the order in which TensorFlow uses them.
    pub fn next4(&mut self) -> [u32; 4] {
        let mut words: [u32; 4] = std::array::from_fn(|i| (self.counter >> (32 * i)) as u32);
        let mut key = self.key;
        for _ in 0..ROUNDS {
            let [low0, high0] = multiply(MULTIPLIERS[0], words[0]);
            let [low1, high1] = multiply(MULTIPLIERS[1], words[2]);
            words = [
                high1 ^ words[1] ^ key[0],
                low1,
                high0 ^ words[3] ^ key[1],
                low0,
            ];
            key = [
                key[0].wrapping_add(KEY_STEPS[0]),
                key[1].wrapping_add(KEY_STEPS[1]),
            ];
        }
        self.skip(1);
        words
    }
}

/// The lower and the upper half of a product.
fn multiply(a: u32, b: u32) -> [u32; 2] {
    let product = u64::from(a) * u64::from(b);
    [product as u32, (product >> 32) as u32]
}

/// The attributes `seed` and `seed2` of a random op, by the rule of TensorFlow's
/// `tf.compat.v1.get_seed`; `None` where both are to come from the system.
///
/// `counter` is how many random ops without a seed of their own the graph has already. It is
/// used, and the caller is to raise it, only if there is a graph seed and no op seed.
#[must_use]
pub fn seeds(graph_seed: Option<i64>, op_seed: Option<i64>, counter: i64) -> Option<(i64, i64)> {
    let pair = match (graph_seed, op_seed) {
        (None, None) => return None,
        (None, Some(op)) => (DEFAULT_GRAPH_SEED, op),
        (Some(graph), op) => (graph, op.unwrap_or(counter)),
    };
    match (
        pair.0.rem_euclid(SEED_MODULUS),
        pair.1.rem_euclid(SEED_MODULUS),
    ) {
        (0, 0) => Some((0, SEED_MODULUS)),
        seeds => Some(seeds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(counter: [u32; 4], key: [u32; 2]) -> Philox {
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let mut stream = Philox::new(
            join(key[0], key[1]).cast_signed(),
            join(counter[2], counter[3]).cast_signed(),
        );
        stream.skip(join(counter[0], counter[1]));
        stream
    }

    /// The `philox4x32 10` lines of Random123's `kat_vectors`.
    #[test]
    fn known_answers() {
        let ones = u32::MAX;
        let table = [
            (
                [0; 4],
                [0; 2],
                [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
            ),
            (
                [ones; 4],
                [ones; 2],
                [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
            ),
            (
                [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
                [0xa4093822, 0x299f31d0],
                [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
            ),
        ];
        for (counter, key, answer) in table {
            assert_eq!(at(counter, key).next4(), answer);
        }
    }

    #[test]
    fn the_counter_carries_through_all_words() {
        let carries = [
            ([u32::MAX, 0, 7, 8], [0, 1, 7, 8]),
            ([u32::MAX, u32::MAX, 7, 8], [0, 0, 8, 8]),
            ([u32::MAX, u32::MAX, u32::MAX, 8], [0, 0, 0, 9]),
            ([u32::MAX; 4], [0; 4]),
        ];
        for (before, after) in carries {
            let mut stream = at(before, [1, 2]);
            stream.next4();
            assert_eq!(stream.next4(), at(after, [1, 2]).next4());
        }
    }

    #[test]
    fn skipping_is_drawing_and_forgetting() {
        let mut drawn = at([u32::MAX - 3, u32::MAX, 0, 0], [5, 6]);
        let mut skipped = drawn.clone();
        for _ in 0..9 {
            drawn.next4();
        }
        skipped.skip(9);
        assert_eq!(drawn.next4(), skipped.next4());
    }

    /// What `tf.compat.v1.get_seed` of TensorFlow 2.21 answered.
    #[test]
    fn seeds_are_those_of_tensorflow() {
        let table = [
            (None, None, 0, None),
            (None, None, 3, None),
            (None, Some(5), 0, Some((87_654_321, 5))),
            (None, Some(0), 2, Some((87_654_321, 0))),
            (Some(1), None, 0, Some((1, 0))),
            (Some(1), None, 7, Some((1, 7))),
            (Some(0), None, 0, Some((0, 2_147_483_647))),
            (Some(0), None, 1, Some((0, 1))),
            (Some(1), Some(2), 9, Some((1, 2))),
            (Some(0), Some(0), 0, Some((0, 2_147_483_647))),
            (Some(-1), Some(-3), 0, Some((2_147_483_646, 2_147_483_644))),
            (
                Some(2_147_483_647),
                Some(2_147_483_647),
                4,
                Some((0, 2_147_483_647)),
            ),
            (
                Some(2_147_483_648),
                Some(1_099_511_627_776),
                0,
                Some((1, 512)),
            ),
            (Some(i64::MIN), Some(i64::MAX), 0, Some((2_147_483_645, 1))),
            (Some(87_654_321), None, 2_147_483_648, Some((87_654_321, 1))),
        ];
        for (graph, op, counter, answer) in table {
            assert_eq!(
                seeds(graph, op, counter),
                answer,
                "{graph:?} {op:?} {counter}"
            );
        }
    }
}
