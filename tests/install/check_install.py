#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds a small outside project with eddy in every way that the documentation offers, and runs it.

The ways: find_package and pkg-config after an install to a prefix of its own, which is moved before it
is used; add_subdirectory; FetchContent with SOURCE_DIR. Each with eddy as a static and a shared library.
Before that: the install line of the README, on a copy of the sources that was never built.
"""

import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUTSIDE = HERE / "outside"


# Three times what it took (24 s, g++ 12, -O3), for slower machines and newer compilers.
MOST_CPU_SECONDS = 75
# 441 when everything was exported and eddy was much smaller; 549 at -O0 of what is chosen, a third less at -O2.
MOST_EXPORTS = 560


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
    def __init__(self, options, shared, debug_checks=True):
        self.options = options
        self.shared = shared
        self.debug_checks = debug_checks  # as a build of type Debug has them
        self.work = options.work / ("shared" if shared else "static")

    def cmake(self, source, build, *arguments):
        run("cmake", "-S", source, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
            f"-DCMAKE_CXX_COMPILER={self.options.cxx}",
            f"-DBUILD_SHARED_LIBS={'ON' if self.shared else 'OFF'}", *arguments)
        run("cmake", "--build", build, "-j", self.options.jobs)

    def install(self):
        """Installs eddy, and returns the prefix, after having moved it."""
        build, staged, prefix = self.work / "eddy", self.work / "staged", self.work / "prefix"
        # So that a static one can go into a plugin; a shared one can anyway.
        self.cmake(ROOT, build, f"-DCMAKE_INSTALL_PREFIX={staged}", "-DCMAKE_POSITION_INDEPENDENT_CODE=ON")
        if not self.shared:
            check_library_alone(build)
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
        if self.debug_checks != ("-DEDDY_DEBUG_CHECKS" in flags):
            raise Failed(f"a user would not compile with the checks of the library: {flags}")
        self.work.mkdir(parents=True, exist_ok=True)
        binary = self.work / "pkg_config"
        # With g++ every inline function of the headers is kept, so that all that they call must be exported.
        kept = [] if "clang" in self.options.cxx else ["-fkeep-inline-functions"]
        run(self.options.cxx, "-std=c++23", *kept, OUTSIDE / "main.cpp", "-o", binary, *flags)
        libraries = dict(os.environ, LD_LIBRARY_PATH=str(pc.parent.parent))
        run(binary, env=libraries)
        return flags, libraries

    def plugin(self, flags, libraries):
        """A user's shared object with all names hidden, loaded by a program that does not use eddy."""
        plugin, host = self.work / "plugin.so", self.work / "host"
        run(self.options.cxx, "-std=c++23", "-O1", "-fPIC", "-shared", "-fvisibility=hidden",
            OUTSIDE / "plugin.cpp", "-o", plugin, *flags)
        run(self.options.cxx, "-std=c++23", OUTSIDE / "host.cpp", "-o", host, "-ldl")
        run(host, plugin, env=libraries)
        shown = [line.split(maxsplit=2)[2] for line in
                 run("nm", "-DC", "--defined-only", plugin).splitlines()]
        eddys = [name for name in shown if "eddy::" in name]
        if eddys and not self.shared:  # else those inline functions that it shares with the library
            raise Failed(f"a plugin that hides its names shows {eddys}")

    def exports(self, prefix):
        """The shared library exports only names of eddy that are public or that a header calls."""
        library = next(prefix.rglob("libeddy.so"))
        names = [line.split(maxsplit=2)[2] for line in
                 run("nm", "-DC", "--defined-only", library).splitlines()]
        foreign = [name for name in names if not re.search(r"^(\w+ (name )?for )?eddy::", name)]
        internal = [name for name in names if re.search(
            r"eddy::(sys::(?!fork_count)|detail::(Worker::(turn|park|look|cancel)|TimerWheel::advance))", name)]
        if foreign or internal or len(names) > MOST_EXPORTS:
            raise Failed(f"{len(names)} names are exported; of others: {foreign}; of the inside: {internal}")

    def subproject(self, way):
        """A user's build may join the sources of all that it builds."""
        build = self.work / way
        self.cmake(OUTSIDE, build, f"-DUSE={way}", f"-DEDDY_SOURCE={ROOT}", "-DCMAKE_UNITY_BUILD=ON",
                   "-DCMAKE_UNITY_BUILD_BATCH_SIZE=16")
        run(build / "outside")

    def library_kind(self, prefix):
        found = sorted(file.name for file in prefix.rglob("libeddy*"))
        expected = "libeddy.so" if self.shared else "libeddy.a"
        if expected not in found or any(name.endswith(".a") == self.shared for name in found):
            raise Failed(f"installed {found}, expected {expected}")

    def gdb_script(self, prefix):
        """The gdb script can be sourced. A shared library's is where gdb looks, under its real name."""
        if not (prefix / "share" / "eddy" / "gdb" / "eddy.py").is_file():
            raise Failed("no share/eddy/gdb/eddy.py was installed")
        loaded = sorted(file.name for file in (prefix / "share").rglob("auto-load/**/*-gdb.py"))
        real = [f"{next(prefix.rglob('libeddy.so')).resolve().name}-gdb.py"] if self.shared else []
        if loaded != real:
            raise Failed(f"gdb would load {loaded} by itself, expected {real}")

    def all(self):
        prefix = self.install()
        self.library_kind(prefix)
        self.gdb_script(prefix)
        if self.shared:
            self.exports(prefix)
        self.find_package(prefix)
        self.plugin(*self.pkg_config(prefix))
        self.subproject("add_subdirectory")
        self.subproject("FetchContent")


def copy_of_sources(folder):
    """A copy of what a clone has. It was never built, and no cache of the user knows it."""
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("build", ".git", "__pycache__"))
    return folder


def without_cache():
    """An environment without a compiler cache, so that times are those of the compiler."""
    return {name: value for name, value in os.environ.items() if not name.endswith("_COMPILER_LAUNCHER")}


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def check_install_line(options):
    """The README's line installs the library, builds nothing else, and is quick."""
    lines = re.findall(r"^    (\./dev install) (\S+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    if len(lines) != 1:
        raise Failed(f"the README has {len(lines)} lines that install, and should have one")
    clone, prefix = copy_of_sources(options.work / "clone"), options.work / "installed"
    before = cpu_seconds()
    run(clone / "dev", "install", prefix, env=dict(without_cache(), CXX=options.cxx))
    took = cpu_seconds() - before
    print(f"== {lines[0][0]}: {took:.0f} s of processor time")
    if took > MOST_CPU_SECONDS:
        raise Failed(f"the install line took {took:.0f} s of processor time, at most {MOST_CPU_SECONDS}")
    check_library_alone(clone / "build/install")
    check = Check(options, shared=False, debug_checks=False)
    check.library_kind(prefix)
    check.pkg_config(prefix)


def check_library_alone(build):
    """A build folder without presets: no test, no example and no benchmark is built there."""
    programs = [str(file.relative_to(build)) for file in build.rglob("*")
                if file.is_file() and os.access(file, os.X_OK) and "CMakeFiles" not in file.parts]
    others = [str(file.relative_to(build)) for file in build.rglob("*.o") if "src/" not in file.as_posix()]
    if programs or others:
        raise Failed(f"more than the library was built: {programs + others}")


def check_reproducible(options):
    """Two clones, built in folders of different names, give the same archive, with its debug information."""
    archives = []
    for name in ("one", "two_of_another_length"):
        clone = copy_of_sources(options.work / name)
        build = clone / f"build_{name}"
        run("cmake", "-S", clone, "-B", build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=RelWithDebInfo",
            "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O0 -g -DNDEBUG", f"-DCMAKE_CXX_COMPILER={options.cxx}")
        run("cmake", "--build", build, "-j", options.jobs)
        archives.append((build / "libeddy.a").read_bytes())
    if archives[0] != archives[1]:
        raise Failed("two builds of the same sources in different folders differ")
    if str(options.work).encode() in archives[0]:
        raise Failed("the archive names the folder that it was built in")
    print("== reproducible: the same archive from two folders")


def check_windows(options):
    """The output of pkg-config for a library for Windows is enough to link a program."""
    cxx = shutil.which("x86_64-w64-mingw32-g++-posix")
    if cxx is None:
        print("== Windows: left out, there is no x86_64-w64-mingw32-g++-posix")
        return
    build, prefix = options.work / "windows", options.work / "windows_prefix"
    run("cmake", "-S", ROOT, "-B", build, "-G", "Ninja", f"-DCMAKE_INSTALL_PREFIX={prefix}",
        f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'cmake/toolchains/mingw-w64.cmake'}")
    run("cmake", "--build", build, "-j", options.jobs)
    run("cmake", "--install", build)
    pc = next(prefix.rglob("eddy.pc"))
    flags = run("pkg-config", "--cflags", "--libs", "eddy", env=dict(os.environ, PKG_CONFIG_PATH=str(pc.parent)))
    program = options.work / "windows.exe"
    run(cxx, "-std=c++23", "-static", OUTSIDE / "main.cpp", "-o", program, *flags.split())
    symbols = run("x86_64-w64-mingw32-nm", program)
    if "eddy_mingw_thread_exit" not in symbols:
        raise Failed("the program lacks what puts the end of a thread in order")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cxx", default=os.environ.get("CXX", "g++"))
    parser.add_argument("--work", type=pathlib.Path, required=True, help="a folder to build in; emptied")
    parser.add_argument("--jobs", default=str(os.cpu_count()))
    options = parser.parse_args()
    options.work = options.work.resolve()

    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    try:
        check_install_line(options)
        check_windows(options)
        check_reproducible(options)
    except Failed as failure:
        print(f"installing: {failure}", file=sys.stderr)
        return 1
    shutil.rmtree(options.work)
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
