#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives load and churn through the proxy for minutes, and fails unless memory and descriptors stay flat.

A round is ten seconds of steady load on 200 connections, while others connect and leave in every way that
there is: in good order, with a half-close, with a reset, in mid-stream, without a word. After each round
all clients are gone, and then:

    descriptors   as many as before the first round, exactly
    memory        at most 1 MiB and 5 % above the most of the warm-up rounds (a quarter of all, at least two)
"""

import argparse
import os
import random
import socket
import struct
import sys
import threading
import time
from collections import Counter

from processes import Failed, Programs, descriptors, finish_load, memory, raise_descriptor_limit, wait_until

ROUND_SECONDS = 10
LOAD_CONNECTIONS = 200
CHURNERS = 4
MAX_GROWTH_BYTES = 1 << 20
MAX_GROWTH = 0.05
DATA = os.urandom(256 * 1024)


def receive_exactly(client, expected):
    view = memoryview(expected)
    while view:
        part = client.recv(min(len(view), 65536))
        if part != view[:len(part)] or not part:
            raise Failed(f"wrong bytes came back, or the end: {len(part)} bytes")
        view = view[len(part):]


def exchange(client, size):
    client.sendall(DATA[:size])
    receive_exactly(client, DATA[:size])


def leave_in_order(client):
    exchange(client, random.randint(1, 20_000))


def half_close(client):
    size = random.randint(1, 20_000)
    client.sendall(DATA[:size])
    client.shutdown(socket.SHUT_WR)
    receive_exactly(client, DATA[:size])
    if client.recv(1):
        raise Failed("more came back than was sent")


def reset(client):
    exchange(client, 100)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def leave_in_mid_stream(client):
    client.setblocking(False)
    try:
        client.send(DATA)
    except BlockingIOError:
        pass


def reset_in_mid_stream(client):
    leave_in_mid_stream(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def say_nothing(_):
    pass


WAYS = (leave_in_order, half_close, reset, leave_in_mid_stream, reset_in_mid_stream, say_nothing)


class Churn:
    """Threads that open a connection, use it in one of the ways, and leave."""

    def __init__(self, port):
        self.port = port
        self.done = Counter()
        self.wrong = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CHURNERS)]
        for thread in self._threads:
            thread.start()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._stop.is_set():
            way = random.choice(WAYS)
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=20) as client:
                    client.settimeout(20)
                    way(client)
                self.done[way.__name__] += 1
            except (Failed, OSError) as error:
                self.wrong.append(f"{way.__name__}: {error}")
                return
            # So many ports wait for a minute after a connection that 500 a second would use them up.
            self._stop.wait(0.02)


class Soak:
    def __init__(self, programs, seconds):
        self.seconds = seconds
        self.rounds = max(4, round(seconds / ROUND_SECONDS))
        self.warm_up = max(2, self.rounds // 4)
        self.programs = programs
        self.echo = programs.listen("echo_server")
        self.proxy = programs.listen("tcp_proxy", "--to", self.echo.address)
        self.servers = (self.proxy, self.echo)
        self.descriptors = {server.name: descriptors(server.pid) for server in self.servers}
        self.most = Counter()
        self.requests = 0
        self.churned = Counter()

    def run_round(self, number):
        churn = Churn(self.proxy.port)
        # Now and then the requests are large, so that buffers are full and writes wait.
        shape = ("--size", "32K", "--depth", 4) if number % 3 == 2 else ("--size", 64, "--depth", 2)
        load = self.programs.start_load(self.proxy.address, "--quiet", "--connections", LOAD_CONNECTIONS,
                                        "--duration", f"{self.seconds / self.rounds}s", *shape)
        figures = finish_load(load)
        churn.stop()
        if figures["failed"]:
            raise Failed(f"the load failed: {figures['messages'].strip()} {figures}")
        if churn.wrong:
            raise Failed(f"{len(churn.wrong)} of the churn failed: {churn.wrong[0]}")
        self.requests += figures["requests"]
        self.churned += churn.done

    def measure(self, number):
        """What the servers hold now that nobody is connected; a line for each."""
        line = []
        for server in self.servers:
            name, before = server.name, self.descriptors[server.name]
            wait_until(lambda s=server, b=before: descriptors(s.pid) <= b, 10,
                       f"round {number}: {name} gives back its descriptors ({before} before)")
            held, most = memory(server.pid), self.most[name]
            if number < self.warm_up:
                self.most[name] = max(most, held)
            elif held > most * (1 + MAX_GROWTH) + MAX_GROWTH_BYTES:
                raise Failed(f"round {number}: {name} holds {held} bytes; in the warm-up at most {most}")
            line.append(f"{name} {held / 1024:,.0f} KiB, {descriptors(server.pid)} descriptors")
        return "; ".join(line)

    def run(self):
        began = time.monotonic()
        for number in range(self.rounds):
            self.run_round(number)
            state = self.measure(number)
            print(f"{time.monotonic() - began:5.0f} s  {self.requests:>11,} requests, "
                  f"{self.churned.total():>7,} churned; {state}"
                  f"{'  (warm-up)' if number < self.warm_up else ''}", flush=True)
        for server in self.servers:
            if server.end() != 0:
                raise Failed(f"{server.name} ended with an error: {server.errors().strip()}")
        print("churned: " + ", ".join(f"{name} {self.churned[name]:,}" for name in sorted(self.churned)))
        print(f"proxy: {self.proxy.errors().strip().splitlines()[-1]}")
        print("soak: memory and descriptors are flat, every byte came back")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bin", default="build/release/examples", help="where the examples are")
    parser.add_argument("--minutes", type=float, default=10, help="how long (default: 10)")
    parser.add_argument("--check-arguments", action="store_true",
                        help=argparse.SUPPRESS)  # of ./dev, before it installs and compiles
    options = parser.parse_args()
    if options.check_arguments:
        return 0

    raise_descriptor_limit(4000)
    with Programs(options.bin) as programs:
        Soak(programs, options.minutes * 60).run()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"soak: FAILED: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
