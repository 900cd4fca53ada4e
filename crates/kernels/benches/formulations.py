#!/usr/bin/env python3
"""Transposed convolutions that frameworks are slow at, in the best ways that a person could write them in torch.

    python formulations.py --tconv target/release/tconv [--threads 2] [--shapes stft,isft] [--filter constant|fresh]

needs torch. For each shape it checks that all formulations agree, times them in turns with `tconv bench`, and
prints the fastest and the ratio of its time to tconv's: above 1 tconv is faster. Whatever depends on the filter
alone is prepared outside the timed part, and results that torch can write into given memory are given it.
A formulation may have its channels where it likes, and its result may be a part of a larger tensor.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

CONVOLUTION = [None, F.conv1d, F.conv2d, F.conv3d]
TRANSPOSED = [None, F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d]
LAST = [None, None, torch.channels_last, torch.channels_last_3d]


@dataclasses.dataclass(frozen=True)
class Shape:
    """A transposed convolution; `SAME` or `VALID` as of the forward one."""

    name: str
    what: str
    batch: int
    input: tuple
    channels: tuple  # in, out
    output: tuple
    kernel: tuple
    strides: tuple
    dilation: int = 1
    groups: int = 1
    padding: str = "SAME"

    @property
    def axes(self):
        return len(self.input)

    def full(self):
        """The sizes before anything is cropped."""
        sizes = zip(self.input, self.kernel, self.strides)
        return tuple((i - 1) * s + (k - 1) * self.dilation + 1 for i, k, s in sizes)

    def crop(self):
        """How much is cropped before each axis, where torch crops alike before and after."""
        return tuple(max(full - out + 1, 0) // 2 for full, out in zip(self.full(), self.output))

    def beyond(self):
        """How much torch has to add behind each axis then."""
        sizes = zip(self.full(), self.output, self.crop())
        return tuple(out - (full - 2 * crop) for full, out, crop in sizes)

    def room(self):
        """Sizes that hold both the whole and what is taken of it."""
        sizes = zip(self.full(), self.output, self.crop())
        return tuple(max(full, out + crop) for full, out, crop in sizes)

    def blocks(self):
        """How many strides each kernel is long, if it is so many exactly and each block is a sum of these."""
        whole = all(k % s == 0 for k, s in zip(self.kernel, self.strides))
        simple = whole and self.dilation == 1 and self.groups == 1
        return tuple(k // s for k, s in zip(self.kernel, self.strides)) if simple else None

    def operations(self):
        pixels = self.batch * math.prod(self.input) * math.prod(self.kernel)
        return 2 * pixels * self.channels[0] * self.channels[1] // self.groups


def line(name, what, steps, channels, out, kernel, stride, **more):
    return Shape(name, what, 1, (steps,), channels, (out,), (kernel,), (stride,), **more)


def square(name, what, batch, size, channels, out, kernel, stride, **more):
    return Shape(name, what, batch, (size,) * 2, channels, (out,) * 2, (kernel,) * 2, (stride,) * 2, **more)


def cube(name, what, sizes, channels, out, kernel, stride, **more):
    return Shape(name, what, 1, sizes, channels, out, (kernel,) * 3, (stride,) * 3, **more)


SHAPES = [
    line("stft", "inverse STFT of 1024 in steps of 256", 224, (1026, 1), 58112, 1024, 256, padding="VALID"),
    line("stft4096", "inverse STFT of 4096 in steps of 1024", 128, (4098, 1), 134144, 4096, 1024, padding="VALID"),
    line("hifi", "HiFi-GAN's first", 64, (512, 256), 512, 16, 8),
    line("hifi2", "HiFi-GAN's last", 32768, (64, 32), 65536, 4, 2),
    line("samples", "the same with 32 channels", 65536, (32, 32), 131072, 4, 2),
    cube("vnet", "V-Net's, up to fewer channels", (32, 64, 64), (32, 16), (64, 128, 128), 2, 2),
    cube("vnet2", "V-Net's, up to more channels", (32, 64, 64), (16, 32), (64, 128, 128), 2, 2),
    cube("volume", "3D-GAN", (16,) * 3, (128, 64), (32,) * 3, 4, 2),
    Shape("pixel", "28x28 of one pixel", 200, (1,) * 3, (50, 1), (28, 28, 1), (28, 28, 1), (1,) * 3, padding="VALID"),
    line("wave", "dilation 512 in one dimension", 16384, (64, 64), 16384, 3, 1, dilation=512),
    square("atrous", "dilation 12", 1, 64, (64, 64), 64, 3, 1, dilation=12),
    square("atrous2", "dilation 24 on a small picture", 1, 33, (256, 256), 33, 3, 1, dilation=24),
    square("groups", "64 groups of 4, stride 2", 1, 32, (256, 256), 64, 4, 2, groups=64),
    square("groups2", "64 groups of 4, stride 1", 1, 56, (256, 256), 56, 3, 1, groups=64),
    square("digits", "64 pictures of 7x7, k4", 64, 7, (128, 64), 14, 4, 2),
    square("digits2", "64 pictures of 7x7, k5", 64, 7, (256, 128), 14, 5, 2),
]

# A formulation is a function of a shape, the input (batch, sizes, channels) and the filter (in channels, out
# channels of a group, kernel). It gives what is timed, or None where it does not apply. The result of what is
# timed has its channels last, or is said by `first` to have them behind the batch.
FORMULATIONS = []


def formulation(function):
    FORMULATIONS.append(function)
    return function


def channels_first(x):
    return x.movedim(-1, 1).contiguous()


def first(function):
    return lambda: function().movedim(1, -1)


def cropped(shape, whole):
    for axis, (crop, out) in enumerate(zip(shape.crop(), shape.output)):
        whole = whole.narrow(axis + 1, crop, out)
    return whole


def transposed(shape, x, w, memory):
    call, sizes = TRANSPOSED[shape.axes], (shape.strides, shape.crop(), shape.beyond())
    dilation = (shape.dilation,) * shape.axes
    x = channels_first(x)
    if shape.axes == 1 and memory:
        call = F.conv_transpose2d
        x, w = x.unsqueeze(2), w.unsqueeze(2)
        sizes = ((1, *sizes[0]), (0, *sizes[1]), (0, *sizes[2]))
        dilation = (1, *dilation)
    if memory:
        last = LAST[x.dim() - 2]
        x, w = x.contiguous(memory_format=last), w.contiguous(memory_format=last)
    run = first(lambda: call(x, w, None, *sizes, shape.groups, dilation))
    return (lambda: run().squeeze(1)) if shape.axes == 1 and memory else run


@formulation
def conv_transpose(shape, x, w):
    return transposed(shape, x, w, False)


@formulation
def conv_transpose_channels_last(shape, x, w):
    return transposed(shape, x, w, True)


def without_groups(shape, w, groups):
    """The filter of fewer groups, with zeros where channels do not belong together."""
    (cin, cout), old = shape.channels, shape.groups
    wide = torch.zeros(cin, cout // groups, *shape.kernel)
    for channel in range(cin):
        group = channel // (cin // old)
        begin = group * (cout // old) % (cout // groups)
        wide[channel, begin : begin + cout // old] = w[channel]
    return dataclasses.replace(shape, groups=groups), wide


@formulation
def conv_transpose_without_groups(shape, x, w):
    if shape.groups == 1:
        return None
    fewer, wide = without_groups(shape, w, 1)
    return transposed(fewer, x, wide, True)


@formulation
def conv_transpose_of_fewer_groups(shape, x, w):
    if shape.groups % 4:
        return None
    fewer, wide = without_groups(shape, w, shape.groups // 4)
    return transposed(fewer, x, wide, True)


@formulation
def product_and_fold(shape, x, w):
    """F.fold adds up what overlaps."""
    if shape.axes > 2 or shape.groups > 1:
        return None
    matrix = w.flatten(1).t().contiguous()
    x = channels_first(x).flatten(2)
    columns = torch.empty(shape.batch, matrix.shape[0], x.shape[2])
    one = shape.axes == 1

    def widen(sizes, fill):
        return (fill, *sizes) if one else sizes

    sizes = dict(
        kernel_size=widen(shape.kernel, 1),
        dilation=shape.dilation,
        padding=widen(shape.crop(), 0),
        stride=widen(shape.strides, 1),
    )
    output = widen(shape.output, 1)

    def run():
        folded = F.fold(torch.matmul(matrix, x, out=columns), output, **sizes)
        return folded.squeeze(2) if one else folded

    return first(run)


def places(shape, tap):
    """Where a tap's products go."""
    sizes = zip(tap, shape.input, shape.strides)
    starts = ((t * shape.dilation, i, s) for t, i, s in sizes)
    return (slice(None), *(slice(t, t + (i - 1) * s + 1, s) for t, i, s in starts))


def sums_into(shape, whole):
    """How a sum is begun, and how a tap's products get into it; nothing overlaps where no kernel exceeds its stride."""
    alone = shape.dilation == 1 and all(k <= s for k, s in zip(shape.kernel, shape.strides))
    if not alone:
        return whole.zero_, torch.Tensor.add_
    return (lambda: None if shape.kernel == shape.strides else whole.zero_()), torch.Tensor.copy_


def taps_of(shape):
    return list(itertools.product(*map(range, shape.kernel)))


@formulation
def product_and_strided_sums(shape, x, w):
    """One matrix product, then a sum for each tap."""
    taps = taps_of(shape)
    if len(taps) > 64:
        return None
    groups, (cin, cout) = shape.groups, shape.channels
    cin, cout = cin // groups, cout // groups
    matrix = w.reshape(groups, cin, cout, -1).transpose(2, 3).reshape(groups, cin, -1)
    rows = x.reshape(-1, groups, cin).transpose(0, 1)
    products = torch.empty(groups, rows.shape[1], matrix.shape[2])
    whole = torch.empty(shape.batch, *shape.room(), groups, cout)
    parts = products.view(groups, shape.batch, *shape.input, len(taps), cout).movedim(0, -2)
    clear, put = sums_into(shape, whole)

    def run():
        torch.bmm(rows, matrix, out=products)
        clear()
        for i, tap in enumerate(taps):
            put(whole[places(shape, tap)], parts[..., i, :, :])
        return cropped(shape, whole.flatten(-2))

    return run


@formulation
def strided_sums_of_products(shape, x, w):
    """A matrix product and a sum for each tap."""
    taps = taps_of(shape)
    if len(taps) > 64 or shape.groups > 1:
        return None
    matrices = w.flatten(2).permute(2, 0, 1).contiguous()
    rows = x.flatten(0, -2)
    product = torch.empty(rows.shape[0], shape.channels[1])
    part = product.view(shape.batch, *shape.input, -1)
    whole = torch.empty(shape.batch, *shape.room(), shape.channels[1])
    clear, put = sums_into(shape, whole)

    def run():
        clear()
        for tap, matrix in zip(taps, matrices):
            torch.mm(rows, matrix, out=product)
            put(whole[places(shape, tap)], part)
        return cropped(shape, whole)

    return run


@formulation
def product_and_index_add(shape, x, w):
    if shape.axes > 1 or shape.groups > 1:
        return None
    (steps,), (kernel,), (stride,) = shape.input, shape.kernel, shape.strides
    matrix = w.transpose(1, 2).flatten(1)
    rows = x.flatten(0, 1)
    products = torch.empty(rows.shape[0], matrix.shape[1])
    parts = products.view(shape.batch, steps * kernel, -1)
    index = (torch.arange(steps)[:, None] * stride + torch.arange(kernel) * shape.dilation).flatten()
    whole = torch.empty(shape.batch, *shape.room(), shape.channels[1])

    def run():
        torch.mm(rows, matrix, out=products)
        return cropped(shape, whole.zero_().index_add_(1, index, parts))

    return run


def split_kernel(shape, w, blocks):
    """The filter as in channels, blocks, places within a block, out channels."""
    pairs = [size for pair in zip(blocks, shape.strides) for size in pair]
    d = shape.axes
    split = w.reshape(*shape.channels, *pairs)
    return split.permute(0, *range(2, 2 + 2 * d, 2), *range(3, 3 + 2 * d, 2), 1)


def interleaved(shape, parts, sizes):
    """Blocks, places within a block, channels to pixels, channels."""
    d = shape.axes
    order = [axis for i in range(d) for axis in (1 + i, 1 + d + i)]
    pixels = [size * stride for size, stride in zip(sizes, shape.strides)]
    return parts.permute(0, *order, -1).reshape(shape.batch, *pixels, shape.channels[1])


@formulation
def product_and_sums_of_blocks(shape, x, w):
    """Overlap and add, in whole blocks of a stride."""
    blocks = shape.blocks()
    if not blocks or math.prod(blocks) > 64:
        return None
    d, cout = shape.axes, shape.channels[1]
    matrix = split_kernel(shape, w, blocks).flatten(1)
    rows = x.flatten(0, -2)
    products = torch.empty(rows.shape[0], matrix.shape[1])
    parts = products.view(shape.batch, *shape.input, *blocks, *shape.strides, cout)
    sizes = [i + m - 1 for i, m in zip(shape.input, blocks)]
    pairs = [size for pair in zip(sizes, shape.strides) for size in pair]
    whole = torch.empty(shape.batch, *pairs, cout)
    pixels = whole.view(shape.batch, *(size * stride for size, stride in zip(sizes, shape.strides)), cout)
    # Batch, blocks, places within one, channels; in the order of the whole.
    order = [axis for i in range(d) for axis in (1 + i, 1 + d + i)]
    single = math.prod(blocks) == 1

    def run():
        torch.mm(rows, matrix, out=products)
        if not single:
            whole.zero_()
        for block in itertools.product(*map(range, blocks)):
            part = parts[(slice(None),) * (1 + d) + block].permute(0, *order, -1)
            target = whole
            for axis, begin in enumerate(block):
                target = target.narrow(1 + 2 * axis, begin, shape.input[axis])
            target.copy_(part) if single else target.add_(part)
        return cropped(shape, pixels)

    return run


@formulation
def product_of_windows(shape, x, w):
    """Each block of a stride is one product with all that it is made of."""
    blocks = shape.blocks()
    if not blocks or math.prod(blocks) > 64:
        return None
    d, cout = shape.axes, shape.channels[1]
    matrix = split_kernel(shape, w, blocks).movedim(0, d).flatten(0, d).flatten(1)
    sizes = [i + m - 1 for i, m in zip(shape.input, blocks)]
    pads = [m - 1 for m in reversed(blocks) for _ in range(2)]
    products = torch.empty(shape.batch * math.prod(sizes), matrix.shape[1])
    parts = products.view(shape.batch, *sizes, *shape.strides, cout)
    gathered = torch.empty(shape.batch, *sizes, math.prod(blocks) * shape.channels[0])

    def run():
        if math.prod(blocks) == 1:
            rows = x
        else:
            padded, shifted = F.pad(x, (0, 0, *pads)), []
            for block in itertools.product(*map(range, blocks)):
                part = padded
                for axis, (j, m, size) in enumerate(zip(block, blocks, sizes)):
                    part = part.narrow(axis + 1, m - 1 - j, size)
                shifted.append(part)
            rows = torch.cat(shifted, -1, out=gathered)
        torch.mm(rows.reshape(-1, rows.shape[-1]), matrix, out=products)
        return cropped(shape, interleaved(shape, parts, sizes))

    return run


def subpixel(shape, x, w, memory):
    """A convolution that makes all places of a block at once, as so many channels."""
    blocks = shape.blocks()
    if not blocks or shape.axes == 1 and memory or math.prod(shape.strides) == 1:
        return None
    d, cout = shape.axes, shape.channels[1]
    split = split_kernel(shape, w, blocks).flatten(1 + d).movedim(-1, 0)
    kernel = split.flip(tuple(range(2, 2 + d))).contiguous()
    x = channels_first(x)
    if memory:
        x, kernel = x.contiguous(memory_format=LAST[d]), kernel.contiguous(memory_format=LAST[d])
    sizes = [i + m - 1 for i, m in zip(shape.input, blocks)]
    call, pads = CONVOLUTION[d], tuple(m - 1 for m in blocks)

    def run():
        parts = call(x, kernel, None, 1, pads)
        parts = parts.view(shape.batch, *shape.strides, cout, *sizes)
        # Batch, blocks, places within one, channels.
        parts = parts.permute(0, *range(2 + d, 2 + 2 * d), *range(1, 2 + d))
        if memory:
            return cropped(shape, interleaved(shape, parts, sizes))
        order = [axis for i in range(d) for axis in (1 + i, 1 + d + i)]
        pixels = [size * stride for size, stride in zip(sizes, shape.strides)]
        whole = parts.permute(0, -1, *order).reshape(shape.batch, cout, *pixels)
        return cropped(shape, whole.movedim(1, -1))

    return run


@formulation
def convolution_and_pixel_shuffle(shape, x, w):
    return subpixel(shape, x, w, False)


@formulation
def convolution_and_pixel_shuffle_channels_last(shape, x, w):
    return subpixel(shape, x, w, True)


def phases(shape, x, w, memory):
    """A convolution for each place within a stride."""
    count = math.prod(shape.strides)
    if count == 1 or count > 16 or shape.dilation > 1 or shape.groups > 1 or shape.axes == 1 and memory:
        return None
    d = shape.axes
    x = channels_first(x)
    flipped = tuple(range(2, 2 + d))
    whole = torch.zeros(shape.batch, shape.channels[1], *shape.room())
    last = LAST[d] if memory else torch.contiguous_format
    x, whole = x.contiguous(memory_format=last), whole.contiguous(memory_format=last)
    steps = []
    for place in itertools.product(*map(range, shape.strides)):
        part = w[(slice(None), slice(None), *(slice(p, None, s) for p, s in zip(place, shape.strides)))]
        if not part.numel():
            continue
        kernel = part.transpose(0, 1).flip(flipped).contiguous(memory_format=last)
        pads = tuple(size - 1 for size in kernel.shape[2:])
        target = whole
        for axis, (p, s, i, k) in enumerate(zip(place, shape.strides, shape.input, kernel.shape[2:])):
            target = target.narrow(axis + 2, p, (i + k - 2) * s + 1)
            target = target[(slice(None),) * (axis + 2) + (slice(None, None, s),)]
        steps.append((kernel, pads, target))
    call = CONVOLUTION[d]

    def run():
        for kernel, pads, target in steps:
            target.copy_(call(x, kernel, None, 1, pads))
        return cropped(shape, whole.movedim(1, -1))

    return run


@formulation
def convolution_for_each_phase(shape, x, w):
    return phases(shape, x, w, False)


@formulation
def convolution_for_each_phase_channels_last(shape, x, w):
    return phases(shape, x, w, True)


def flipped_convolution(shape, x, w, memory):
    """With a stride of 1 it is a convolution with the flipped filter."""
    pads = [(k - 1) * shape.dilation - crop for k, crop in zip(shape.kernel, shape.crop())]
    if math.prod(shape.strides) > 1 or min(pads) < 0 or any(shape.beyond()):
        return None
    d, groups, (cin, cout) = shape.axes, shape.groups, shape.channels
    kernel = w.flip(tuple(range(2, 2 + d))).reshape(groups, cin // groups, cout // groups, *shape.kernel)
    kernel = kernel.transpose(1, 2).reshape(cout, cin // groups, *shape.kernel)
    call, dilation = CONVOLUTION[d], (shape.dilation,) * d
    x = channels_first(x)
    one = d == 1 and memory
    if one:
        call, pads, dilation = F.conv2d, (0, *pads), (1, *dilation)
        x, kernel = x.unsqueeze(2), kernel.unsqueeze(2)
    if memory:
        last = LAST[x.dim() - 2]
        x, kernel = x.contiguous(memory_format=last), kernel.contiguous(memory_format=last)
    run = first(lambda: call(x, kernel, None, 1, tuple(pads), dilation, groups))
    return (lambda: run().squeeze(1)) if one else run


@formulation
def flipped_filter(shape, x, w):
    return flipped_convolution(shape, x, w, False)


@formulation
def flipped_filter_channels_last(shape, x, w):
    return flipped_convolution(shape, x, w, True)


@formulation
def product_alone(shape, x, w):
    """Of one pixel each kernel makes the whole."""
    if math.prod(shape.input) > 1 or shape.groups > 1 or any(shape.crop()) or shape.output != shape.full():
        return None
    matrix = w.movedim(1, -1).flatten(1)
    rows = x.flatten(0, -2)
    products = torch.empty(rows.shape[0], matrix.shape[1])
    return lambda: torch.mm(rows, matrix, out=products).view(shape.batch, *shape.output, -1)


def seconds(run, least, most):
    """The seconds of each of a few calls, or of batches of them."""
    start = time.perf_counter()
    run()
    batch = max(1, int(50e-6 / max(time.perf_counter() - start, 1e-9)))
    times, begin = [], time.perf_counter()
    while len(times) < least or time.perf_counter() - begin < most and len(times) < 200:
        start = time.perf_counter()
        for _ in range(batch):
            run()
        times.append((time.perf_counter() - start) / batch)
    return times


def ask(tconv, shape, threads, filters, most):
    def sizes(*all_sizes):
        return ",".join(map(str, all_sizes))

    command = [tconv, "bench", "--op", f"conv{shape.axes}d_transpose", "--json", "--padding", shape.padding]
    command += ["--input", sizes(shape.batch, *shape.input, shape.channels[0])]
    command += ["--output-shape", sizes(shape.batch, *shape.output, shape.channels[1])]
    command += ["--kernel", sizes(*shape.kernel), "--strides", sizes(*shape.strides)]
    command += ["--dilations", str(shape.dilation), "--groups", str(shape.groups)]
    command += ["--threads", str(threads), "--filter", filters, "--repeat", "200", "--seconds", str(most)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def compare(shape, arguments):
    """The times of each formulation, and what tconv said; formulations that differ are an error."""
    generator = torch.Generator().manual_seed(1)
    (cin, cout), kernel = shape.channels, shape.kernel
    x = torch.randn(shape.batch, *shape.input, cin, generator=generator)
    w = torch.randn(cin, cout // shape.groups, *kernel, generator=generator)
    runs, results = {}, {}
    for make in FORMULATIONS:
        run = make(shape, x, w)
        if run is None:
            continue
        name, result = make.__name__, run()
        expected = results.setdefault("first", result.clone())
        error = (result - expected).abs().max() / expected.abs().max()
        if result.shape != expected.shape or error > 1e-4:
            sys.exit(f"{shape.name}: {name} differs from the others by {error:.1e}")
        runs[name] = run
    times = {name: [] for name in runs}
    said = []
    for round_ in range(arguments.rounds):
        best = min((statistics.median(taken) for taken in times.values() if taken), default=math.inf)
        for name, run in runs.items():
            # What is far behind is not asked again.
            if not times[name] or statistics.median(times[name]) < 2 * best:
                times[name] += seconds(run, 1 if round_ == 0 else 3, arguments.seconds)
        if arguments.tconv:
            said.append(ask(arguments.tconv, shape, arguments.threads, arguments.filter, arguments.seconds))
    return {name: statistics.median(taken) for name, taken in times.items()}, said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tconv", help="the program; without it torch alone is timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shapes", help="some of the names in the first column")
    parser.add_argument("--filter", default="constant", choices=["constant", "fresh"])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.25, help="for each formulation in each round")
    parser.add_argument("--all", action="store_true", help="print the other formulations as well")
    parser.add_argument("--out", help="a file for all figures, in JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    wanted = arguments.shapes.split(",") if arguments.shapes else [shape.name for shape in SHAPES]
    unknown = set(wanted) - {shape.name for shape in SHAPES}
    if unknown:
        sys.exit(f"no such shapes: {', '.join(sorted(unknown))}")
    print(f"torch {torch.__version__}, {arguments.threads} thread(s), filter {arguments.filter}; median ms")
    print(f"{'shape':9} {'best in torch':44} {'torch':>9} {'tconv':>9} {'ratio':>6} {'GF/s':>6}  algorithm")
    report, ratios = {}, []
    for shape in SHAPES:
        if shape.name not in wanted:
            continue
        with torch.inference_mode():
            times, said = compare(shape, arguments)
        order = sorted(times, key=times.get)
        text = f"{shape.name:9} {order[0]:44} {times[order[0]] * 1e3:9.4g}"
        if said:
            ours = statistics.median(itertools.chain.from_iterable(one["times_s"] for one in said))
            ratio = times[order[0]] / ours
            ratios.append((shape.name, ratio))
            speed = shape.operations() / ours / 1e9
            text += f" {ours * 1e3:9.4g} {ratio:6.2f} {speed:6.1f}  {said[0]['algorithm']}"
        print(text, flush=True)
        for name in order[1:] if arguments.all else []:
            print(f"{'':9} {name:44} {times[name] * 1e3:9.4g}")
        report[shape.name] = {"what": shape.what, "torch": times, "tconv": said}
    if ratios:
        mean = math.exp(statistics.fmean(math.log(ratio) for _, ratio in ratios))
        behind = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios if ratio < 1)
        print(f"geometric mean of torch / tconv: {mean:.2f}; below 1: {behind or 'none'}")
    if arguments.out:
        with open(arguments.out, "w") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
