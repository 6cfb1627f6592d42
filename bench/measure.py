#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures eddy on one thread, and prints each figure beside its target and beside what a
hand-written C program needs for the same work.

Where counting can decide (system calls, instructions, bytes) it counts; a count is the difference
of two runs, so that what starts and ends a program cancels. A time is the median of runs that
alternate between the two sides, and a second copy of the C program tells how much of a difference
is noise. The targets are those of the design; no measured figure stands in this file.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import sys
import tempfile

import harness
from harness import Failed, Server, compile_seconds, numbers, run

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Row:
    """One figure. `target` is a bound: the most it may be, or the least if `at_least`."""

    def __init__(self, group, what, measured, unit, target=None, limit=None, at_least=False,
                 noise=0.0):
        self.group = group
        self.what = what
        self.measured = measured
        self.unit = unit
        self.target = target
        self.limit = limit
        self.at_least = at_least
        self.noise = noise

    def verdict(self):
        if self.target is None:
            return ""
        sign = -1 if self.at_least else 1
        if sign * round(self.measured, 2) <= sign * self.target:
            return "meets"
        if abs(self.measured - self.target) <= self.noise:
            return "within noise"
        return "misses"

    def as_dict(self):
        return {"group": self.group, "what": self.what, "measured": self.measured,
                "unit": self.unit, "target": self.target, "limit": self.limit,
                "verdict": self.verdict()}


class Bench:
    """Where the programs are, how much to measure, and how to report progress."""

    def __init__(self, build, quick):
        self.bin = build / "bench"
        self.quick = quick

    def program(self, name):
        path = self.bin / name
        if not path.exists():
            raise Failed(f"{path} is not built: ./dev bench builds it")
        return str(path)

    def choose(self, thorough, quick):
        return quick if self.quick else thorough

    @staticmethod
    def say(text):
        print(f"  {text}", file=sys.stderr, flush=True)


# ---- the echo server against the C loop ----

ECHO_CASES = [  # connections, size, depth, requests
    (64, 64, 1, 150_000),
    (64, 4096, 1, 100_000),
    (64, 64, 16, 1_000_000),
    (1000, 64, 1, 150_000),
]


def drive(bench, server, *load):
    """Requests a second, server CPU ns per request, p50 and p99 in ns."""
    return harness.drive(bench.program("echo_load"), server, *load)


def case_name(connections, size, depth):
    text = f"{connections:,} x {size // 1024} KiB" if size >= 1024 else f"{connections:,} x {size} B"
    return text + (f", depth {depth}" if depth > 1 else "")


def geometric_mean(values):
    return statistics.geometric_mean(values)


def measure_echo(bench):
    sides = {"c": ["epoll_echo"], "eddy": ["echo_eddy"], "copy": ["epoll_echo"],
             "own": ["echo_eddy", "--idiom", "own"]}
    rounds = bench.choose(9, 2)
    cpu = {side: [] for side in sides}      # a list of medians, by case
    p99 = {side: [] for side in sides}
    for connections, size, depth, requests in ECHO_CASES:
        if bench.quick:
            requests //= 3
        name = case_name(connections, size, depth)
        case_cpu = {side: [] for side in sides}
        case_p99 = {side: [] for side in sides}
        for i in range(rounds):
            bench.say(f"echo {name}: round {i + 1} of {rounds}")
            for side, (program, *options) in sides.items():
                with Server([bench.program(program), *options]) as server:
                    _, cpu_ns, _, p99_ns = drive(bench, server, connections, size, depth, requests)
                case_cpu[side].append(cpu_ns)
                case_p99[side].append(p99_ns)
        for side in sides:
            cpu[side].append(statistics.median(case_cpu[side]))
            p99[side].append(statistics.median(case_p99[side]))

    ratio = {side: [a / b for a, b in zip(cpu[side], cpu["c"])] for side in sides}
    noise = abs(geometric_mean(ratio["copy"]) - 1)
    for i, (connections, size, depth, _) in enumerate(ECHO_CASES):
        target = 1.00 if connections == 1000 else None
        yield Row("echo", f"echo, server CPU against C: {case_name(connections, size, depth)}",
                  ratio["eddy"][i], "times", target, limit=ratio["copy"][i],
                  noise=abs(ratio["copy"][i] - 1))
    yield Row("echo", "echo, server CPU against C: geometric mean", geometric_mean(ratio["eddy"]),
              "times", 1.01, limit=geometric_mean(ratio["copy"]), noise=noise)
    yield Row("echo", "  the same, each connection with a read buffer of its own",
              geometric_mean(ratio["own"]), "times")
    last = {side: p99[side][-1] / p99["c"][-1] for side in sides}
    yield Row("echo", "echo, p99 latency against C: 1,000 x 64 B", last["eddy"], "times", 1.05,
              limit=last["copy"], noise=abs(last["copy"] - 1))


# ---- counting ----

def instructions_each(bench, program, operation, rounds, per_round=1):
    return harness.instructions_each([bench.program(program), operation], rounds, per_round)


def measure_echo_counts(bench):
    bench.say("echo: instructions, under callgrind")
    load = bench.program("echo_load")
    each = [harness.instructions_per_echo(load, [bench.program(program), *options], 64,
                                          bench.choose(20, 5))
            for program, *options in (["echo_counted"], ["epoll_echo"],
                                      ["echo_counted", "--idiom", "own"],
                                      ["echo_counted", "--idiom", "try"])]
    yield Row("counts", "user instructions per echo, 64 connections", each[0], "", 200, each[1])
    yield Row("counts", "  the same with a read buffer of its own", each[2], "")
    yield Row("counts", "  the same with try_read and try_write", each[3], "")
    bench.say("echo: system calls, under strace")
    for connections, what, target in ((64, "64 connections", 2.05), (1, "one, parked", 3)):
        rounds = bench.choose(20, 5) * (1 if connections > 1 else 10)
        each = [harness.system_calls_per_echo(load, [bench.program(program)], connections, rounds)
                for program in ("echo_eddy", "epoll_echo")]
        yield Row("counts", f"system calls per echo: {what}", each[0], "", target, each[1])


def measure_task_counts(bench):
    rounds = bench.choose(20_000, 5_000)
    for operation, what, target, limit in (
            ("spawn_and_join", "spawn and join", 160, "spawn_and_join"),
            ("yield", "yield", 40, "yield"),
            ("sleep_until_and_cancel", "make and cancel a sleep until an instant", 80,
             "sleep_and_cancel"),
            ("sleep_and_cancel", "make and cancel a sleep of a length", 80, "sleep_and_cancel"),
            ("child", "co_await of a child that finishes at once", None, None),
            ("when_any", "when_any of two tasks, one ready", None, None)):
        bench.say(f"{what}: instructions, under callgrind")
        is_yield = operation == "yield"
        n, per_round = (rounds // 500, 1000) if is_yield else (rounds, 1)
        measured = instructions_each(bench, "count", operation, n, per_round)
        least = instructions_each(bench, "limits", limit, n, per_round) if limit else None
        yield Row("counts", f"user instructions: {what}", measured, "", target, least)


def measure_counts(bench):
    yield from measure_echo_counts(bench)
    yield from measure_task_counts(bench)


# ---- Google Benchmark ----

def google(bench, program, pattern=".", min_time=0.2, repetitions=5):
    """Runs a Google Benchmark program. Returns the medians of (wall ns, CPU ns per item) by name."""
    command = [bench.program(program), f"--benchmark_filter={pattern}",
               f"--benchmark_min_time={min_time}", f"--benchmark_repetitions={repetitions}",
               "--benchmark_enable_random_interleaving=true",
               "--benchmark_report_aggregates_only=true", "--benchmark_format=json"]
    figures = {}
    for entry in json.loads(run(command).stdout)["benchmarks"]:
        if entry["aggregate_name"] != "median":
            continue
        items = entry.get("items_per_second")
        figures[entry["run_name"]] = (entry["real_time"],
                                      1e9 / items if items else entry["cpu_time"])
    return figures


def measure_tasks(bench):
    bench.say("tasks: Google Benchmark")
    figures = google(bench, "tasks", "^(spawn|yield|child|when_any)", bench.choose(0.3, 0.05),
                     bench.choose(9, 3))
    for operation, what, target, rounds in (
            ("spawn_and_join", "spawn and join an empty task", 20, 3_000_000),
            ("yield", "yield, 1,000 tasks in turn", 5, 5_000),
            ("child", "co_await of a child that finishes at once", 10, None),
            ("when_any", "when_any of two tasks, one ready, the other destroyed", 40, None)):
        limit = limit_ns(bench, operation, rounds) if rounds else None
        yield Row("tasks", what, figures[operation][1], "ns CPU", target, limit)


def limit_ns(bench, operation, rounds):
    return statistics.median(numbers([bench.program("limits"), operation, str(rounds)])[0]
                             for _ in range(bench.choose(9, 3)))


def measure_timers(bench):
    bench.say("timers: Google Benchmark")
    figures = google(bench, "tasks", "^sleep", bench.choose(0.3, 0.05), bench.choose(9, 3))
    limit = limit_ns(bench, "sleep_and_cancel", 5_000_000)
    for operation, what in (("sleep_until_and_cancel", "make and cancel a sleep until an instant"),
                            ("sleep_and_cancel", "make and cancel a sleep of a length")):
        for live in (1_000, 1_000_000):
            yield Row("timers", f"{what}, {live:,} live", figures[f"{operation}/{live}"][1],
                      "ns CPU", 10, limit)


def measure_lateness(bench):
    runs = []
    for i in range(bench.choose(5, 1)):
        bench.say(f"100,000 sleeps over one second: run {i + 1}")
        runs.append(numbers([bench.program("lateness"), "100000"]))
    p50, p99, worst, cpu = (statistics.median(column) for column in zip(*runs))
    name = "100,000 sleeps due over one second: "
    yield Row("lateness", name + "lateness p50", p50 / 1000, "us")
    yield Row("lateness", name + "lateness p99", p99 / 1000, "us", 150)
    yield Row("lateness", name + "lateness max", worst / 1000, "us")
    yield Row("lateness", name + "CPU per sleep", cpu / 1000, "us", 2)


def measure_wake(bench):
    bench.say("round trips between two threads: Google Benchmark")
    figures = google(bench, "round_trip", ".", bench.choose(0.1, 0.05), bench.choose(21, 5))
    parked, bells = figures["wakers/0/real_time"][0], figures["bells/real_time"][0]
    yield Row("wake", "round trip between two parked threads, against eventfd and epoll",
              parked / bells, "times", 1.0, 1.0, noise=0.1)
    yield Row("wake", "  the same", parked / 1000, "us", None, bells / 1000)
    yield Row("wake", "round trip between two polling threads",
              figures["wakers/1000/real_time"][0] / 1000, "us", 1.0,
              figures["spinning/real_time"][0] / 1000)


# ---- memory, idleness, compiling ----

def idle_count():
    """10,000, or as many as the limit of descriptors allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard - 100)


def measure_idle(bench):
    count = idle_count()
    load = bench.program("echo_load")
    figures = []
    for program, *options in (["echo_eddy"], ["epoll_echo"], ["echo_eddy", "--idiom", "own"]):
        bench.say(f"{count:,} idle connections: {' '.join([program, *options])}")
        figures.append(harness.idle(load, [bench.program(program), *options], count, 2))
    name = f"{count:,} idle connections: "
    yield Row("idle", name + "server memory each", figures[0][0], "B", 300, figures[1][0])
    yield Row("idle", "  the same with a read buffer of its own", figures[2][0], "B")
    yield Row("idle", name + "wake-ups per second", figures[0][1], "", 0, figures[1][1])


def measure_memory(bench):
    bench.say("1,000,000 suspended tasks")
    yield Row("memory", "one suspended task of 1,000,000",
              numbers([bench.program("memory"), "1000000"])[0], "B", 150)


def measure_compile(bench):
    compiler = os.environ.get("CXX", "g++").split()
    server, headers = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        standard = folder / "standard.cpp"
        standard.write_text(harness.standard_headers(ROOT / "include"))
        options = ["-std=c++23", "-O2", "-I", ROOT / "include", "-o", folder / "out.o", "-c"]
        for i in range(bench.choose(7, 2)):
            bench.say(f"compiling an echo server: run {i + 1}")
            server.append(compile_seconds([*compiler, *options,
                                           ROOT / "bench/compile/echo_server.cpp"]))
            headers.append(compile_seconds([*compiler, *options, standard]))
    seconds, least = statistics.median(server), statistics.median(headers)
    yield Row("compile", "compiling an echo server at -O2 (limit: the standard headers alone)",
              seconds, "s CPU", 1.0, least)
    yield Row("compile", "  against the standard headers alone", seconds / least, "times")


def measure_busy_poll(bench):
    requests = bench.choose(60_000, 20_000)
    rounds = bench.choose(7, 2)
    ratios = {}
    for program in ("echo_eddy", "epoll_echo"):
        rates = {"parked": [], "polling": []}
        cpus = {"parked": [], "polling": []}
        for i in range(rounds):
            bench.say(f"one connection, parked and polling: {program}, round {i + 1} of {rounds}")
            for how, options in (("parked", []), ("polling", ["--busy-poll", "50"])):
                with Server([bench.program(program), *options]) as server:
                    rate, cpu, _, _ = drive(bench, server, 1, 64, 1, requests)
                rates[how].append(rate)
                cpus[how].append(cpu)
        ratios[program] = tuple(statistics.median(f["polling"]) / statistics.median(f["parked"])
                                for f in (rates, cpus))
    name = "one connection, polling 50 us against parking at once: "
    yield Row("busy_poll", name + "requests/s", ratios["echo_eddy"][0], "times", 2.5,
              ratios["epoll_echo"][0], at_least=True)
    yield Row("busy_poll", name + "CPU per request", ratios["echo_eddy"][1], "times", 0.9,
              ratios["epoll_echo"][1])


def measure_poll(bench):
    bench.say("a poll, by how many sources are idle and ready")
    rounds = bench.choose(20_000, 2_000)
    for line in run([bench.program("poll_cost"), str(rounds)]).stdout.splitlines():
        idle, ready, poll_ns, _ = line.split()
        yield Row("poll", f"a poll: {int(idle):,} sources idle, {ready} ready", float(poll_ns), "ns")


GROUPS = {
    "counts": measure_counts,
    "tasks": measure_tasks,
    "timers": measure_timers,
    "lateness": measure_lateness,
    "memory": measure_memory,
    "idle": measure_idle,
    "compile": measure_compile,
    "wake": measure_wake,
    "poll": measure_poll,
    "busy_poll": measure_busy_poll,
    "echo": measure_echo,
}


# ---- the table ----

def figure(value, unit=""):
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 20 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def print_table(rows):
    cells = [("what", "measured", "target", "limit (C)", "verdict")]
    for row in rows:
        bound = "-" if row.target is None else f"{'>=' if row.at_least else '<='} {row.target:g}"
        cells.append((row.what, figure(row.measured, row.unit), bound, figure(row.limit),
                      row.verdict()))
    widths = [max(len(line[i]) for line in cells) for i in range(5)]
    for number, line in enumerate(cells):
        print("  ".join(cell.ljust(width) if i in (0, 4) else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(line, widths))).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="the build folder (default: build/release)")
    parser.add_argument("--quick", action="store_true", help="fewer runs: under a minute")
    parser.add_argument("--only", action="append", choices=GROUPS, metavar="NAME",
                        help="measure this group alone; may be repeated: " + ", ".join(GROUPS))
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--check-arguments", action="store_true",
                        help=argparse.SUPPRESS)  # of ./dev, before it installs and compiles
    options = parser.parse_args()
    if options.check_arguments:
        return 0

    bench = Bench(options.build.resolve(), options.quick)
    load, cores = os.getloadavg()[0], os.cpu_count()
    if load > cores / 4:
        bench.say(f"the load is {load:.1f} on {cores} cores: trust what is counted, not what is timed")
    rows, failures = [], []
    for name in options.only or GROUPS:
        try:
            rows.extend(GROUPS[name](bench))
        except Failed as error:
            failures.append(f"{name}: {error}")
            bench.say(f"FAILED: {failures[-1]}")
    print_table(rows)
    if options.json:
        options.json.write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")
    for failure in failures:
        print(f"not measured: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
