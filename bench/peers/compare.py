#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures eddy beside its peers, side by side, and writes docs/performance.md with its pictures.

Each family that was measured is remembered in the build folder, so `--only` renews one of them and
leaves the rest of the page as it was. `--quick` writes a page of its own into the build folder.
"""

import argparse
import datetime
import json
import os
import pathlib
import resource
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench"))

import compiling  # noqa: E402
import page  # noqa: E402
import proxies  # noqa: E402
import servers  # noqa: E402
import tasks  # noqa: E402
import web  # noqa: E402
from building import Builder  # noqa: E402
from measuring import Session, machine_is_busy  # noqa: E402


def memory(session):
    yield from servers.idle_memory(session)
    yield from tasks.task_memory(session)


def scale(session):
    yield from servers.scale_connections(session)
    yield from tasks.scale(session)


# name: title, what measures it, notes for the page
FAMILIES = {
    "echo": ("Echo", servers.echo, [
        "Rows are named connections x bytes; each connection has as many requests under way as "
        "the depth says. The C program is an edge-triggered epoll loop with one buffer. C on "
        "io_uring uses multishot accept and receive. eddy borrows a buffer of a pool for each "
        "read. libuv, libevent and libev use one buffer for all connections; Asio, tokio and Go "
        "keep one for each. Boost.Fiber has no I/O of its own."]),
    "tasks": ("Tasks and timers", tasks.tasks, [
        "A task is what the peer calls a task: a coroutine, a fiber, a goroutine, an async "
        "function of node. With Asio's callbacks it is a posted function, and its join is another "
        "posted function. libuv, libevent and libev have timers only. The child is not inlined, "
        "except by Rust, where an async function is no more than a function. The timers that live "
        "meanwhile fall due in an hour or two."]),
    "sync": ("What tasks share", tasks.sync, [
        "On one thread, but for the row that says something else; there CPU is that of both threads. "
        "eddy's and tokio's locks and channels may be shared by threads, as Go's and Boost.Fiber's; Asio's channel, "
        "which is experimental, is the one for a single thread. Go's sync.Mutex blocks, and Go has no semaphore and "
        "no broadcast of its own; its oneshot is a channel of one room, Boost.Fiber's a promise and its future, Asio's "
        "a channel. Boost.Fiber's smallest channel has two rooms, of which one stays free."]),
    "memory": ("Memory", memory, [
        "Two figures. One is what the server of the echo family needs for an idle connection that "
        "has had one answer, without the kernel's share. The other is what a task needs that "
        "waits for ever (100,000 tasks for Boost.Fiber, on stacks of 16 KiB). Of servers that "
        "keep a buffer for each connection, only the pages that were used count."]),
    "lateness": ("Lateness of timers", tasks.lateness, [
        "100,000 timers, or tasks that sleep, fall due evenly over one second. CPU is what the "
        "process uses in that second. libuv, tokio and node count in milliseconds; libuv and node "
        "may be early."]),
    "wake": ("Waking another thread", tasks.wake, [
        "Wall time there and back. The limit is an eventfd and an epoll for each thread; when "
        "polling, two variables that two threads watch. Boost.Fiber, tokio, Go and node cannot "
        "poll. eddy uses wakers, Asio posted functions, Boost.Fiber and Go channels, tokio "
        "Notify, node messages."]),
    "churn": ("Connections that come and go", servers.churn, [
        "The echo servers again. Each connection makes one request of 64 bytes and closes."]),
    "proxy": ("TCP proxy", proxies.proxies, [
        "Each proxy stands between the load and the hand-written echo server: a request and its "
        "answer pass it once each. libevent uses its bufferevents. Go's io.Copy and eddy's "
        "Conduit splice in the kernel, eddy's only when the traffic is a flood. HAProxy runs in "
        "TCP mode with one thread and no logging."]),
    "http": ("HTTP/1.1 hello", web.web, [
        "Connections are kept alive; wrk drives them with one thread. The hand-written program, "
        "eddy, Asio and libuv parse with llhttp, and answer together all requests that one read "
        "brought. libevent uses its evhttp, tokio uses hyper, Go uses net/http and node uses its "
        "own server. These four do more for each request (dates, header maps), so compare within "
        "the two kinds."]),
    "compiling": ("Compiling, size, start", compiling.compiling, [
        "The same echo server, built by the same compiler with the same options, beside a file "
        "that only includes the standard headers that eddy's own headers include. libuv, "
        "libevent, libev and the hand-written program are in C. Boost.Fiber has no I/O, so it has "
        "no echo server. A program in C++ takes longer to start than one in C, mostly to load "
        "libstdc++; linked with -static-libstdc++ it starts as fast as one in C."]),
    "scale": ("Cost against scale", scale, [
        "These rows show whether an operation costs the same however many there are."]),
}


QUICK = ("echo", "tasks", "memory")


def measure(session, name):
    """The results of a family, ready to be written."""
    title, measure_rows, notes = FAMILIES[name]
    session.family, session.errors = name, {}
    busy, load = machine_is_busy(), os.getloadavg()[0]
    rows = [row.as_dict() for row in measure_rows(session)]
    busy, load = busy or machine_is_busy(), max(load, os.getloadavg()[0])
    return {"title": title, "notes": notes, "rows": rows, "busy": busy, "load": load,
            "date": datetime.date.today().isoformat(), "rounds": session.rounds,
            "errors": [(peer, what, error) for (peer, what), error in session.errors.items()]}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="where eddy is built (default: build/release)")
    parser.add_argument("--quick", action="store_true",
                        help="few rows of a few families: within a minute once all is built")
    parser.add_argument("--only", action="append", choices=FAMILIES, metavar="FAMILY",
                        help="measure this family alone; may be repeated: " + ", ".join(FAMILIES))
    parser.add_argument("--rounds", type=int, help="how often each side is run (default: 7)")
    parser.add_argument("--write-only", action="store_true",
                        help="measure nothing: write the page anew from what was measured last")
    parser.add_argument("--page", type=pathlib.Path,
                        help="what to write (default: docs/performance.md)")
    parser.add_argument("--check-arguments", action="store_true",
                        help=argparse.SUPPRESS)  # of ./dev, before it installs and compiles
    options = parser.parse_args()
    if options.check_arguments:
        return 0

    # Unwinds, so that what runs is ended as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    # For the servers and the loads, too.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    folder = ROOT / "build/peers"
    results = folder / ("quick" if options.quick else "results")
    results.mkdir(parents=True, exist_ok=True)
    default = results / "performance.md" if options.quick else ROOT / "docs/performance.md"

    session = Session(Builder(options.build.resolve(), folder), options.quick,
                      options.rounds or (1 if options.quick else 7))
    chosen = options.only or (QUICK if options.quick else FAMILIES)
    for name in [] if options.write_only else chosen:
        family = measure(session, name)
        (results / f"{name}.json").write_text(json.dumps(family, indent=1) + "\n")
    if sys.stderr.isatty():
        print(file=sys.stderr)
    families = {name: json.loads((results / f"{name}.json").read_text()) for name in FAMILIES
                if (results / f"{name}.json").exists()}
    target = (options.page or default).resolve()
    page.write(target, families)
    print("\n".join(page.summary(families)))
    print(f"The whole of it: {os.path.relpath(target)}")


if __name__ == "__main__":
    main()
