//! The named networks.

use super::*;

pub(super) fn all() -> Vec<Case> {
    let case = |name, build, said| Case { name, build, said };
    vec![
        // The notes' programs.
        case(
            "program 3: back with stride 3 from stride 4",
            |n| {
                let [h, w] = spatial(&n.x)?;
                let small = n.conv(&n.x, 3, 4, Same)?;
                let y = n.back(&small, 3, 3, Same, h, w)?;
                &y - &n.x
            },
            Only(
                "H in {1, 2, 3, 5, 6, 9}",
                &["H in {1, 2, 3, 5, 6, 9}", "W in {1, 2, 3, 5, 6, 9}"],
            ),
        ),
        case(
            "program 3 mended: stride 4 both ways",
            |n| {
                let [h, w] = spatial(&n.x)?;
                let y = n.back(&n.conv(&n.x, 3, 4, Same)?, 3, 4, Same, h, w)?;
                &y - &n.x
            },
            Fits(&[]),
        ),
        case(
            "program 3 with a stride of 3 forward too",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.conv(&n.x, 3, 3, Same)?, 3, 3, Same, h, w)
            },
            Fits(&[]),
        ),
        case(
            "program 4: sizes with one replaced",
            |n| {
                let s = n.x.shape()?;
                let small = n.conv(&n.x, 3, 4, Same)?;
                nn::conv2d_transpose(
                    &small,
                    n.filter(3, 2, 2)?,
                    sizes![s.at(0)?, s.at(1)?, s.at(2)?, 2],
                )
                .strides(4)
                .padding(Same)
                .build()
            },
            Fits(&[]),
        ),
        case(
            "program 4: tf.shape itself",
            |n| {
                let small = n.conv(&n.x, 3, 4, Same)?;
                nn::conv2d_transpose(&small, n.filter(3, 2, 2)?, n.x.shape()?)
                    .strides(4)
                    .padding(Same)
                    .build()
            },
            Fits(&[]),
        ),
        // One transposed convolution of the image, stride 2, and what sizes go with it.
        case(
            "k3 s2 VALID to 2H",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 3, 2, Valid, (&h * 2)?, (&w * 2)?)
            },
            Never(&[
                "Shapes (N, H - 1, W - 1, 2) and (N, H, W, 2) are not compatible",
                "2*H + 1 to 2*H + 2",
            ]),
        ),
        case(
            "k3 s2 VALID to 2H + 1",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 3, 2, Valid, (&(&h * 2)? + 1)?, (&(&w * 2)? + 1)?)
            },
            Fits(&[]),
        ),
        case(
            "k3 s2 VALID to 2H + 2",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 3, 2, Valid, (&(&h * 2)? + 2)?, (&(&w * 2)? + 2)?)
            },
            Fits(&[]),
        ),
        case(
            "k3 s2 VALID to 2H + 3",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 3, 2, Valid, (&(&h * 2)? + 3)?, (&(&w * 2)? + 3)?)
            },
            Never(&["2*H + 1 to 2*H + 2"]),
        ),
        case("k2 s2 SAME to 2H", |n| n.double(&n.x), Fits(&[])),
        case(
            "k2 s2 SAME to 2H - 1",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 2, 2, Same, (&(&h * 2)? - 1)?, (&(&w * 2)? - 1)?)
            },
            Fits(&[]),
        ),
        case(
            "k2 s2 SAME to 2H + 1",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 2, 2, Same, (&(&h * 2)? + 1)?, (&(&w * 2)? + 1)?)
            },
            Never(&["are not compatible"]),
        ),
        case(
            "s2 SAME to its own size",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 3, 2, Same, h, w)
            },
            Only("H == 1", &["H == 1", "W == 1"]),
        ),
        case(
            "s3 SAME to 2H",
            |n| {
                let [h, w] = spatial(&n.x)?;
                n.back(&n.x, 3, 3, Same, (&h * 2)?, (&w * 2)?)
            },
            Only("H in {1, 2}", &["H in {1, 2}", "W in {1, 2}"]),
        ),
        case(
            "to a size that is no multiple of anything",
            |n| {
                let small = n.conv(&n.x, 3, 4, Same)?;
                n.back(&small, 3, 4, Same, 97, 97)
            },
            Only("97 <= H <= 100", &["97 <= H <= 100", "97 <= W <= 100"]),
        ),
        // Encoders and decoders.
        case(
            "two down, two doublings",
            |n| {
                let down = n.conv(&n.conv(&n.x, 3, 2, Same)?, 3, 2, Same)?;
                let up = n.double(&n.double(&down)?)?;
                math::reduce_sum(&up, [0, 1, 2, 3])
            },
            Fits(&[]),
        ),
        case(
            "three down, three doublings, joined by ConcatV2",
            |n| {
                let up = three_doublings(n)?;
                array::concat(&[up, n.x.clone()], 3)
            },
            Only("H mod 8 == 0", &["H mod 8 == 0", "W mod 8 == 0"]),
        ),
        case(
            "three down, three doublings, joined by Sub",
            |n| &three_doublings(n)? - &n.x,
            Only(
                "H mod 8 == 0, and by broadcasting, which is probably not meant, for H == 1",
                &[
                    "H mod 8 == 0 (by broadcasting also H == 1, which is probably not meant)",
                    "W mod 8 == 0 (by broadcasting also W == 1, which is probably not meant)",
                ],
            ),
        ),
        case(
            "three down, three up to the sizes before",
            |n| {
                let (mut x, mut before) = (n.x.clone(), Vec::new());
                for _ in 0..3 {
                    before.push(x.clone());
                    x = n.conv(&x, 3, 2, Same)?;
                }
                for skip in before.iter().rev() {
                    let [h, w] = spatial(skip)?;
                    x = n.back(&x, 4, 2, Same, h, w)?;
                }
                array::concat(&[x, n.x.clone()], 3)
            },
            Fits(&[]),
        ),
        case(
            "U-Net of five levels that doubles",
            |n| unet(n, Up::Double),
            Only("H mod 16 == 0", &["H mod 16 == 0", "W mod 16 == 0"]),
        ),
        case(
            "U-Net of five levels with tf.shape of the skip",
            |n| unet(n, Up::Shape),
            Fits(&["H >= 16", "W >= 16"]),
        ),
        case(
            "U-Net of five levels with crops",
            |n| unet(n, Up::Crop),
            Fits(&["H >= 16", "W >= 16"]),
        ),
        case(
            "FCN-8s as it is: sums with what was before, VALID pools",
            |n| {
                let pool = |x: &Output| nn::max_pool(x, 2, 2, Valid).build();
                let one = pool(&n.x)?;
                let two = pool(&one)?;
                let three = pool(&two)?;
                let up = (&n.double(&three)? + &two)?;
                let up = (&n.double(&up)? + &one)?;
                &n.double(&up)? + &n.x
            },
            Only("H mod 8 == 0", &["H mod 8 == 0", "W mod 8 == 0"]),
        ),
        case(
            "ladder with strides 2 and 3",
            |n| {
                let down = n.conv(&n.conv(&n.x, 3, 2, Same)?, 3, 3, Same)?;
                let [h, w] = spatial(&down)?;
                let up = n.back(&down, 6, 6, Same, (&h * 6)?, (&w * 6)?)?;
                array::concat(&[up, n.x.clone()], 3)
            },
            Only("H mod 6 == 0", &["H mod 6 == 0", "W mod 6 == 0"]),
        ),
        case(
            "FCN-8s: k16 s8 back to the image, SAME pools",
            |n| fcn(n, Same),
            Fits(&[]),
        ),
        case(
            "FCN-8s: k16 s8 back to the image, VALID pools",
            |n| fcn(n, Valid),
            Only("H mod 8 == 0", &["H mod 8 == 0", "W mod 8 == 0"]),
        ),
        case(
            "autoencoder with kernel 5 stride 2",
            |n| {
                let [h, w] = spatial(&n.x)?;
                let y = n.back(&n.conv(&n.x, 5, 2, Same)?, 5, 2, Same, h, w)?;
                math::reduce_mean(math::square((&y - &n.x)?)?, [0, 1, 2, 3])
            },
            Fits(&[]),
        ),
        case(
            "autoencoder with gradients",
            |n| {
                let [h, w] = spatial(&n.x)?;
                let y = n.back(&n.conv(&n.x, 3, 2, Valid)?, 3, 2, Valid, h, w)?;
                let loss = math::reduce_mean(math::square((&y - &n.x)?)?, [0, 1, 2, 3])?;
                Ok(gradients(&[&loss], &[&n.x])?.remove(0).unwrap())
            },
            Fits(&["H >= 3", "W >= 3"]),
        ),
        case(
            "program 3 with gradients",
            |n| {
                let [h, w] = spatial(&n.x)?;
                let y = n.back(&n.conv(&n.x, 3, 4, Same)?, 3, 3, Same, h, w)?;
                Ok(gradients(&[&(&y - &n.x)?], &[&n.x])?.remove(0).unwrap())
            },
            Only(
                "H in {1, 2, 3, 5, 6, 9}",
                &["H in {1, 2, 3, 5, 6, 9}", "W in {1, 2, 3, 5, 6, 9}"],
            ),
        ),
        case(
            "DCGAN: a fixed generator on a batch of any size",
            |n| {
                let z = math::reduce_mean(&n.x, [1, 2])?;
                let dense = math::matmul(&z, n.g.constant(Tensor::full(&[2, 32], 1.0f32)?)?)?;
                let start = array::reshape(&dense, [-1, 4, 4, 2])?;
                let y = n.back(&n.back(&start, 5, 2, Same, 8, 8)?, 5, 2, Same, 16, 16)?;
                nn::relu(&y)
            },
            Fits(&[]),
        ),
        // Sums of images.
        case(
            "residual, SAME",
            |n| &n.conv(&n.x, 3, 1, Same)? + &n.x,
            Fits(&[]),
        ),
        case(
            "residual, VALID",
            |n| &n.conv(&n.x, 3, 1, Valid)? + &n.x,
            Only(
                "by broadcasting, which is probably not meant, for H == 3",
                &[
                    "no H (by broadcasting also H == 3, which is probably not meant)",
                    "no W (by broadcasting also W == 3, which is probably not meant)",
                ],
            ),
        ),
        case(
            "residual, VALID, padded before",
            |n| {
                let padded = array::pad(&n.x, pads(n, &[0, 0, 1, 1, 1, 1, 0, 0])?)?;
                &n.conv(&padded, 3, 1, Valid)? + &n.x
            },
            Fits(&[]),
        ),
        case(
            "residual, VALID, the skip cropped",
            |n| {
                let inner = array::slice(&n.x, [0, 1, 1, 0], inner_sizes(&n.x)?)?;
                &n.conv(&n.x, 3, 1, Valid)? + &inner
            },
            Fits(&["H >= 3", "W >= 3"]),
        ),
        case(
            "two paths of the same strides in other orders",
            |n| {
                let a = n.conv(&n.conv(&n.x, 3, 2, Same)?, 3, 3, Same)?;
                let b = n.conv(&n.conv(&n.x, 3, 3, Same)?, 3, 2, Same)?;
                &a + &b
            },
            Fits(&[]),
        ),
        case(
            "a pool and a convolution side by side, SAME",
            |n| {
                let pool = nn::max_pool(&n.x, 3, 2, Same).build()?;
                array::concat(&[pool, n.conv(&n.x, 3, 2, Same)?], 3)
            },
            Fits(&[]),
        ),
        case(
            "a pool VALID and a convolution SAME",
            |n| {
                let pool = nn::max_pool(&n.x, 2, 2, Valid).build()?;
                array::concat(&[pool, n.conv(&n.x, 2, 2, Same)?], 3)
            },
            Only("H mod 2 == 0", &["H mod 2 == 0", "W mod 2 == 0"]),
        ),
        case(
            "padded to a multiple of 8, then doubled back",
            |n| {
                let [h, w] = spatial(&n.x)?;
                let missing = |size: &Output| &(&math::floor_div(&(size + 7)?, 8)? * 8)? - size;
                let none = n.g.constant(0i32)?;
                let rows = [&none, &missing(&h)?, &missing(&w)?, &none]
                    .map(|after| array::pack(&[none.clone(), after.clone()], 0));
                let padded = array::pad(
                    &n.x,
                    array::pack(&rows.into_iter().collect::<Result<Vec<_>>>()?, 0)?,
                )?;
                let net = Net {
                    g: n.g.clone(),
                    x: padded.clone(),
                };
                array::concat(&[three_doublings(&net)?, padded], 3)
            },
            Fits(&[]),
        ),
        case(
            "space to depth by Reshape",
            |n| {
                let s = n.x.shape()?;
                let (h, w) = (
                    math::floor_div(&s.at(1)?, 2)?,
                    math::floor_div(&s.at(2)?, 2)?,
                );
                array::reshape(&n.x, sizes![s.at(0)?, h, 2, w, 2, 2])
            },
            Only("Reshape", &["2*H*W == 8*floor(H/2)*floor(W/2)"]),
        ),
        case(
            "flattened and restored",
            |n| {
                let s = n.x.shape()?;
                let flat = array::reshape(&n.x, sizes![s.at(0)?, -1])?;
                array::reshape(&flat, s)
            },
            Fits(&[]),
        ),
        case(
            "channels mixed by MatMul",
            |n| {
                let flat = array::reshape(&n.x, [-1, 2])?;
                let mixed = math::matmul(&flat, n.g.constant(Tensor::full(&[2, 2], 1.0f32)?)?)?;
                array::reshape(&mixed, n.x.shape()?)
            },
            Fits(&[]),
        ),
        case(
            "a row added to every image",
            |n| &n.x + &n.g.constant(Tensor::full(&[1, 1, 1, 2], 1.0f32)?)?,
            Fits(&[]),
        ),
        case(
            "the mean taken away",
            |n| &n.x - &math::reduce_mean_keep_dims(&n.x, [1, 2])?,
            Fits(&[]),
        ),
        case(
            "VALID windows one after the other",
            |n| {
                n.conv(
                    &n.conv(&n.conv(&n.x, 3, 1, Valid)?, 3, 2, Valid)?,
                    5,
                    1,
                    Valid,
                )
            },
            Fits(&["H >= 13", "W >= 13"]),
        ),
        case(
            "height against width",
            |n| {
                let turned = array::transpose(&n.x, [0, 2, 1, 3])?;
                array::concat(&[turned, n.x.clone()], 3)
            },
            Only("H", &["H == W"]),
        ),
    ]
}

/// Zeros before and after each axis.
fn pads(n: &Net, values: &[i32]) -> Result<Output> {
    n.g.constant(Tensor::new(&[values.len() / 2, 2], values.to_vec())?)
}

fn inner_sizes(x: &Output) -> Result<[tconv::Size; 4]> {
    let s = x.shape()?;
    Ok([
        s.at(0)?.into(),
        (&s.at(1)? - 2)?.into(),
        (&s.at(2)? - 2)?.into(),
        2.into(),
    ])
}

fn three_doublings(n: &Net) -> Result<Output> {
    let mut x = n.x.clone();
    for _ in 0..3 {
        x = n.conv(&x, 3, 2, Same)?;
    }
    for _ in 0..3 {
        x = n.double(&x)?;
    }
    Ok(x)
}

fn fcn(n: &Net, padding: Padding) -> Result<Output> {
    let mut x = n.x.clone();
    for _ in 0..3 {
        x = nn::max_pool(&x, 2, 2, padding.clone()).build()?;
    }
    let [h, w] = spatial(&n.x)?;
    n.back(&x, 16, 8, Same, h, w)
}

#[derive(Clone, Copy, PartialEq)]
enum Up {
    Double,
    Shape,
    Crop,
}

/// Four poolings down, four transposed convolutions up, each joined to what was there before.
fn unet(n: &Net, up: Up) -> Result<Output> {
    let (mut x, mut skips) = (n.x.clone(), Vec::new());
    for _ in 0..4 {
        skips.push(n.conv(&x, 3, 1, Same)?);
        x = nn::max_pool(&x, 2, 2, Valid).build()?;
    }
    for skip in skips.iter().rev() {
        let mut skip = skip.clone();
        x = match up {
            Up::Shape => {
                let [h, w] = spatial(&skip)?;
                n.back(&x, 2, 2, Valid, h, w)?
            }
            _ => n.double(&x)?,
        };
        if up == Up::Crop {
            let [h, w] = spatial(&x)?;
            skip = array::slice(&skip, [0, 0, 0, 0], sizes![n.x.shape()?.at(0)?, h, w, 2])?;
        }
        x = n.conv(&array::concat(&[x, skip], 3)?, 1, 1, Same)?;
    }
    Ok(x)
}
