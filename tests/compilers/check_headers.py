#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles eddy's public headers with a user's compiler.

    warnings   user_program.cpp gives none at -O1, -O2 and -O3, and is right
    module     eddy.cppm can be imported; where the compiler can
    standard   with an older standard each header stops the compiler at once, with the cure
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=200, check=False, **options)


def warnings(command, library):
    """The lines of the errors and warnings."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "program"
        for level in ("-O1", "-O2", "-O3"):
            built = run([*command, level, *WARNINGS, HERE / "user_program.cpp", "-o", program,
                         library, "-pthread"])
            if built.returncode != 0:
                yield f"user_program.cpp at {level}:\n{built.stderr}"
            elif run([program]).returncode != 0:
                yield f"user_program.cpp at {level} is wrong"


def standard(command, _):
    headers = sorted((HERE.parent.parent / "include" / "eddy").rglob("*.hpp"))
    command = [word for word in command if not word.startswith("-std=")]
    for header in headers:
        done = run([*command, "-std=c++20", "-fsyntax-only", "-x", "c++", "-"],
                   input=f'#include "{header}"\n')
        errors = [line for line in done.stderr.splitlines() if "error: " in line]
        if len(errors) != 2 or "eddy needs C++23: compile with -std=c++23" not in errors[0]:
            yield f"{header} with C++20:\n{done.stderr}"


def module(command, library):
    interface, user = HERE.parent.parent / "include/eddy/eddy.cppm", HERE / "module_user.cpp"
    with tempfile.TemporaryDirectory() as folder:
        if "clang" in run([*command, "--version"]).stdout:
            steps = [["-pthread", "-x", "c++-module", "--precompile", interface, "-o", "eddy.pcm"],
                     ["-fmodule-file=eddy=eddy.pcm", user, "eddy.pcm", "-o", "user", library, "-pthread"]]
        else:
            steps = [["-pthread", "-fmodules-ts", "-x", "c++", "-c", interface, "-o", "eddy.o"],
                     ["-fmodules-ts", user, "eddy.o", "-o", "user", library, "-pthread"]]
        for step in steps:
            done = run([*command, *step], cwd=folder)
            if done.returncode != 0:
                yield f"{step}:\n{done.stderr}"
                return
        if run([pathlib.Path(folder) / "user"]).returncode != 0:
            yield "module_user.cpp is wrong"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["warnings", "module", "standard"])
    parser.add_argument("--cxx", required=True)
    parser.add_argument("--flags", required=True, help="separated by |")
    parser.add_argument("--library", type=pathlib.Path, required=True)
    options = parser.parse_args()
    check = {"warnings": warnings, "module": module, "standard": standard}[options.what]
    wrong = list(check([options.cxx, *options.flags.split("|")], options.library))
    print("\n".join(wrong) or "nothing to say")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
