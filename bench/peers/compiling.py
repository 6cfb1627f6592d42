# SPDX-License-Identifier: MIT
"""The family of a program's costs before it serves: compile time, size, start."""

import pathlib
import tempfile
import time

import table
from building import ROOT
from measuring import Row, column
from harness import Server, compile_seconds, run, standard_headers


def compiler_of(session, source):
    if pathlib.Path(source).suffix == ".c":
        return [*session.builder.cc(), "-std=gnu11"]
    return [*session.builder.cxx(), "-std=c++23"]


def compile_times(session):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "headers.cpp").write_text(standard_headers(ROOT / "include"))
        sources = {"headers": folder / "headers.cpp",
                   **{peer: ROOT / source for peer, source in table.COMPILED.items()}}
        results = session.interleave("compiling an echo server", {
            peer: lambda source=source: [1e9 * compile_seconds(
                [*compiler_of(session, source), "-O2", "-I", ROOT / "include", "-c", source, "-o",
                 folder / "out.o"])]
            for peer, source in sources.items()}, base="headers")
        yield Row("compiler CPU", "an echo server, -O2", "ns", column(results, 0), base="headers",
                  aside=[peer for peer, source in table.COMPILED.items() if source.endswith(".c")])


def stripped_size(session, command):
    with tempfile.TemporaryDirectory() as name:
        output = pathlib.Path(name) / "stripped"
        run(["strip", "-o", output, command[0]])
        return output.stat().st_size / 1024


def seconds_to_start(command):
    began = time.monotonic()
    with Server(command):
        return [1e9 * (time.monotonic() - began)]


def compiling(session):
    yield from compile_times(session)
    commands = session.commands("echo")
    yield Row("stripped program, without the shared libraries that it uses", "echo server", "KiB",
              session.once("size", {peer: lambda command=command: stripped_size(session, command)
                                    for peer, command in commands.items() if len(command) == 1}),
              counted=True, compare=False)
    results = session.interleave("start", {
        peer: lambda command=command: seconds_to_start(command)
        for peer, command in commands.items()}, rounds=session.choose(9, 2))
    yield Row("from the start of the process until it listens", "echo server", "ns",
              column(results, 0))
