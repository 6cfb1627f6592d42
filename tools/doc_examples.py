#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Extracts the programs from the documentation, so that they are compiled and run as tests.

A program is a ```cpp block that contains `int main`. An HTML comment before the block, with nothing
but blank lines between, changes what is done with it:

    <!-- example: build-only -->   it is compiled, not run
    <!-- example: skip -->         it is left alone

Prints a line for each program: `run NAME` or `build-only NAME`.
"""

import argparse
import pathlib
import re
import sys
import tempfile

MARK = re.compile(r"^\s*<!--\s*example:\s*(.*?)\s*-->\s*$")
OPEN = re.compile(r"^(\s*)```cpp\s*$")
CLOSE = re.compile(r"^\s*```\s*$")


class BadPage(Exception):
    pass


def programs(text, page):
    """Yields (line, how, code) for each program of a page; `line` is that of the first line of code."""
    block, start, indent, how = None, 0, "", "run"
    for number, line in enumerate(text.splitlines(), 1):
        if block is None:
            mark, opened = MARK.match(line), OPEN.match(line)
            if mark:
                how = mark.group(1)
                if how not in ("build-only", "skip"):
                    raise BadPage(f"{page}:{number}: unknown mark 'example: {how}'")
            elif opened:
                block, start, indent = [], number + 1, opened.group(1)
            elif line.strip():
                how = "run"
        elif CLOSE.match(line):
            code = "\n".join(block) + "\n"
            if how != "skip" and re.search(r"\bint main\b", code):
                yield start, how, code
            block, how = None, "run"
        else:
            block.append(line.removeprefix(indent))
    if block is not None:
        raise BadPage(f"{page}:{start - 1}: the block does not end")


def write_if_changed(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def extract(root, out, pages):
    """Writes the programs to `out`, and returns [(how, name)]. Deletes programs that are no longer
    in the documentation."""
    out.mkdir(parents=True, exist_ok=True)
    found = []
    for page in pages:
        stem = re.sub(r"\W+", "_", str(page.relative_to(root).with_suffix(""))).lower()
        for count, (line, how, code) in enumerate(programs(page.read_text(), page), 1):
            name = f"{stem}_{count}"
            write_if_changed(out / f"{name}.cpp", f'#line {line} "{page}"\n{code}')
            found.append((how, name))
    names = {name for _, name in found}
    for stale in out.glob("*.cpp"):
        if stale.stem not in names:
            stale.unlink()
    return found


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        page = root / "docs" / "a-page.md"
        page.parent.mkdir()
        page.write_text(
            "text\n```cpp\nint main() {}\n```\n```cpp\nint fragment;\n```\n"
            "<!-- example: build-only -->\n```cpp\nint main() { for (;;) {} }\n```\n"
            "<!-- example: skip -->\n\n```cpp\nint main() { skipped }\n```\n"
            "<!-- example: skip -->\ntext\n```cpp\nint main() { return 1; }\n```\n"
            "```sh\nint main\n```\n")
        found = extract(root, root / "out", [page])
        assert found == [("run", "docs_a_page_1"), ("build-only", "docs_a_page_2"),
                         ("run", "docs_a_page_3")], found
        assert (root / "out" / "docs_a_page_1.cpp").read_text() == (
            f'#line 3 "{page}"\nint main() {{}}\n')

        page.write_text("none\n")
        assert extract(root, root / "out", [page]) == []
        assert not list((root / "out").iterdir())

        for bad in ("```cpp\nint main() {}\n", "<!-- example: perhaps -->\n"):
            try:
                list(programs(bad, page))
            except BadPage:
                continue
            raise AssertionError(f"accepted: {bad!r}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("pages", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    if options.self_test:
        self_test()
        return 0
    if not options.root or not options.out:
        parser.error("--root and --out are required")
    try:
        for how, name in extract(options.root, options.out, options.pages):
            print(how, name)
    except BadPage as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
