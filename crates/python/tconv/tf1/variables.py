"""Variables: values that a session keeps from run to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tconv import _tconv
from tconv._tconv import Operation, Tensor
from tconv.tf1._node import node
from tconv.tf1.ops import GraphKeys, add_to_collections, get_collection

__all__ = [
    "Variable",
    "all_variables",
    "assign",
    "assign_add",
    "assign_sub",
    "global_variables",
    "global_variables_initializer",
    "initialize_all_variables",
    "initialize_variables",
    "is_variable_initialized",
    "local_variables",
    "local_variables_initializer",
    "model_variables",
    "moving_average_variables",
    "tables_initializer",
    "trainable_variables",
    "variables_initializer",
]


class _VariableType(type):
    """`tf.Variable(...)` makes the engine's variable, and `isinstance` knows these."""

    def __call__(
        cls,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        use_resource: bool | None = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> _tconv.Variable:
        if variable_def is not None or constraint is not None:
            raise NotImplementedError("tf.Variable: tconv has neither variable_def nor constraint")
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        variable = _tconv.variable(initial_value, trainable is not False, dtype, name)
        collect(variable, collections)
        return variable

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _tconv.Variable)


if TYPE_CHECKING:
    from tconv._tconv import Variable as Variable
else:

    class Variable(metaclass=_VariableType):
        """`tf.Variable(initial_value)`: a value that a session keeps from run to run.

        `initial_value` is a tensor, what becomes one, or a function that makes one. The variable must be initialized in each
        session (`tf.global_variables_initializer().run()`) before it is read: else `FailedPreconditionError`.
        """


RefVariable = VariableV1 = Variable


def collect(variable: _tconv.Variable, collections: Any) -> None:
    """Adds a new variable to collections; the graph keeps those of all and of all trainable variables itself."""
    kept = {GraphKeys.GLOBAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES}
    names = [collections] if isinstance(collections, str) else collections or []
    add_to_collections([name for name in names if name not in kept], variable)


def global_variables(scope: str | None = None) -> list[_tconv.Variable]:
    """All variables; with `scope` those whose names this pattern matches at their start."""
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[_tconv.Variable]:
    """The variables that optimizers change where nobody says which."""
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[_tconv.Variable]:
    """The variables that layers made."""
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[_tconv.Variable]:
    """The variables of the collection `local_variables`."""
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[_tconv.Variable]:
    """The variables whose moving averages are kept."""
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """Nothing: tconv has no tables."""
    return _tconv.group([], name)


def global_variables_initializer() -> Operation:
    """The operation that gives all variables their first values."""
    return _tconv.initialize(None, "init")


def variables_initializer(var_list: Any, name: str = "init") -> Operation:
    """The operation that gives these variables their first values."""
    return _tconv.initialize(list(var_list), name)


def local_variables_initializer() -> Operation:
    """The operation that gives the local variables their first values."""
    return variables_initializer(local_variables(), "init")


def is_variable_initialized(variable: _tconv.Variable) -> Tensor:
    """Whether the variable has a value."""
    return node("VarIsInitializedOp", variable.handle)


all_variables = global_variables
initialize_all_variables = global_variables_initializer
initialize_variables = variables_initializer


def assign(
    ref: _tconv.Variable, value: Any, validate_shape: bool | None = None, use_locking: bool | None = None, name: str | None = None
) -> Any:
    """Gives the variable a new value; what it answers is the new value."""
    return ref.assign(value, name=name)


def assign_add(ref: _tconv.Variable, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Adds to the variable; what it answers is the new value."""
    return ref.assign_add(value, name=name)


def assign_sub(ref: _tconv.Variable, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Subtracts from the variable; what it answers is the new value."""
    return ref.assign_sub(value, name=name)
