#!/usr/bin/env bash
# Makes an environment of its own for the peers that Phosphene is measured beside.
#
#   prepare_peers.sh [FOLDER]    by default .build/peers
#
# Each peer is installed alone: one that can't be had doesn't keep the others away, and its cells in
# the table say so. A group that is complete isn't touched again.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
readonly folder=${1:-.build/peers}

# A line a peer. PyPI's torch is built for CUDA, 6 GB of it: the version with +cpu is only in
# PyTorch's own index (or wherever PIP_FIND_LINKS points to).
readonly groups=(
  "keras>=3.15 tensorflow-cpu"
  "jax[cpu]"
  "torch==2.13.0+cpu --extra-index-url https://download.pytorch.org/whl/cpu"
  "openvino"
  "tf-keras-vis"
  "onnxruntime onnx onnxscript"
)

if ! "$folder/bin/python" -c "" 2>/dev/null; then
  echo "Making $folder for the peers"
  "${PYTHON:-.venv/bin/python}" -m venv --clear "$folder" || exit 1
fi
for group in "${groups[@]}"; do
  stamp="$folder/$(tr -c '[:alnum:]\n' _ <<<"$group").stamp"
  [[ -e $stamp ]] && continue
  echo "Installing $group"
  # shellcheck disable=SC2086  # one word an argument
  if "$folder/bin/python" -m pip install -qq --retries 2 --disable-pip-version-check $group; then
    touch "$stamp"
  else
    echo "$group couldn't be installed: the table goes without it" >&2
  fi
done
