"""The C interface: the only modules that touch it."""

import importlib
import os

# How long a thread of OpenMP that has done its part spins before it sleeps: 3000 turns are some
# 50 µs, as long as the gaps between kernels. libgomp's own 300,000 keep a core busy that the thread
# which is waited for may need: beside one other program, networks took four times as long. It reads
# the variable once, when it is loaded; what the user has said stays.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "3000"
    try:
        importlib.import_module("phosphene._ffi")
    finally:
        del os.environ["GOMP_SPINCOUNT"]
