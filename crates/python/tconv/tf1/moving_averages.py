"""Moving averages of variables."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Operation, Tensor, Variable
from tconv.tf1 import array_ops, control_flow_ops, dtypes, math_ops
from tconv.tf1._node import tensor
from tconv.tf1.ops import GraphKeys, add_to_collection
from tconv.tf1.variables import Variable as make_variable
from tconv.tf1.variables import global_variables, moving_average_variables, trainable_variables


class ExponentialMovingAverage:
    """Averages that follow variables: `average = decay * average + (1 - decay) * variable`, each time `apply`'s answer runs.

    With `num_updates`, the number of steps so far, the decay is at most `(1 + num_updates) / (10 + num_updates)`.
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        if zero_debias:
            raise NotImplementedError("ExponentialMovingAverage: tconv has no zero_debias")
        self._decay, self._num_updates, self._name = decay, num_updates, name
        self._averages: dict[str, Variable] = {}

    @property
    def name(self) -> str:
        """What the averages' names end with."""
        return self._name

    def apply(self, var_list: Any = None) -> Operation:
        """The operation that brings the averages after their variables, or tensors; makes the averages.

        Raises:
          TypeError: a variable is not of floats.
        """
        followed = trainable_variables() if var_list is None else list(var_list)
        for one in followed:
            if not one.dtype.is_floating:
                raise TypeError(f"The variables must be half, float, or double: {one.name}")
            if one.name in self._averages:
                continue
            # An average starts with the variable's own first value, that of a tensor with 0.
            if isinstance(one, Variable):
                first = one.initialized_value()
                add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, one)
            else:
                first = array_ops.zeros(one.shape, one.dtype)
            with one.graph.name_scope(None):
                self._averages[one.name] = make_variable(first, trainable=False, name=f"{one.op.name}/{self._name}")
        with _tconv.get_default_graph().name_scope(self._name) as scope:
            decay = tensor(self._decay, dtypes.float32, "decay")
            if self._num_updates is not None:
                updates = math_ops.cast(self._num_updates, dtypes.float32, "num_updates")
                decay = math_ops.minimum(decay, (1.0 + updates) / (10.0 + updates))
            moved = []
            for one in followed:
                average = self._averages[one.name]
                with one.graph.name_scope("AssignMovingAvg") as inner:
                    left = math_ops.cast(1.0 - decay, one.dtype)
                    moved.append(average.assign_sub((average - one) * left, name=inner))
            return control_flow_ops.group(*moved, name=str(scope).rstrip("/"))

    def average(self, var: Variable | Tensor) -> Variable | None:
        """The variable that holds the average, or None."""
        return self._averages.get(var.name)

    def average_name(self, var: Variable | Tensor) -> str:
        """The name of the average's operation: the variable's with the average's behind it."""
        found = self._averages.get(var.name)
        return f"{var.op.name}/{self._name}" if found is None else found.op.name

    def variables_to_restore(self, moving_avg_variables: Any = None) -> dict[str, Variable]:
        """For a `Saver` that gives the variables the values of their averages: names in the file, and variables."""
        if moving_avg_variables is None:
            moving_avg_variables = trainable_variables() + moving_average_variables()
        found = {self.average_name(one): one for one in moving_avg_variables}
        followed = {one.name for one in moving_avg_variables}
        for one in global_variables():
            if one.name not in followed:
                found.setdefault(one.op.name, one)
        return found
