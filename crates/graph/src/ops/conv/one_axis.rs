//! A convolution over one axis is one over two, of which the first has size 1, as in TensorFlow: data and
//! filter get an axis more, the result loses it.

use tconv_kernels::conv::Pass;
use tconv_shape::Shape;
use tconv_tensor::Tensor;

use super::ConvBuilder;
use crate::array::{self, Index};
use crate::graph::graph_of;
use crate::op::Fact;
use crate::operand::{Size, integers};
use crate::ops::window::ranked;
use crate::{Attrs, Error, Graph, Operand, Output, Result};

/// What an operand is.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    Data,
    Filter,
    /// Sizes of data, or of a filter: a vector.
    Sizes(usize),
}

impl ConvBuilder<'_> {
    fn height(&self) -> usize {
        self.format.spatial_axis(0)
    }

    fn kinds(&self) -> &'static [Is] {
        match (self.pass, self.height()) {
            (Pass::Forward, _) => &[Is::Data, Is::Filter],
            (Pass::BackpropInput, 1) => &[Is::Sizes(1), Is::Filter, Is::Data],
            (Pass::BackpropInput, _) => &[Is::Sizes(2), Is::Filter, Is::Data],
            (Pass::BackpropFilter, _) => &[Is::Data, Is::Sizes(0), Is::Data],
        }
    }

    /// The axis that the result loses.
    fn result_axis(&self) -> usize {
        match self.pass {
            Pass::BackpropFilter => 0,
            _ => self.height(),
        }
    }

    /// The axis of data that is new or goes, as TensorFlow's function writes it.
    fn written(&self, axis: usize) -> i64 {
        match self.pass {
            Pass::Forward if axis > 0 => axis as i64 - 4,
            _ => axis as i64,
        }
    }

    pub(super) fn build_widened(&self, operands: &[&dyn Operand], attrs: Attrs) -> Result<Output> {
        let graph = graph_of(operands)?;
        let dtype = operands.iter().zip(self.kinds());
        let dtype = dtype
            .filter(|(_, kind)| !matches!(kind, Is::Sizes(_)))
            .find_map(|(operand, _)| operand.dtype());
        graph.op_scope(&self.name, |own| {
            let mut inputs = vec![None; operands.len()];
            // Data and filter first, and of a transposed convolution the data before the filter.
            let mut order: Vec<usize> = (0..operands.len()).collect();
            order.sort_by_key(|&i| match self.kinds()[i] {
                Is::Data => 0,
                Is::Filter => 1,
                Is::Sizes(_) => 2,
            });
            for i in order {
                let (operand, argument) = (operands[i], self.def().inputs[i].0);
                inputs[i] = Some(match self.kinds()[i] {
                    Is::Data => {
                        let data = operand.to_output(&graph, dtype, argument)?;
                        array::expand_dims(data, self.written(self.height()))?
                    }
                    Is::Filter => {
                        array::expand_dims(operand.to_output(&graph, dtype, argument)?, 0)?
                    }
                    Is::Sizes(at) => widened_sizes(&graph, operand, at, argument)?,
                });
            }
            let node = graph.add(self.def().name).name(own).attrs(attrs);
            let wide = node.inputs(inputs.iter().flatten()).output()?;
            array::squeeze(wide, &[self.written(self.result_axis())])
        })
    }

    /// The operands' values as the op over two axes takes them.
    pub(super) fn widened(&self, values: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let arguments = self.def().inputs.iter().map(|&(name, _)| name);
        let widen = |((value, kind), name): ((Tensor, &Is), &str)| {
            let (at, axes) = match *kind {
                Is::Data => (self.height(), 3),
                Is::Filter => (0, 3),
                Is::Sizes(at) => {
                    let mut sizes = value.to_i64_vec()?;
                    if value.rank() != 1 || sizes.len() != 3 {
                        return Err(Error::value(format!(
                            "{name} must have shape (3,), got {:?}",
                            value.shape()
                        )));
                    }
                    sizes.insert(at, 1);
                    return integers(&[4], &sizes, Some(value.dtype()));
                }
            };
            if value.rank() != axes {
                return Err(Error::value(format!(
                    "Shape must be rank {axes} but is rank {} for the {name}",
                    value.rank()
                )));
            }
            let mut shape = value.shape().to_vec();
            shape.insert(at, 1);
            Ok(value.reshape(&shape)?)
        };
        let values = values.into_iter().zip(self.kinds());
        values.zip(arguments).map(widen).collect()
    }

    /// What is known of the operands as the op over two axes takes them.
    pub(super) fn widened_facts(&self, facts: Vec<Fact>) -> Result<Vec<Fact>> {
        let arguments = self.def().inputs.iter().map(|&(name, _)| name);
        let widen = |((fact, kind), name): ((Fact, &Is), &str)| {
            let (at, shape) = match *kind {
                Is::Data => (self.height(), &fact.shape),
                Is::Filter => (0, &fact.shape),
                Is::Sizes(at) => (at, &fact.as_shape(name)?),
            };
            let mut dims = ranked(name, shape, 3)?;
            dims.insert(at, 1.into());
            Ok(match kind {
                Is::Sizes(_) => Fact::vector_value(fact.dtype, dims),
                _ => Fact::new(fact.dtype, Shape::new(dims)),
            })
        };
        let facts = facts.into_iter().zip(self.kinds());
        facts.zip(arguments).map(widen).collect()
    }

    /// The result's sizes without the axis that it has too many.
    pub(super) fn narrowed<T>(&self, mut shape: Vec<T>) -> Vec<T> {
        let axis = self.result_axis();
        if self.axes == 1 && axis < shape.len() {
            shape.remove(axis);
        }
        shape
    }
}

/// A vector of sizes with a 1 before element `at`.
fn widened_sizes(graph: &Graph, operand: &dyn Operand, at: usize, name: &str) -> Result<Output> {
    let list = operand.sizes();
    let (before, behind): (Box<dyn Operand>, Box<dyn Operand>) = match list {
        Some(list) => {
            let (before, behind) = list.split_at(at.min(list.len()));
            (Box::new(before.to_vec()), Box::new(behind.to_vec()))
        }
        None => {
            let sizes = operand.to_output(graph, None, name)?;
            let at = at as i64;
            (
                Box::new(sizes.slice(&[Index::from(..at)])?),
                Box::new(sizes.slice(&[Index::from(at..)])?),
            )
        }
    };
    let dtype = before.dtype().or(behind.dtype());
    let one = vec![Size::Known(1)];
    graph.op_scope("concat", |own| {
        let mut parts = Vec::new();
        for (i, part) in [&*before, &one, &*behind].into_iter().enumerate() {
            parts.push(part.to_output(graph, dtype, &format!("values_{i}"))?);
        }
        let axis = graph.constant_named("axis", integers(&[], &[0], None)?)?;
        let node = graph.add("ConcatV2").name(own).inputs(&parts);
        node.input(&axis).output()
    })
}
