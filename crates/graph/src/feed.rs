use tconv_tensor::Tensor;

use crate::Output;

/// Values for tensors of a run: of placeholders, or of any other tensor, which is then not computed.
#[derive(Clone, Debug, Default)]
pub struct Feed(pub(crate) Vec<(Output, Tensor)>);

impl Feed {
    /// Nothing is fed.
    pub fn new() -> Feed {
        Feed::default()
    }

    /// Feeds `value` for `tensor`.
    pub fn with(mut self, tensor: &Output, value: impl Into<Tensor>) -> Feed {
        self.0.push((tensor.clone(), value.into()));
        self
    }
}

/// Values for tensors of a run: `feed![inputs => data, labels => other]`.
#[macro_export]
macro_rules! feed {
    ($($tensor:expr => $value:expr),* $(,)?) => {
        $crate::Feed::new()$(.with(&$tensor, $value))*
    };
}
