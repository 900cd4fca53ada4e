use std::fmt;

use tconv_kernels::Threads;
use tconv_kernels::conv::{self, Algorithm, PackedFilter, Pass};
use tconv_kernels::simd::InstructionSet;
use tconv_shape::{AxisPadding, ConvAxis, ConvShape, DataFormat, Window};

/// A square transposed convolution with `SAME` padding and channels last.
#[derive(Clone, Copy)]
pub struct Layer {
    pub images: usize,
    /// The side and the channels of the transposed convolution's input.
    pub input: (usize, usize),
    /// Those of its output.
    pub output: (usize, usize),
    pub kernel: i64,
    pub stride: i64,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((from, read), (to, written)) = (self.input, self.output);
        let (kernel, stride) = (self.kernel, self.stride);
        let images = self.images;
        write!(
            f,
            "k{kernel} s{stride}, {images} of {from}x{from}x{read} -> {to}x{to}x{written}"
        )
    }
}

impl Layer {
    pub fn shape(&self) -> ConvShape {
        let window = Window::new(self.kernel, self.stride, 1, AxisPadding::Same).unwrap();
        let axis = ConvAxis::new(&window, self.output.0 as i64).unwrap();
        assert_eq!(axis.output, self.input.0);
        ConvShape {
            batch: self.images,
            in_channels: self.output.1,
            out_channels: self.input.1,
            groups: 1,
            format: DataFormat::ChannelsLast,
            axes: vec![axis; 2],
        }
    }
}

/// The multiplications that there are: of the kernel's elements with pixels that are not padding.
pub fn products(shape: &ConvShape) -> f64 {
    let pairs = |axis: &ConvAxis| {
        let inside = |&(window, tap): &(usize, usize)| {
            let at = (window * axis.stride + tap * axis.dilation).checked_sub(axis.pad_before);
            at.is_some_and(|at| at < axis.input)
        };
        let windows = 0..axis.output;
        let all = windows.flat_map(|window| (0..axis.kernel).map(move |tap| (window, tap)));
        all.filter(inside).count() as f64
    };
    let pixels: f64 = shape.axes.iter().map(pairs).product();
    let channels = shape.in_channels / shape.groups * shape.out_channels;
    (shape.batch * channels) as f64 * pixels
}

/// A kernel and all the memory that it needs; the filter is packed before.
pub struct Call {
    pass: Pass,
    shape: ConvShape,
    pub algorithm: &'static Algorithm<f32>,
    threads: Threads,
    packed: Option<PackedFilter<f32>>,
    a: Vec<f32>,
    b: Vec<f32>,
    out: Vec<f32>,
    scratch: Vec<f32>,
}

impl Call {
    pub fn new(pass: Pass, shape: &ConvShape, threads: &Threads) -> Call {
        let [a, b, out] = pass.dims(shape).map(|dims| dims.iter().product::<usize>());
        let numbers = |len: usize| {
            let number =
                |i: usize| ((i.wrapping_mul(2_654_435_761) >> 8) % 1000) as f32 / 500.0 - 1.0;
            (0..len).map(number).collect::<Vec<_>>()
        };
        let (a, b) = (numbers(a), numbers(b));
        let algorithm = conv::choose::<f32>(
            InstructionSet::best(),
            conv::Precision::Highest,
            pass,
            shape,
        );
        let packed = match pass {
            Pass::BackpropFilter => 0,
            _ => (algorithm.packed_len)(pass, shape),
        };
        let packed = (packed > 0).then(|| {
            let room = vec![0.0; packed];
            let set = InstructionSet::best();
            PackedFilter::new(algorithm, set, (pass, shape), &b, room, threads).unwrap()
        });
        Call {
            pass,
            shape: shape.clone(),
            algorithm,
            threads: threads.clone(),
            packed,
            a,
            b,
            out: vec![0.0; out],
            scratch: vec![0.0; (algorithm.scratch)(pass, shape, threads.count())],
        }
    }

    pub fn run(&mut self) {
        let (out, scratch) = (&mut self.out[..], &mut self.scratch[..]);
        let (a, b, threads) = (&self.a, &self.b, &self.threads);
        match &self.packed {
            Some(packed) => packed.run(a, b, out, scratch, threads),
            None => {
                let set = InstructionSet::best();
                (self.algorithm).run(set, self.pass, &self.shape, a, b, out, scratch, threads)
            }
        }
        .unwrap();
    }
}
