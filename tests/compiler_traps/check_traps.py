#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks what each compiler does with the forms that some compiler gets wrong: see docs/compilers.md.

Each form of the program `compiler_traps` runs in a process of its own. Each file of `loud/` is a form that some
compiler does not compile, or that eddy refuses; where it compiles, it is run. A form that shows better than what
is written is an error too: the list, and what eddy refuses, follow the compilers.

    right     does what the standard says
    wrong     compiles, and is wrong in silence
    stops     eddy stops the program, with the cure
    refused   eddy refuses it at compile time, with the cure
    rejected  the compiler does not take it
    crash     the compiler crashes
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

COLUMNS = ["g++ 12", "g++ 13", "g++ 14", "g++ 15, 16", "clang 19 to 23"]
STOPS = "g++ 12 has misplaced the frame"
CRASH = re.compile("internal compiler error|PLEASE submit a (full )?bug report|Segmentation fault")


def column_of(compiler, version):
    """The column of a compiler, which CMake names. None for a compiler that was not tried."""
    major = int(version.split(".")[0])
    if compiler == "Clang":
        return 4 if 19 <= major <= 23 else None
    if compiler != "GNU":
        return None
    return {12: 0, 13: 1, 14: 2, 15: 3, 16: 3}.get(major)


def forms_of(program):
    """(name, code, what each column shows)."""
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    for line in listed.splitlines():
        name, code, shows = line.split("\t")
        yield name, code, shows.split()


def shown_by(program, name):
    try:
        done = subprocess.run([program, name], capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return "wrong"
    if done.returncode == 0:
        return "right"
    return "stops" if STOPS in done.stderr else "wrong"


def head_of(source):
    """The first lines of a file of `loud/`: form, shows, expect."""
    return dict(re.findall(r"^// (form|shows|expect): (.+)$", source.read_text(), re.MULTILINE))


def shown_by_compiler(source, command, library, expected):
    """What the compiler does with a file of `loud/`."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "program"
        made = [*command, source] + (["-fsyntax-only"] if expected == "refused" else
                                     ["-o", program, library, "-pthread"])
        done = subprocess.run(made, capture_output=True, text=True, timeout=100, check=False)
        if done.returncode == 0:
            if expected == "refused":
                return "taken"
            ran = subprocess.run([program], timeout=20, check=False)
            return "right" if ran.returncode == 0 else "wrong"
    if CRASH.search(done.stderr):
        return "crash"
    errors = re.findall("error: (?:static assertion failed|static_assert failed)[^\n]*", done.stderr)
    if expected == "refused" and (len(errors) != 1 or done.stderr.count("error: ") != 1):
        print(done.stderr)
        return "more errors than the one that refuses it"
    text = head_of(source).get("expect")
    return "refused" if text and text in done.stderr else "rejected"


def table(forms):
    """The rows of docs/compilers.md."""
    yield "| form | " + " | ".join(COLUMNS) + " |"
    yield "|---" * (len(COLUMNS) + 1) + "|"
    for _, code, shows in forms:
        yield f"| `{code}` | " + " | ".join(shows) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--program", type=pathlib.Path, required=True)
    parser.add_argument("--sources", type=pathlib.Path, required=True, help="the folder loud/")
    parser.add_argument("--cxx", default="c++", help="the compiler")
    parser.add_argument("--flags", default="", help="for the files of loud/, separated by |")
    parser.add_argument("--library", type=pathlib.Path, help="eddy")
    parser.add_argument("--compiler", default="", help="CMake's name of it, such as GNU")
    parser.add_argument("--version", default="0")
    parser.add_argument("--page", type=pathlib.Path, help="docs/compilers.md, which must hold the table")
    parser.add_argument("--table", action="store_true", help="print the table and end")
    options = parser.parse_args()
    loud = sorted(options.sources.glob("*.cpp"))
    forms = list(forms_of(options.program))
    for source in loud:
        head = head_of(source)
        forms.append((source.stem, head["form"], head["shows"].split()))
    if options.table:
        print("\n".join(table(forms)))
        return 0
    wrong = 0
    if options.page:
        page = options.page.read_text()
        missing = [row for row in table(forms) if row not in page]
        for row in missing:
            print(f"{options.page.name} lacks this row: {row}")
        wrong += len(missing)
    column = column_of(options.compiler, options.version)
    command = [options.cxx, *options.flags.split("|")]
    for name, code, shows in forms:
        expected = shows[column] if column is not None else "right"
        source = options.sources / f"{name}.cpp"
        if source in loud:
            shown = shown_by_compiler(source, command, options.library, expected)
        else:
            shown = shown_by(options.program, name)
        if shown == expected:
            continue
        wrong += 1
        where = COLUMNS[column] if column is not None else f"{options.compiler} {options.version}"
        print(f"{name}: with {where}, `{code}` is to show '{expected}', but shows '{shown}'", end="")
        print(": say so in its FORM and in docs/compilers.md" if shown == "right" else "")
    print(f"{len(forms)} forms, {wrong} not as written")
    return min(wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
