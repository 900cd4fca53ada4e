//! Whole grids of kernels, strides and paddings.

use super::*;

/// A convolution of `x` down, and back to the shape of `x`.
fn there_and_back(net: &Net, kernel: i64, strides: [i64; 2], padding: &Padding) -> Result<Output> {
    let small = net.conv(&net.x, kernel, strides[0], padding.clone())?;
    let [h, w] = spatial(&net.x)?;
    net.back(&small, kernel, strides[1], padding.clone(), h, w)
}

#[test]
fn back_the_way_it_came_fits_always() {
    let mut paddings = vec![Same, Valid];
    for before in 0..=7 {
        paddings.extend((0..=7).map(|after| Padding::Explicit(vec![(before, after); 2])));
    }
    for kernel in 1..=7 {
        for stride in 1..=7 {
            for padding in &paddings {
                let net = Net::new(shape!["N", "H", "W", 2]).unwrap();
                net.g.set_strict(true);
                let built = there_and_back(&net, kernel, [stride; 2], padding);
                assert!(
                    built.is_ok(),
                    "{kernel} {stride} {padding:?}: {}",
                    built.unwrap_err()
                );
            }
        }
    }
}

/// What is said of unknown sizes is what each known size gets.
#[test]
fn unknown_sizes_fit_where_known_sizes_build() {
    for kernel in 1..=4 {
        for strides in (1..=4).flat_map(|down| (1..=4).map(move |up| [down, up])) {
            for padding in [Same, Valid, Padding::Explicit(vec![(1, 2); 2])] {
                let net = Net::new(shape!["N", "H", "W", 2]).unwrap();
                let built = there_and_back(&net, kernel, strides, &padding);
                let said = built
                    .as_ref()
                    .map(|y| net.g.requirements(y).unwrap())
                    .unwrap_or_default();
                for size in 1..=40 {
                    let known = Net::new(Shape::from([1, size, size, 2])).unwrap();
                    let builds = there_and_back(&known, kernel, strides, &padding).is_ok();
                    let fits = built.is_ok()
                        && said
                            .iter()
                            .all(|one| one.sizes().is_some_and(|sizes| sizes.contains(size)));
                    assert_eq!(
                        fits, builds,
                        "{kernel} {strides:?} {padding:?} {size}: {said:?}"
                    );
                }
            }
        }
    }
}
