"""Records reference values from TensorFlow 2.21 on the CPU: `record.py [family ...]`."""

import argparse
import importlib
import subprocess
import sys

FAMILIES = ["conv", "array", "math", "nn", "random", "half", "training", "names", "errors"]


def main():
    """Runs each family in a process of its own, so that one that dies takes no other along."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", metavar="family", help=", ".join(FAMILIES))
    families = parser.parse_args().families or FAMILIES
    if unknown := set(families) - set(FAMILIES):
        parser.error(f"no such family: {', '.join(sorted(unknown))}")
    if len(families) == 1:
        importlib.import_module(f"recorder.{families[0]}").record()
        return 0
    codes = [subprocess.run([sys.executable, __file__, name]).returncode for name in families]
    return max(map(abs, codes))


if __name__ == "__main__":
    sys.exit(main())
