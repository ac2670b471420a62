"""phosphene.h against the library and against C and C++ compilers."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import build_ffi
import phosphene
from phosphene._ffi import lib

LIBRARY = Path(phosphene.__file__).with_name("libphosphene.so")

# The compiler of the Swift toolchain is there wherever the library can be built; gcc's C++ isn't.
CLANG = str(Path(shutil.which("swift") or "swift").resolve().with_name("clang"))


def declared_functions() -> set[str]:
    """Return the names before a parameter list, outside comments."""
    text = re.sub(r"/\*.*?\*/", "", build_ffi.HEADER.read_text(), flags=re.DOTALL)
    return set(re.findall(r"\b(ph_\w+)\s*\(", text))


def exported_symbols() -> set[str]:
    command = ["nm", "--dynamic", "--defined-only", "--extern-only", LIBRARY]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines}


def test_the_library_exports_what_the_header_declares_and_nothing_else():
    declared = declared_functions()
    assert len(declared) > 20
    assert exported_symbols() == declared


def test_the_extension_binds_every_function():
    assert declared_functions() <= set(dir(lib))


@pytest.mark.parametrize(
    "compiler",
    [
        pytest.param(["cc", "-x", "c", "-std=c99", "-pedantic"], id="C99"),
        pytest.param([CLANG, "-x", "c", "-std=c99", "-pedantic"], id="C99, clang"),
        pytest.param([CLANG, "-x", "c++", "-std=c++11", "-pedantic"], id="C++11"),
    ],
)
def test_the_header_compiles_alone(compiler):
    command = [*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    command += ["-I", build_ffi.HEADER.parent, "-"]
    source = "#include <phosphene.h>\n#include <phosphene.h>\n"
    result = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
