"""Optimizers: operations that change variables against their gradients."""

from __future__ import annotations

from typing import Any

from tconv import _tconv
from tconv._tconv import Operation, Tensor, Variable
from tconv.tf1.gradients_impl import gradients
from tconv.tf1.ops import GraphKeys, add_to_collection


class Optimizer:
    """What all optimizers share; make one of the classes below."""

    GATE_NONE, GATE_OP, GATE_GRAPH = range(3)

    def __init__(self, kind: str, learning_rate: Any, name: str, **parameters: Any) -> None:
        self._name = name
        self._engine = _tconv.Optimizer(kind, learning_rate, name, **parameters)

    def get_name(self) -> str:
        """The name scope of the operations that it adds."""
        return self._name

    def minimize(
        self,
        loss: Tensor,
        global_step: Variable | None = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Operation:
        """The operation that changes the variables one step against the gradients of `loss`, and then counts one step.

        A `loss` that is no scalar stands for the sum of its elements.

        Raises:
          ValueError: `loss` depends on none of the variables.
        """
        variables = None if var_list is None else list(var_list)
        if grad_loss is None:
            made = self._engine.minimize(loss, variables, global_step, name)
            add_to_collection(GraphKeys.TRAIN_OP, made)
            return made
        return self.apply_gradients(self.compute_gradients(loss, variables, grad_loss=grad_loss), global_step, name)

    def compute_gradients(
        self,
        loss: Tensor,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Tensor | None, Variable]]:
        """Pairs of a gradient and its variable; the gradient is None where `loss` does not depend on the variable."""
        variables = None if var_list is None else list(var_list)
        if grad_loss is None:
            return self._engine.compute_gradients(loss, variables)
        variables = _tconv.get_default_graph().trainable_variables() if variables is None else variables
        return list(zip(gradients(loss, variables, grad_loss), variables))

    def apply_gradients(
        self,
        grads_and_vars: Any,
        global_step: Variable | None = None,
        name: str | None = None,
        skip_gradients_aggregation: bool = False,
    ) -> Operation:
        """The operation that changes the variables against these gradients, and then counts one step."""
        made = self._engine.apply_gradients(list(grads_and_vars), global_step, name)
        add_to_collection(GraphKeys.TRAIN_OP, made)
        return made


class GradientDescentOptimizer(Optimizer):
    """`variable -= learning_rate * gradient`."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__("GradientDescent", learning_rate, name)


class MomentumOptimizer(Optimizer):
    """`accumulation = momentum * accumulation + gradient; variable -= learning_rate * accumulation`."""

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__("Momentum", learning_rate, name, momentum=momentum, use_nesterov=use_nesterov)


class AdamOptimizer(Optimizer):
    """Adam: steps by running means of the gradients and of their squares."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-08,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__("Adam", learning_rate, name, beta1=beta1, beta2=beta2, epsilon=epsilon)
