//! What is done in place to each element of a result, as soon as it is whole: a bias, an activation.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::Threads;
use crate::reduce::Number;

/// Elements that a thread takes at a time.
const PIECE: usize = 1 << 14;

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
                rest.chunks_mut(bias.len())
                    .for_each(|pixel| add(pixel, bias));
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
            Stage::Each(each) => each.apply(piece),
        }
    }
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

/// What is done to a result once it is computed: by the algorithm while it is in cache, if it knows how, otherwise
/// behind it.
pub(crate) struct Epilogue<'a, T> {
    stages: &'a [Stage<'a, T>],
    taken: AtomicBool,
}

impl<'a, T: Number> Epilogue<'a, T> {
    pub(crate) fn new(stages: &'a [Stage<'a, T>]) -> Self {
        Epilogue {
            stages,
            taken: AtomicBool::new(false),
        }
    }

    /// The stages, for whoever applies them by [`apply`] to each element once.
    pub(crate) fn take(&self) -> &'a [Stage<'a, T>] {
        match self.taken.swap(true, Ordering::Relaxed) {
            false => self.stages,
            true => &[],
        }
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
        let epilogue = Epilogue::new(&stages);
        assert_eq!((epilogue.take().len(), epilogue.take().len()), (1, 0));
    }
}
