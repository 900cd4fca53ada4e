import tensorflow as tf
from tensorflow.contrib import slim
import numpy as np

inputs = tf.placeholder(tf.float32, shape=[None, None, None, 3])

conv1 = slim.conv2d(inputs, num_outputs=20, kernel_size=3, stride=4)

de_weight = tf.get_variable('de_weight', shape=[3, 3, 3, 20])

# a list of ints fixes output_shape; a tensor leaves it open
output_shape = tf.placeholder(dtype=tf.int32, shape=[4])
deconv1 = tf.nn.conv2d_transpose(conv1, filter=de_weight, output_shape=output_shape,
                                 strides=[1, 3, 3, 1], padding='SAME')

with tf.Session() as sess:
    tf.global_variables_initializer().run()
    data_in = np.random.normal(size=[1, 9, 9, 3])
    # conv1 is [1, 3, 3, 20]; with a stride of 3 the output may be 7, 8 or 9 high and wide.
    for shape in ([1, 7, 7, 3], [1, 9, 8, 3]):
        print(sess.run(deconv1, feed_dict={inputs: data_in, output_shape: shape}).shape)
    for shape in ([1, -5, 5, 3], [1, 6, 7, 3], [2, 7, 7, 3], [1, 7, 7, 2]):
        try:
            sess.run(deconv1, feed_dict={inputs: data_in, output_shape: shape})
        except tf.errors.InvalidArgumentError as error:
            print(shape, "is refused:", error.message.splitlines()[0])
