#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds what was won: counts that may not grow, each beside its bound. Fails if one did.

Nothing here but the last row is timed, so a busy machine gives the same answer: instructions are counted by
callgrind, system calls by strace, bytes by the kernel and the compiler. A bound is what was measured on
x86-64 when it was set, and a few per cent more; each compiler that is held has its own. Lower it when a change
earns it; raise it only with a reason in the commit.
"""

import argparse
import os
import pathlib
import re
import statistics
import sys
import tempfile

import harness
from harness import Failed, compile_seconds, numbers, run

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Of bench/count.cpp, and how many times each operation is done in a round.
OPERATIONS = [
    ("spawn_and_join", "spawn and join", 1),
    ("yield", "yield", 1000),
    ("child", "co_await of a child that finishes at once", 1),
    ("when_any", "when_any of two tasks, one ready", 1),
    ("mutex", "lock and unlock a free mutex", 1),
    ("semaphore", "take and give back a free permit", 1),
    ("contended_mutex", "lock a mutex, yield, unlock, among 100 tasks", 100),
    ("channel", "send into a channel with room, and receive", 1),
    ("channel_try", "the same by try_send and try_receive", 1),
    ("channel_between_tasks", "pass a value between two tasks that wait for each other", 1000),
    ("oneshot", "make a oneshot, send and receive", 1),
    ("broadcast", "broadcast a value to 100 receivers", 1),
    ("sleep_and_cancel", "make and cancel a sleep of a length", 1),
    ("sleep_until_and_cancel", "make and cancel a sleep until an instant", 1),
]
# Instructions and bytes are a compiler's. Those of one that is not here are only shown.
BOUNDS = {
    "g++ 12": {
        "spawn_and_join": 366, "yield": 85, "child": 116, "when_any": 529, "mutex": 90, "semaphore": 134,
        "contended_mutex": 395, "channel": 194, "channel_try": 81, "channel_between_tasks": 468, "oneshot": 485,
        "broadcast": 9550, "sleep_and_cancel": 42, "sleep_until_and_cancel": 80, "echo": 376, "task": 129,
        "connection": 307, "memory": 1.65, "time": 2.2,
    },
    # From here on: ./dev bench guard --compiler NAME, with the libc of that compiler's Debian. That of trixie
    # takes 38 instructions an echo more than Debian 12's, for its system calls.
    "g++ 14": {
        "spawn_and_join": 359, "yield": 84, "child": 109, "when_any": 515, "mutex": 90, "semaphore": 131,
        "contended_mutex": 395, "channel": 196, "channel_try": 81, "channel_between_tasks": 470, "oneshot": 460,
        "broadcast": 9350, "sleep_and_cancel": 42, "sleep_until_and_cancel": 93, "echo": 415, "task": 129,
        "connection": 309,
    },
    "g++ 15": {
        "spawn_and_join": 377, "yield": 83, "child": 129, "when_any": 553, "sleep_and_cancel": 45,
        "sleep_until_and_cancel": 90, "echo": 418, "task": 121, "connection": 309,
    },
    "clang 22": {
        "spawn_and_join": 374, "yield": 79, "child": 78, "when_any": 518, "sleep_and_cancel": 39,
        "sleep_until_and_cancel": 84, "echo": 501, "task": 105, "connection": 222,
    },
    # Built with -gdwarf-4: the callgrind of Debian 12 cannot read clang's newer form.
    "clang 19": {
        "spawn_and_join": 403, "yield": 95, "child": 78, "when_any": 552, "sleep_and_cancel": 39,
        "sleep_until_and_cancel": 82, "echo": 480, "task": 105, "connection": 222,
    },
}
IDLE_CONNECTIONS = 2000


def compiler_of(build):
    """The name and the major version of the compiler that has built the programs."""
    cache = (build / "CMakeCache.txt").read_text()
    compiler = re.search(r"^CMAKE_CXX_COMPILER:[A-Z]+=(.+)$", cache, re.MULTILINE)[1]
    version = run([compiler, "--version"]).stdout
    if "Free Software Foundation" in version:
        return "g++ " + run([compiler, "-dumpversion"]).stdout.split(".")[0].strip()
    found = re.search(r"(clang) version (\d+)", version)
    return f"{found[1]} {found[2]}" if found else version.splitlines()[0]


def counts(bin_, compiler):
    """(what, measured, bound), one after another; no bound is None."""
    bounds = BOUNDS.get(compiler, {})
    for name, what, per_round in OPERATIONS:
        rounds = 2 if per_round > 1 else 1000
        yield (f"instructions: {what}",
               harness.instructions_each([bin_ / "count", name], rounds, per_round),
               bounds.get(name))

    load, echo = bin_ / "echo_load", [bin_ / "echo_eddy"]
    yield ("instructions of the program: echo, 64 connections",
           harness.instructions_per_echo(load, [bin_ / "echo_counted"], 64, 5), bounds.get("echo"))
    # So many echoes that a wait more or less at the start or the end does not show.
    yield ("system calls: echo, one connection",
           harness.system_calls_per_echo(load, echo, 1, 100), 3.01)
    # Of 64 connections: how many requests a poll finds depends on how fast the load sends them.
    yield ("system calls without polls: echo, 64 connections",
           harness.transfers_per_echo(load, echo, 64, 5), 2.01)

    yield ("bytes: a suspended task", numbers([bin_ / "memory", 200_000])[0], bounds.get("task"))
    yield (f"bytes: an idle connection of {IDLE_CONNECTIONS:,}",
           harness.idle(load, echo, IDLE_CONNECTIONS, 0.1)[0], bounds.get("connection"))
    if "memory" in bounds:  # only g++ tells what it has taken
        memory, cpu = compile_ratios()
        yield ("the compiler's memory: an echo server, against the standard headers", memory,
               bounds["memory"])
        # Other work on the machine moves it by a tenth either way.
        yield "the compiler's CPU time: the same", cpu, bounds["time"]


def compile_ratios():
    """How much more memory g++ takes up, which is the same each time, and CPU time."""
    compiler = os.environ.get("CXX", "g++").split()
    with tempfile.TemporaryDirectory() as name:
        standard = pathlib.Path(name) / "standard.cpp"
        standard.write_text(harness.standard_headers(ROOT / "include"))
        command = [*compiler, "-std=c++23", "-O2", "-I", ROOT / "include", "-c",
                   "-o", pathlib.Path(name) / "out.o"]
        sources = [ROOT / "bench/compile/echo_server.cpp", standard]
        server, headers = (compiler_memory([*command, source]) for source in sources)
        pairs = [[compile_seconds([*command, source]) for source in sources] for _ in range(9)]
    # Other work slows both of a pair alike, but not two pairs.
    return server / headers, statistics.median(pair[0] / pair[1] for pair in pairs)


def compiler_memory(command):
    """In MB, of g++'s garbage-collected heap, where nearly all is that it makes of a source."""
    found = re.search(r"TOTAL .* (\d+)M$", run([*command, "-ftime-report"]).stderr, re.MULTILINE)
    if not found:
        raise Failed("the compiler does not tell its memory by -ftime-report, as g++ does")
    return int(found[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="the build directory")
    build = parser.parse_args().build
    bin_ = build / "bench"
    grown = 0
    try:
        compiler = compiler_of(build)
        print(f"compiled by {compiler}" + ("" if compiler in BOUNDS else
              ": its instructions and bytes have no bounds, and are only shown"))
        for what, measured, bound in counts(bin_, compiler):
            if bound is None:
                print(f"{measured:9.2f}                     {what}", flush=True)
                continue
            grew = measured > bound
            grown += grew
            print(f"{measured:9.2f}  of {bound:7.2f}  {'GREW' if grew else 'ok':4}  {what}",
                  flush=True)
    except Failed as failure:
        sys.exit(f"guard: {failure}")
    if grown:
        sys.exit(f"guard: {grown} grew beyond what they were")


if __name__ == "__main__":
    main()
