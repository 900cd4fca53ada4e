//! `tconv._tconv`: the engine's graph, session and kernels as Python objects. The package around it gives them
//! TensorFlow's names; neither has arithmetic or a rule of shapes of its own.

use pyo3::prelude::*;

mod array;
mod builders;
mod checkpoint;
mod constant;
mod conv;
mod diagnostic;
mod dtype;
mod eager;
mod error;
mod fetch;
mod frames;
mod graph;
mod html;
mod initializer;
mod layer;
mod operand;
mod operation;
mod optimizer;
mod session;
mod shapes;
mod tensor;
mod tensor_shape;
mod threads;
mod variable;
mod variable_scope;
mod variables;

/// The compiled part of tconv: the engine's graph, session and kernels as Python objects.
#[pymodule]
fn _tconv(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    dtype::register(module)?;
    module.add_class::<dtype::PyDType>()?;
    module.add_class::<tensor_shape::PyDimension>()?;
    module.add_class::<tensor_shape::PyTensorShape>()?;
    module.add_class::<graph::PyGraph>()?;
    module.add_class::<tensor::PyTensor>()?;
    module.add_class::<operation::PyOperation>()?;
    module.add_class::<variable::PyVariable>()?;
    module.add_class::<session::PySession>()?;
    module.add_class::<initializer::PyInitializer>()?;
    module.add_class::<optimizer::PyOptimizer>()?;
    module.add_class::<variable_scope::PyVariableScope>()?;
    module.add(
        "AUTO_REUSE",
        Py::new(module.py(), variable_scope::AutoReuse)?,
    )?;
    module.add_class::<diagnostic::PyDiagnostic>()?;
    module.add_class::<diagnostic::PyRequirement>()?;
    macro_rules! functions {
        ($($function:path),* $(,)?) => { $(module.add_function(wrap_pyfunction!($function, module)?)?;)* };
    }
    functions! {
        array::address, dtype::as_dtype, graph::get_default_graph, graph::reset_default_graph,
        session::get_default_session, threads::set_num_threads, threads::get_num_threads,
        checkpoint::save_variables, checkpoint::load_variables,
        builders::apply, conv::conv, eager::eager, eager::eager_conv, shapes::shape, shapes::legal_output_shapes, builders::convert_to_tensor, builders::constant, builders::placeholder, builders::pool,
        builders::random, builders::reduce, builders::concat, builders::stack, builders::unstack,
        builders::transpose, builders::cast, builders::fill, builders::group, builders::gradients,
        initializer::initializer, layer::layer, variables::variable, variables::get_variable, variables::initialize,
        variable_scope::variable_scope, variable_scope::get_variable_scope,
    }
    Ok(())
}
