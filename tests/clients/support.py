# SPDX-License-Identifier: MIT
"""What the tests of this folder share."""

import contextlib
import pathlib
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from processes import Failed, wait_until  # noqa: E402

MB = 1 << 20
TESTS = []


def test(function):
    """Adds a test. The first line of its docstring says what it shows."""
    TESTS.append(function)
    return function


def run(*command, feed=None, seconds=60, **options):
    """Runs a client, and returns its output."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, input=feed, capture_output=True, timeout=seconds, check=False,
                              **({"stdin": subprocess.DEVNULL} if feed is None else {}), **options)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]} did not end within {seconds} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise Failed(f"{' '.join(command[:3])} ... failed with {done.returncode}: {said[-400:]}")
    return done.stdout


def require(condition, what):
    if not condition:
        raise Failed(what)


def require_same(what, direct, proxied):
    require(direct, f"{what}: nothing came directly")
    require(direct == proxied, f"{what}: {len(direct)} bytes directly and {len(proxied)} through the proxy "
                               "are not the same")


@contextlib.contextmanager
def proxy_to(programs, port, *arguments):
    """A proxy before `port`. It must end without an error."""
    proxy = programs.listen("tcp_proxy", "--to", f"127.0.0.1:{port}", *arguments)
    yield proxy
    code = proxy.end()
    require(code == 0, f"the proxy ended with {code}: {proxy.errors().strip()}")
    require(" open: 0," in proxy.errors().splitlines()[-1], f"left open: {proxy.errors().strip()}")


def connect(port, receive_buffer=None):
    client = socket.socket()
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect(("127.0.0.1", port))
    client.settimeout(20)  # now: a connect with a time limit would report a reset that follows it
    return client


def receive_all(client):
    parts = []
    while part := client.recv(256 * 1024):
        parts.append(part)
    return b"".join(parts)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def backend(serve):
    """A server that calls `serve(connection)` on a thread for each connection. Gives its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    wrong = []

    def one(connection):
        try:
            with connection:
                connection.settimeout(60)
                serve(connection)
        except Exception as error:  # told to the test, whatever it is
            wrong.append(error)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(connection,), daemon=True).start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
    require(not wrong, f"the backend failed: {wrong[:1]}")


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def has_ended(client):
    """Waits until the connection ends. True unless it was reset."""
    try:
        while client.recv(256 * 1024):
            pass
        return True
    except ConnectionResetError:
        return False
