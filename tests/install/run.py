#!/usr/bin/env python3
"""Builds a small outside project with eddy in every way that the documentation offers, and runs it.

The ways: find_package and pkg-config after an install to a prefix of its own, which is moved before it
is used; add_subdirectory; FetchContent with SOURCE_DIR. Each with eddy as a static and a shared library.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUTSIDE = HERE / "outside"


class Failed(Exception):
    pass


def run(*command, env=None):
    command = [str(part) for part in command]
    print("+", " ".join(command), flush=True)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, env=env, check=False)
    if done.returncode != 0:
        raise Failed(f"exit {done.returncode}\n{done.stdout}")
    return done.stdout


class Check:
    def __init__(self, options, shared):
        self.options = options
        self.shared = shared
        self.work = options.work / ("shared" if shared else "static")

    def cmake(self, source, build, *arguments):
        run("cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
            f"-DCMAKE_CXX_COMPILER={self.options.cxx}",
            f"-DBUILD_SHARED_LIBS={'ON' if self.shared else 'OFF'}", *arguments)
        run("cmake", "--build", build, "-j", self.options.jobs)

    def install(self):
        """Installs eddy, and returns the prefix, after having moved it."""
        build, staged, prefix = self.work / "eddy", self.work / "staged", self.work / "prefix"
        self.cmake(ROOT, build, f"-DCMAKE_INSTALL_PREFIX={staged}", "-DEDDY_BUILD_TESTS=OFF",
                   "-DEDDY_BUILD_EXAMPLES=OFF", "-DEDDY_BUILD_BENCH=OFF")
        run("cmake", "--install", build)
        staged.rename(prefix)
        return prefix

    def find_package(self, prefix):
        build = self.work / "find_package"
        self.cmake(OUTSIDE, build, "-DUSE=find_package", f"-DCMAKE_PREFIX_PATH={prefix}")
        run(build / "outside")

    def pkg_config(self, prefix):
        pc = next(prefix.rglob("eddy.pc"))
        env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent))
        flags = run("pkg-config", "--cflags", "--libs", "eddy", env=env).split()
        binary = self.work / "pkg_config"
        run(self.options.cxx, "-std=c++23", OUTSIDE / "main.cpp", "-o", binary, *flags)
        run(binary, env=dict(os.environ, LD_LIBRARY_PATH=str(pc.parent.parent)))

    def subproject(self, way):
        build = self.work / way
        self.cmake(OUTSIDE, build, f"-DUSE={way}", f"-DEDDY_SOURCE={ROOT}")
        run(build / "outside")

    def library_kind(self, prefix):
        found = sorted(file.name for file in prefix.rglob("libeddy*"))
        expected = "libeddy.so" if self.shared else "libeddy.a"
        if expected not in found or any(name.endswith(".a") == self.shared for name in found):
            raise Failed(f"installed {found}, expected {expected}")

    def all(self):
        prefix = self.install()
        self.library_kind(prefix)
        self.find_package(prefix)
        self.pkg_config(prefix)
        self.subproject("add_subdirectory")
        self.subproject("FetchContent")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cxx", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder to build in; emptied")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    options = parser.parse_args()
    options.work = options.work.resolve()

    shutil.rmtree(options.work, ignore_errors=True)
    for shared in (False, True):
        kind = "shared" if shared else "static"
        start = time.monotonic()
        print(f"== {kind}", flush=True)
        try:
            Check(options, shared).all()
        except Failed as failure:
            print(f"{kind}: {failure}", file=sys.stderr)
            return 1
        print(f"== {kind}: right in {time.monotonic() - start:.0f} s", flush=True)
    shutil.rmtree(options.work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
