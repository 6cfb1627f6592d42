#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that each example in the headers' comments stands in a program that is compiled and run.

An example is a block of comment lines that are indented by five spaces after `///`. Its lines, without
indentation and empty lines, must stand one after the other in a file of tests/header_examples.

Prints `file:line: what is wrong` for each example that does not, and exits with 1 if there is one.
"""

import argparse
import pathlib
import re
import sys
import tempfile

EXAMPLE = re.compile(r"^\s*///     (.*)$")
WITHIN = re.compile(r"^\s*///\s*$")

# Headers whose examples are no part of a program, each with its reason.
EXEMPT = {
    "include/eddy/core/operation.hpp": "a member that operations declare; users declare none",
    "include/eddy/worker/dump.hpp": "the lines of a dump, not code",
}


def lines_of_code(lines):
    """The lines without indentation, and without the empty ones."""
    return [line.strip() for line in lines if line.strip()]


def examples(text):
    """Yields (line, lines of code) for each example of a header."""
    start, block = 0, []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        found = EXAMPLE.match(line)
        if found:
            start = start or number
            block.append(found.group(1))
        elif start and not WITHIN.match(line):
            yield start, lines_of_code(block)
            start, block = 0, []
        elif start:
            block.append("")  # it may go on after an empty line


def stands_in(example, program):
    """Whether the lines stand in the program one after the other."""
    return any(program[at:at + len(example)] == example
               for at in range(len(program) - len(example) + 1))


def check(root):
    """Yields (file, line, what is wrong)."""
    folder = root / "tests" / "header_examples"
    programs = [lines_of_code(path.read_text().splitlines()) for path in sorted(folder.glob("*.cpp"))]
    exempt = set(EXEMPT)
    for header in sorted((root / "include" / "eddy").rglob("*.hpp")):
        name = header.relative_to(root).as_posix()
        found = list(examples(header.read_text()))
        if name in EXEMPT:
            if found:
                exempt.discard(name)
            continue
        for line, example in found:
            if any(stands_in(example, program) for program in programs):
                continue
            missing = next((part for part in example
                            if not any(part in program for program in programs)), None)
            why = f"it has no line `{missing}`" if missing else "its lines do not stand one after the other"
            yield name, line, f"no program of tests/header_examples has this example as it is: {why}"
    for name in sorted(exempt):
        yield name, 1, "has no example any more: take it out of EXEMPT in tools/header_examples.py"


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)

        def write(path, text):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)

        for name in EXEMPT:
            write(name, "///     anything\n")
        program = "tests/header_examples/some.cpp"
        write("include/eddy/task/a.hpp", "/// Text.\n///\n///     f();\n///\n///       g();\n///\n/// Text.\n")
        write("include/eddy/b.hpp", "  ///     h();  // why\nvoid x();\n///     f();\n")
        write(program, "int main() {\n    f();\n  g();\n\n  h();  // why\n}\n")
        assert not list(check(root)), list(check(root))

        write(program, "int main() {\n  f();\n  k();\n  g();\n  h();\n}\n")
        found = list(check(root))
        assert [(name, line) for name, line, _ in found] == [
            ("include/eddy/b.hpp", 1), ("include/eddy/task/a.hpp", 3)], found
        assert "`h();  // why`" in found[0][2] and "one after the other" in found[1][2], found

        write(program, "f();\ng();\nh();  // why\n")
        write(next(iter(EXEMPT)), "// Nothing.\n")
        assert [line for _, line, _ in check(root)] == [1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.self_test:
        self_test()
        return 0
    wrong = 0
    for name, line, what in check(options.root):
        print(f"{name}:{line}: {what}")
        wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
