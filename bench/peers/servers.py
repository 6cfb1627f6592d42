# SPDX-License-Identifier: MIT
"""The families that drive servers over loopback."""

import resource
import time

import table
from building import SOURCES
from measuring import Row, column
from harness import (Server, drive, held_connections, instructions_per_echo,
                      system_calls_per_echo)

# Not under callgrind: it knows neither io_uring, nor programs that write their own code or move
# their own stacks.
UNCOUNTABLE = ("uring", "go", "node")


def case_name(connections, size, depth):
    text = f"{size // 1024} KiB" if size >= 1024 else f"{size} B"
    return f"{connections:,} x {text}" + (f", depth {depth}" if depth > 1 else "")


def echo_once(session, command, *load):
    with Server(command) as server:
        return drive(session.load, server, *load)


def echo(session):
    commands = session.commands("echo")
    for connections, size, depth, requests, in_quick in table.ECHO:
        if session.quick and not in_quick:
            continue
        load = (connections, size, depth, requests // session.choose(1, 4))
        name = case_name(connections, size, depth)
        results = session.interleave(name, {
            peer: lambda command=command: echo_once(session, command, *load)
            for peer, command in commands.items()})
        yield Row("server CPU per request", name, "ns", column(results, 1))
        yield Row("requests per second", name, "/s", column(results, 0), higher_is_better=True)
        yield Row("latency, p99", name, "ns", column(results, 3))
    yield from echo_counts(session, commands)


def echo_counts(session, commands):
    for connections, rounds, name in ((64, 8, "64 x 64 B"), (1, 120, "1 x 64 B, parked")):
        rounds //= session.choose(1, 5)
        yield Row("system calls per request", name, "", session.once(f"system calls, {name}", {
            peer: lambda command=command: system_calls_per_echo(session.load, command, connections,
                                                                rounds)
            for peer, command in commands.items()}), counted=True)
    rounds = session.choose(20, 3)
    yield Row("user instructions per request", "64 x 64 B", "", session.once("instructions", {
        peer: lambda command=command: instructions_per_echo(session.load, command, 64, rounds)
        for peer, command in commands.items()
        if peer not in UNCOUNTABLE and not (session.quick and peer not in ("c", "eddy"))}),
        counted=True)


# ---- idle connections ----

def idle_once(session, command, count):
    """Bytes of server memory for each of `count` idle connections, and its wake-ups a second."""
    with Server(command) as server:
        with held_connections(session.load, server, 1):
            before = server.status("RssAnon")
        with held_connections(session.load, server, count):
            memory = (server.status("RssAnon") - before) * 1024 / count
            time.sleep(0.1)
            switches = server.status("voluntary_ctxt_switches")
            seconds = session.choose(1, 0.2)
            time.sleep(seconds)
            return memory, (server.status("voluntary_ctxt_switches") - switches) / seconds


def idle_memory(session):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(session.choose(10_000, 1_000), hard - 100)
    name = f"{count:,} idle connections"
    results = session.once(name, {
        peer: lambda command=command: idle_once(session, command, count)
        for peer, command in session.commands("echo").items()})
    yield Row("resident bytes each", name, "B", column(results, 0), counted=True)
    yield Row("wake-ups per second", name, "", column(results, 1), counted=True, compare=False)


# ---- connections that come and go ----

def churn_once(load, command, *arguments):
    with Server(command) as server:
        return drive(load, server, *arguments)


def churn(session):
    load = session.builder.build(SOURCES / "load/churn.c", "c")[0]
    commands = session.commands("echo")
    for concurrent, connections, in_quick in table.CHURN:
        if session.quick and not in_quick:
            continue
        name = f"{concurrent} at a time"
        results = session.interleave(name, {
            peer: lambda command=command: churn_once(load, command, concurrent,
                                                     connections // session.choose(1, 4))
            for peer, command in commands.items()})
        yield Row("server CPU per connection", name, "ns", column(results, 1))
        yield Row("connections per second", name, "/s", column(results, 0), higher_is_better=True)
        yield Row("from connect to answer, p99", name, "ns", column(results, 3))


# ---- cost against scale ----

def scale_connections(session):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    commands = session.commands("echo")
    for connections, requests in table.SCALE_CONNECTIONS:
        if connections > hard - 100 or (session.quick and connections not in (10, 1_000)):
            continue
        results = session.interleave(f"{connections:,} connections", {
            peer: lambda command=command: echo_once(session, command, connections, 64, 1,
                                                    requests // session.choose(1, 4))
            for peer, command in commands.items()}, rounds=session.choose(3, 1))
        yield Row("echo of 64 B: server CPU per request, by connections", f"{connections:,}", "ns",
                  column(results, 1), x=connections, compare=False)
