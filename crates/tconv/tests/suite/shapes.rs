//! Shapes are proved for every size before anything runs: named networks, and each of them run with every
//! size up to some dozens, to see whether what was said is so.

use std::collections::BTreeMap;

use tconv::prelude::*;
use tconv::{Condition, Diagnostic, SizeSet};

mod cases;
mod grid;
mod teach;

/// What is said of a network.
#[derive(Clone, Debug)]
enum Said {
    /// Nothing: it fits for every size, but for what `requires` lists.
    Fits(&'static [&'static str]),
    /// A diagnostic that contains this, and these requirements.
    Only(&'static str, &'static [&'static str]),
    /// An error while building whose text contains all of these.
    Never(&'static [&'static str]),
}
use Said::{Fits, Never, Only};

struct Case {
    name: &'static str,
    /// Builds the network over the image `x`, and gives what is to run.
    build: fn(&Net) -> Result<Output>,
    said: Said,
}

/// The graph, its images, and what networks are made of. All channels are few: only sizes matter here.
struct Net {
    g: Graph,
    x: Output,
}

impl Net {
    fn new(sizes: Shape) -> Result<Net> {
        let g = Graph::new();
        let x = g.placeholder_named::<f32>("x", sizes)?;
        Ok(Net { g, x })
    }

    /// A filter of ones.
    fn filter(&self, kernel: i64, from: i64, to: i64) -> Result<Output> {
        let sizes = [kernel as usize, kernel as usize, from as usize, to as usize];
        self.g.constant(Tensor::full(&sizes, 1.0f32)?)
    }

    /// A convolution to 2 channels.
    fn conv(&self, x: &Output, kernel: i64, stride: i64, padding: Padding) -> Result<Output> {
        let channels = channels(x);
        nn::conv2d(x, self.filter(kernel, channels, 2)?)
            .strides(stride)
            .padding(padding)
            .build()
    }

    /// A transposed convolution of a value of 2 channels to an image of 2.
    fn back(
        &self,
        value: &Output,
        kernel: i64,
        stride: i64,
        padding: Padding,
        height: impl Into<tconv::Size>,
        width: impl Into<tconv::Size>,
    ) -> Result<Output> {
        let batch = value.shape()?.at(0)?;
        let sizes: [tconv::Size; 4] = [batch.into(), height.into(), width.into(), 2.into()];
        nn::conv2d_transpose(value, self.filter(kernel, 2, channels(value))?, sizes)
            .strides(stride)
            .padding(padding)
            .build()
    }

    /// A transposed convolution with stride 2 that doubles.
    fn double(&self, value: &Output) -> Result<Output> {
        let [h, w] = spatial(value)?;
        self.back(value, 2, 2, Same, (&h * 2)?, (&w * 2)?)
    }
}

fn channels(x: &Output) -> i64 {
    x.static_shape()
        .dims()
        .and_then(|dims| dims[3].known())
        .unwrap()
}

/// Height and width as scalars.
fn spatial(x: &Output) -> Result<[Output; 2]> {
    let sizes = x.shape()?;
    Ok([sizes.at(1)?, sizes.at(2)?])
}

/// The requirement's text of each size alone.
fn requirements(g: &Graph, fetch: &Output) -> Vec<String> {
    g.requirements(fetch)
        .unwrap()
        .iter()
        .map(|one| one.condition().to_string())
        .collect()
}

/// Runs `y` with square images of every size up to `most`, and compares what happens with what the
/// requirements say. Sizes too small for a window run as TensorFlow runs them, or are refused.
#[track_caller]
fn compare_with_runs(name: &str, net: &Net, y: &Output, most: i64) {
    let session = Session::new(&net.g);
    let all = net.g.requirements(y).unwrap();
    for size in 1..=most {
        let x = Tensor::full(&[2, size as usize, size as usize, 2], 1.0f32).unwrap();
        let ran = session.run_with(y, feed![net.x => x]);
        let fed = |unknown: &tconv::Unknown| Some(if unknown.name() == "N" { 2 } else { size });
        let said = all.iter().all(|one| one.holds(&fed) == Some(true));
        match &ran {
            Ok(_) if said => {}
            Err(error) if !said => {
                assert!(
                    !error.node().is_empty() && !error.code().is_building(),
                    "{name} {size}: {error}"
                );
            }
            // An empty result where a window does not fit.
            Ok(y) if y.is_empty() || all.iter().any(|one| one.condition().contains(">=")) => {}
            _ => panic!(
                "{name} with {size}: {all:?}, but {:?}",
                ran.map(|y| y.shape().to_vec())
            ),
        }
    }
}

fn check(case: &Case) {
    let name = case.name;
    let net = Net::new(shape!["N", "H", "W", 2]).unwrap();
    let built = (case.build)(&net);
    let wanted: &[&str] = match (&case.said, &built) {
        (Never(parts), Err(error)) => {
            let text = error.to_string();
            assert!(error.code().is_building(), "{name}: {text}");
            for part in *parts {
                assert!(text.contains(part), "{name}: {part}\n{text}");
            }
            return;
        }
        (Fits(wanted), Ok(_)) => {
            let said = net.g.diagnostics();
            assert!(said.is_empty(), "{name}: {}", said[0]);
            wanted
        }
        (Only(part, wanted), Ok(_)) => {
            let said: Vec<String> = net
                .g
                .diagnostics()
                .iter()
                .map(Diagnostic::to_string)
                .collect();
            assert!(said.join("\n").contains(part), "{name}: {part}\n{said:?}");
            wanted
        }
        (said, built) => panic!(
            "{name}: {said:?}, but {:?}",
            built.as_ref().map(|y| y.name())
        ),
    };
    let y = built.unwrap();
    assert_eq!(requirements(&net.g, &y), wanted, "{name}");
    compare_with_runs(name, &net, &y, 34);
    // The same graph, strict.
    let strict = Net::new(shape!["N", "H", "W", 2]).unwrap();
    strict.g.set_strict(true);
    let built = (case.build)(&strict);
    assert_eq!(
        built.is_err(),
        matches!(case.said, Only(..)),
        "{name}: strict"
    );
}

#[test]
fn named_networks() {
    let cases = cases::all();
    assert!(cases.len() >= 40, "{}", cases.len());
    let mut names = BTreeMap::new();
    for case in &cases {
        assert!(names.insert(case.name, ()).is_none(), "{} twice", case.name);
        check(case);
    }
}
