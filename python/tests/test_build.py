"""What the built libraries depend on, read from the files themselves."""

import json
import re
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

import build_ffi
import phosphene
from phosphene._ffi import ffi, lib

PACKAGE = Path(phosphene.__file__).parent
OWN = ["libphosphene.so", "_ffi.abi3.so"]


def read_elf(option: str, library: str) -> str:
    command = ["readelf", "--wide", option, PACKAGE / library]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("library", OWN)
def test_libraries_find_each_other_wherever_they_lie(library):
    assert re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.*)\]", read_elf("--dynamic", library)) == [
        "$ORIGIN"
    ]


def test_the_engine_needs_no_swift_installation():
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", read_elf("--dynamic", "libphosphene.so")))
    system = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6", "libgomp.so.1"}
    assert needed - system == {"libdnnl.so.3", "ld-linux-x86-64.so.2"}


def test_the_engine_is_never_unloaded():
    assert "NODELETE" in read_elf("--dynamic", "libphosphene.so")


@pytest.mark.parametrize("library", OWN)
def test_glibc_2_34_is_enough(library):
    versions = re.findall(r"\bGLIBC_(\d+)\.(\d+)", read_elf("--version-info", library))
    assert versions
    assert max((int(major), int(minor)) for major, minor in versions) <= (2, 34)


def test_only_the_stable_abi_of_python_is_used():
    symbols = re.findall(r"UND (_?Py\w+)", read_elf("--dyn-syms", "_ffi.abi3.so"))
    # https://docs.python.org/3.11/c-api/stable.html lists all of these.
    stable = {"PyArg_UnpackTuple", "PyErr_Occurred", "PyEval_RestoreThread", "PyEval_SaveThread"}
    stable |= {"PyImport_ImportModule", "PyLong_FromLong", "PyLong_FromUnsignedLong"}
    stable |= {"PyLong_FromVoidPtr", "PyObject_CallMethod", "PyObject_Free", "PyObject_Malloc"}
    stable |= {"_Py_Dealloc", "_Py_NoneStruct"}
    assert set(symbols) <= stable


def test_cffi_gets_declarations_without_the_preprocessor():
    header = """
#ifndef X_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define PH_ABI_VERSION 7
int32_t ph_f(void);
#endif
"""
    lines = build_ffi.declarations(header).split("\n")
    assert [line for line in lines if line] == ["int32_t ph_f(void);", "#define PH_ABI_VERSION ..."]


def test_engine_and_package_have_one_version():
    assert json.loads(ffi.string(lib.ph_engine_json()))["version"] == metadata.version("phosphene")
