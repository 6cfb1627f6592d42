#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says which lines of include/ and src/ the tests have run: a line for each file, then the lines that none has run.

Reads what the programs of the preset `coverage` have counted. clang counts in the source, before it makes a
coroutine into a state machine, and keeps the counts in a mapped file. So they are right for coroutines, and a
program that a test makes abort counts too. `./dev coverage` runs this.
"""

import argparse
import json
import os
import pathlib
import stat
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("include/", "src/")


def programs_in(folder):
    """The test programs in a build directory."""
    for path in sorted((folder / "tests").glob("*_tests")):
        if path.is_file() and path.stat().st_mode & stat.S_IXUSR:
            yield path


def run(command):
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"coverage: {' '.join(map(str, command[:2]))}: {done.stderr.strip()}")
    return done.stdout


def lines_of(export):
    """{file: {line: how often it ran}} from the output of `llvm-cov export -format=lcov`."""
    files = {}
    lines = None
    for record in export.splitlines():
        kind, _, rest = record.partition(":")
        if kind == "SF":
            lines = files.setdefault(rest, {})
        elif kind == "DA":
            line, count = rest.split(",")[:2]
            lines[int(line)] = lines.get(int(line), 0) + int(count)
    return files


def ranges(numbers):
    """Writes 1, 2, 3, 7 as "1-3, 7"."""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def relative(path):
    try:
        return str(pathlib.Path(path).resolve().relative_to(ROOT))
    except ValueError:
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, help="the build directory")
    parser.add_argument("--json", type=pathlib.Path, help="write {file: [lines that did not run]} here too")
    parser.add_argument("--self-test", action="store_true", help="check this script itself")
    arguments = parser.parse_args()
    if arguments.self_test:
        self_test()
        return
    if not arguments.build:
        parser.error("--build is needed")

    counted = [path for path in (arguments.build / "profiles").glob("*.profraw") if path.stat().st_size != 0]
    programs = list(programs_in(arguments.build))
    if not counted or not programs:
        sys.exit(f"coverage: nothing was counted in {arguments.build}")
    profile = arguments.build / "tests.profdata"
    run(["llvm-profdata-19", "merge", "-sparse", "--failure-mode=all", "-o", profile, *counted])
    objects = [argument for program in programs[1:] for argument in ("-object", program)]
    export = run(["llvm-cov-19", "export", "-format=lcov", "-skip-functions", f"-instr-profile={profile}",
                  programs[0], *objects])

    files = {}
    for path, lines in lines_of(export).items():
        name = relative(path)
        if name and name.startswith(FOLDERS) and lines:
            files[name] = lines
    report(files)
    if arguments.json:
        missed = {name: sorted(n for n, count in lines.items() if count == 0) for name, lines in files.items()}
        arguments.json.write_text(json.dumps(missed, indent=1, sort_keys=True) + os.linesep)


def report(files):
    total = run_lines = 0
    print(f"{'lines':>6} {'run':>6} {'':>7}  file: lines that no test runs")
    for name in sorted(files):
        lines = files[name]
        missed = [number for number, count in lines.items() if count == 0]
        done = len(lines) - len(missed)
        total += len(lines)
        run_lines += done
        print(f"{len(lines):6} {done:6} {100 * done / len(lines):6.1f}%  {name}"
              + (f": {ranges(missed)}" if missed else ""))
    if total:
        print(f"{total:6} {run_lines:6} {100 * run_lines / total:6.1f}%  all")


def self_test():
    export = "SF:a.cpp\nDA:1,0\nDA:2,5\nend_of_record\nSF:a.cpp\nDA:1,2,x\nDA:3,0\nend_of_record\n"
    assert lines_of(export) == {"a.cpp": {1: 2, 2: 5, 3: 0}}
    assert ranges([7, 2, 1, 3]) == "1-3, 7"
    assert ranges([]) == ""
    assert relative(ROOT / "src" / "x.cpp") == "src/x.cpp"
    assert relative("/nowhere/x.cpp") is None


if __name__ == "__main__":
    main()
