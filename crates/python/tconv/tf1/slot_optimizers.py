"""Optimizers that are made of assignments, with slots: variables that go along with those that are trained."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Operation, Tensor, Variable
from tconv.tf1 import array_ops, control_flow_ops, math_ops
from tconv.tf1._node import tensor
from tconv.tf1.optimizers import Optimizer
from tconv.tf1.ops import GraphKeys, add_to_collection
from tconv.tf1.variables import Variable as make_variable


class SlotOptimizer(Optimizer):
    """An optimizer that says what one step makes of a variable and its slots."""

    # The slots' names and first values.
    _slots: dict[str, float] = {}

    def __init__(self, learning_rate: Any, name: str) -> None:
        super().__init__("GradientDescent", learning_rate, name)
        self._learning_rate = learning_rate
        self._kept: dict[tuple[str, str], Variable] = {}

    def _step(self, gradient: Tensor, rate: Tensor, slots: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """What is to be subtracted from the variable, and the slots' new values."""
        raise NotImplementedError

    def get_slot_names(self) -> list[str]:
        """The names of the slots."""
        return list(self._slots)

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """The slot of this name that goes along with the variable, or None."""
        return self._kept.get((var.name, name))

    def variables(self) -> list[Variable]:
        """All slots."""
        return list(self._kept.values())

    def minimize(self, loss: Tensor, global_step: Variable | None = None, var_list: Any = None, *args: Any, **kwargs: Any) -> Operation:
        """The operation that changes the variables one step against the gradients of `loss`, and then counts one step.

        Raises:
          ValueError: `loss` depends on none of the variables.
        """
        name, grad_loss = kwargs.get("name"), kwargs.get("grad_loss")
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if all(gradient is None for gradient, _ in pairs):
            names = [str(variable.name) for _, variable in pairs]
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not support gradients, between "
                f"variables {names} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step, name)

    def apply_gradients(
        self,
        grads_and_vars: Any,
        global_step: Variable | None = None,
        name: str | None = None,
        skip_gradients_aggregation: bool = False,
    ) -> Operation:
        """The operation that changes the variables against these gradients, and then counts one step."""
        pairs = [(gradient, variable) for gradient, variable in grads_and_vars if gradient is not None]
        if not pairs:
            raise ValueError("No gradients provided for any variable.")
        graph = pairs[0][1].graph
        for _, variable in pairs:
            for slot, first in self._slots.items():
                if (variable.name, slot) not in self._kept:
                    with graph.name_scope(None):
                        value = array_ops.zeros(variable.shape, variable.dtype)
                        value = value if first == 0 else value + tensor(first, variable.dtype)
                        kept = make_variable(value, trainable=False, name=f"{variable.op.name}/{self._name}")
                    self._kept[variable.name, slot] = kept
        updates = []
        with graph.name_scope(name or self._name) as scope:
            rate = tensor(self._learning_rate, name="learning_rate")
            for gradient, variable in pairs:
                with graph.name_scope(f"update_{variable.op.name}"):
                    slots = {slot: tensor(self._kept[variable.name, slot]) for slot in self._slots}
                    step, new = self._step(gradient, math_ops.cast(rate, variable.dtype), slots)
                    updates.append(variable.assign_sub(step, read_value=False))
                    updates += [self._kept[variable.name, slot].assign(new[slot], read_value=False) for slot in new]
        whole = str(scope).rstrip("/")
        if global_step is None:
            made = control_flow_ops.group(*updates, name=whole)
        else:
            with graph.control_dependencies([control_flow_ops.group(*updates, name=f"{whole}/update")]):
                one = tensor(1, global_step.dtype, f"{whole}/value")
                made = global_step.assign_add(one, read_value=False, name=whole)
        add_to_collection(GraphKeys.TRAIN_OP, made)
        return made


class RMSPropOptimizer(SlotOptimizer):
    """RMSProp: steps by the gradient divided by the root of the running mean of its squares."""

    _slots = {"rms": 1.0, "momentum": 0.0}

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(learning_rate, name)
        self._decay, self._momentum, self._epsilon = decay, momentum, epsilon
        if centered:
            self._slots = {"rms": 1.0, "mg": 0.0, "momentum": 0.0}

    def _step(self, gradient: Tensor, rate: Tensor, slots: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        def mean(old: Tensor, now: Tensor) -> Tensor:
            made: Tensor = old + (now - old) * (1 - self._decay)
            return made

        new = {"rms": mean(slots["rms"], math_ops.square(gradient))}
        spread = new["rms"]
        if "mg" in slots:
            new["mg"] = mean(slots["mg"], gradient)
            spread = spread - math_ops.square(new["mg"])
        new["momentum"] = slots["momentum"] * self._momentum + rate * gradient * math_ops.rsqrt(spread + self._epsilon)
        return new["momentum"], new


class AdagradOptimizer(SlotOptimizer):
    """Adagrad: steps by the gradient divided by the root of the sum of its squares so far."""

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__(learning_rate, name)
        self._slots = {"accumulator": initial_accumulator_value}

    def _step(self, gradient: Tensor, rate: Tensor, slots: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        sum = slots["accumulator"] + math_ops.square(gradient)
        return rate * gradient * math_ops.rsqrt(sum), {"accumulator": sum}


class AdadeltaOptimizer(SlotOptimizer):
    """Adadelta: steps by the gradient times the root of the ratio of two running means, of the steps' and its squares."""

    _slots = {"accum": 0.0, "accum_update": 0.0}

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(learning_rate, name)
        self._rho, self._epsilon = rho, epsilon

    def _step(self, gradient: Tensor, rate: Tensor, slots: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        rho, epsilon = self._rho, self._epsilon
        squares = slots["accum"] * rho + math_ops.square(gradient) * (1 - rho)
        step = math_ops.sqrt(slots["accum_update"] + epsilon) * math_ops.rsqrt(squares + epsilon) * gradient
        steps = slots["accum_update"] * rho + math_ops.square(step) * (1 - rho)
        return step * rate, {"accum": squares, "accum_update": steps}
