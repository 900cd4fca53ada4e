//! Examples, and what the keys of `--json` are.

pub const CONV2D_TRANSPOSE: &str = "\
Examples:
  tconv shape conv2d_transpose --value 1,3,3,1 --filter 2,2,3,1 --strides 1,2,2,1 --padding SAME
      the legal output shapes, their padding, what feeds their borders, and how evenly all is fed
  tconv shape conv2d_transpose --value 'N,ceil(H/4),W,20' --filter 3,3,3,20 --strides 3 \\
      --output-shape N,H,97,3
      whether an output shape is right: for every size, for no size (an error), or for which
  tconv shape conv2d_transpose --value 'N,H/2,W/2,20' --filter 4,4,3,20 --strides 2 \\
      --output-shape N,H,W,3 --where 'H % 8 == 0' --where 'W >= 32 and W <= 4096'
      the same, for some sizes only
  tconv shape conv2d_transpose --value 1,25,25,20 --output-shape 1,97,97,3 --solve
      the kernels, strides, paddings and dilations that join two shapes

Keys of --json; a size is a number or an expression:
  op, value, filter, output_shape, strides, dilations, padding, data_format
      what was asked
  needs
      for which sizes of the names the given shapes are shapes at all
  axes
      of height and width: axis, value, and the least and greatest legal output size;
      sizes: each size, padding [before, after], first_pixel and last_pixel with the count of
        their terms and the first terms [pixel of the value, tap of the filter], and unreached:
        how many pixels nothing feeds;
      overlap: of the pixels away from the borders, the least and greatest number of pixels that
        feed one, holes (how many of each stride nothing feeds), even, kernel_without_holes,
        even_kernel, next_even_kernel;
      counts: how many feed each pixel of size, at its start and at its end
  verdict, claims
      with --output-shape: always, sometimes or undecided; and for each axis what was given, what
      it makes, what is wanted, verdict, holds, fails_at
  solutions
      with --solve: height, width, and square for what both have; each a list of padding, stride,
      dilation, kernels [least, greatest], even_kernels
  error
      alone, with exit status 1: what standard error says too";

pub const CONV2D: &str = "\
Examples:
  tconv shape conv2d --input 1,5,5,3 --filter 2,2,3,1 --strides 2
      the output shape, the padding, and which inputs give the same
  tconv shape conv2d --input N,H,W,3 --filter 3,3,3,8 --padding VALID --output-shape N,H-2,W-2,8
      whether the output shape is that: for every size, for no size (an error), or for which
  tconv shape conv2d --input 1,97,97,3 --output-shape 1,25,25,20 --solve
      the kernels, strides, paddings and dilations that join two shapes

Keys of --json; a size is a number or an expression:
  op, input, filter, output_shape, strides, dilations, padding, data_format
      what was asked
  output
      the output's shape
  needs
      for which sizes of the names the window fits
  axes
      of height and width: axis, input, output, padding [before, after], and the least and
      greatest input with the same output
  verdict, claims
      with --output-shape: always, sometimes or undecided; and for each axis what was given, what
      it makes, what is wanted, verdict, holds, fails_at
  solutions
      with --solve: height, width, and square for what both have; each a list of padding, stride,
      dilation, kernels [least, greatest]";
