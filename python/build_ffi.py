"""Declares ``phosphene._ffi``, the extension whose C compiler checks the bindings' every call."""

from __future__ import annotations

import re
from pathlib import Path

from cffi import FFI

HEADER = Path(__file__).resolve().parents[1] / "Sources/CPhosphene/include/phosphene.h"

CALLBACKS = """
extern "Python" int32_t ph_progress_callback(void *user_data, const ph_progress *progress);
"""


def declarations(header: str) -> str:
    """Return what a C header declares, in the form that cffi reads.

    Preprocessor lines go; macros that are numbers come back as ``#define NAME ...``, whose value
    the C compiler fills in.
    """
    constants = re.findall(r"^#define (PH_\w+) \d+$", header, flags=re.MULTILINE)
    header = re.sub(r"#ifdef __cplusplus.*?#endif", "", header, flags=re.DOTALL)
    lines = [line for line in header.splitlines() if not line.startswith("#")]
    return "\n".join(lines + [f"#define {name} ..." for name in constants])


def extension() -> FFI:
    """Return the builder of the extension's C source."""
    ffi = FFI()
    ffi.cdef(declarations(HEADER.read_text()) + CALLBACKS)
    ffi.set_source("phosphene._ffi", '#include "phosphene.h"')
    return ffi
