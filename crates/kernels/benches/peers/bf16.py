#!/usr/bin/env python3
"""tconv on bfloat16 tensors beside torch's and OpenVINO's own bfloat16, interleaved in one run.

    ./bf16.py --tconv PATH/TO/tconv [what compare.py takes, such as --threads 1 or --layers L6]

Tensors are bfloat16 in and out everywhere, torch's with the channels last. Who has no instructions for it widens them.
"""
import os, sys

compare = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compare.py")
given = ["--dtype", "bf16", "--peers", "torch-bf16,openvino-bf16", "--layers", "L3,L4b,L6,L7,L10"]
os.execv(sys.executable, [sys.executable, compare, *given, *sys.argv[1:]])
