//! Attributes of nodes.

use std::collections::{BTreeMap, BTreeSet};

use tconv_shape::Shape;
use tconv_tensor::{DType, Tensor};

use crate::{Error, Result};

/// The value of an attribute, with the kinds of TensorFlow's `AttrValue`.
#[derive(Clone, Debug, PartialEq)]
pub enum AttrValue {
    /// `int`
    Int(i64),
    /// `float`
    Float(f32),
    /// `bool`
    Bool(bool),
    /// `string`
    String(String),
    /// `type`
    Type(DType),
    /// `shape`
    Shape(Shape),
    /// `tensor`
    Tensor(Tensor),
    /// `list(int)`
    Ints(Vec<i64>),
}

macro_rules! from {
    ($($source:ty => $kind:ident),* $(,)?) => {
        $(impl From<$source> for AttrValue {
            fn from(value: $source) -> AttrValue {
                AttrValue::$kind(value.into())
            }
        })*
    };
}
from!(i64 => Int, f32 => Float, bool => Bool, &str => String, String => String, DType => Type,
    Shape => Shape, Tensor => Tensor, Vec<i64> => Ints, &[i64] => Ints);

/// A node's attributes by TensorFlow's names.
pub type Attrs = BTreeMap<String, AttrValue>;

/// Reads a node's attributes while its op is made; one that nobody read is an error, never ignored.
pub struct AttrReader<'a> {
    attrs: &'a Attrs,
    read: BTreeSet<&'static str>,
}

macro_rules! readers {
    ($($name:ident, $name_or:ident, $kind:ident, $type:ty, $word:literal;)*) => {
        $(
            #[doc = concat!("The attribute `name` of kind `", $word, "`.")]
            ///
            /// # Errors
            /// `Value` when it is missing or of another kind.
            pub fn $name(&mut self, name: &'static str) -> Result<$type> {
                self.read.insert(name);
                match self.attrs.get(name) {
                    Some(AttrValue::$kind(value)) => Ok(value.clone()),
                    Some(other) => Err(Error::value(format!(
                        concat!("attribute '{}' must be of kind ", $word, ", got {:?}"), name, other))),
                    None => Err(Error::value(format!("attribute '{name}' is missing"))),
                }
            }

            #[doc = concat!("The attribute `name` of kind `", $word, "`, or its default.")]
            ///
            /// # Errors
            /// `Value` when it is of another kind.
            pub fn $name_or(&mut self, name: &'static str, default: impl Into<$type>) -> Result<$type> {
                match self.attrs.contains_key(name) {
                    true => self.$name(name),
                    false => Ok(default.into()),
                }
            }
        )*
    };
}

impl<'a> AttrReader<'a> {
    pub(crate) fn new(attrs: &'a Attrs) -> AttrReader<'a> {
        AttrReader {
            attrs,
            read: BTreeSet::new(),
        }
    }

    readers! {
        int, int_or, Int, i64, "int";
        float, float_or, Float, f32, "float";
        bool, bool_or, Bool, bool, "bool";
        string, string_or, String, String, "string";
        dtype, dtype_or, Type, DType, "type";
        shape, shape_or, Shape, Shape, "shape";
        tensor, tensor_or, Tensor, Tensor, "tensor";
        ints, ints_or, Ints, Vec<i64>, "list(int)";
    }

    /// Marks an attribute as read that says nothing about what is computed here.
    pub fn skip(&mut self, name: &'static str) {
        self.read.insert(name);
    }

    /// Refuses what was not read, but for TensorFlow's internal attributes (`_class`, ...).
    pub(crate) fn finish(self) -> Result<()> {
        match self
            .attrs
            .keys()
            .find(|name| !name.starts_with('_') && !self.read.contains(name.as_str()))
        {
            Some(name) => Err(Error::value(format!(
                "attribute '{name}' is not understood"
            ))),
            None => Ok(()),
        }
    }
}
