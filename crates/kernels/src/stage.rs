//! What is done in place to each element of a result, as soon as it is whole: a bias, an activation.

mod finish;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) use self::finish::Finish;
use crate::Threads;
use crate::reduce::Number;

/// Elements that a thread takes at a time.
const PIECE: usize = 1 << 14;
/// Elements that few channels are repeated to before they are added, so that runs are long.
const REPEATED: usize = 64;

/// A function of each element alone.
pub trait Each<T>: Sync {
    /// Changes some neighbours; an element's value does not depend on which piece it comes in.
    fn apply(&self, piece: &mut [T]);
}

/// One thing that is done to each element of a result.
#[derive(Clone, Copy)]
pub enum Stage<'a, T> {
    /// `bias[c]` is added, where the channels are runs of `inner` elements in turn.
    Bias {
        /// One element for each channel; nothing is done where there is none.
        bias: &'a [T],
        /// The elements behind the channels' axis: 1 where the channels are last.
        inner: usize,
    },
    /// What is not above zero becomes zero; NaN stays.
    Relu,
    /// What is not above zero is multiplied; NaN stays.
    LeakyRelu(T),
    /// A function of the element.
    Each(&'a dyn Each<T>),
}

impl<T: Number> Stage<'_, T> {
    /// Applies it to a piece of the result, whose first element is number `first`.
    fn apply(&self, first: usize, piece: &mut [T]) {
        match *self {
            Stage::Bias { bias: [], .. } | Stage::Bias { inner: 0, .. } => {}
            Stage::Bias { bias, inner: 1 } => {
                let (ahead, mut rest) = (first % bias.len(), piece);
                if ahead > 0 {
                    let head = rest.len().min(bias.len() - ahead);
                    let (head, tail) = rest.split_at_mut(head);
                    add(head, &bias[ahead..]);
                    rest = tail;
                }
                let mut many = [T::ZERO; REPEATED];
                let count = rest.len().min(REPEATED) / bias.len();
                let many = match count {
                    0 | 1 => bias,
                    _ => {
                        let many = &mut many[..count * bias.len()];
                        many[..bias.len()].copy_from_slice(bias);
                        let mut made = bias.len();
                        while made < many.len() {
                            many.copy_within(..made.min(many.len() - made), made);
                            made *= 2;
                        }
                        &*many
                    }
                };
                rest.chunks_mut(many.len()).for_each(|run| add(run, many));
            }
            Stage::Bias { bias, inner } => {
                let (mut at, mut rest) = (first, piece);
                while !rest.is_empty() {
                    let run = rest.len().min(inner - at % inner);
                    let (run, tail) = rest.split_at_mut(run);
                    let bias = bias[at / inner % bias.len()];
                    run.iter_mut().for_each(|value| *value = value.plus(bias));
                    at += run.len();
                    rest = tail;
                }
            }
            Stage::Relu => map(piece, |x| if x <= T::ZERO { T::ZERO } else { x }),
            Stage::LeakyRelu(slope) => {
                map(piece, |x| if x <= T::ZERO { x.times(slope) } else { x });
            }
            Stage::Each(each) => each.apply(piece),
        }
    }
}

fn map<T: Copy>(values: &mut [T], f: impl Fn(T) -> T) {
    values.iter_mut().for_each(|value| *value = f(*value));
}

fn add<T: Number>(values: &mut [T], bias: &[T]) {
    let pairs = values.iter_mut().zip(bias);
    pairs.for_each(|(value, &bias)| *value = value.plus(bias));
}

/// Applies stages, in their order, to a piece of a result whose first element is number `first`: pieces may be
/// taken in any order and of any size.
pub fn apply<T: Number>(stages: &[Stage<'_, T>], first: usize, piece: &mut [T]) {
    stages.iter().for_each(|stage| stage.apply(first, piece));
}

/// Applies stages to a whole result.
pub fn apply_all<T: Number>(threads: &Threads, stages: &[Stage<'_, T>], out: &mut [T]) {
    if stages.is_empty() {
        return;
    }
    threads.for_each_piece(out, PIECE, |i, piece| apply(stages, i * PIECE, piece));
}

/// What is done to a result once it is computed: by the algorithm before it stores its sums, if it knows how,
/// otherwise behind it.
pub(crate) struct Epilogue<'a, T> {
    stages: &'a [Stage<'a, T>],
    /// How many are taken.
    taken: AtomicUsize,
    refused: AtomicBool,
}

impl<'a, T: Number> Epilogue<'a, T> {
    pub(crate) fn new(stages: &'a [Stage<'a, T>]) -> Self {
        Epilogue {
            stages,
            taken: AtomicUsize::new(0),
            refused: AtomicBool::new(false),
        }
    }

    /// Says that the result is none: the algorithm could not compute these numbers exactly.
    pub(crate) fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    /// The stages that are left, for whoever applies them by [`apply`] to each element once.
    pub(crate) fn take(&self) -> &'a [Stage<'a, T>] {
        let taken = self.taken.swap(self.stages.len(), Ordering::Relaxed);
        &self.stages[taken..]
    }

    /// Those of the stages that come first and can be done to vectors, where a bias has so many channels, for whoever
    /// applies them to each sum once. The others are left: what they compute costs far more than to read it again.
    pub(crate) fn finish(&self, channels: usize, inner: usize) -> Finish<'a, T> {
        let taken = self.taken.load(Ordering::Relaxed);
        let finish = Finish::new(&self.stages[taken..], channels, inner);
        self.taken
            .fetch_add(finish.stages().len(), Ordering::Relaxed);
        finish
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Twice;

    impl Each<i32> for Twice {
        fn apply(&self, piece: &mut [i32]) {
            piece.iter_mut().for_each(|x| *x *= 2);
        }
    }

    #[test]
    fn any_pieces_give_the_same() {
        let bias = [10, 20, 30];
        for inner in [1, 4] {
            let stages = [Stage::Bias { bias: &bias, inner }, Stage::Each(&Twice)];
            let whole: Vec<i32> = (0..48).collect();
            let expected: Vec<i32> = (whole.iter().enumerate())
                .map(|(i, x)| 2 * (x + bias[i / inner % 3]))
                .collect();
            for size in 1..=48 {
                let mut out = whole.clone();
                for (i, piece) in out.chunks_mut(size).enumerate() {
                    apply(&stages, i * size, piece);
                }
                assert_eq!(out, expected, "{inner} {size}");
            }
        }
        let bias = [5];
        let stages = [Stage::Bias {
            bias: &bias,
            inner: 1,
        }];
        for threads in [1, 2] {
            let mut out = vec![1; 3 * PIECE + 1];
            apply_all(&Threads::new(threads).unwrap(), &stages, &mut out);
            assert!(out.iter().all(|&x| x == 6));
        }
    }

    #[test]
    fn each_stage_is_taken_once() {
        let bias = [5];
        let (bias, inner) = (&bias[..], 1);
        let stages = [
            Stage::Bias { bias, inner },
            Stage::Relu,
            Stage::Each(&Twice),
        ];
        let epilogue = Epilogue::new(&stages);
        assert_eq!((epilogue.take().len(), epilogue.take().len()), (3, 0));
        for (channels, taken) in [(1, 2), (2, 0)] {
            let epilogue = Epilogue::new(&stages);
            assert_eq!(epilogue.finish(channels, 1).stages().len(), taken);
            assert_eq!(epilogue.take().len(), 3 - taken);
        }
    }
}
