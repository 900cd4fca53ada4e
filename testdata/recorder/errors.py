"""What TensorFlow says of mistakes: class and first line, while building or while running."""

import json
import os
import re
import signal
import traceback

import numpy as np
import tensorflow as tf

from .core import first_line, session, v1, write_json

# Each is run in a process of its own, with f(shape) and i(shape) making placeholders of float32
# and int32, and run(fetch, feed) running in a new session.
CASES = {
    # feeding, fetching, variables
    "unfed placeholder": "x = f([2], name='x'); run(x + 1.0)",
    "unfed placeholder of unknown shape": "x = f(None, name='x'); run(x + 1.0)",
    "uninitialised variable": "w = v1.get_variable('w', [2]); run(w)",
    "uninitialised variable read by an op": "w = v1.get_variable('w', [2]); run(w + 1.0)",
    "feed of wrong shape": "x = f([None, 3], name='x'); run(x + 1.0, {x: np.zeros([2, 4])})",
    "feed of wrong rank": "x = f([2, 3], name='x'); run(x + 1.0, {x: np.zeros([6])})",
    "feed of wrong dtype": "x = i([2], name='x'); run(x + 1, {x: np.array(['a', 'b'])})",
    "feed of float to int": "x = i([2], name='x'); run(x + 1, {x: [1.5, 2.5]})",
    "feed of a string key that is no tensor": "x = f([2], name='x'); run(x, {'y:0': [1, 2]})",
    "feed of None": "x = f([2], name='x'); run(x + 1.0, {x: None})",
    "fetch of None": "tf.constant(1.0); run(None)",
    "fetch by unknown name": "x = f([2], name='x'); run('nope:0')",
    "fetch of an output that is not there": "x = f([2], name='x'); run('x:1')",
    "fetch of an op name without output": "x = f([2], name='x'); run('x y')",
    "fetch from another graph": "\n".join(
        [
            "g = tf.Graph()",
            "with g.as_default():",
            "    y = tf.constant(1.0, name='y')",
            "x = tf.constant(2.0)",
            "run(y)",
        ]
    ),
    "input from another graph": "\n".join(
        [
            "g = tf.Graph()",
            "with g.as_default():",
            "    y = tf.constant(1.0, name='y')",
            "tf.constant(2.0) + y",
        ]
    ),
    "session closed": "\n".join(
        ["x = tf.constant(1.0)", "s = v1.Session()", "s.close()", "run(x, running=s)"]
    ),
    "get_variable twice": "v1.get_variable('w', [2]); v1.get_variable('w', [2])",
    "reuse without existing": "\n".join(
        ["with v1.variable_scope('v', reuse=True):", "    v1.get_variable('w', [2])"]
    ),
    "reuse with another shape": "\n".join(
        [
            "v1.get_variable('w', [2])",
            "with v1.variable_scope('', reuse=True):",
            "    v1.get_variable('w', [3])",
        ]
    ),
    "reuse with another dtype": "\n".join(
        [
            "v1.get_variable('w', [2])",
            "with v1.variable_scope('', reuse=True):",
            "    v1.get_variable('w', [2], dtype=tf.float64)",
        ]
    ),
    "get_variable without shape": "v1.get_variable('w')",
    "get_variable of unknown shape": "v1.get_variable('w', [None, 2])",
    "assign of wrong shape": "w = v1.get_variable('w', [2]); w.assign([1.0, 2.0, 3.0])",
    "gradient through nothing": "x = f([2]); v1.gradients(tf.constant(1.0), x)[0].name",
    "gradient of an op without one": "x = f([4], name='x'); v1.gradients(tf.raw_ops.Unique(x=x)[0], x)",
    "gradient of an op that has none": (
        "x = f([4]); v1.gradients(tf.cast(tf.argmax(x), tf.float32), x)[0].name"
    ),
    "minimize without variables": "v1.train.GradientDescentOptimizer(0.1).minimize(f([]))",
    "minimize without gradients": (
        "w = v1.get_variable('w', [2]); v1.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))"
    ),
    "grad_ys of wrong count": "x = f([2]); v1.gradients([x * 2.0], [x], [x, x])",
    "use of a tensor as bool": "x = f([]); bool(x)",
    "iteration over a tensor of unknown size": "list(f([None]))",
    "len of a tensor": "len(f([3]))",
    "bad node name": "tf.constant(1.0, name='a b')",
    "negative placeholder size": "f([2, -3])",
    "placeholder size that is a string": "f(['a'])",
    "get tensor by name without colon": "f([2], name='x').graph.get_tensor_by_name('x')",
    "set_shape that contradicts": "f([2, 3], name='x').set_shape([2, 4])",
    # elementwise
    "Add of incompatible shapes": "f([2, 3], name='a') + f([4], name='b')",
    "Add of incompatible shapes at run time": (
        "a = f([None, None], name='a'); b = f([None], name='b'); "
        "run(a + b, {a: np.zeros([2, 3]), b: np.zeros([4])})"
    ),
    "Sub of incompatible shapes at run time": (
        "a = f(None, name='a'); b = f(None, name='b'); "
        "run(a - b, {a: np.zeros([2, 3]), b: np.zeros([2, 2])})"
    ),
    "Add of int and float": "i([2], name='a') + f([2], name='b')",
    "AddV2 of int and float": "tf.raw_ops.AddV2(x=i([2]), y=f([2]))",
    "Add of int and a float number": "i([2], name='a') + 1.5",
    "Add of bools": "v1.placeholder(tf.bool, [2]) + v1.placeholder(tf.bool, [2])",
    "FloorDiv by zero": "a = i([2], name='a'); b = i([2], name='b'); run(a // b, {a: [1, 2], b: [1, 0]})",
    "Pow int to negative": "a = i([2], name='a'); run(a ** tf.constant([-1, 2]), {a: [2, 3]})",
    "RealDiv of ints by a raw op": "tf.raw_ops.Sqrt(x=i([2]))",
    "MatMul of inner sizes": "tf.matmul(f([2, 3], name='a'), f([4, 5], name='b'))",
    "MatMul of inner sizes at run time": (
        "a = f([None, None], name='a'); b = f([None, None], name='b'); "
        "run(tf.matmul(a, b), {a: np.zeros([2, 3]), b: np.zeros([4, 5])})"
    ),
    "MatMul of rank 1": "tf.raw_ops.MatMul(a=f([2]), b=f([2, 3]))",
    "MatMul of rank 1 at run time": (
        "a = f(None); b = f(None); "
        "run(tf.raw_ops.MatMul(a=a, b=b), {a: np.zeros([2]), b: np.zeros([2, 3])})"
    ),
    "Sum axis out of range": "tf.reduce_sum(f([2, 3]), axis=2)",
    "Sum axis out of range at run time": (
        "x = f([2, 3]); a = i([1]); run(tf.reduce_sum(x, axis=a), {x: np.zeros([2, 3]), a: [-3]})"
    ),
    "Sum axis twice": "tf.reduce_sum(f([2, 3]), axis=[0, 0])",
    "Sum axis twice at run time": (
        "x = f([2, 3]); a = i([2]); run(tf.reduce_sum(x, axis=a), {x: np.zeros([2, 3]), a: [0, -2]})"
    ),
    # arrays
    "Reshape of wrong count": "tf.reshape(f([2, 3]), [4, 2])",
    "Reshape of wrong count at run time": (
        "x = f([None]); run(tf.reshape(x, [4, 2]), {x: np.zeros([6])})"
    ),
    "Reshape that does not divide": "tf.reshape(f([2, 3]), [4, -1])",
    "Reshape that does not divide at run time": (
        "x = f([None]); run(tf.reshape(x, [4, -1]), {x: np.zeros([6])})"
    ),
    "Reshape of two unknowns": "run(tf.reshape(tf.constant([1.0, 2.0]), [-1, -1]))",
    "Reshape of two unknowns at run time": (
        "x = f([2]); s = i([2]); run(tf.reshape(x, s), {x: [1, 2], s: [-1, -1]})"
    ),
    "Reshape to a negative size at run time": (
        "x = f([2]); s = i([2]); run(tf.reshape(x, s), {x: [1, 2], s: [-2, -1]})"
    ),
    "Reshape of empty with an unknown at run time": (
        "x = f([None]); s = i([2]); run(tf.reshape(x, s), {x: [], s: [0, -1]})"
    ),
    "ConcatV2 of different sizes": "tf.concat([f([2, 3]), f([3, 4])], 0)",
    "ConcatV2 of different sizes at run time": (
        "a = f([None, None]); b = f([None, None]); "
        "run(tf.concat([a, b], 1), {a: np.zeros([2, 3]), b: np.zeros([3, 3])})"
    ),
    "ConcatV2 of different ranks": "tf.concat([f([2, 3]), f([2])], 0)",
    "ConcatV2 axis out of range": "tf.concat([f([2, 3]), f([2, 3])], 2)",
    "ConcatV2 axis out of range at run time": (
        "a = f([2, 3]); n = i([]); run(tf.concat([a, a], n), {a: np.zeros([2, 3]), n: -3})"
    ),
    "ConcatV2 of scalars": "tf.concat([f([]), f([])], 0)",
    "Pack of different shapes": "tf.stack([f([2]), f([3])])",
    "Pack of different shapes at run time": (
        "a = f([None]); b = f([None]); run(tf.stack([a, b]), {a: [1, 2], b: [1, 2, 3]})"
    ),
    "Pack axis out of range": "tf.stack([f([2]), f([2])], axis=3)",
    "Pack of different dtypes": "tf.raw_ops.Pack(values=[f([2]), i([2])])",
    "Unpack of wrong num": "tf.unstack(f([3, 2]), num=2)",
    "Unpack of wrong num at run time": "x = f([None, 2]); run(tf.unstack(x, num=2), {x: np.zeros([3, 2])})",
    "Unpack of unknown num": "tf.unstack(f([None, 2]))",
    "Unpack axis out of range": "tf.unstack(f([3, 2]), axis=2)",
    "StridedSlice index out of bounds": "f([3], name='x')[3]",
    "StridedSlice negative index out of bounds": "f([3], name='x')[-4]",
    "StridedSlice index out of bounds at run time": (
        "x = f([None], name='x'); run(x[3], {x: [1, 2, 3]})"
    ),
    "StridedSlice zero stride": "f([3], name='x')[::0]",
    "StridedSlice zero stride at run time": "x = f([3]); n = i([]); run(x[::n], {x: [1, 2, 3], n: 0})",
    "StridedSlice too many indices": "f([3], name='x')[1, 2]",
    "StridedSlice two ellipses": "f([3, 4], name='x')[..., ...]",
    "StridedSlice float index": "f([3], name='x')[1.0]",
    "StridedSlice reversed shrink": (
        "tf.raw_ops.StridedSlice(input=f([3]), begin=[1], end=[0], strides=[-1], shrink_axis_mask=1)"
    ),
    "Slice out of range": "tf.slice(f([2, 3]), [1, 1], [2, 1])",
    "Slice out of range at run time": (
        "x = f([None, 3]); run(tf.slice(x, [1, 1], [2, 1]), {x: np.zeros([2, 3])})"
    ),
    "Slice negative begin": "tf.slice(f([2, 3]), [-1, 1], [1, 1])",
    "Slice negative begin at run time": (
        "x = f([2, 3]); b = i([2]); run(tf.slice(x, b, [1, 1]), {x: np.zeros([2, 3]), b: [-1, 0]})"
    ),
    "Slice size below -1": "tf.slice(f([2, 3]), [0, 0], [-2, 1])",
    "Slice of wrong rank": "tf.slice(f([2, 3]), [0], [1])",
    "Squeeze of a size that is not 1": "v1.squeeze(f([2, 3]), [1])",
    "Squeeze of a size that is not 1 at run time": (
        "x = f([None, 3]); run(v1.squeeze(x, [0]), {x: np.zeros([2, 3])})"
    ),
    "Squeeze axis out of range": "v1.squeeze(f([2, 3]), [2])",
    "ExpandDims axis out of range": "tf.expand_dims(f([2, 3]), 3)",
    "ExpandDims axis out of range at run time": (
        "x = f([2, 3]); n = i([]); run(tf.expand_dims(x, n), {x: np.zeros([2, 3]), n: -4})"
    ),
    "Transpose of wrong length": "tf.transpose(f([2, 3]), [0])",
    "Transpose with a repeated axis": "tf.transpose(f([2, 3]), [0, 0])",
    "Transpose with a repeated axis at run time": (
        "x = f([2, 3]); p = i([2]); run(tf.transpose(x, p), {x: np.zeros([2, 3]), p: [0, 0]})"
    ),
    "Transpose axis out of range": "tf.transpose(f([2, 3]), [0, 2])",
    "Transpose axis out of range at run time": (
        "x = f([2, 3]); p = i([2]); run(tf.transpose(x, p), {x: np.zeros([2, 3]), p: [0, 2]})"
    ),
    "Pad negative": "tf.pad(f([2, 3]), [[1, 1], [-1, 0]])",
    "Pad negative at run time": (
        "x = f([2]); p = i([1, 2]); run(tf.pad(x, p), {x: [1, 2], p: [[-1, 0]]})"
    ),
    "Pad of wrong rank": "tf.pad(f([2, 3]), [[1, 1]])",
    "Tile negative": "tf.tile(f([2, 3]), [1, -1])",
    "Tile negative at run time": "x = f([2]); m = i([1]); run(tf.tile(x, m), {x: [1, 2], m: [-1]})",
    "Tile of wrong rank": "tf.tile(f([2, 3]), [1])",
    "Fill negative": "tf.raw_ops.Fill(dims=[2, -1], value=1.0)",
    "Fill negative at run time": "d = i([2]); run(tf.fill(d, 1.0), {d: [2, -1]})",
    "Fill of a vector": "tf.raw_ops.Fill(dims=[2], value=[1.0, 2.0])",
    "random_normal negative": "run(v1.random_normal([2, -1]))",
    "random_normal negative at run time": "d = i([2]); run(v1.random_normal(d), {d: [2, -1]})",
    # layers
    "BiasAdd of wrong size": "tf.nn.bias_add(f([2, 3]), f([4]))",
    "BiasAdd of wrong size at run time": (
        "x = f([None, None]); b = f([None]); run(tf.nn.bias_add(x, b), {x: np.zeros([2, 3]), b: np.zeros([4])})"
    ),
    "BiasAdd of rank 1": "tf.raw_ops.BiasAdd(value=f([3]), bias=f([3]))",
    "BiasAdd of a matrix": "tf.raw_ops.BiasAdd(value=f([2, 3]), bias=f([3, 1]))",
    "Conv2D of wrong channels": "conv(f([1, 5, 5, 3]), f([2, 2, 4, 1]))",
    "Conv2D of wrong channels at run time": (
        "x = f([None] * 4); w = f([None] * 4); "
        "run(conv(x, w), {x: np.zeros([1, 5, 5, 3]), w: np.zeros([2, 2, 4, 1])})"
    ),
    "Conv2D of wrong rank": "conv(f([5, 5, 3]), f([2, 2, 3, 1]))",
    "Conv2D of wrong rank at run time": (
        "x = f(None); w = f(None); "
        "run(tf.raw_ops.Conv2D(input=x, filter=w, strides=[1, 1, 1, 1], padding='SAME'), "
        "{x: np.zeros([5, 5, 3]), w: np.zeros([2, 2, 3, 1])})"
    ),
    "Conv2D VALID kernel larger than input": "conv(f([1, 2, 5, 3]), f([3, 3, 3, 1]), padding='VALID')",
    "Conv2D VALID kernel larger than input at run time": (
        "x = f([None] * 4); w = f([None] * 4); "
        "run(conv(x, w, padding='VALID'), {x: np.zeros([1, 2, 5, 3]), w: np.zeros([3, 3, 3, 1])})"
    ),
    "Conv2D VALID kernel much larger than input, stride 2, at run time": (
        "x = f([None] * 4); w = f([None] * 4); "
        "run(conv(x, w, strides=2, padding='VALID'), {x: np.zeros([1, 1, 5, 3]), w: np.zeros([4, 3, 3, 1])})"
    ),
    "Conv2D padding FOO": "conv(f([1, 5, 5, 3]), f([2, 2, 3, 1]), padding='FOO')",
    "Conv2D raw padding FOO": (
        "tf.raw_ops.Conv2D(input=f([1, 5, 5, 3]), filter=f([2, 2, 3, 1]), strides=[1, 1, 1, 1], padding='FOO')"
    ),
    "Conv2D data_format FOO": (
        "tf.raw_ops.Conv2D(input=f([1, 5, 5, 3]), filter=f([2, 2, 3, 1]), strides=[1, 1, 1, 1], "
        "padding='SAME', data_format='FOO')"
    ),
    "Conv2D stride 0": "conv(f([1, 5, 5, 3]), f([2, 2, 3, 1]), strides=[1, 0, 0, 1])",
    "Conv2D negative stride": "conv(f([1, 5, 5, 3]), f([2, 2, 3, 1]), strides=[1, -1, -1, 1])",
    "Conv2D strides of wrong length": (
        "tf.raw_ops.Conv2D(input=f([1, 5, 5, 3]), filter=f([2, 2, 3, 1]), strides=[1, 1], padding='SAME')"
    ),
    "Conv2D batch stride": (
        "x = f([1, 5, 5, 3]); w = f([2, 2, 3, 1]); "
        "run(conv(x, w, strides=[2, 1, 1, 1]), {x: np.zeros([1, 5, 5, 3]), w: np.zeros([2, 2, 3, 1])})"
    ),
    "Conv2D dilation 0": "conv(f([1, 5, 5, 3]), f([2, 2, 3, 1]), dilations=[1, 0, 0, 1])",
    "Conv2D negative explicit padding": (
        "conv(f([1, 5, 5, 3]), f([2, 2, 3, 1]), padding=[[0, 0], [-1, 0], [0, 0], [0, 0]])"
    ),
    "Conv2D explicit padding of channels": (
        "conv(f([1, 5, 5, 3]), f([2, 2, 3, 1]), padding=[[0, 0], [1, 0], [0, 0], [0, 1]])"
    ),
    "Conv2D explicit paddings of wrong length": (
        "tf.raw_ops.Conv2D(input=f([1, 5, 5, 3]), filter=f([2, 2, 3, 1]), strides=[1, 1, 1, 1], "
        "padding='EXPLICIT', explicit_paddings=[1, 1])"
    ),
    "Conv2D SAME with explicit paddings": (
        "tf.raw_ops.Conv2D(input=f([1, 5, 5, 3]), filter=f([2, 2, 3, 1]), strides=[1, 1, 1, 1], "
        "padding='SAME', explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0])"
    ),
    "Conv2D of int64": "conv(v1.placeholder(tf.int64, [1, 5, 5, 3]), v1.placeholder(tf.int64, [2, 2, 3, 1]))",
    "Conv2D NCHW at run time": (
        "x = f([1, 3, 5, 5]); w = f([2, 2, 3, 1]); "
        "run(tf.nn.conv2d(x, w, strides=1, padding='SAME', data_format='NCHW'), "
        "{x: np.zeros([1, 3, 5, 5]), w: np.zeros([2, 2, 3, 1])})"
    ),
    "MaxPool window larger than input": "tf.nn.max_pool2d(f([1, 2, 5, 3]), 3, 1, 'VALID')",
    "MaxPool window larger than input at run time": (
        "x = f([None] * 4); run(tf.nn.max_pool2d(x, 3, 1, 'VALID'), {x: np.zeros([1, 2, 5, 3])})"
    ),
    "MaxPool ksize 0": "tf.raw_ops.MaxPool(input=f([1, 5, 5, 3]), ksize=[1, 0, 0, 1], strides=[1, 1, 1, 1], padding='SAME')",
    "MaxPool padding FOO": "tf.nn.max_pool2d(f([1, 5, 5, 3]), 2, 1, 'FOO')",
    "AvgPool of rank 3": "tf.raw_ops.AvgPool(value=f([5, 5, 3]), ksize=[1, 2, 2, 1], strides=[1, 1, 1, 1], padding='SAME')",
    "transpose output_shape of wrong rank": "transpose(f([1, 3, 3, 1]), [1, 5, 5])",
    "transpose output_shape of wrong rank at run time": (
        "x = f([1, 3, 3, 1]); s = i([None]); run(transpose(x, s), {x: np.zeros([1, 3, 3, 1]), s: [1, 5, 5]})"
    ),
    "transpose output_shape with wrong channels": "transpose(f([1, 3, 3, 1]), [1, 6, 6, 7])",
    "transpose output_shape with wrong channels at run time": (
        "x = f([1, 3, 3, 1]); run(transpose(x, [1, 6, 6, 7]), {x: np.zeros([1, 3, 3, 1])})"
    ),
    "transpose output_shape with more whole channels at run time": (
        "x = f([1, 3, 3, 1]); run(transpose(x, [1, 6, 6, 6]), {x: np.zeros([1, 3, 3, 1])})"
    ),
    "transpose output_shape fed 1,7,7,3": (
        "x = f([1, 3, 3, 1]); s = i([4]); run(transpose(x, s), {x: np.zeros([1, 3, 3, 1]), s: [1, 7, 7, 3]})"
    ),
    "transpose output_shape fed 2,5,5,3": (
        "x = f([1, 3, 3, 1]); s = i([4]); run(transpose(x, s), {x: np.zeros([1, 3, 3, 1]), s: [2, 5, 5, 3]})"
    ),
    "transpose output_shape fed 1,5,5,2": (
        "x = f([1, 3, 3, 1]); s = i([4]); run(transpose(x, s), {x: np.zeros([1, 3, 3, 1]), s: [1, 5, 5, 2]})"
    ),
    "transpose output_shape fed 1,-5,5,3": (
        "x = f([1, 3, 3, 1]); s = i([4]); run(transpose(x, s), {x: np.zeros([1, 3, 3, 1]), s: [1, -5, 5, 3]})"
    ),
    "transpose padding FOO": "transpose(f([1, 3, 3, 1]), [1, 5, 5, 3], padding='FOO')",
    "transpose of wrong input channels": "transpose(f([1, 3, 3, 2]), [1, 5, 5, 3])",
    "transpose of wrong input channels at run time": (
        "x = f([1, 3, 3, 2]); s = i([4]); run(transpose(x, s), {x: np.zeros([1, 3, 3, 2]), s: [1, 5, 5, 3]})"
    ),
    "transpose stride 0": "transpose(f([1, 3, 3, 1]), [1, 5, 5, 3], strides=[1, 0, 0, 1])",
    "transpose stride 0 at run time": (
        "x = f([1, 3, 3, 1]); s = i([4]); "
        "run(transpose(x, s, strides=[1, 0, 0, 1]), {x: np.zeros([1, 3, 3, 1]), s: [1, 5, 5, 3]})"
    ),
    "transpose batch stride": (
        "x = f([1, 3, 3, 1]); run(transpose(x, [1, 5, 5, 3], strides=[2, 2, 2, 1]), {x: np.zeros([1, 3, 3, 1])})"
    ),
    "transpose strides of wrong length": "transpose(f([1, 3, 3, 1]), [1, 5, 5, 3], strides=[2, 2, 2])",
    "transpose dilation 2 at run time": (
        "x = f([1, 3, 3, 1]); "
        "run(transpose(x, [1, 3, 3, 3], strides=1, dilations=2), {x: np.zeros([1, 3, 3, 1])})"
    ),
    "transpose float output_shape": "transpose(f([1, 3, 3, 1]), tf.constant([1.0, 5.0, 5.0, 3.0]))",
    "transpose program 2's sizes": "\n".join(
        [
            "x = f([3, 25, 25, 20]); w = f([3, 3, 10, 20]); s = tf.constant([3, 97, 97, 10])",
            "y = v1.nn.conv2d_transpose(x, w, s, strides=[1, 3, 3, 1], padding='SAME')",
            "run(y, {x: np.zeros([3, 25, 25, 20]), w: np.zeros([3, 3, 10, 20])})",
        ]
    ),
    "transpose program 3's sizes": "\n".join(
        [
            "x = f([None] * 4); w = f([3, 3, 3, 20]); s = i([4])",
            "y = v1.nn.conv2d_transpose(x, w, s, strides=[1, 3, 3, 1], padding='SAME')",
            "run(y, {x: np.zeros([3, 25, 25, 20]), w: np.zeros([3, 3, 3, 20]), s: [3, 97, 97, 3]})",
        ]
    ),
}


class Program:
    """What the code of a case can call, and whether it was building or running."""

    def __init__(self):
        self.when = "build"
        self.result = None

    def run(self, fetch, feed=None, running=None):
        self.when = "run"
        if running:
            return running.run(fetch, feed)
        with session(v1.get_default_graph()) as running:
            self.result = running.run(fetch, feed)

    def names(self):
        def f(shape, name=None):
            return v1.placeholder(tf.float32, shape, name=name)

        def i(shape, name=None):
            return v1.placeholder(tf.int32, shape, name=name)

        def conv(x, w, strides=1, padding="SAME", dilations=None):
            return tf.nn.conv2d(x, w, strides, padding, dilations=dilations)

        def transpose(x, shape, strides=(1, 2, 2, 1), padding="SAME", dilations=None):
            w = tf.ones([2, 2, 3, 1])
            strides = list(strides) if isinstance(strides, tuple) else strides
            return tf.nn.conv2d_transpose(x, w, shape, strides, padding, dilations=dilations)

        return {
            "tf": tf, "v1": v1, "np": np, "f": f, "i": i, "conv": conv, "transpose": transpose,
            "run": self.run,
        }  # fmt: skip


def attempt(code):
    """What one program ends with."""
    program = Program()
    with tf.Graph().as_default():
        try:
            exec(code, program.names())
        except Exception as reason:
            text = "".join(traceback.format_exception_only(reason))
            node = re.search(r"\{\{(?:function_)?node ([^}]*)\}\}", text)
            return {
                "when": program.when,
                "class": type(reason).__name__,
                # An object's address is a new one every time.
                "message": re.sub(r"0x[0-9a-f]{6,}", "0x0", first_line(reason)),
                **({"node": node[1]} if node else {}),
            }
    result = program.result
    return {"result_shape": list(result.shape)} if isinstance(result, np.ndarray) else None


def attempt_apart(code):
    """The same in a process of its own, since some inputs end TensorFlow's."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            with os.fdopen(write, "w") as pipe:
                pipe.write(json.dumps(attempt(code)))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        return {"when": "killed", "class": signal.Signals(os.WTERMSIG(status)).name, "message": ""}
    return json.loads(text)


def record():
    """Writes errors.json: `error` is null where TensorFlow sees no mistake."""
    cases = []
    for name, code in CASES.items():
        case = {"name": name, "code": code, "error": attempt_apart(code)}
        if case["error"] and "result_shape" in case["error"]:
            case |= case["error"]
            case["error"] = None
        cases.append(case)
    write_json("errors", cases)
