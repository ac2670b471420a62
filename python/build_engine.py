"""Builds the native half of the package into ``python/phosphene``.

    python python/build_engine.py              # oneDNN, the engine, the extension
    python python/build_engine.py --test       # the engine's own tests; arguments: `swift test`'s
    python python/build_engine.py --benchmark  # times single kernels, see Benchmark.swift

`make` and `pip install` (through setup.py) both come here. Each step does only what a change asks
for, and replaces a file by renaming, so that a running program keeps the one that it has opened.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import build_ffi
from build_onednn import prepare_onednn
from build_steps import ROOT, BuildError, is_older, path_list, replacing, run

PACKAGE = ROOT / "python/phosphene"
STABLE_ABI = "0x030b0000"  # Python 3.11

VECTOR_LEVELS = {
    "avx2": ["-target-cpu", "haswell"],
    "avx512": ["-target-cpu", "skylake-avx512", "-D", "WIDE"],
}


def version() -> str:
    """Return the version of the engine, which is also the package's."""
    source = (ROOT / "Sources/CABI/LibraryABI.swift").read_text()
    found = re.search(r'^let libraryVersion = "(.+)"$', source, flags=re.MULTILINE)
    if found is None:
        raise BuildError("Sources/CABI/LibraryABI.swift doesn't state libraryVersion")
    return found[1]


# ---- Steps ---------------------------------------------------------------------------------------


def build() -> None:
    """Put the libraries and the extension into the source package, where they are out of date."""
    onednn = prepare_onednn()
    build_library(onednn)
    build_vector_kernels(PACKAGE)
    build_extension()


def build_library(onednn: Path | None) -> None:
    """Build ``libphosphene.so`` and put it, with the oneDNN that it needs, into the package."""
    scratch = ROOT / ".build/engine"
    swift_static = Path(_target_info()["paths"]["runtimeResourcePath"], "linux")
    linker = [
        f"-L{swift_static}",  # -static-stdlib alone doesn't reach the link of a dynamic library
        f"--version-script={ROOT / 'Sources/CABI/exports.map'}",
        *("-z", "nodelete"),  # OpenMP's threads outlive a dlclose
        *("-soname", "libphosphene.so"),  # without it gold records the path of this machine
        *("-rpath", "$ORIGIN"),
    ]
    _swift(
        onednn,
        *("build", "--configuration", "release", "--product", "phosphene"),
        *("--scratch-path", str(scratch)),
        *("-Xswiftc", "-static-stdlib", "-Xswiftc", "-no-toolchain-stdlib-rpath"),
        *(argument for flag in linker for argument in ("-Xlinker", flag)),
    )
    built = scratch / "release/libphosphene.so"
    installed = PACKAGE / built.name
    if is_older(installed, built):
        with replacing(installed) as partial:
            run(["strip", "--strip-unneeded", "-o", str(partial), str(built)])
    bundled = PACKAGE / "libdnnl.so.3"
    licenses = PACKAGE / "licenses"
    if onednn is None:
        bundled.unlink(missing_ok=True)
        shutil.rmtree(licenses, ignore_errors=True)
    elif is_older(bundled, onednn / "lib" / bundled.name):
        shutil.copytree(onednn / "licenses", licenses, dirs_exist_ok=True)
        with replacing(bundled) as partial:
            shutil.copyfile(onednn / "lib" / bundled.name, partial)


def build_vector_kernels(folder: Path) -> None:
    """Compile the kernels that need wide registers, a small library for each level, into `folder`.

    Embedded Swift has no runtime, so that nothing of one level can take the place of the same
    thing in another.
    """
    if platform.machine() not in {"x86_64", "AMD64"}:
        return
    sources = sorted((ROOT / "Sources/VectorKernels").glob("*.swift"))
    headers = ROOT / "Sources/CVectorKernels/include"
    for level, flags in VECTOR_LEVELS.items():
        target = folder / f"libphosphene-{level}.so"
        if not is_older(target, *sources, headers / "vector_kernels.h", Path(__file__)):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(target) as partial:
            run(
                ["swiftc", "-enable-experimental-feature", "Embedded", "-parse-as-library"]
                + ["-wmo", "-Ounchecked", "-module-name", "VectorKernels", "-I", str(headers)]
                + flags
                + ["-emit-library", "-o", str(partial)]
                + [str(source) for source in sources]
                + ["-Xlinker", "-soname", "-Xlinker", target.name, "-Xlinker", "--strip-all"]
                + ["-Xlinker", f"--version-script={headers.parent / 'exports.map'}"]
            )


def build_extension() -> None:
    """Compile ``_ffi.abi3.so`` against the header and the library of the package."""
    target = PACKAGE / "_ffi.abi3.so"
    if not is_older(target, build_ffi.HEADER, Path(build_ffi.__file__)):
        return
    source = StringIO()
    with redirect_stdout(StringIO()):  # it announces what it does
        build_ffi.extension().emit_c_code(source)
    includes = [build_ffi.HEADER.parent, sysconfig.get_paths()["include"]]
    with replacing(target) as partial:
        # Python's own compiler flags aren't used: they may carry library paths of this machine.
        run(
            ["cc", "-shared", "-fPIC", "-O2", "-s", f"-DPy_LIMITED_API={STABLE_ABI}"]
            + [f"-I{folder}" for folder in includes]
            + ["-x", "c", "-", "-o", str(partial), f"-L{PACKAGE}", "-lphosphene"]
            # The library lies beside the extension wherever the package is installed. With `now`,
            # a function that it lacks is an error of the import, which names it.
            + ["-Wl,-rpath,$ORIGIN", "-Wl,-z,now"],
            source=source.getvalue(),
        )


def test(arguments: list[str]) -> None:
    """Run the engine's tests, optimized: whole networks are far too slow in a debug build."""
    onednn = _prepare_programs()
    _swift(
        onednn,
        *("test", "--configuration", "release", "--disable-xctest"),
        *("--scratch-path", str(ROOT / ".build/tests")),
        *("-Xswiftc", "-enable-testing"),
        *arguments,
    )


def benchmark(arguments: list[str]) -> None:
    """Build the benchmark of single kernels, from the objects of the library, and run it."""
    onednn = _prepare_programs()
    scratch = ROOT / ".build/engine"
    swift_static = Path(_target_info()["paths"]["runtimeResourcePath"], "linux")
    _swift(
        onednn,
        *("build", "--configuration", "release", "--product", "phosphene-benchmark"),
        *("--scratch-path", str(scratch), "--quiet"),
        *("-Xswiftc", "-static-stdlib", "-Xswiftc", "-no-toolchain-stdlib-rpath"),
        *("-Xlinker", f"-L{swift_static}"),
    )
    run([str(scratch / "release/phosphene-benchmark"), *arguments])


# ---- Commands ------------------------------------------------------------------------------------


def _prepare_programs() -> Path | None:
    """Let programs that aren't installed anywhere find oneDNN and the kernels for wide registers.

    For them $ORIGIN would lead nowhere.
    """
    onednn = prepare_onednn()
    if onednn is not None:
        os.environ["LD_LIBRARY_PATH"] = path_list(onednn / "lib", "LD_LIBRARY_PATH")
    vectors = ROOT / ".build/vectors"
    build_vector_kernels(vectors)
    os.environ["PHOSPHENE_VECTOR_KERNELS"] = str(vectors)
    return onednn


def _swift(onednn: Path | None, command: str, *arguments: str) -> None:
    """Run a SwiftPM command on the package, with oneDNN in reach."""
    environment = dict(os.environ)
    if onednn is not None:
        environment["PKG_CONFIG_PATH"] = path_list(onednn / "lib/pkgconfig", "PKG_CONFIG_PATH")
    layers = ("--explicit-target-dependency-import-check", "error")
    run(["swift", command, "--package-path", str(ROOT), *layers, *arguments], environment)


def _target_info() -> dict[str, dict[str, str]]:
    command = ["swift", "-print-target-info", "-static-stdlib"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    info: dict[str, dict[str, str]] = json.loads(output)
    return info


def main(arguments: list[str]) -> None:
    """Build, test or time; see the top of this file."""
    try:
        match arguments:
            case []:
                build()
            case ["--test", *rest]:
                test(rest)
            case ["--benchmark", *rest]:
                benchmark(rest)
            case _:
                sys.exit(__doc__)
    except BuildError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
