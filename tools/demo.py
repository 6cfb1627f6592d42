#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives 1,000 connections through the proxy to the echo server for five seconds, and shows the figures."""

import argparse
import pathlib
import shutil
import sys
import time

from processes import Failed, Programs, finish_load, memory, raise_descriptor_limit

CONNECTIONS = 1000
SECONDS = 5


def drive(programs):
    """The figures of the load, and the bytes of memory that a connection costs each server."""
    echo = programs.listen("echo_server")
    proxy = programs.listen("tcp_proxy", "--to", echo.address)
    idle = {server.name: memory(server.pid) for server in (echo, proxy)}
    most = dict(idle)

    print(f"{CONNECTIONS:,} connections for {SECONDS} s: load -> tcp_proxy -> echo_server", flush=True)
    load = programs.start_load(proxy.address, "--connections", CONNECTIONS, "--duration", f"{SECONDS}s",
                               progress=True)
    while load.process.poll() is None:
        for server in (echo, proxy):
            most[server.name] = max(most[server.name], memory(server.pid))
        time.sleep(0.2)
    figures = finish_load(load)
    for server in (proxy, echo):
        if server.end() != 0:
            raise Failed(f"{server.name} ended with an error: {server.errors().strip()}")
    return figures, {name: (most[name] - idle[name]) / CONNECTIONS for name in idle}


def count_calls(programs, connections, duration):
    """System calls of an echo server's whole life, and the requests that it answered."""
    table = programs.folder / "calls"
    # -D: the process that is started is the server itself, and the tracer is its child.
    echo = programs.listen("echo_server", before=("strace", "-D", "-f", "-c", "-o", table))
    figures = programs.load(echo.address, "--connections", connections, "--duration", duration)
    echo.end()
    total = None
    end = time.monotonic() + 5
    while total is None and time.monotonic() < end:  # the tracer writes after the server has ended
        lines = table.read_text().splitlines() if table.exists() else []
        total = next((line for line in lines if line.endswith(" total")), None)
        time.sleep(0.02)
    if total is None or figures["failed"]:
        raise Failed("strace wrote no table")
    table.unlink()
    return int(total.split()[3]), figures["requests"]


def calls_per_request(programs, connections):
    """Without those that start, connect and end: two runs tell them apart."""
    few_calls, few_requests = count_calls(programs, connections, "0s")
    calls, requests = count_calls(programs, connections, "700ms")
    return (calls - few_calls) / (requests - few_requests)


def describe_calls(programs):
    if not shutil.which("strace"):
        return "not counted: strace is not installed"
    try:
        parked, busy = (calls_per_request(programs, connections) for connections in (1, 64))
    except Failed as failed:
        return f"not counted: {' '.join(str(failed).split())}"
    return f"{parked:.2f} with one connection, {busy:.2f} with 64 (echo_server, counted by strace)"


def show(figures, per_connection, calls):
    rows = [
        ("requests", f"{figures['requests']:,}"),
        ("a second", f"{figures['requests_per_second']:,.0f}"),
        ("throughput", f"{figures['mb_per_second']:.1f} MB/s each way, {figures['size']} bytes a request"),
        ("latency", ", ".join(f"{name} {figures[key]:.2f} ms" for name, key in (
            ("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms"), ("max", "max_ms")))),
        ("system calls a request", calls),
        ("memory a connection", ", ".join(f"{name} {size:,.0f} bytes"
                                          for name, size in per_connection.items())),
        ("lost bytes", f"{figures['lost_bytes']:,} of {figures['bytes']:,}"),
        ("errors", f"{figures['errors']:,}"),
    ]
    width = max(len(name) for name, _ in rows)
    print()
    for name, value in rows:
        print(f"  {name:{width}}  {value}")


def show_next(folder):
    print(f"""
What to try next:

  {folder}/echo_server --listen 127.0.0.1:7000
  {folder}/tcp_proxy --listen 127.0.0.1:7001 --to 127.0.0.1:7000
  {folder}/load --to 127.0.0.1:7001 --connections 64 --depth 16

  Send either server SIGUSR1: the echo server shows where each task waits, the proxy its counts.
  examples/ holds the three programs, and a chat server; each can be read in a few minutes.""")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/release/examples", help="where the examples are")
    parser.add_argument("--check", action="store_true", help="fail on any error or lost byte")
    options = parser.parse_args()

    raise_descriptor_limit(2 * CONNECTIONS + 100)
    with Programs(options.bin) as programs:
        figures, per_connection = drive(programs)
        calls = describe_calls(programs)
    show(figures, per_connection, calls)
    if options.check:
        wrong = figures["failed"] or figures["errors"] or figures["lost_bytes"] or not figures["requests"]
        print("\ncheck:", "FAILED" if wrong else "every byte came back, no errors")
        return 1 if wrong else 0
    show_next(pathlib.Path(options.bin))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(f"demo: {failed}")
    except KeyboardInterrupt:
        sys.exit(130)
