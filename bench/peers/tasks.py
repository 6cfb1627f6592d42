# SPDX-License-Identifier: MIT
"""The families of programs that measure themselves: tasks, timers, wakes."""

import json

import table
from measuring import Row, column
from harness import Failed, instructions_each, numbers, run
from servers import UNCOUNTABLE

YIELDERS = 1000  # as in tasks/operation.h



def command_of(peer, command, operation, rounds, live):
    """The hand-written program counts a round of yields as one operation."""
    if peer == "c" and operation == "yield":
        rounds //= YIELDERS
    return [*command, operation, rounds, *([live] if live else [])]


def offering(session, commands, operation):
    """The peers that have the operation: the others fail when asked for a few rounds of it."""
    offered = {}
    for peer, command in commands.items():
        try:
            run(command_of(peer, command, operation, YIELDERS, None), 60)
            offered[peer] = command
        except Failed as error:
            if "no operation" not in str(error) and "usage:" not in str(error):
                session.fail(peer, operation, error)
    return offered


def tasks(session):
    yield from operations(session, table.TASKS, "per operation")


def sync(session):
    yield from operations(session, table.SYNC, "of what tasks share, per operation")


def operations(session, rows, per):
    commands = session.commands("tasks")
    # The programs of Go and node reach their speed only after a while; so they do, in as many rounds.
    for operation, name, rounds, live, in_quick in rows:
        if session.quick and not in_quick:
            continue
        rounds //= session.choose(1, 10)
        results = session.interleave(name, {
            peer: lambda peer=peer, command=command: numbers(
                command_of(peer, command, operation, rounds, live), 120)
            for peer, command in offering(session, commands, operation).items()})
        yield Row(f"CPU {per}", name, "ns", column(results, 0))
    for operation, name, _, live, in_quick in rows:
        if live or session.quick or "threads" in operation:
            continue
        yield Row(f"user instructions {per}", name, "", session.once(name, {
            peer: lambda peer=peer, command=command: task_instructions(peer, command, operation)
            for peer, command in offering(session, commands, operation).items()
            if peer not in UNCOUNTABLE}), counted=True)


def task_instructions(peer, command, operation):
    if peer == "c" and operation == "yield":
        return instructions_each([*command, operation], 20, YIELDERS)
    return instructions_each([*command, operation], 20 * YIELDERS)


def lateness(session):
    commands = session.commands("lateness")
    count = session.choose(100_000, 20_000)
    results = session.interleave(f"{count:,} timers over one second", {
        peer: lambda command=command: numbers([*command, count], 60)
        for peer, command in commands.items()}, rounds=session.choose(3, 1))
    for index, name in enumerate(("lateness, p50", "lateness, p99", "lateness, largest",
                                  "CPU per timer")):
        yield Row("timers that fall due", name, "ns", column(results, index))


def task_memory(session):
    """The memory of a suspended task."""
    commands = session.commands("memory")
    yield Row("resident bytes each", "1,000,000 suspended tasks", "B", column(session.once(
        "suspended tasks", {
            peer: lambda peer=peer, command=command: numbers(
                [*command, table.SUSPENDED.get(peer, 1_000_000) // session.choose(1, 10)])
            for peer, command in commands.items()}), 0), counted=True)


# ---- cost against scale ----

def scale_of(session, operation, counts, rounds, group, quick):
    commands = offering(session, session.commands("tasks"), operation)
    for count in counts:
        if session.quick and count not in quick:
            continue
        results = session.interleave(f"{group}: {count:,}", {
            peer: lambda command=command: numbers(
                [*command, operation, max(rounds // session.choose(1, 10), count), count], 120)
            for peer, command in commands.items()}, rounds=session.choose(3, 1))
        yield Row(group, f"{count:,}", "ns", column(results, 0), x=count, compare=False)


def scale(session):
    yield from scale_of(session, "spawn_batch", table.SCALE_TASKS, 1_000_000,
                        "spawn so many tasks, then join them: CPU per task", (10, 10_000))
    yield from scale_of(session, "sleep_and_cancel", table.SCALE_TIMERS, 1_000_000,
                        "make and cancel a timer while so many live: CPU", (1, 10_000))


# ---- a wake between two threads ----

def round_trip(session, benchmark):
    """Wall ns of one round trip, by the program of ./dev bench that eddy's and C's are in."""
    command = [session.builder.released("round_trip"), f"--benchmark_filter=^{benchmark}/real_time$",
               f"--benchmark_min_time={session.choose(0.3, 0.05)}", "--benchmark_format=json"]
    return [json.loads(run(command, 60).stdout)["benchmarks"][0]["real_time"]]


def wake(session):
    commands = session.commands("wake")
    for how, name, rounds, ours in (
            ("parked", "between two parked threads", 50_000,
             {"c": "bells", "eddy": "wakers/0"}),
            ("polling", "between two polling threads", 10_000,
             {"c": "spinning", "eddy": "wakers/1000"})):
        rounds //= session.choose(1, 10)
        sides = {peer: lambda name=benchmark: round_trip(session, name)
                 for peer, benchmark in ours.items()}
        for peer, command in offering_wake(commands, how).items():
            sides[peer] = lambda command=command: numbers([*command, how, rounds], 60)
        results = session.interleave(name, sides)
        yield Row("round trip", name, "ns", column(results, 0))


def offering_wake(commands, how):
    offered = {}
    for peer, command in commands.items():
        try:
            run([*command, how, 10], 30)
            offered[peer] = command
        except Failed as error:
            if "no operation" not in str(error):
                raise
    return offered
