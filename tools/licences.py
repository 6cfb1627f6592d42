#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that each source file names its licence, by SPDX, at the end of its opening comment; --fix adds the line.

The opening comment goes first, because it says what the file is for. Without one the line stands alone at the top.
"""

import argparse
import pathlib
import sys

TAG = "SPDX-License-Identifier: MIT"
FOLDERS = [".ci", "bench", "cmake", "examples", "include", "share", "src", "tests", "tools"]
SLASHES = {".c", ".cpp", ".cppm", ".go", ".h", ".hpp", ".js", ".rs"}
HASHES = {".cmake", ".py", ".sh"}
HASH_NAMES = {"CMakeLists.txt", "dev", "run"}


def comment_of(path):
    """How a line of comment starts; None if the file is no source."""
    if path.suffix in SLASHES:
        return "//"
    return "#" if path.suffix in HASHES or path.name in HASH_NAMES else None


def place_of(path, lines):
    """The number, from 0, of the line for the licence: after the opening comment."""
    place = 1 if lines[0].startswith("#!") else 0
    if path.suffix not in SLASHES:
        # What a script says of itself is no comment, and comes after.
        while path.suffix in (".cmake", ".txt") and lines[place].startswith("#"):
            place += 1
    elif lines[place].startswith("/*"):
        while "*/" not in lines[place]:
            place += 1
        place += 1
    else:
        while lines[place].startswith("//"):
            place += 1
    return place


def with_licence(path, text):
    """The text with its licence added, if it has none."""
    lines = (text or "\n").split("\n")
    place = place_of(path, lines)
    tag = f"{comment_of(path)} {TAG}"
    if tag in lines[max(place - 1, 0):place + 1]:
        return text
    added = [tag]
    opening = '"""' if path.suffix in SLASHES else ('"""', "#")
    if place == 0 and lines[0].strip() and not lines[0].startswith(opening):
        added.append("")
    return "\n".join(lines[:place] + added + lines[place:])


def sources(root):
    yield root / "dev"
    yield root / "CMakeLists.txt"
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and comment_of(path):
                yield path


def self_test():
    tag = f"// {TAG}\n"
    for name, before, after in [
        ("a.hpp", "// What it is for.\n#pragma once\n", "// What it is for.\n" + tag + "#pragma once\n"),
        ("a.cpp", "#include <a>\n", tag + "\n#include <a>\n"),
        ("a.c", "/* What\n it is for. */\nint x;\n", "/* What\n it is for. */\n" + tag + "int x;\n"),
        ("a.py", '#!/usr/bin/env python3\n"""What."""\n',
         f'#!/usr/bin/env python3\n# {TAG}\n"""What."""\n'),
        ("a.cmake", "# What.\nset(x)\n", f"# What.\n# {TAG}\nset(x)\n"),
        ("CMakeLists.txt", "project(x)\n", f"# {TAG}\n\nproject(x)\n"),
    ]:
        got = with_licence(pathlib.Path(name), before)
        assert got == after, (name, got)
        assert with_licence(pathlib.Path(name), got) == got, name


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fix", action="store_true", help="add the line where it is missing")
    options = parser.parse_args()
    self_test()
    root = pathlib.Path(__file__).resolve().parent.parent
    missing = [(path, fixed) for path in sources(root) if (fixed := with_licence(path, path.read_text()))
               != path.read_text()]
    for path, fixed in missing:
        print(f"{path.relative_to(root)}: names no licence (tools/licences.py --fix adds the line)")
        if options.fix:
            path.write_text(fixed)
    return 1 if missing and not options.fix else 0


if __name__ == "__main__":
    sys.exit(main())
