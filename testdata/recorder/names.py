"""The nodes that TensorFlow makes for small programs, in the order in which it makes them."""

import tensorflow as tf
import tf_slim as slim

from .core import attrs_json, v1, write_json

DTYPE_ATTRS = ("T", "dtype", "SrcT", "DstT", "out_type", "Index", "Tidx", "Tshape", "Tperm")


def listing(graph):
    """Every node of a graph's GraphDef; for a constant also its value if that is small."""
    nodes = []
    for op in graph.get_operations():
        attrs = attrs_json(op)
        node = {"name": op.name, "op": op.type, "inputs": list(op.node_def.input)}
        node["dtypes"] = {key: attrs[key] for key in DTYPE_ATTRS if key in attrs}
        if op.type == "Const":
            value = tf.make_ndarray(op.get_attr("value"))
            node["shape"] = list(value.shape)
            if value.size <= 16:
                node["value"] = value.tolist()
        if op.type in ("Placeholder", "VarHandleOp", "VariableV2"):
            node["shape"] = attrs["shape"]
        if op.type in ("VarHandleOp",):
            node["shared_name"] = attrs["shared_name"]
        if op.type in ("VarHandleOp", "VariableV2"):
            node["container"] = attrs["container"]
        for key in ("seed", "seed2"):
            if key in attrs:
                node[key] = attrs[key]
        nodes.append(node)
    return nodes


def placeholder(shape=(2, 3), dtype="float32", name=None):
    return v1.placeholder(dtype, shape, name=name)


def program_1():
    v1.set_random_seed(1)
    x = v1.random_normal(shape=[1, 3, 3, 1])
    kernel = v1.random_normal(shape=[2, 2, 3, 1])
    v1.nn.conv2d_transpose(
        x, kernel, output_shape=[1, 5, 5, 3], strides=[1, 2, 2, 1], padding="SAME"
    )


def program_2():
    inputs = v1.random_normal(shape=[3, 97, 97, 10])
    conv1 = slim.conv2d(inputs, num_outputs=20, kernel_size=3, stride=4)
    de_weight = v1.get_variable("de_weight", shape=[3, 3, 10, 20])
    v1.nn.conv2d_transpose(
        conv1,
        filter=de_weight,
        output_shape=tf.shape(inputs),
        strides=[1, 3, 3, 1],
        padding="SAME",
    )


def program_3_start():
    inputs = v1.placeholder(tf.float32, shape=[None, None, None, 3])
    conv1 = slim.conv2d(inputs, num_outputs=20, kernel_size=3, stride=4)
    de_weight = v1.get_variable("de_weight", shape=[3, 3, 3, 20])
    return inputs, conv1, de_weight


def program_3_loss(strides):
    inputs, conv1, de_weight = program_3_start()
    deconv1 = v1.nn.conv2d_transpose(
        conv1, filter=de_weight, output_shape=tf.shape(inputs), strides=strides, padding="SAME"
    )
    return deconv1 - inputs


def program_3():
    program_3_loss([1, 3, 3, 1])


def program_3_minimize(optimizer):
    def build():
        optimizer().minimize(program_3_loss([1, 4, 4, 1]))

    return build


def program_4_placeholder():
    inputs, conv1, de_weight = program_3_start()
    output_shape = v1.placeholder(dtype=tf.int32, shape=[4])
    v1.nn.conv2d_transpose(
        conv1, filter=de_weight, output_shape=output_shape, strides=[1, 3, 3, 1], padding="SAME"
    )


def program_4_list():
    inputs, conv1, de_weight = program_3_start()
    shape = tf.shape(inputs)
    v1.nn.conv2d_transpose(
        conv1,
        filter=de_weight,
        output_shape=[shape[0], shape[1], shape[2], 3],
        strides=[1, 3, 3, 1],
        padding="SAME",
    )


def slicing():
    x = placeholder((4, 5, 6), name="x")
    x[1]
    x[1:3, ::2]
    x[..., -1]
    x[:, tf.newaxis, 2]
    x[::-1]
    x[tf.shape(x)[0] - 2 :]
    i = v1.placeholder(tf.int32, [], name="i")
    x[i]
    x[0, i:, ...]


def arithmetic():
    a, b = placeholder(name="a"), placeholder(name="b")
    a + b
    a - b
    a * b
    2 * a
    a * 2
    a / b
    a // b
    a % b
    a**b
    a**2
    -a
    1 - a
    1 / a
    a + 1
    abs(a)
    tf.square(a)
    tf.maximum(a, 0.0)
    tf.add(a, b)
    tf.subtract(a, b)
    tf.multiply(a, b)
    tf.divide(a, b)
    tf.nn.relu(a)
    tf.sigmoid(a)
    a @ tf.transpose(b)
    tf.matmul(a, b, transpose_b=True)
    tf.identity(a)
    tf.cast(a, tf.int32)


def integer_division():
    a, b = placeholder(dtype="int32", name="a"), placeholder(dtype="int32", name="b")
    a / b
    a // b
    v1.div(a, b)


def arrays():
    x, y = placeholder(name="x"), placeholder(name="y")
    tf.stack([x, y])
    tf.stack([x, y], axis=-1)
    tf.stack([tf.shape(x)[0], 3])
    tf.unstack(x)
    tf.concat([x, y], 0)
    tf.concat([x, y], axis=-1)
    tf.reshape(x, [3, 2])
    tf.reshape(x, [-1])
    tf.transpose(x)
    tf.transpose(x, [1, 0])
    tf.expand_dims(x, 0)
    v1.squeeze(x, [])
    tf.fill([2, 2], 1.0)
    tf.zeros([2])
    tf.ones([2, 3])
    tf.zeros_like(x)
    tf.ones_like(x)
    tf.pad(x, [[1, 1], [0, 0]])
    tf.tile(x, [1, 2])
    tf.shape(x)
    tf.shape(placeholder((None, 3)))
    tf.size(x)
    tf.rank(x)
    tf.slice(x, [0, 1], [2, -1])
    tf.constant([1, 2], name="c")
    tf.constant(1.0)


def reductions():
    x = placeholder(name="x")
    tf.reduce_mean(x)
    tf.reduce_sum(x, axis=1)
    tf.reduce_max(x, axis=[0, -1], keepdims=True)
    tf.reduce_mean(tf.square(x))
    tf.reduce_sum(placeholder(None))


def randoms():
    v1.set_random_seed(1)
    v1.random_uniform([2, 3])
    v1.random_uniform([2, 3], minval=-1, maxval=1, seed=4)
    v1.truncated_normal([2, 3], stddev=0.1)
    v1.random_normal([2, 3], mean=1.0, stddev=2.0)
    v1.random_normal(tf.shape(placeholder((None, 2))))
    v1.random_normal([2], name="noise")


def layers():
    x = placeholder((1, 8, 8, 3), name="x")
    w = placeholder((3, 3, 3, 4), name="w")
    y = tf.nn.conv2d(x, w, strides=[1, 2, 2, 1], padding="SAME")
    tf.nn.bias_add(y, placeholder((4,), name="b"))
    tf.nn.max_pool2d(x, 2, 2, "SAME")
    tf.nn.avg_pool2d(x, 2, 2, "VALID")
    tf.nn.leaky_relu(x)
    tf.nn.softplus(x)
    tf.tanh(x)
    tf.nn.conv2d_transpose(y, w, [1, 8, 8, 3], 2)
    tf.nn.conv2d_transpose(y, w, [1, 8, 8, 3], [1, 2, 2, 1], name="up")


def one_axis():
    x = placeholder((2, 6, 3), name="x")
    w = placeholder((2, 3, 4), name="w")
    y = tf.nn.conv1d(x, w, 2, "SAME")
    v1.nn.conv1d(placeholder((2, 3, 6), name="first"), w, [1, 1, 2], "VALID", data_format="NCW", name="c")
    tf.nn.conv1d_transpose(y, w, [2, 6, 3], 2)
    tf.nn.conv1d_transpose(y, w, [tf.shape(y)[0], 6, 3], 2)
    tf.nn.conv1d_transpose(y, w, v1.placeholder(tf.int32, [3], name="sizes"), 2, "VALID", name="up")


def three_axes():
    x = placeholder((2, 6, 5, 4, 3), name="x")
    w = placeholder((2, 2, 3, 3, 4), name="w")
    y = v1.nn.conv3d(x, w, [1, 2, 2, 1, 1], "SAME")
    v1.nn.conv3d_transpose(y, w, [2, 6, 5, 4, 3], [2, 2, 1])
    v1.nn.conv3d_transpose(y, w, tf.shape(x), [1, 2, 2, 1, 1], name="up")


def scopes():
    with v1.name_scope("a"):
        placeholder(name="x")
        with v1.name_scope("b"):
            placeholder(name="x")
    with v1.name_scope("a"):
        placeholder(name="x")
    with v1.name_scope("a/"):
        placeholder(name="x")
    with v1.variable_scope("v"):
        v1.get_variable("w", [2])
        tf.constant(1.0)
        with v1.variable_scope("u"):
            v1.get_variable("w", [2])
    with v1.variable_scope("v", reuse=True):
        v1.get_variable("w", [2]) + 1.0
    with v1.variable_scope("v", reuse=v1.AUTO_REUSE):
        v1.get_variable("z", [2])
    with v1.variable_scope(None, default_name="d"):
        v1.get_variable("w", [2])
    with v1.variable_scope(None, default_name="d"):
        v1.get_variable("w", [2])


def unique_names():
    placeholder(name="x")
    placeholder(name="x")
    placeholder(name="X")
    placeholder(name="x_1")
    placeholder(name="x")
    placeholder()
    placeholder()


def variable():
    v1.set_random_seed(1)
    w = v1.get_variable("w", [2, 3])
    w + 1.0
    w.assign(tf.zeros([2, 3]))
    w.assign_sub(tf.ones([2, 3]))
    v1.get_variable("b", [3], initializer=v1.zeros_initializer())
    v1.get_variable("c", initializer=tf.constant([1.0, 2.0]))
    v1.get_variable("t", [3], initializer=v1.truncated_normal_initializer(stddev=0.1))
    v1.get_variable("s", [], trainable=False, dtype=tf.int64, initializer=v1.zeros_initializer())
    v1.Variable(3.0, name="plain")
    v1.global_variables_initializer()


def variables():
    v1.Variable(1.0)
    v1.Variable([1, 2])
    v1.Variable(v1.random_normal([2]))
    v1.Variable(lambda: tf.zeros([3]), name="f")
    with v1.name_scope("s"):
        v1.Variable(1.0, name="v")
    with v1.variable_scope("vs"):
        v = v1.Variable(1.0, name="v")
    v.assign(2.0, read_value=False)
    v.assign_add(1.0, read_value=False)
    v.assign_sub(1.0, name="minus", read_value=False)
    v1.variables_initializer([v])
    v1.variables_initializer([v], name="q")
    v1.is_variable_initialized(v)


def variable_scopes():
    """Scopes that are opened again, default names, and what they say of their variables."""

    def node():
        tf.constant(1.0)

    with v1.variable_scope("a") as a:
        with v1.variable_scope("b") as b:
            v1.get_variable("w", [2], initializer=v1.zeros_initializer())
            node()
    with v1.variable_scope(b, reuse=True):
        v1.get_variable("w", [2])
        node()
        with v1.variable_scope("c", reuse=v1.AUTO_REUSE):
            v1.get_variable("w", [2], initializer=v1.zeros_initializer())
    with v1.name_scope(b.original_name_scope):
        node()
    with v1.name_scope(None):
        node()
    with v1.variable_scope(a):
        with v1.variable_scope(None, "d"):
            v1.get_variable("w", [2], initializer=v1.zeros_initializer())
        with v1.variable_scope(None, "d"):
            v1.get_variable("w", [2], initializer=v1.zeros_initializer())
            node()
        with v1.name_scope("d"):
            with v1.variable_scope(None, "d"):
                v1.get_variable("w", [2], initializer=v1.zeros_initializer())
                node()
    with v1.variable_scope("a"):
        with v1.variable_scope(None, "d"):
            node()
    with v1.variable_scope("i", initializer=v1.ones_initializer(), dtype=tf.float64):
        v1.get_variable("w", [2])
        with v1.variable_scope("j"):
            v1.get_variable("w", [2])
        v1.get_variable_scope().reuse_variables()
        v1.get_variable("w", [2]) + 1.0


def optimizer_names():
    w = v1.get_variable("w", [2])
    step = v1.Variable(0, name="step", trainable=False)
    rate = placeholder((), name="rate")
    loss = tf.square(w)
    v1.train.GradientDescentOptimizer(rate).minimize(loss, global_step=step)
    v1.train.AdamOptimizer(rate, name="A").minimize(loss, global_step=step, name="training")
    v1.train.MomentumOptimizer(0.1, rate, name="M").minimize(loss)
    optimizer = v1.train.AdamOptimizer(0.5, beta1=0.5)
    gradients = optimizer.compute_gradients(loss)
    optimizer.apply_gradients(gradients, name="first")
    optimizer.apply_gradients(gradients)


def reference_variable():
    v1.disable_resource_variables()
    try:
        w = v1.get_variable("w", [2, 3])
        w + 1.0
        v1.global_variables_initializer()
    finally:
        v1.enable_resource_variables()


def minimize(optimizer):
    def build():
        w = v1.get_variable("w", [2])
        x = placeholder((2,), name="x")
        optimizer().minimize(tf.reduce_sum(tf.square(w - x)))

    return build


def gradients():
    a, b = placeholder(name="a"), placeholder((3,), name="b")
    v1.gradients(tf.reduce_mean(tf.square(a * b + a)), [a, b])


PROGRAMS = {
    "program 1": program_1,
    "program 2": program_2,
    "program 3": program_3,
    "program 3 minimize GradientDescent": program_3_minimize(
        lambda: v1.train.GradientDescentOptimizer(0.001)
    ),
    "program 4 placeholder": program_4_placeholder,
    "program 4 list": program_4_list,
    "slicing": slicing,
    "arithmetic": arithmetic,
    "integer division": integer_division,
    "arrays": arrays,
    "reductions": reductions,
    "randoms": randoms,
    "layers": layers,
    "one axis": one_axis,
    "three axes": three_axes,
    "scopes": scopes,
    "unique names": unique_names,
    "variable": variable,
    "variables": variables,
    "variable scopes": variable_scopes,
    "optimizer names": optimizer_names,
    "reference variable": reference_variable,
    "gradients": gradients,
    "minimize GradientDescent": minimize(lambda: v1.train.GradientDescentOptimizer(0.1)),
    "minimize Momentum": minimize(lambda: v1.train.MomentumOptimizer(0.1, 0.9)),
    "minimize Adam": minimize(lambda: v1.train.AdamOptimizer(0.1)),
}


def record():
    """Writes names.json."""
    cases = []
    for name, build in PROGRAMS.items():
        graph = tf.Graph()
        with graph.as_default():
            build()
            trained = [v.name for v in v1.trainable_variables()]
            everything = [v.name for v in v1.global_variables()]
        nodes = listing(graph)
        if "minimize" in name:
            nodes = [{key: node[key] for key in ("name", "op", "inputs")} for node in nodes]
        cases.append(
            {
                "name": name,
                "global_variables": everything,
                "trainable_variables": trained,
                "nodes": nodes,
            }
        )
    write_json("names", cases)
