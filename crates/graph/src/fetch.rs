use tconv_tensor::Tensor;

use crate::{Operation, Output, Variable};

/// One thing that a run is asked for.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// A tensor's value.
    Value(Output),
    /// That an operation runs.
    Run(Operation),
}

/// What a run is asked for: an [`Output`], an [`Operation`], a [`Variable`], or a tuple, slice, array or
/// vector of such. The answer has the same structure: a [`Tensor`] for a tensor, `()` for an operation.
pub trait Fetch {
    /// The answer's type.
    type Answer;

    /// Appends what is asked for.
    fn list(&self, into: &mut Vec<Fetched>);

    /// Takes its part of the answers, as many as [`Fetch::list`] appended tensors.
    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> Self::Answer;
}

impl Fetch for Output {
    type Answer = Tensor;

    fn list(&self, into: &mut Vec<Fetched>) {
        into.push(Fetched::Value(self.clone()));
    }

    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> Tensor {
        values.next().unwrap_or_default()
    }
}

impl Fetch for Variable {
    type Answer = Tensor;

    fn list(&self, into: &mut Vec<Fetched>) {
        self.value().list(into);
    }

    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> Tensor {
        self.value().answer(values)
    }
}

impl Fetch for Operation {
    type Answer = ();

    fn list(&self, into: &mut Vec<Fetched>) {
        into.push(Fetched::Run(self.clone()));
    }

    fn answer(&self, _: &mut std::vec::IntoIter<Tensor>) {}
}

impl Fetch for Fetched {
    /// `None` for an operation.
    type Answer = Option<Tensor>;

    fn list(&self, into: &mut Vec<Fetched>) {
        into.push(self.clone());
    }

    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> Option<Tensor> {
        match self {
            Fetched::Value(_) => values.next(),
            Fetched::Run(_) => None,
        }
    }
}

impl<F: Fetch + ?Sized> Fetch for &F {
    type Answer = F::Answer;

    fn list(&self, into: &mut Vec<Fetched>) {
        F::list(self, into);
    }

    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> F::Answer {
        F::answer(self, values)
    }
}

impl<F: Fetch> Fetch for [F] {
    type Answer = Vec<F::Answer>;

    fn list(&self, into: &mut Vec<Fetched>) {
        self.iter().for_each(|fetch| fetch.list(into));
    }

    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> Vec<F::Answer> {
        self.iter().map(|fetch| fetch.answer(values)).collect()
    }
}

impl<F: Fetch> Fetch for Vec<F> {
    type Answer = Vec<F::Answer>;

    fn list(&self, into: &mut Vec<Fetched>) {
        self.as_slice().list(into);
    }

    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> Vec<F::Answer> {
        self.as_slice().answer(values)
    }
}

impl<F: Fetch, const N: usize> Fetch for [F; N] {
    type Answer = [F::Answer; N];

    fn list(&self, into: &mut Vec<Fetched>) {
        self.as_slice().list(into);
    }

    fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> [F::Answer; N] {
        self.each_ref().map(|fetch| fetch.answer(values))
    }
}

macro_rules! tuples {
    ($(($($fetch:ident . $index:tt),+))*) => {
        $(impl<$($fetch: Fetch),+> Fetch for ($($fetch,)+) {
            type Answer = ($($fetch::Answer,)+);

            fn list(&self, into: &mut Vec<Fetched>) {
                $(self.$index.list(into);)+
            }

            fn answer(&self, values: &mut std::vec::IntoIter<Tensor>) -> Self::Answer {
                ($(self.$index.answer(values),)+)
            }
        })*
    };
}
tuples! {
    (A.0)
    (A.0, B.1)
    (A.0, B.1, C.2)
    (A.0, B.1, C.2, D.3)
    (A.0, B.1, C.2, D.3, E.4)
    (A.0, B.1, C.2, D.3, E.4, F.5)
}
