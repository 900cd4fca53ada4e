"""What is composed of several ops under TensorFlow's names, evaluated by TensorFlow (`record_compared.py`) and here."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

X = np.linspace(-3.0, 3.0, 24, dtype=np.float32).reshape(2, 3, 4)
P = np.linspace(0.05, 0.95, 12, dtype=np.float32).reshape(3, 4)
ONE_HOT = np.eye(4, dtype=np.float32)[:3]
IMAGE = np.sin(np.arange(2 * 4 * 4 * 4, dtype=np.float32)).reshape(2, 4, 4, 4)
LABELS = np.array([2, 0, 3], np.int32)
GROUND = np.array([0.5, -1.25, 2.0, 0.25], np.float32)


def cases(tf: Any) -> dict[str, Callable[[], Any]]:
    """Functions that add to the default graph and give a tensor or a list of tensors."""
    nn, losses, x, p, logits = tf.nn, tf.losses, X, P, X[0]

    def optimized(make: Callable[[], Any]) -> list[Any]:
        """The variable after one step."""
        v = tf.get_variable("v", initializer=tf.constant(GROUND))
        loss = tf.reduce_sum(tf.square(v) * GROUND + v)
        with tf.control_dependencies([make().minimize(loss)]):
            return [tf.identity(v.read_value())]

    def batch_norm(training: bool) -> list[Any]:
        made = tf.layers.batch_normalization(tf.constant(IMAGE), training=training)
        updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        with tf.control_dependencies(updates):
            moving = [tf.identity(v.read_value()) for v in tf.global_variables() if "moving" in v.name]
        return [made, *moving]

    def moved() -> list[Any]:
        v = tf.get_variable("v", initializer=tf.constant(GROUND))
        average = tf.train.ExponentialMovingAverage(0.9)
        kept = average.apply([v])
        with tf.control_dependencies([kept]):
            return [tf.identity(average.average(v).read_value())]

    def clipped() -> list[Any]:
        made, norm = tf.clip_by_global_norm([tf.constant(x), tf.constant(p)], 2.0)
        return [*made, norm]

    return {
        "elu": lambda: nn.elu(x),
        "selu": lambda: nn.selu(x),
        "relu6": lambda: nn.relu6(2 * x),
        "crelu": lambda: nn.crelu(x),
        "swish": lambda: nn.swish(tf.constant(x)),
        "softsign": lambda: nn.softsign(x),
        "log_sigmoid": lambda: tf.log_sigmoid(x),
        "l2_loss": lambda: nn.l2_loss(x),
        "l2_normalize": lambda: nn.l2_normalize(x, 2),
        "softmax of axis 1": lambda: nn.softmax(x, axis=1),
        "log_softmax of axis 0": lambda: nn.log_softmax(x, axis=0),
        "moments": lambda: list(nn.moments(tf.constant(x), [0, 2])),
        "batch_normalization": lambda: nn.batch_normalization(x, x.mean((0, 1)), x.var((0, 1)), 0.5, 2.0, 1e-3),
        "sigmoid_cross_entropy": lambda: nn.sigmoid_cross_entropy_with_logits(labels=p, logits=logits),
        "weighted_cross_entropy": lambda: nn.weighted_cross_entropy_with_logits(labels=p, logits=logits, pos_weight=2.0),
        "softmax_cross_entropy": lambda: nn.softmax_cross_entropy_with_logits_v2(labels=ONE_HOT, logits=logits),
        "sparse_softmax_cross_entropy": lambda: nn.sparse_softmax_cross_entropy_with_logits(labels=LABELS, logits=logits),
        "zero_fraction": lambda: nn.zero_fraction(np.array([0.0, 1.0, 0.0, 2.0], np.float32)),
        "depth_to_space": lambda: nn.depth_to_space(IMAGE, 2),
        "space_to_depth": lambda: nn.space_to_depth(IMAGE, 2),
        "floor": lambda: tf.floor(x),
        "ceil": lambda: tf.ceil(x),
        "round": lambda: tf.round(tf.constant([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4], tf.float32)),
        "clip_by_value": lambda: tf.clip_by_value(tf.constant(x), -1.0, 2.0),
        "clip_by_norm": lambda: tf.clip_by_norm(x, 2.0),
        "clip_by_global_norm": clipped,
        "one_hot": lambda: tf.one_hot(LABELS, 4),
        "losses.mean_squared_error": lambda: losses.mean_squared_error(p, logits),
        "losses.absolute_difference": lambda: losses.absolute_difference(p, logits, weights=0.5),
        "losses.huber_loss": lambda: losses.huber_loss(p, logits),
        "losses.log_loss": lambda: losses.log_loss(ONE_HOT, p),
        "losses.hinge_loss": lambda: losses.hinge_loss(ONE_HOT, logits),
        "losses.cosine_distance": lambda: losses.cosine_distance(p, logits, axis=1),
        "losses.sigmoid_cross_entropy": lambda: losses.sigmoid_cross_entropy(ONE_HOT, logits, label_smoothing=0.1),
        "losses.softmax_cross_entropy": lambda: losses.softmax_cross_entropy(ONE_HOT, logits, label_smoothing=0.1),
        "losses.sparse_softmax_cross_entropy": lambda: losses.sparse_softmax_cross_entropy(LABELS, logits),
        "layers.batch_normalization, training": lambda: batch_norm(True),
        "layers.batch_normalization": lambda: batch_norm(False),
        "RMSPropOptimizer": lambda: optimized(lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.5)),
        "RMSPropOptimizer, centered": lambda: optimized(lambda: tf.train.RMSPropOptimizer(0.1, centered=True)),
        "AdagradOptimizer": lambda: optimized(lambda: tf.train.AdagradOptimizer(0.1)),
        "AdadeltaOptimizer": lambda: optimized(lambda: tf.train.AdadeltaOptimizer(0.1)),
        "ExponentialMovingAverage": moved,
    }


def evaluated(tf: Any, make: Callable[[], Any]) -> list[Any]:
    """The values that a case gives in a graph of its own, after the variables have their initial values."""
    with tf.Graph().as_default(), tf.Session() as session:
        made = make()
        session.run(tf.global_variables_initializer())
        values = session.run(made if isinstance(made, list) else [made])
    return [np.asarray(value) for value in values]
