"""Adds the native build to setuptools' steps; what the package is stands in setup.cfg."""

import shutil
import sys
from pathlib import Path

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))

import build_engine


class BuildEngineThenPackage(build_py):
    """Builds the libraries into the source package, from where they are collected like data."""

    def run(self) -> None:
        """Run the step."""
        build_engine.build()
        shutil.rmtree(self.build_lib, ignore_errors=True)  # may hold modules deleted since
        super().run()


class BinaryDistribution(Distribution):
    """A distribution that belongs to one platform, although setuptools compiles nothing itself."""

    def has_ext_modules(self) -> bool:
        """Return that there is native code."""
        return True


setup(
    version=build_engine.version(),
    cmdclass={"build_py": BuildEngineThenPackage},
    distclass=BinaryDistribution,
    # One wheel serves every Python from 3.11 on: the extension keeps to the stable ABI.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
