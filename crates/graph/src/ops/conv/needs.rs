//! What the convolutions need of sizes that are not known while the graph is built.

use std::sync::Arc;

use tconv_kernels::conv::Pass;
use tconv_shape::{AxisPadding, Condition, Dim, Shape, Window};

use super::geometry::Geometry;
use crate::Result;
use crate::need::{Kind, Need, Says, Words};
use crate::op::Fact;

/// One spatial axis, or the batch, of a convolution that is gone back over.
struct Compared {
    /// The axis' name; `None` for the batch.
    axis: Option<&'static str>,
    window: Option<Window>,
    /// Which input of the op is the forward convolution's output.
    given_at: usize,
    /// The size of the forward input that is gone back to.
    wanted: Dim,
    /// What the forward convolution makes of it.
    made: Dim,
    given: Dim,
    forward: Vec<Dim>,
    given_shape: Vec<Dim>,
    transposed: bool,
}

impl Says for Compared {
    fn clause(&self, words: &Words) -> String {
        let value = &words.inputs[self.given_at];
        let (given, wanted, made) = (
            words.dim(&self.given),
            words.dim(&self.wanted),
            words.dim(&self.made),
        );
        let (Some(name), Some(window)) = (self.axis, &self.window) else {
            return format!("batch: {value} has a batch of {given}, but {wanted} is wanted back");
        };
        let long = match name {
            "depth" => "deep",
            "height" => "high",
            _ => "wide",
        };
        let way = way(window, &words.dim(window.kernel()));
        match self.transposed {
            true => format!(
                "{name}: {value} is {given} {long}, but going back from a {name} of {wanted} with {way} needs {made}"
            ),
            false => format!(
                "{name}: {value} is {given} {long}, but the convolution of a {name} of {wanted} with {way} makes {made}"
            ),
        }
    }

    fn refusal(&self, words: &Words) -> Option<String> {
        let shape = |dims: &[Dim]| {
            let sizes: Vec<String> = dims.iter().map(|dim| words.dim(dim)).collect();
            format!("({})", sizes.join(", "))
        };
        Some(format!(
            "Shapes {} and {} are not compatible",
            shape(&self.forward),
            shape(&self.given_shape)
        ))
    }

    fn legal(&self, words: &Words) -> Option<String> {
        let (name, window) = (self.axis?, self.window.as_ref()?);
        let (low, high) = window.input_bounds(&self.given).ok()?;
        let given = words.dim(&self.given);
        Some(match (low.known(), high.known()) {
            (Some(low), Some(high)) if low > high => {
                format!("no {name} goes with a value of {given}")
            }
            _ if low == high => {
                format!(
                    "a value of {given} goes with a {name} of {}",
                    words.dim(&low)
                )
            }
            _ => format!(
                "a value of {given} goes with a {name} of {} to {}",
                words.dim(&low),
                words.dim(&high)
            ),
        })
    }
}

/// How a window moves, as people say it: `stride 3`, `kernel 3, stride 2 and padding VALID`.
fn way(window: &Window, kernel: &str) -> String {
    let stride = window.stride();
    let dilation = match window.dilation() {
        1 => String::new(),
        n => format!(", dilation {n}"),
    };
    match window.padding() {
        AxisPadding::Same => format!("stride {stride}"),
        AxisPadding::Valid => {
            format!("kernel {kernel}{dilation}, stride {stride} and padding VALID")
        }
        AxisPadding::Explicit(before, after) => {
            format!("kernel {kernel}{dilation}, stride {stride} and padding ({before}, {after})")
        }
    }
}

impl Geometry {
    /// What `pass` needs of the sizes of its inputs.
    pub(super) fn needs(&self, pass: Pass, inputs: &[Fact]) -> Vec<Need> {
        let needs = match pass {
            Pass::Forward => self.forward_needs(&inputs[0].shape, &inputs[1].shape),
            Pass::BackpropInput => self.transposed_needs(inputs),
            Pass::BackpropFilter => self.filter_needs(inputs),
        };
        // What cannot be inferred has been refused already.
        needs.unwrap_or_default()
    }

    fn forward_needs(&self, input: &Shape, filter: &Shape) -> Result<Vec<Need>> {
        let (input, filter) = (self.ranked("input", input)?, self.ranked("filter", filter)?);
        let mut needs = Vec::new();
        for axis in 0..self.spatial() {
            let window = self.window(axis, &filter[axis])?;
            let size = input[self.format.spatial_axis(axis)].clone();
            if let Some(room) = window.room(&size)? {
                let name = self.axis_names()[axis];
                needs.extend(Need::at_least(&room, 0, move |words| {
                    let kernel = words.dim(window.kernel());
                    let way = way(&window, &kernel);
                    format!(
                        "{name}: {} is {}; {way} must fit",
                        words.inputs[0],
                        words.dim(&size)
                    )
                }));
            }
        }
        let (channel, depth) = (self.channel(), &filter[self.spatial()]);
        if let (Dim::Expr(_), Dim::Known(2..)) = (&input[channel], depth) {
            let rest = input[channel].modulo(depth)?;
            let (channels, depth) = (input[channel].clone(), depth.clone());
            needs.extend(
                Need::equal(&rest, &Dim::Known(0), move |words| {
                    format!(
                        "channels: {} has {}, the filter takes {}",
                        words.inputs[0],
                        words.dim(&channels),
                        words.dim(&depth)
                    )
                })
                .map(|need| Need {
                    kind: Kind::Require,
                    ..need
                }),
            );
        }
        Ok(needs)
    }

    fn transposed_needs(&self, inputs: &[Fact]) -> Result<Vec<Need>> {
        let (filter, value) = (
            self.ranked("filter", &inputs[1].shape)?,
            self.ranked("value", &inputs[2].shape)?,
        );
        let wanted = self.wanted(&inputs[0], &filter, &value)?;
        let mut needs = self.compare(&wanted, &filter, &value, 2, true)?;
        let channel = self.channel();
        for (at, size, wants) in [
            (2, &value[channel], &filter[self.spatial() + 1]),
            (0, &wanted[channel], &filter[self.spatial()]),
        ] {
            let (has, takes) = (size.clone(), wants.clone());
            needs.extend(
                Need::equal(size, wants, move |words| {
                    let (has, takes) = (words.dim(&has), words.dim(&takes));
                    format!(
                        "channels: {} says {has}, the filter {takes}",
                        words.inputs[at]
                    )
                })
                .map(|need| {
                    // Groups: the output may have a multiple of the filter's channels.
                    match (at, need.condition) {
                        (0, Condition::Equal(has, takes)) => Need {
                            condition: match has.modulo(&takes) {
                                Ok(rest) => Condition::Equal(rest, Dim::Known(0)),
                                Err(_) => Condition::Equal(has, takes),
                            },
                            kind: Kind::Require,
                            ..need
                        },
                        (_, condition) => Need { condition, ..need },
                    }
                }),
            );
        }
        Ok(needs)
    }

    fn filter_needs(&self, inputs: &[Fact]) -> Result<Vec<Need>> {
        let input = self.ranked("input", &inputs[0].shape)?;
        let given = self.ranked("out_backprop", &inputs[2].shape)?;
        let filter = inputs[1].as_shape("filter_sizes")?;
        match filter.dims() {
            Some(filter) if filter.len() == self.spatial() + 2 => {
                self.compare(&input, filter, &given, 2, false)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Batch and spatial sizes: what the forward convolution makes of `wanted` against what is given.
    fn compare(
        &self,
        wanted: &[Dim],
        filter: &[Dim],
        given: &[Dim],
        given_at: usize,
        transposed: bool,
    ) -> Result<Vec<Need>> {
        let forward = self.forward_shape(wanted, filter, false)?;
        let forward = forward.dims().unwrap_or_default();
        let places = std::iter::once((None, 0))
            .chain((0..self.spatial()).map(|axis| (Some(axis), self.format.spatial_axis(axis))));
        let mut needs = Vec::new();
        for (axis, place) in places {
            let window = match axis {
                Some(axis) => Some(self.window(axis, &filter[axis])?),
                None => None,
            };
            let says = Compared {
                axis: axis.map(|axis| self.axis_names()[axis]),
                window,
                given_at,
                wanted: wanted[place].clone(),
                made: forward[place].clone(),
                given: given[place].clone(),
                forward: forward.to_vec(),
                given_shape: given.to_vec(),
                transposed,
            };
            needs.extend(
                Need::equal(&given[place], &forward[place], |_| String::new()).map(|need| Need {
                    says: Arc::new(says),
                    ..need
                }),
            );
        }
        Ok(needs)
    }
}
