use tconv_shape::Shape;
use tconv_tensor::DType;

use super::Variable;
use crate::initializer::of_dtype;
use crate::{Error, Graph, Initializer, Location, Operand, Output, Result, Reuse, location};

/// A variable that is being made or looked up; [`Graph::variable`] starts it.
pub struct VariableBuilder<'a> {
    graph: &'a Graph,
    name: String,
    shape: Shape,
    dtype: Option<DType>,
    initializer: Option<Initializer>,
    trainable: bool,
    reuse: Option<Reuse>,
    location: Location,
}

impl VariableBuilder<'_> {
    /// The dtype; without this that of a value that it starts with, or what the variable scope says, or else
    /// float32.
    pub fn dtype(mut self, dtype: DType) -> Self {
        self.dtype = Some(dtype);
        self
    }

    /// How its initial value is made: without this as the variable scope says, or else by Glorot's uniform
    /// rule, as in TensorFlow, and zeros for integers.
    pub fn initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = Some(initializer);
        self
    }

    /// Whether optimizers train it by default.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.trainable = trainable;
        self
    }

    /// Whether one that is there is reused, whatever the variable scope says.
    pub fn reuse(mut self, reuse: Reuse) -> Self {
        self.reuse = Some(reuse);
        self
    }

    /// Makes the variable, or gives it where the variable scope says to reuse it.
    ///
    /// # Errors
    /// `Value` when it exists already or does not, against what the scope says, when its shape is not
    /// fully known, or when one that exists has another shape or dtype.
    pub fn build(mut self) -> Result<Variable> {
        let _from = location::began(self.location);
        let scope = self.graph.current_variable_scope();
        let name = self.graph.take_name();
        let name = scope.full_name(name.as_deref().unwrap_or(&self.name));
        let existing = self.graph.variable_of(&name);
        let given = match &self.initializer {
            Some(Initializer::Value(value)) => Some((value.shape().into(), value.dtype())),
            Some(Initializer::Output(value)) => Some((value.static_shape().clone(), value.dtype())),
            _ => None,
        };
        self.initializer = self.initializer.or_else(|| scope.initializer().cloned());
        if let Some((shape, dtype)) = given {
            self.dtype = self.dtype.or(Some(dtype));
            if self.shape.rank().is_none() {
                self.shape = shape;
            }
        }
        let dtype = self.dtype.unwrap_or(scope.dtype());
        match (existing, self.reuse.unwrap_or(scope.reuse())) {
            (Some(_), Reuse::No) => Err(Error::value(format!(
                "Variable {name} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
            ))
            .help("a variable scope that reuses gives what is there")),
            (None, Reuse::Yes) => Err(Error::value(format!(
                "Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean to set reuse=tf.AUTO_REUSE in VarScope?"
            ))
            .help("a variable scope that reuses automatically makes the variables that are not there")),
            (Some(variable), _) => self.matching(variable, dtype),
            (None, _) => {
                let made = self.make(&name, dtype)?;
                self.graph.write().variables.add(&made, Some(name));
                Ok(made)
            }
        }
    }

    fn matching(&self, variable: Variable, dtype: DType) -> Result<Variable> {
        let (name, found) = (variable.name(), variable.static_shape());
        if !found.is_compatible_with(&self.shape) {
            return Err(Error::value(format!(
                "Trying to share variable {name}, but specified shape {} and found shape {found}.",
                self.shape
            )));
        }
        if variable.value.dtype() != dtype {
            return Err(Error::value(format!(
                "Trying to share variable {name}, but specified dtype {dtype} and found dtype {}.",
                variable.value.dtype()
            )));
        }
        Ok(variable)
    }

    /// Adds the nodes that TensorFlow adds, under its names; the open name scopes do not count.
    fn make(&self, name: &str, dtype: DType) -> Result<Variable> {
        let Some(sizes) = self.shape.known() else {
            return Err(Error::value(format!(
                "Shape of a new variable ({name}) must be fully defined, but instead was {}.",
                self.shape
            )));
        };
        let default = match dtype.is_floating() {
            true => Initializer::glorot_uniform(),
            false => Initializer::Zeros,
        };
        let initializer = self.initializer.as_ref().unwrap_or(&default);
        let initial = || initializer.build(self.graph, &sizes, dtype);
        let graph = self.graph;
        graph.outside_scopes(|| add_nodes(graph, name, Some(&self.shape), self.trainable, initial))
    }
}

/// The nodes of a variable in a scope called `name`.
fn add_nodes(
    graph: &Graph,
    name: &str,
    shape: Option<&Shape>,
    trainable: bool,
    initial: impl FnOnce() -> Result<Output>,
) -> Result<Variable> {
    graph.op_scope(name, |own| {
        let initial = graph.name_scope("Initializer", initial)?;
        let dtype = initial.dtype();
        let handle = graph
            .add("VarHandleOp")
            .name(own)
            .attr("dtype", dtype)
            .attr("shape", shape.unwrap_or(initial.static_shape()).clone())
            .attr("shared_name", own.trim_end_matches('/'))
            .output()?;
        let child = |op: &str, name: &str| graph.add(op).name(name).input(&handle);
        child("VarIsInitializedOp", "IsInitialized/VarIsInitializedOp").build()?;
        let assign = child("AssignVariableOp", "Assign")
            .input(&initial)
            .attr("dtype", dtype);
        let initializer = assign.build()?;
        let value = child("ReadVariableOp", "Read/ReadVariableOp")
            .attr("dtype", dtype)
            .output()?;
        Ok(Variable {
            handle,
            initializer,
            value,
            trainable,
        })
    })
}

impl Graph {
    /// Starts a variable with more than a name and a shape; see [`VariableBuilder`].
    #[track_caller]
    pub fn variable(&self, name: &str, shape: impl Into<Shape>) -> VariableBuilder<'_> {
        VariableBuilder {
            graph: self,
            name: name.to_string(),
            shape: shape.into(),
            dtype: None,
            initializer: None,
            trainable: true,
            reuse: None,
            location: location::here(),
        }
    }

    /// A trainable variable of the variable scope's dtype, float32 without one, with the scope's initial values
    /// or else Glorot's uniform ones (TensorFlow's `get_variable`).
    ///
    /// # Errors
    /// As [`VariableBuilder::build`].
    #[track_caller]
    pub fn get_variable(&self, name: &str, shape: impl Into<Shape>) -> Result<Variable> {
        self.variable(name, shape).build()
    }

    /// A variable that starts with a value (`tf.Variable`), of the value's shape and dtype or of `dtype`. Its
    /// name, `Variable` where none is given, is that of a node: it stands in the open name scope, and is numbered
    /// where it is taken. `get_variable` does not find it.
    ///
    /// # Errors
    /// `Value` for a tensor of another dtype, `Type` for a number that the dtype does not hold.
    #[track_caller]
    pub fn variable_from(
        &self,
        initial: impl Operand,
        trainable: bool,
        name: Option<&str>,
        dtype: Option<DType>,
    ) -> Result<Variable> {
        let _from = location::caller();
        let value = || initial.to_output(self, dtype, "initial_value");
        self.variable_from_fn(value, trainable, name, dtype)
    }

    /// [`Graph::variable_from`] whose value a function makes: its nodes stand within the variable's scope, and wait
    /// for no control dependencies.
    ///
    /// # Errors
    /// As [`Graph::variable_from`]; what `initial` returns.
    #[track_caller]
    pub fn variable_from_fn(
        &self,
        initial: impl FnOnce() -> Result<Output>,
        trainable: bool,
        name: Option<&str>,
        dtype: Option<DType>,
    ) -> Result<Variable> {
        let _from = location::caller();
        let initial = || match dtype {
            Some(dtype) => of_dtype(initial()?, dtype),
            None => initial(),
        };
        let outer = self.clear_control_dependencies();
        let made = self.within(outer, || {
            add_nodes(self, name.unwrap_or("Variable"), None, trainable, initial)
        })?;
        self.write().variables.add(&made, None);
        Ok(made)
    }
}
