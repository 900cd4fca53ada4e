"""Records `compared.json`: `python record_compared.py`, with a Python that has TensorFlow 2 (tensorflow-cpu, tf-keras)."""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
# tf.layers is in the Keras of before 3, package tf-keras.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import tensorflow.compat.v1 as tf
from compared import cases, evaluated

tf.disable_eager_execution()

recorded = {"TensorFlow": tf.version.VERSION}
values = {
    name: [{"shape": list(value.shape), "values": value.ravel().tolist()} for value in evaluated(tf, make)]
    for name, make in cases(tf).items()
}
text = json.dumps({**recorded, "cases": values}, indent=1)
Path(__file__).with_name("compared.json").write_text(text + "\n")
