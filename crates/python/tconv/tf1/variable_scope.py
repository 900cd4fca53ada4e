"""Variables by name, and the scopes that share them."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from tconv import _tconv
from tconv._tconv import AUTO_REUSE, Variable, VariableScope, get_variable_scope
from tconv.tf1 import init_ops
from tconv.tf1.ops import GraphKeys, add_to_collection
from tconv.tf1.variables import collect

__all__ = ["AUTO_REUSE", "VariableScope", "get_local_variable", "get_variable", "get_variable_scope", "variable_scope"]

# What the open variable scopes do to the variables that are made within.
_regularizer: contextvars.ContextVar[Any] = contextvars.ContextVar("regularizer", default=None)


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: bool | None = None,
    custom_getter: Any = None,
    constraint: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Variable:
    """The variable of this name within the open variable scope: a new one, or with `reuse` the one that is there.

    Its first value comes from `initializer`: an initializer, a function of shape and dtype, or a value (then `shape` is
    left out). Without one it is the scope's, else `tf.glorot_uniform_initializer`. What `regularizer` makes of a new variable
    goes into the collection `regularization_losses`.

    Raises:
      ValueError: the variable is there already (or is not, with `reuse`), or its shape or dtype is another one.
      NotImplementedError: for a partitioner, a constraint or a custom getter.
    """
    extras = {"partitioner": partitioner, "constraint": constraint, "custom_getter": custom_getter}
    for extra, given in extras.items():
        if given is not None:
            raise NotImplementedError(f"tf.get_variable: tconv has no {extra}")
    regularizer = _regularizer.get() if regularizer is None else regularizer
    before = len(_tconv.get_default_graph().global_variables())
    variable = _tconv.get_variable(name, shape, dtype, init_ops.made(initializer), trainable is not False)
    if len(variable.graph.global_variables()) > before:
        collect(variable, collections)
        regularize(variable, regularizer)
    return variable


def regularize(variable: Variable, regularizer: Any, scope: str | None = None) -> None:
    """Puts what a regularizer makes of a new variable into the graph's collection `regularization_losses`."""
    if regularizer is None:
        return
    with variable.graph.name_scope(f"{scope or variable.op.name}/Regularizer/"):
        loss = regularizer(variable)
    if loss is not None:
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)


def get_local_variable(
    name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, collections: Any = None, **options: Any
) -> Variable:
    """`tf.get_variable` in the collection `local_variables`, not trainable."""
    names = [*(collections or []), "local_variables"]
    options = {**options, "collections": names, "trainable": False}
    return get_variable(name, shape, dtype, initializer, **options)


def variable_scope(
    name_or_scope: Any,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Any = None,
    dtype: Any = None,
    use_resource: bool | None = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> AbstractContextManager[VariableScope]:
    """`with tf.variable_scope("layer"):` puts `layer/` before the names of variables and operations made within.

    `reuse=True` gives the variables that are there instead of making them, `tf.AUTO_REUSE` either. With a name of None
    the scope is called `default_name`, numbered where that name is taken.
    """
    extras = {"partitioner": partitioner, "constraint": constraint, "custom_getter": custom_getter}
    for extra, given in extras.items():
        if given is not None:
            raise NotImplementedError(f"tf.variable_scope: tconv has no {extra}")
    scope = _tconv.variable_scope(name_or_scope, default_name, reuse, init_ops.made(initializer), dtype)
    return scope if regularizer is None else _regularized(scope, regularizer)


@contextmanager
def _regularized(scope: AbstractContextManager[VariableScope], regularizer: Any) -> Iterator[VariableScope]:
    before = _regularizer.set(regularizer)
    try:
        with scope as opened:
            yield opened
    finally:
        _regularizer.reset(before)
