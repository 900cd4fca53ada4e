"""Lists of variables, and `arg_scope`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tconv._missing import refuser
from tconv._tconv import Variable, VariableScope
from tconv.contrib.arg_scope import add_arg_scope, arg_scope, current_arg_scope, has_arg_scope
from tconv.tf1.ops import GraphKeys, add_to_collection, get_collection
from tconv.tf1.training_util import create_global_step, get_global_step, get_or_create_global_step
from tconv.tf1.variable_scope import get_variable

__all__ = [
    "add_arg_scope",
    "add_model_variable",
    "arg_scope",
    "create_global_step",
    "current_arg_scope",
    "filter_variables",
    "get_global_step",
    "get_model_variables",
    "get_or_create_global_step",
    "get_trainable_variables",
    "get_unique_variable",
    "get_variables",
    "get_variables_by_name",
    "get_variables_by_suffix",
    "get_variables_to_restore",
    "has_arg_scope",
    "model_variable",
    "variable",
]


def get_variables(
    scope: Any = None, suffix: str | None = None, collection: str = GraphKeys.GLOBAL_VARIABLES
) -> list[Variable]:
    """The variables whose names begin with `scope` and end with `suffix`."""
    if isinstance(scope, VariableScope):
        scope = scope.name
    if suffix is not None:
        scope = f"{scope or ''}.*{suffix if ':' in suffix else suffix + ':'}"
    return get_collection(collection, scope)


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Variable]:
    """`get_variables` of those that layers made."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> list[Variable]:
    """`get_variables` of those that optimizers change."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_suffix(suffix: str, scope: Any = None) -> list[Variable]:
    """The variables whose names end with `suffix`."""
    return get_variables(scope, suffix)


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Variable]:
    """The variables that are called `given_name` or `.../given_name`."""
    return get_variables(scope, f"/{given_name}:|^{given_name}:")


def get_unique_variable(var_op_name: str) -> Variable:
    """The variable of this name. Raises `ValueError` where there is none."""
    for found in get_variables(var_op_name):
        if found.op.name == var_op_name:
            return found
    raise ValueError(f"Couldn't find variable {var_op_name}")


def get_variables_to_restore(include: list[str] | None = None, exclude: list[str] | None = None) -> list[Variable]:
    """All variables, or those of the scopes `include`, without those of the scopes `exclude`."""
    kept = [found for scope in include or [""] for found in get_variables(scope)]
    left_out = {found.name for scope in exclude or [] for found in get_variables(scope)}
    return [found for found in kept if found.name not in left_out]


def filter_variables(
    var_list: list[Variable],
    include_patterns: list[str] | None = None,
    exclude_patterns: list[str] | None = None,
    reg_search: bool = True,
) -> list[Variable]:
    """The variables whose names one of `include_patterns` matches and none of `exclude_patterns`."""
    matches = re.search if reg_search else re.match

    def any_of(patterns: list[str], found: Variable) -> bool:
        return any(matches(pattern, found.op.name) for pattern in patterns)

    kept = [found for found in var_list if include_patterns is None or any_of(include_patterns, found)]
    return [found for found in kept if not any_of(exclude_patterns or [], found)]


def variable(name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, **options: Any) -> Variable:
    """`tf.get_variable`."""
    return get_variable(name, shape, dtype, initializer, **options)


def add_model_variable(var: Variable) -> None:
    """Counts a variable among those that layers made."""
    add_to_collection(GraphKeys.MODEL_VARIABLES, var)


def model_variable(name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, **options: Any) -> Variable:
    """`tf.get_variable`, counted among the variables that layers made."""
    made = get_variable(name, shape, dtype, initializer, **options)
    add_model_variable(made)
    return made

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.contrib.framework", globals())
