import tensorflow as tf
from tensorflow.contrib import slim
import numpy as np

inputs = tf.placeholder(tf.float32, shape=[None, None, None, 3])

conv1 = slim.conv2d(inputs, num_outputs=20, kernel_size=3, stride=4)

de_weight = tf.get_variable('de_weight', shape=[3, 3, 3, 20])

some_value = 3

# the shape of inputs, with something changed
inputs_shape = tf.shape(inputs)
outputs_shape = [inputs_shape[0], inputs_shape[1], inputs_shape[2], some_value]
deconv1 = tf.nn.conv2d_transpose(conv1, filter=de_weight, output_shape=outputs_shape,
                                 strides=[1, 3, 3, 1], padding='SAME')

print(deconv1.get_shape())
with tf.Session() as sess:
    tf.global_variables_initializer().run()
    # conv1 is [1, 2, 2, 20]: a stride of 4 makes 2 of 5, and a stride of 3 makes 2 of 5 too.
    print(sess.run(deconv1, feed_dict={inputs: np.random.normal(size=[1, 5, 5, 3])}).shape)
