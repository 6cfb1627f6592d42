# SPDX-License-Identifier: MIT
"""The family of TCP proxies, each before the hand-written echo server."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time

import table
from measuring import Row, column
from harness import Failed, Server, drive
from servers import case_name

HAPROXY = """global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 10s
  timeout client 1m
  timeout server 1m
listen proxy
  bind 127.0.0.1:{port} backlog 4096
  server backend 127.0.0.1:{backend}
"""


class HaProxy(Server):
    """HAProxy on a free port. It does not print its port, so it is ready when it answers."""

    def __init__(self, backend):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = str(free.getsockname()[1])
        self.config = tempfile.NamedTemporaryFile("w", suffix=".cfg")
        self.config.write(HAPROXY.format(port=self.port, backend=backend))
        self.config.flush()
        port = self.port
        super().__init__(["haproxy", "-db", "-q", "-f", self.config.name])
        self.port = port

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.stderr, text=True)
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", int(self.port))).close()
                return self
            time.sleep(0.01)
        raise Failed("haproxy does not answer: " + self.stop().strip()[-300:])

    def __exit__(self, *arguments):
        super().__exit__(*arguments)
        self.config.close()


def proxy_once(session, start, *load):
    """`start(port)` starts the proxy before that backend."""
    with Server([session.builder.released("epoll_echo")]) as backend:
        with start(backend.port) as server:
            return drive(session.load, server, *load)


def proxies(session):
    starts = {peer: lambda port, command=command: Server([*command, port])
              for peer, command in session.commands("proxy").items()}
    if shutil.which("haproxy"):
        starts["haproxy"] = HaProxy
    else:
        session.fail("haproxy", "building", "haproxy is not found")
    for connections, size, depth, requests, in_quick in table.PROXY:
        if session.quick and not in_quick:
            continue
        name = case_name(connections, size, depth)
        load = (connections, size, depth, requests // session.choose(1, 4))
        results = session.interleave(name, {
            peer: lambda start=start: proxy_once(session, start, *load)
            for peer, start in starts.items()})
        yield Row("proxy CPU per request", name, "ns", column(results, 1))
        yield Row("requests per second", name, "/s", column(results, 0), higher_is_better=True)
        yield Row("latency, p99", name, "ns", column(results, 3))
