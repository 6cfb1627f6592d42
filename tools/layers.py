#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the rules that no compiler checks: which file may include which, and how long it may be.

    os-header     only platform/ and the backends include a header of the operating system
    layer         a floor includes its own and lower floors only; so do its tests
    length        no file is longer than 600 lines
    conditional   #if stands in include/eddy/platform only, and where CONDITIONALS gives the reason
    pragma-once   a header opens with its comment, then `#pragma once`
    nodiscard     what returns a Result or is an operation says [[nodiscard]]

Prints `file:line: rule: what is wrong`, and exits with 1 if anything is.
"""

import argparse
import pathlib
import re
import sys
import tempfile

# From the ground up. A file may include what stands on its own floor or below. Two names on one floor are
# its wings: neither includes the other, but the tests of one may use the other.
FLOORS = ["platform", "core", "reactor", "worker", "task", "time compose", "sync", "io", "net", "signal",
          "runtime", "eddy", "examples"]
HEIGHT = {wing: height for height, floor in enumerate(FLOORS) for wing in floor.split()}

# Tests in a folder that is no floor may include anything.
OF_NO_FLOOR = "examples"

# Headers that stand in include/eddy itself. One that is not named here belongs to the ground floor.
TOP_LEVEL = {"runtime": "runtime", "eddy": "eddy"}

BACKENDS = re.compile(r"^src/reactor/(epoll|kqueue|iocp|uring)\.cpp$")
MAY_INCLUDE_OS = re.compile(r"^(include/eddy|src)/platform/")

OS_HEADERS = re.compile(
    r"^((sys|netinet|netinet6|arpa|net|linux|asm|asm-generic|mach|netpacket|bits)/.*\.h"
    r"|(netdb|unistd|fcntl|poll|signal|pthread|sched|semaphore|dlfcn|termios|syslog|pwd|grp|ifaddrs"
    r"|resolv|spawn|ucontext|aio|mqueue|utime|dirent|glob|strings|liburing|ntstatus"
    r"|winsock2?|ws2tcpip|ws2def|mswsock|windows|winternl|afunix|iphlpapi|io|process|direct)\.h)$",
    re.IGNORECASE)

# Files outside include/eddy/platform that may hold `#if`, each with its reason.
CONDITIONALS = {
    "include/eddy/reactor/platform_reactor.hpp": "the alias that names the platform's backend",
    "include/eddy/sync/stop_token.hpp": "libc++ before 20 has no std::stop_token to convert from",
}

MAX_LINES = 600

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|elifdef|elifndef|else)\b")

RETURNS_RESULT = re.compile(
    r"^[ \t]*(?:(?:static|inline|constexpr|virtual)\s+)*(?:sys::)?Result<[^=;{}()]*>\s+(?!take\b)\w+\(",
    re.MULTILINE)
OPERATION = re.compile(r"^[ \t]*class \w+(Op|Task) final", re.MULTILINE)


def floor_of(path):
    """The floor of a path relative to include/eddy or src; None if its folder is on no floor."""
    folder, _, _ = path.rpartition("/")
    if not folder:
        return TOP_LEVEL.get(pathlib.PurePosixPath(path).stem, "platform")
    top = folder.split("/")[0]
    return top if top in HEIGHT else None


def own_floor(path):
    for root in ("include/eddy/", "src/"):
        if path.startswith(root):
            return floor_of(path[len(root):])
    folder = path.split("/")[1] if path.startswith("tests/") else ""
    return folder if folder in HEIGHT else OF_NO_FLOOR


def support_floor(root, name):
    """The highest floor that a header of tests/support includes."""
    floors = ["platform"]
    for line in (root / "tests" / name).read_text().splitlines():
        found = INCLUDE.match(line)
        if found and found.group(2).startswith("eddy/"):
            floors.append(floor_of(found.group(2)[len("eddy/"):]))
        elif found and found.group(2).startswith("support/"):
            floors.append(support_floor(root, found.group(2)))
    return max(floors, key=HEIGHT.get)


def included_floor(name, sign, root, path):
    """The floor of the file that an include names, or "" if the file is not eddy's."""
    if name.startswith("eddy/"):
        return floor_of(name[len("eddy/"):])
    if path.startswith("tests/") and name.startswith("support/"):
        return support_floor(root, name)
    if sign == '"':
        for folder in ((root / path).parent, root / "src"):
            target = (folder / name).resolve()
            source = (root / "src").resolve()
            if target.is_file() and target.is_relative_to(source):
                return floor_of(target.relative_to(source).as_posix())
    return ""


def without_comments(text):
    """The text with blanks instead of comments, line for line."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group(0))
    return re.sub(r"//[^\n]*|/\*.*?\*/", blank, text, flags=re.DOTALL)


def check_includes(root, path, lines):
    own = own_floor(path)
    if own is None:
        yield 1, "layer", "this folder is on no floor; name it in tools/layers.py"
        return
    is_test = path.startswith("tests/")
    os_allowed = is_test or MAY_INCLUDE_OS.match(path) or BACKENDS.match(path)
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        sign, name = found.groups()
        if OS_HEADERS.match(name) and not os_allowed:
            yield number, "os-header", f"<{name}> belongs behind eddy::sys, in platform/"
        other = included_floor(name, sign, root, path)
        if other is None:
            yield number, "layer", f"'{name}' is on no floor; name it in tools/layers.py"
        elif other and HEIGHT[other] > HEIGHT[own]:
            yield number, "layer", f"{own} must not include '{name}', of the higher floor {other}"
        elif other and HEIGHT[other] == HEIGHT[own] and other != own and not is_test:
            yield number, "layer", f"{own} must not include '{name}', of {other}, the other wing of its floor"


def check_conditionals(path, lines):
    if path.startswith("include/eddy/platform/") or path in CONDITIONALS:
        return
    for number, line in enumerate(lines, 1):
        if CONDITIONAL.match(line):
            yield number, "conditional", "choose a file to build instead (see style in CONTRIBUTING.md)"


def check_pragma(lines):
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if line.strip() != "#pragma once":
            yield number, "pragma-once", "a header begins with `#pragma once`, after its comment"
        return
    yield 1, "pragma-once", "the header is empty"


def check_nodiscard(text):
    for found in RETURNS_RESULT.finditer(text):
        if not text[:found.start()].rstrip().endswith("]]"):
            yield found, "a function that returns a Result begins with [[nodiscard]]"
    for found in OPERATION.finditer(text):
        yield found, "an operation is a class [[nodiscard(\"...: write co_await\")]]"


def check_file(root, path):
    text = (root / path).read_text()
    lines = without_comments(text).splitlines()
    length = len(text.splitlines())
    if path.startswith(("include/", "src/", "examples/", "tests/")):
        yield from check_includes(root, path, lines)
    if path.startswith(("include/", "src/", "examples/")):
        yield from check_conditionals(path, lines)
        if length > MAX_LINES:
            yield MAX_LINES + 1, "length", f"{length} lines; at most {MAX_LINES}"
    if path.endswith(".hpp"):
        yield from check_pragma(lines)
    if path.endswith(".hpp") and path.startswith(("include/", "src/")):
        plain = without_comments(text)
        for found, what in check_nodiscard(plain):
            start = found.start() + len(found.group()) - len(found.group().lstrip())
            yield plain.count("\n", 0, start) + 1, "nodiscard", what


def check_tree(root):
    """All breaches under `root`, as lines of text."""
    errors = []
    for folder in ("include", "src", "examples", "tests", "bench"):
        for file in sorted((root / folder).rglob("*")):
            if file.suffix in (".hpp", ".cpp"):
                path = file.relative_to(root).as_posix()
                errors += [f"{path}:{line}: {rule}: {what}"
                           for line, rule, what in check_file(root, path)]
    return errors


GOOD = {
    "include/eddy/result.hpp": "// Result.\n\n#pragma once\n#include <expected>\n",
    "include/eddy/platform/raw.hpp": "#pragma once\n#ifdef __linux__\n#endif\n#include <unistd.h>\n",
    "include/eddy/core/wheel.hpp": "/* The\n wheel. */\n#pragma once\n#include \"eddy/result.hpp\"\n",
    "include/eddy/net/tcp.hpp": "#pragma once\n#include \"eddy/task/task.hpp\"\n",
    "include/eddy/task/task.hpp": "#pragma once\n#include \"eddy/core/wheel.hpp\"\n",
    "include/eddy/time/sleep.hpp": "#pragma once\n#include \"eddy/task/task.hpp\"\n",
    "include/eddy/compose/any.hpp": "#pragma once\n#include \"eddy/task/task.hpp\"\n",
    "tests/support/run.hpp": "#pragma once\n#include \"eddy/task/task.hpp\"\n",
    "tests/support/tcp.hpp": "#pragma once\n#include \"eddy/net/tcp.hpp\"\n#include \"support/run.hpp\"\n",
    "tests/compose/any_test.cpp": "#include \"eddy/time/sleep.hpp\"\n#include \"support/run.hpp\"\n",
    "tests/whole/tcp_test.cpp": "#include \"eddy/eddy.hpp\"\n",
    "include/eddy/eddy.hpp": "#pragma once\n#include \"eddy/net/tcp.hpp\"\n#include <eddy/runtime.hpp>\n",
    "include/eddy/runtime.hpp": "#pragma once\n#include \"eddy/signal/set.hpp\"\n",
    "include/eddy/signal/set.hpp": "#pragma once\n#include <csignal>\n",
    "src/reactor/epoll.cpp": "#include <sys/epoll.h>\n",
    "src/platform/linux/sys.cpp": "#include <sys/socket.h>\n",
    "src/net/tcp.cpp": "// #include <unistd.h>\n#include \"eddy/net/tcp.hpp\"\n#include \"local.hpp\"\n",
    "src/net/local.hpp": "#pragma once\n[[nodiscard]] Result<> f();\n[[nodiscard]]\nResult<int> g();\n",
    "examples/echo.cpp": "#include <eddy/eddy.hpp>\n",
    "tests/net/tcp_test.cpp": "#include <sys/socket.h>\n#if 1\n#endif\n",
}

# (file, its text, the line and rule that must be named)
BAD = [
    ("src/net/udp.cpp", "#include <vector>\n#include <sys/socket.h>\n", "2: os-header"),
    ("src/net/win.cpp", "#include <WinSock2.h>\n", "1: os-header"),
    ("src/reactor/registry.cpp", "#include <poll.h>\n", "1: os-header"),
    ("examples/raw.cpp", "#include <unistd.h>\n", "1: os-header"),
    ("include/eddy/task/up.hpp", "#pragma once\n#include \"eddy/net/tcp.hpp\"\n", "2: layer"),
    ("include/eddy/reactor/up.hpp", "#pragma once\n#include <eddy/time/sleep.hpp>\n", "2: layer"),
    ("include/eddy/time/across.hpp", "#pragma once\n#include \"eddy/compose/any.hpp\"\n", "2: layer"),
    ("include/eddy/compose/across.hpp", "#pragma once\n#include \"eddy/time/sleep.hpp\"\n", "2: layer"),
    ("tests/task/up_test.cpp", "#include \"eddy/time/sleep.hpp\"\n", "1: layer"),
    ("tests/compose/up_test.cpp", "#include \"support/tcp.hpp\"\n", "1: layer"),
    ("include/eddy/base.hpp", "#pragma once\n#include \"eddy/reactor/up.hpp\"\n", "2: layer"),
    ("src/task/up.cpp", "#include \"net/local.hpp\"\n", "1: layer"),
    ("src/runtime/up.cpp", "#include \"eddy/eddy.hpp\"\n", "1: layer"),
    ("src/elsewhere/a.cpp", "\n", "1: layer"),
    ("include/eddy/net/odd.hpp", "#pragma once\n#include \"eddy/elsewhere/a.hpp\"\n", "2: layer"),
    ("src/net/long.cpp", "\n" * 601, "601: length"),
    ("src/net/if.cpp", "\n\n# ifdef __linux__\n#endif\n", "3: conditional"),
    ("include/eddy/net/guard.hpp", "#ifndef GUARD\n#define GUARD\n#endif\n", "1: pragma-once"),
    ("include/eddy/net/late.hpp", "// Late.\n#include <vector>\n#pragma once\n", "2: pragma-once"),
    ("tests/support/late.hpp", "#include <vector>\n", "1: pragma-once"),
    ("include/eddy/net/op.hpp", "#pragma once\n\nclass ReadOp final : Op {\n", "3: nodiscard"),
    ("include/eddy/net/call.hpp", "#pragma once\n  static Result<A<B>> f(int);\n", "2: nodiscard"),
    ("src/net/call.hpp", "#pragma once\n\ninline Result<>\nf(int);\n", "3: nodiscard"),
    ("include/eddy/net/empty.hpp", "// Nothing.\n", "1: pragma-once"),
]


def write_tree(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write_tree(root, GOOD)
        assert check_tree(root) == [], check_tree(root)
        for path, text, expected in BAD:
            write_tree(root, {path: text})
            errors = check_tree(root)
            assert any(error.startswith(f"{path}:{expected}: ") for error in errors), (
                f"{path}: expected '{expected}', got {errors}")
            assert all(error.startswith(f"{path}:") for error in errors), errors
            (root / path).unlink()
    print(f"layers: {len(BAD)} violations found, none in {len(GOOD)} right files")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--self-test", action="store_true", help="show that each rule can fail")
    options = parser.parse_args()
    if options.self_test:
        self_test()
        return 0
    errors = check_tree(pathlib.Path(__file__).resolve().parent.parent)
    for error in errors:
        print(error)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
