//! How long it takes to build networks of 200 layers whose sizes are unknown, proofs included.

use tconv::prelude::*;

fn main() {
    divan::main();
}

const LAYERS: usize = 200;

/// Convolutions of stride 1 alone: every size stays what it is.
#[divan::bench]
fn convolutions() {
    let build = || -> Result<Output> {
        let g = Graph::new();
        let mut x = g.placeholder::<f32>(shape![None, None, None, 3])?;
        for _ in 0..LAYERS {
            x = slim::conv2d(&x, 8, 3).build()?;
        }
        Ok(x)
    };
    divan::black_box(build().unwrap());
}

/// Without padding: each layer needs more of the image than the one before.
#[divan::bench]
fn convolutions_without_padding() {
    let build = || -> Result<Output> {
        let g = Graph::new();
        let mut x = g.placeholder::<f32>(shape![None, None, None, 3])?;
        for _ in 0..LAYERS {
            x = slim::conv2d(&x, 8, 3).padding(Valid).build()?;
        }
        Ok(x)
    };
    divan::black_box(build().unwrap());
}

/// Five levels down and up, each joined to what was there before: fits for every size, or, where it doubles
/// without looking, only for multiples of 16.
#[divan::bench(args = [true, false])]
fn u_net(fits: bool) {
    divan::black_box(unet(fits).unwrap());
}

/// The same, and its diagnostics with the mends.
#[divan::bench]
fn u_net_with_diagnostics() {
    let y = unet(false).unwrap();
    divan::black_box(y.graph().diagnostics());
}

fn unet(fits: bool) -> Result<Output> {
    const LEVELS: usize = 5;
    let g = Graph::new();
    let mut x = g.placeholder::<f32>(shape!["N", "H", "W", 3])?;
    let each = LAYERS / (2 * LEVELS - 1);
    let mut skips = Vec::new();
    for level in 0..LEVELS {
        for _ in 0..each {
            x = slim::conv2d(&x, 8, 3).build()?;
        }
        if level < LEVELS - 1 {
            skips.push(x.clone());
            x = nn::max_pool(&x, 2, 2, Same).build()?;
        }
    }
    for (level, skip) in skips.iter().enumerate().rev() {
        let like = if fits { skip } else { &x };
        let s = like.shape()?;
        let times = if fits { 1 } else { 2 };
        let (h, w) = ((&s.at(1)? * times)?, (&s.at(2)? * times)?);
        let filter = g.get_variable(&format!("up{level}"), [2, 2, 8, 8])?;
        let up = nn::conv2d_transpose(&x, &filter, sizes![s.at(0)?, h, w, 8])
            .strides(2)
            .padding(Same)
            .build()?;
        x = array::concat(&[up, skip.clone()], 3)?;
        for _ in 0..each {
            x = slim::conv2d(&x, 8, 3).build()?;
        }
    }
    Ok(x)
}
