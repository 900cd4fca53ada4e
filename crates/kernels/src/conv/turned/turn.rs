use crate::Threads;
use crate::conv::direct::Shared;
use crate::simd::{Float, InstructionSet, Vectors, Work};

/// The rows and columns that are turned at once, through a buffer in the first-level cache: planes are often as far
/// apart as makes their elements meet in one cache set, so that no line of them is left half read or half written.
const CHANNELS: usize = 16;
const PIXELS: usize = 128;

/// A task's pixels, and its channels where they come first in what is written.
const TASK_PIXELS: usize = 512;
const TASK_CHANNELS: usize = 32;

/// Some pixels of some images with the channels first.
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub(super) images: usize,
    pub(super) channels: usize,
    pub(super) pixels: usize,
    /// The first pixel, and how far it is to the next channel's.
    pub(super) start: usize,
    pub(super) plane: usize,
}

/// Turns images with the channels first.
pub(super) fn to_last<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    (from, at): (&[T], &Planes),
    to: &mut [T],
) {
    let pieces = at.pixels.div_ceil(TASK_PIXELS);
    let to = &Shared(to.as_mut_ptr(), to.len());
    threads.for_each(at.images * pieces, |task| {
        let (image, first) = (task / pieces, task % pieces * TASK_PIXELS);
        let place = (image * at.pixels + first) * at.channels;
        let turn = Turn {
            pixels: TASK_PIXELS.min(at.pixels - first),
            channels: at.channels,
            pitch: at.channels,
            plane: at.plane,
            from: &from[image * at.channels * at.plane + at.start + first..],
            to: to.0.wrapping_add(place),
            room: to.1 - place,
            to_last: true,
        };
        T::dispatch(set, turn);
    });
}

/// Turns images with the channels last.
pub(super) fn to_first<T: Float>(
    set: InstructionSet,
    threads: &Threads,
    from: &[T],
    (to, at): (&mut [T], &Planes),
) {
    let pieces = [
        at.pixels.div_ceil(TASK_PIXELS),
        at.channels.div_ceil(TASK_CHANNELS),
    ];
    let each = pieces[0] * pieces[1];
    let to = &Shared(to.as_mut_ptr(), to.len());
    threads.for_each(at.images * each, |task| {
        let (image, task) = (task / each, task % each);
        let first = task / pieces[1] * TASK_PIXELS;
        let channel = task % pieces[1] * TASK_CHANNELS;
        let pixels = TASK_PIXELS.min(at.pixels - first);
        let channels = TASK_CHANNELS.min(at.channels - channel);
        let place = (image * at.channels + channel) * at.plane + at.start + first;
        let turn = Turn {
            pixels,
            channels,
            pitch: at.channels,
            plane: at.plane,
            from: &from[(image * at.pixels + first) * at.channels + channel..],
            to: to.0.wrapping_add(place),
            room: to.1 - place,
            to_last: false,
        };
        T::dispatch(set, turn);
    });
}

/// Turns some pixels' channels: from planes, which are `plane` elements apart, or into planes.
struct Turn<'a, T> {
    pixels: usize,
    channels: usize,
    /// From one pixel to the next with the channels last, from one channel to the next with the channels first.
    pitch: usize,
    plane: usize,
    from: &'a [T],
    to: *mut T,
    /// The elements that may be written.
    room: usize,
    /// Whether the channels come last in what is written.
    to_last: bool,
}

impl<T: Float> Work<T> for Turn<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Vectors<T>>(self, simd: S) {
        let (pixels, channels) = (self.pixels, self.channels);
        if pixels == 0 || channels == 0 {
            return;
        }
        let last = (pixels - 1) * self.pitch + channels;
        let first = (channels - 1) * self.plane + pixels;
        let [read, written] = if self.to_last {
            [first, last]
        } else {
            [last, first]
        };
        assert!(read <= self.from.len() && written <= self.room);
        let mut buffer = [T::default(); CHANNELS * PIXELS];
        for pixel in (0..pixels).step_by(PIXELS) {
            for channel in (0..channels).step_by(CHANNELS) {
                let sizes = [PIXELS.min(pixels - pixel), CHANNELS.min(channels - channel)];
                let [last, first] = [pixel * self.pitch + channel, channel * self.plane + pixel];
                // SAFETY: inside what is read and what is written, as was checked, and inside the buffer.
                unsafe {
                    let buffer = buffer.as_mut_ptr();
                    if self.to_last {
                        let from = self.from.as_ptr().add(first);
                        for i in 0..sizes[1] {
                            copy(
                                simd,
                                from.add(i * self.plane),
                                buffer.add(i * PIXELS),
                                sizes[0],
                            );
                        }
                        let to = self.to.add(last);
                        turn(
                            simd,
                            (buffer, PIXELS),
                            (to, self.pitch),
                            [sizes[1], sizes[0]],
                        );
                    } else {
                        let from = self.from.as_ptr().add(last);
                        turn(simd, (from, self.pitch), (buffer, PIXELS), sizes);
                        let to = self.to.add(first);
                        for i in 0..sizes[1] {
                            copy(
                                simd,
                                buffer.add(i * PIXELS),
                                to.add(i * self.plane),
                                sizes[0],
                            );
                        }
                    }
                }
            }
        }
    }
}

/// Copies up to [`PIXELS`] neighbours.
///
/// # Safety
/// They must be readable and writable.
#[inline(always)]
unsafe fn copy<T: Float, S: Vectors<T>>(simd: S, from: *const T, to: *mut T, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        if count == PIXELS {
            // So many that no function is called for it.
            for at in (0..PIXELS).step_by(S::LANES) {
                simd.store(to.add(at), simd.load(from.add(at)));
            }
        } else {
            to.copy_from_nonoverlapping(from, count);
        }
    }
}

/// Turns a matrix of so many rows and columns; rows are so many elements apart in `from`, columns in `to`.
///
/// # Safety
/// All of it must be readable and writable.
#[inline(always)]
unsafe fn turn<T: Float, S: Vectors<T>>(
    simd: S,
    from: (*const T, usize),
    to: (*mut T, usize),
    [rows, columns]: [usize; 2],
) {
    let tall = rows > columns;
    let whole = [rows, columns].map(|size| size - size % S::SIDE);
    let [long, short] = if tall { whole } else { [whole[1], whole[0]] };
    // SAFETY: the caller's.
    unsafe {
        // The short side is that of a line or two, which is read or written at once.
        for i in (0..long).step_by(S::SIDE) {
            for j in (0..short).step_by(S::SIDE) {
                let [row, column] = if tall { [i, j] } else { [j, i] };
                let square = from.0.add(row * from.1 + column);
                let turned = to.0.add(column * to.1 + row);
                simd.turn((square, from.1), (turned, to.1));
            }
        }
        for row in 0..rows {
            let first = if row < whole[0] { whole[1] } else { 0 };
            for column in first..columns {
                *to.0.add(column * to.1 + row) = *from.0.add(row * from.1 + column);
            }
        }
    }
}
