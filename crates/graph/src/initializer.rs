use tconv_tensor::DType;

use crate::{Error, Graph, Output, Result};

/// How a variable's initial value is made.
#[derive(Clone, Debug)]
pub enum Initializer {
    /// Zeros.
    Zeros,
}

impl Initializer {
    /// Glorot.
    pub fn glorot_uniform() -> Initializer {
        Initializer::Zeros
    }

    /// Adds the nodes.
    ///
    /// # Errors
    /// None.
    pub fn build(&self, _: &Graph, _: &[i64], _: DType) -> Result<Output> {
        Err(Error::value("not there yet"))
    }
}
