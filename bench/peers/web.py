# SPDX-License-Identifier: MIT
"""The family of HTTP/1.1 servers, driven by wrk."""

import pathlib
import re
import tempfile
import time

import table
from measuring import Row, column
from harness import TRACE_TRANSFERS, TRACE_WAITS, Failed, Server, run, system_calls_in

PIPELINE = """init = function(arguments)
  local requests = {{}}
  for i = 1, {depth} do requests[i] = wrk.format("GET", "/") end
  batch = table.concat(requests)
end
request = function() return batch end
"""

LATENCY = {"us": 1e3, "ms": 1e6, "s": 1e9}


def cpu_clock(pid):
    """The clock of a process's CPU time, as clock_getcpuclockid makes it."""
    return (~pid << 3) | 2


def run_wrk(server, connections, depth, seconds):
    """Requests, requests a second, and the 99th percentile of their latency in ns."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
        if depth > 1:
            script.write(PIPELINE.format(depth=depth))
            script.flush()
            command += ["-s", script.name]
        said = run([*command, f"http://127.0.0.1:{server.port}/"], 60).stdout
    if "Socket errors" in said or "Non-2xx" in said:
        raise Failed("wrk: " + said)
    count = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec: +([\d.]+)", said)
    worst = re.search(r"99% +([\d.]+)(us|ms|s)", said)
    if not (count and rate and worst) or int(count[1]) == 0:
        raise Failed("wrk: " + said)
    return int(count[1]), float(rate[1]), float(worst[1]) * LATENCY[worst[2]]


def once(command, connections, depth, seconds):
    with Server(command) as server:
        before = time.clock_gettime_ns(cpu_clock(server.pid))
        count, rate, p99 = run_wrk(server, connections, depth, seconds)
        cpu = time.clock_gettime_ns(cpu_clock(server.pid)) - before
    return cpu / count, rate, p99


def traced_calls(command, connections, depth, options):
    """The system calls of a request: those of a run, less those of a run that serves nobody."""
    totals, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        table_file = pathlib.Path(folder) / "strace"
        for serves in (False, True):
            with Server(["strace", "-f", "-c", *options, "-o", table_file, *command]) as server:
                if serves:
                    count, _, _ = run_wrk(server, connections, depth, 1)
                else:
                    time.sleep(0.2)  # until it has started in full
                server.stop()
            totals.append(system_calls_in(table_file))
    return (totals[1] - totals[0]) / count


def web(session):
    commands = session.commands("http")
    for connections, depth, in_quick in table.HTTP:
        if session.quick and not in_quick:
            continue
        name = f"{connections} connections" + (f", pipelines of {depth}" if depth > 1 else "")
        results = session.interleave(name, {
            peer: lambda command=command: once(command, connections, depth, 1)
            for peer, command in commands.items()}, rounds=session.choose(session.rounds, 1))
        yield Row("server CPU per request", name, "ns", column(results, 0))
        yield Row("requests per second", name, "/s", column(results, 1), higher_is_better=True)
        if depth == 1:  # of pipelines wrk tells none that can be believed
            yield Row("latency, p99", name, "ns", column(results, 2))
    for connections, depth, in_quick in table.HTTP:
        if session.quick:
            continue
        name = f"{connections} connections" + (f", pipelines of {depth}" if depth > 1 else "")
        # How many requests a wait finds depends on how fast wrk sends them: so that is told of several
        # rounds, with its noise.
        waits = session.interleave(f"waits, {name}", {
            peer: lambda command=command: traced_calls(command, connections, depth, TRACE_WAITS)
            for peer, command in commands.items()})
        rest = session.once(f"system calls, {name}", {
            peer: lambda command=command: traced_calls(command, connections, depth, TRACE_TRANSFERS)
            for peer, command in commands.items()})
        yield Row("system calls per request", name, "",
                  {peer: [count + rest[peer][0] for count in counts]
                   for peer, counts in waits.items() if peer in rest})
