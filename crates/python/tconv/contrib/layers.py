"""Layers that make their own variables: TF-Slim's.

A layer's variables are `weights` and `biases` within its scope (`scope`, else `Conv`, `Conv2d_transpose` or
`fully_connected`, numbered where that is taken). Weights start Xavier-uniform, biases with zeros. With a `normalizer_fn`
there are no biases.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable

from tconv._missing import refuser
from tconv import _tconv
from tconv._tconv import Initializer, Tensor
from tconv.contrib.arg_scope import add_arg_scope
from tconv.contrib.regularizers import l1_l2_regularizer as l1_l2_regularizer
from tconv.contrib.regularizers import l1_regularizer as l1_regularizer
from tconv.contrib.regularizers import l2_regularizer as l2_regularizer
from tconv.tf1 import array_ops, dtypes, init_ops, math_ops, nn_ops
from tconv.tf1 import layers as tf_layers
from tconv.tf1._node import Value, graph_of, tensor
from tconv.tf1.ops import GraphKeys, add_to_collection, add_to_collections
from tconv.tf1.normalization import normalized
from tconv.tf1.selection import one_hot
from tconv.tf1.variable_scope import regularize, variable_scope
from tconv.tf1.variables import collect


def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = dtypes.float32) -> Initializer:
    """Values whose variance is 2 by the sum of the numbers of inputs and outputs."""
    return _tconv.initializer("xavier_uniform" if uniform else "xavier_normal", seed=seed, dtype=dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: Any = dtypes.float32,
) -> Initializer:
    """Values whose variance is `factor` by the number of inputs (`FAN_IN`), outputs (`FAN_OUT`) or their mean (`FAN_AVG`)."""
    distribution = "uniform" if uniform else "truncated_normal"
    return init_ops.variance_scaling_initializer(factor, mode.lower(), distribution, seed, dtype)


def _layer(
    kind: str,
    inputs: Value,
    num_outputs: int,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    data_format: str | None,
    rate: Any,
    activation_fn: Callable[[Tensor], Tensor] | None,
    normalizer_fn: Callable[..., Tensor] | None,
    normalizer_params: dict[str, Any] | None,
    weights_initializer: Any,
    biases_initializer: Any,
    reuse: Any,
    variables_collections: Any,
    outputs_collections: Any,
    trainable: bool,
    scope: Any,
    weights_regularizer: Any,
    biases_regularizer: Any,
) -> Tensor:
    inputs = tensor(inputs)
    graph = graph_of(inputs)
    normalizer: Callable[[Tensor], Tensor] | None = None
    if normalizer_fn is not None:
        given, params = normalizer_fn, normalizer_params or {}

        def normalizer(value: Tensor) -> Tensor:
            known = {variable.name for variable in graph.global_variables()}
            made = given(value, **params)
            kept.update(variable.name for variable in graph.global_variables() if variable.name not in known)
            return made

    before = {variable.name for variable in graph.global_variables()}
    # What the normalizer makes is no variable of this layer, and it keeps account of its own.
    kept: set[str] = set()
    weights_initializer = xavier_initializer() if weights_initializer is None else init_ops.made(weights_initializer)
    biases_initializer = init_ops.made(biases_initializer)
    made = _tconv.layer(
        kind,
        inputs,
        num_outputs,
        kernel_size,
        stride,
        padding,
        data_format,
        rate,
        activation_fn,
        normalizer,
        weights_initializer,
        biases_initializer,
        trainable,
        reuse,
        scope,
    )
    for variable in graph.global_variables():
        if variable.name not in before and variable.name not in kept:
            add_to_collection(GraphKeys.MODEL_VARIABLES, variable)
            inside, _, last = variable.op.name.rpartition("/")
            # TF-Slim's own names for these within a regularizer's scope.
            regularizers = {"weights": ("kernel", weights_regularizer), "biases": ("bias", biases_regularizer)}
            called, regularizer = regularizers.get(last, (last, None))
            regularize(variable, regularizer, f"{inside}/{called}")
            if isinstance(variables_collections, dict):
                collect(variable, variables_collections.get(variable.op.name.rsplit("/", 1)[-1]))
            else:
                collect(variable, variables_collections)
    add_to_collections(outputs_collections or [], made)
    return made


_ZEROS = "zeros"


def _biases(initializer: Any) -> Any:
    return init_ops.zeros_initializer() if initializer is _ZEROS else initializer


@add_arg_scope
def conv2d(
    inputs: Value,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: Any = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Callable[[Tensor], Tensor] | None = nn_ops.relu,
    normalizer_fn: Callable[..., Tensor] | None = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """A convolution of `[batch, height, width, channels]` to `num_outputs` channels, biases, and an activation."""
    return _layer(
        "conv2d",
        inputs,
        num_outputs,
        kernel_size,
        stride,
        padding,
        data_format,
        rate,
        activation_fn,
        normalizer_fn,
        normalizer_params,
        weights_initializer,
        _biases(biases_initializer),
        reuse,
        variables_collections,
        outputs_collections,
        trainable,
        scope,
        weights_regularizer,
        biases_regularizer,
    )


@add_arg_scope
def conv2d_transpose(
    inputs: Value,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    activation_fn: Callable[[Tensor], Tensor] | None = nn_ops.relu,
    normalizer_fn: Callable[..., Tensor] | None = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """The transpose of a convolution to `num_outputs` channels, biases, and an activation.

    Of the legal output sizes it takes `stride` times the input's size (`SAME`).
    """
    return _layer(
        "conv2d_transpose",
        inputs,
        num_outputs,
        kernel_size,
        stride,
        padding,
        data_format,
        1,
        activation_fn,
        normalizer_fn,
        normalizer_params,
        weights_initializer,
        _biases(biases_initializer),
        reuse,
        variables_collections,
        outputs_collections,
        trainable,
        scope,
        weights_regularizer,
        biases_regularizer,
    )


@add_arg_scope
def fully_connected(
    inputs: Value,
    num_outputs: int,
    activation_fn: Callable[[Tensor], Tensor] | None = nn_ops.relu,
    normalizer_fn: Callable[..., Tensor] | None = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = _ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Tensor:
    """A matrix times the last axis of `inputs`, biases, and an activation."""
    return _layer(
        "fully_connected",
        inputs,
        num_outputs,
        1,
        1,
        "SAME",
        None,
        1,
        activation_fn,
        normalizer_fn,
        normalizer_params,
        weights_initializer,
        _biases(biases_initializer),
        reuse,
        variables_collections,
        outputs_collections,
        trainable,
        scope,
        weights_regularizer,
        biases_regularizer,
    )


def linear(inputs: Value, num_outputs: int, **options: Any) -> Tensor:
    """`fully_connected` without an activation."""
    return fully_connected(inputs, num_outputs, **{"activation_fn": None, **options})


def _pool2d(
    kind: str,
    default: str,
    inputs: Value,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    data_format: str,
    outputs_collections: Any,
    scope: str | None,
) -> Tensor:
    def four(value: Any) -> list[int]:
        pair = [value, value] if isinstance(value, int) else list(value)
        return [1, 1, *pair] if data_format == "NCHW" else [1, *pair, 1]

    inputs = tensor(inputs)
    with graph_of(inputs).name_scope(scope or default):
        made = _tconv.pool(kind, inputs, four(kernel_size), four(stride), padding, data_format, kind)
    add_to_collections(outputs_collections or [], made)
    return made


@add_arg_scope
def max_pool2d(
    inputs: Value,
    kernel_size: Any,
    stride: Any = 2,
    padding: Any = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: str | None = None,
) -> Tensor:
    """The largest element of each window."""
    args = kernel_size, stride, padding, data_format, outputs_collections, scope
    return _pool2d("MaxPool", "MaxPool2D", inputs, *args)


@add_arg_scope
def avg_pool2d(
    inputs: Value,
    kernel_size: Any,
    stride: Any = 2,
    padding: Any = "VALID",
    data_format: str = "NHWC",
    outputs_collections: Any = None,
    scope: str | None = None,
) -> Tensor:
    """The mean of each window."""
    args = kernel_size, stride, padding, data_format, outputs_collections, scope
    return _pool2d("AvgPool", "AvgPool2D", inputs, *args)


@add_arg_scope
def flatten(inputs: Value, outputs_collections: Any = None, scope: str | None = None) -> Tensor:
    """All axes but the first made one."""
    inputs = tensor(inputs)
    graph, rest = graph_of(inputs), inputs.shape.as_list()[1:]
    with graph.name_scope(scope or "Flatten"), graph.name_scope("flatten"):
        if None in rest:
            shape: Value = [array_ops.shape(inputs)[0], -1]
        else:
            shape = tensor([-1, math.prod(size or 0 for size in rest)])
        made = array_ops.reshape(inputs, shape)
    add_to_collections(outputs_collections or [], made)
    return made


@add_arg_scope
def dropout(
    inputs: Value,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: str | None = None,
    seed: int | None = None,
) -> Tensor:
    """With `is_training` `tf.nn.dropout`, else the inputs. `is_training` may be a tensor."""
    with variable_scope(scope, "Dropout"):
        made = tf_layers.dropout(inputs, 1 - keep_prob, noise_shape, seed, is_training, "dropout")
    add_to_collections(outputs_collections or [], made)
    return made


@add_arg_scope
def batch_norm(
    inputs: Value,
    decay: float = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Callable[[Tensor], Tensor] | None = None,
    param_initializers: dict[str, Any] | None = None,
    param_regularizers: dict[str, Any] | None = None,
    updates_collections: Any = GraphKeys.UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: Any = None,
    renorm_decay: float = 0.99,
    adjustment: Any = None,
) -> Tensor:
    """Each channel brought to a mean of 0 and a variance of 1, then shifted (`beta`) and, with `scale`, scaled (`gamma`).

    With `is_training` mean and variance are the batch's own, and the operations that bring the moving ones after them go
    into the collection `updates_collections`; where this is None they are made before the result is there.
    """
    if renorm or batch_weights is not None or zero_debias_moving_mean or adjustment is not None:
        raise NotImplementedError("slim.batch_norm: tconv has neither renorm, batch_weights, zero_debias nor adjustment")
    inputs = tensor(inputs)
    zeros, ones = init_ops.zeros_initializer(), init_ops.ones_initializer()
    names = {"gamma": ones} if scale else {}
    if center:
        names["beta"] = zeros
    names.update(moving_mean=zeros, moving_variance=ones)
    initializers = {name: (param_initializers or {}).get(name, first) for name, first in names.items()}
    axis = 1 if data_format == "NCHW" else -1
    with variable_scope(scope, "BatchNorm", reuse=reuse) as opened:
        known = {variable.name for variable in inputs.graph.global_variables()}
        args = epsilon, is_training, trainable, initializers, param_regularizers or {}, updates_collections
        made = normalized(inputs, axis, decay, *args)
        for variable in inputs.graph.global_variables():
            if variable.name not in known and variable.name.startswith(f"{opened.name}/"):
                add_to_collection(GraphKeys.MODEL_VARIABLES, variable)
                collect(variable, variables_collections if not isinstance(variables_collections, dict) else variables_collections.get(variable.op.name.rsplit("/", 1)[-1]))
        made = made if activation_fn is None else activation_fn(made)
    add_to_collections(outputs_collections or [], made)
    return made


def one_hot_encoding(labels: Value, num_classes: int, on_value: Any = 1.0, off_value: Any = 0.0, outputs_collections: Any = None, scope: str | None = None) -> Tensor:
    """A new last axis with `on_value` at the label."""
    with graph_of(labels).name_scope(scope or "OneHotEncoding"):
        made = one_hot(math_ops.cast(labels, dtypes.int64), num_classes, on_value, off_value)
    add_to_collections(outputs_collections or [], made)
    return made


def softmax(logits: Value, scope: str | None = None) -> Tensor:
    """`tf.nn.softmax` over the last axis."""
    with variable_scope(scope, "softmax"):
        return nn_ops.softmax(logits, name="Softmax")


def _name(layer: Any, default: str) -> str:
    name = getattr(layer, "__name__", None) or getattr(getattr(layer, "func", None), "__name__", None)
    return name or default


def repeat(inputs: Value, repetitions: int, layer: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """The same layer `repetitions` times, each on the result of the one before: scopes `name/name_1`, `name/name_2`, ..."""
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Repeat"):
        outputs = tensor(inputs)
        name = scope or _name(layer, "repeat")
        for i in range(1, repetitions + 1):
            outputs = layer(outputs, *args, **{**kwargs, "scope": f"{name}_{i}"})
        return outputs


def stack(inputs: Value, layer: Callable[..., Tensor], stack_args: Any, **kwargs: Any) -> Tensor:
    """The same layer with the first, the second, ... of `stack_args`, each on the result of the one before."""
    scope = kwargs.pop("scope", None)
    with variable_scope(scope, "Stack"):
        outputs = tensor(inputs)
        name = scope or _name(layer, "stack")
        for i, given in enumerate(stack_args, 1):
            own = given if isinstance(given, (list, tuple)) else [given]
            outputs = layer(outputs, *own, **{**kwargs, "scope": f"{name}_{i}"})
        return outputs


convolution = convolution2d = conv2d
convolution2d_transpose = conv2d_transpose

if not TYPE_CHECKING:
    __getattr__ = refuser("tf.contrib.layers", globals())
