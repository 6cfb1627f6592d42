# SPDX-License-Identifier: MIT
"""What a proxy must get right when its clients and backends do not behave."""

import contextlib
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from support import (MB, backend, connect, has_ended, listens, proxy_to, receive_all, require, reset, run, test,
                     wait_until)

from processes import descriptors, finish_load, free_port, memory


@test
def slow_readers(programs):
    """slow readers: 16 of them, 32 MB each, and the memory of the proxy stays flat"""
    count, size = 16, 32 * MB
    block = os.urandom(size)
    expected = hashlib.sha256(block).digest()
    passed = [0]

    def send(connection):
        view = memoryview(block)
        while view:
            sent = connection.send(view[:64 * 1024])
            passed[0] += sent
            view = view[sent:]

    def crawl(clients, digests, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for client, digest in zip(clients, digests):
                digest.update(client.recv(2048))
            time.sleep(0.05)

    with backend(send) as port, proxy_to(programs, port) as proxy:
        idle = memory(proxy.pid)
        clients = [connect(proxy.port, receive_buffer=16 * 1024) for _ in range(count)]
        digests = [hashlib.sha256() for _ in clients]
        crawl(clients, digests, 2)
        before = passed[0]
        crawl(clients, digests, 1)
        grown, held = memory(proxy.pid) - idle, passed[0] - before
        require(before < count * size, "everything was taken at once: no back-pressure")
        require(held < 16 * MB, f"{held} bytes more were taken from the backend in a second")
        require(grown < 8 * MB, f"the proxy grew by {grown} bytes while its clients were slow")
        for client, digest in zip(clients, digests):
            with client:
                digest.update(receive_all(client))
            require(digest.digest() == expected, "a slow reader got other bytes than were sent")


@test
def killed_backend(programs):
    """a backend killed in mid-stream: the client is told, and the proxy serves on"""
    port = free_port()
    stream = ("import socket, sys\n"
              "listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
              "print('ready', flush=True)\n"
              "held = []\n"
              "while True:\n"
              "    held.append(listener.accept()[0])\n"
              "    if len(held) == 5:\n"
              "        for c in held: c.setblocking(False)\n"
              "        while True:\n"
              "            for c in held:\n"
              "                try: c.send(bytes(65536))\n"
              "                except BlockingIOError: pass\n")
    with proxy_to(programs, port) as proxy:
        server = programs.start(sys.executable, "-c", stream, port, name="backend")
        server.process.stdout.readline()
        clients = [connect(proxy.port) for _ in range(5)]
        for client in clients:
            require(client.recv(64 * 1024), "the stream did not begin")
        server.kill()
        for client in clients:
            with client:
                has_ended(client)  # or it times out
        for _ in range(50):
            with connect(proxy.port) as client:
                require(not has_ended(client), "a backend that is down looks like an orderly end")
        lines = [line for line in proxy.errors().splitlines() if "cannot connect" in line]
        require(0 < len(lines) < 10, f"{len(lines)} lines about a backend that is down")
        echo = programs.start(programs.bin / "echo_server", "--listen", f"127.0.0.1:{port}")
        echo.read_address()
        figures = programs.load(proxy.address, "--connections", 10, "--duration", "200ms")
        require(not figures["failed"], f"after the backend came back: {figures}")
        echo.end()


@test
def reset_is_passed_on(programs):
    """a reset is passed on to either side: neither takes a part of the data for the whole"""
    told = []

    def serve(connection):
        connection.sendall(b"part")
        if connection.recv(1) == b"r":
            reset(connection)
            return
        told.append(has_ended(connection))

    with backend(serve) as port, proxy_to(programs, port) as proxy:
        with connect(proxy.port) as client:
            require(client.recv(4) == b"part", "nothing came")
            client.sendall(b"r")
            require(not has_ended(client), "the client saw an orderly end")
        client = connect(proxy.port)
        require(client.recv(4) == b"part", "nothing came")
        client.sendall(b"c")
        reset(client)
        wait_until(lambda: told, 10, "the backend is told")
        require(told == [False], f"the backend saw {told}")


@test
def early_answer(programs):
    """an answer before the upload was read: every client gets it, although the backend resets"""
    answer = b"413 too large" * 100

    def refuse(connection):
        connection.recv(1)
        connection.sendall(answer)  # and closes, with the rest unread

    def upload(port):
        with connect(port) as client:
            with contextlib.suppress(OSError):
                client.sendall(bytes(4 * MB))
            got = b""
            with contextlib.suppress(OSError):
                while part := client.recv(65536):
                    got += part
            return got

    with backend(refuse) as port, proxy_to(programs, port) as proxy:
        for number in range(50):
            require(upload(port) == answer, "wrong directly")
            require(upload(proxy.port) == answer, f"client {number} did not get the answer")


@test
def gone_after_half_close(programs):
    """20 clients that end their stream, wait, and are reset: the proxy keeps nothing of them"""
    count, ended, over = 20, [], threading.Event()

    def think(connection):
        receive_all(connection)
        ended.append(1)
        over.wait(60)

    try:
        with backend(think) as port, proxy_to(programs, port) as proxy:
            idle = descriptors(proxy.pid)
            clients = [connect(proxy.port) for _ in range(count)]
            for client in clients:
                client.sendall(b"request")
                client.shutdown(socket.SHUT_WR)
            wait_until(lambda: len(ended) == count, 20, "the backend has all requests")
            held = descriptors(proxy.pid)
            require(held == idle + 2 * count, f"{held - idle} descriptors for {count} connections")
            for client in clients:
                reset(client)
            wait_until(lambda: descriptors(proxy.pid) == idle, 20, "the proxy lets go")
            over.set()
    finally:
        over.set()


@test
def half_close(programs):
    """half-close: each side may end first, and still receives"""
    upload = os.urandom(8 * MB)

    def answer_after_end(connection):
        connection.sendall(hashlib.sha256(receive_all(connection)).digest())

    def end_first(connection):
        connection.sendall(b"banner")
        connection.shutdown(socket.SHUT_WR)
        digests.append(hashlib.sha256(receive_all(connection)).digest())

    def exchange(port):
        with connect(port) as client:
            client.sendall(upload)
            client.shutdown(socket.SHUT_WR)
            return receive_all(client)

    def late(port):
        with connect(port) as client:
            require(receive_all(client) == b"banner", "no banner, or no end after it")
            client.sendall(upload)

    expected = hashlib.sha256(upload).digest()
    with backend(answer_after_end) as port, proxy_to(programs, port) as proxy:
        require(exchange(port) == expected, "wrong directly")
        require(exchange(proxy.port) == expected, "an answer after the client's end was lost")
    digests = []
    with backend(end_first) as port, proxy_to(programs, port) as proxy:
        late(port)
        late(proxy.port)
        wait_until(lambda: len(digests) == 2, 10, "the backend has all")
        require(digests == [expected] * 2, "what came after the backend's end was lost")


@test
def many(programs):
    """5,000 connections at once, and every descriptor is given back"""
    echo = programs.listen("echo_server")
    with proxy_to(programs, echo.port) as proxy:
        idle = descriptors(proxy.pid), descriptors(echo.pid)
        load = programs.start_load(proxy.address, "--quiet", "--connections", 5000, "--duration", "5s")
        wait_until(lambda: load.process.poll() is not None or descriptors(proxy.pid) >= idle[0] + 10000,
                   30, "all are open at once")
        figures = finish_load(load)
        require(not figures["failed"], f"{figures}")
        wait_until(lambda: (descriptors(proxy.pid), descriptors(echo.pid)) == idle, 10,
                   "descriptors are given back")
    require(echo.end() == 0, "the echo server ended with an error")


@test
def orderly_end(programs):
    """the end of the proxy: prints counts on SIGUSR1, drains on SIGTERM, and stops after its limit"""
    def echo(connection):
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                connection.sendall(part)

    with backend(echo) as port:
        with proxy_to(programs, port, "--drain-timeout", "10s") as proxy:
            with connect(proxy.port) as client:
                client.sendall(b"before")
                require(client.recv(6) == b"before", "no echo")
                proxy.process.send_signal(signal.SIGUSR1)
                wait_until(lambda: "bytes to backend: 6, to clients: 6" in proxy.errors(), 5, "counts")
                require("connections: 1, open: 1" in proxy.errors(), proxy.errors())
                proxy.process.send_signal(signal.SIGTERM)
                wait_until(lambda: not listens(proxy.port), 5, "no longer listens")
                client.sendall(b"after")
                require(client.recv(5) == b"after", "the connection was cut while the proxy drained")
            began = time.monotonic()
            require(proxy.process.wait(10) == 0, "the proxy ended with an error")
            require(time.monotonic() - began < 5, "the proxy waited although nobody was left")
        for how in (signal.SIGTERM, signal.SIGINT):
            proxy = programs.listen("tcp_proxy", "--to", f"127.0.0.1:{port}", "--drain-timeout", "300ms")
            with connect(proxy.port) as client:
                client.sendall(b"x")
                require(client.recv(1) == b"x", "no echo")
                require(proxy.end(how, seconds=5) == 0, "the proxy ended with an error")


@test
def time_limits(programs):
    """idle and connect timeouts"""
    with backend(receive_all) as port, proxy_to(programs, port, "--idle-timeout", "1s") as proxy:
        with connect(proxy.port) as client:
            for _ in range(6):  # longer than the limit, but never silent for as long
                time.sleep(0.25)
                client.sendall(b"x")
            began = time.monotonic()
            require(has_ended(client), "an idle connection was reset")
            require(0.8 < time.monotonic() - began < 10, "the idle timeout is off")
    # A listener whose backlog is full answers nobody.
    with socket.socket() as full, contextlib.ExitStack() as filling:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            client = filling.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        with proxy_to(programs, full.getsockname()[1], "--connect-timeout", "300ms") as proxy:
            with connect(proxy.port) as client:
                began = time.monotonic()
                require(not has_ended(client), "the client saw an orderly end")
                require(0.2 < time.monotonic() - began < 10, "the connect timeout is off")


@test
def complaints(programs):
    """clear errors: a port in use, a bad address, a backend that is down, a bad duration"""
    echo = programs.listen("echo_server")
    nobody = f"127.0.0.1:{free_port()}"
    for said, *command in (
            ("cannot listen on " + echo.address, "echo_server", "--listen", echo.address),
            ("cannot listen on " + echo.address, "tcp_proxy", "--listen", echo.address, "--to", nobody),
            ("is not an address", "echo_server", "--listen", "here"),
            ("is not an address", "load", "--to", "localhost:80"),
            ("cannot connect to " + nobody, "load", "--to", nobody),
            ("is not a duration", "load", "--to", nobody, "--duration", "soon"),
            ("--to is required", "tcp_proxy", "--listen", "127.0.0.1:0")):
        done = subprocess.run([programs.bin / command[0], *command[1:]], capture_output=True, text=True,
                              timeout=20, check=False)
        require(done.returncode != 0, f"{command} did not fail")
        require(said in done.stderr, f"{command} said: {done.stderr}")
    for name in ("echo_server", "tcp_proxy", "load"):
        require(b"Usage" in run(programs.bin / name, "--help"), f"{name} --help")
        require(re.match(rb"\d+\.\d+", run(programs.bin / name, "--version")), f"{name} --version")
