#!/usr/bin/env bash
# Makes the peers once, under $TCONV_PEERS (default ~/.cache/tconv-peers): two venvs, the models and, with --rust, the
# Rust peers (about 20 minutes on two cores). Nothing is written here.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export TCONV_PEERS=${TCONV_PEERS:-$HOME/.cache/tconv-peers}
mkdir -p "$TCONV_PEERS"
[ -x "$TCONV_PEERS/tf/bin/python" ] || { python3 -m venv "$TCONV_PEERS/tf" && "$TCONV_PEERS/tf/bin/pip" install -q tensorflow-cpu==2.21.0 tf-slim==1.1.0 tf-keras; }
[ -x "$TCONV_PEERS/torch/bin/python" ] || { python3 -m venv "$TCONV_PEERS/torch" && "$TCONV_PEERS/torch/bin/pip" install -q torch==2.15.0 numpy onnx==1.23.2 onnxruntime==1.31.1 openvino==2026.4.1 ai-edge-litert==2.3.0; }
if [ ! -e "$TCONV_PEERS/models/.done" ]; then
  (cd "$here" && "$TCONV_PEERS/torch/bin/python" mkonnx.py && "$TCONV_PEERS/tf/bin/python" mktflite.py >/dev/null 2>&1)
  touch "$TCONV_PEERS/models/.done"
fi
if [ "${1:-}" = --rust ]; then
  RUSTFLAGS="-C target-cpu=native" CARGO_TARGET_DIR="$TCONV_PEERS/rust" cargo build --release --manifest-path "$here/rust_peers/Cargo.toml"
fi
echo "peers are in $TCONV_PEERS"
