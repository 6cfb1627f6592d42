#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives the chat server: its rules one by one, then 500 clients at once, of which some are slow, silent or gone.

Waits for what the server does, never for a time. Only two limits are real time: silent clients are disconnected after
an idle time-out, which is doubled if this machine was too busy to run the others meanwhile; and the server must end
within two seconds.
"""

import argparse
import collections
import contextlib
import pathlib
import selectors
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from processes import Failed, Programs, descriptors, raise_descriptor_limit, wait_until  # noqa: E402

PATIENCE = 60  # seconds; what has not happened by then counts as never
END_LIMIT = 2.0  # seconds
ROOMS, ORDINARY, SLOW, SILENT, GONE = 8, 400, 40, 40, 20
MOST_ROUNDS = 200  # a slow client's queue is full long before
SMALL = 4096  # bytes; the receive buffer of those that do not read
TEXT = "x" * 400


def require(condition, what):
    if not condition:
        raise Failed(what)


class Talker:
    """One client that waits for each line."""

    def __init__(self, port, name=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        if name:
            self.hears("* first your name")
            self.says(name)
            self.hears(f"* {name} is in lobby")

    def says(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def hears(self, *expected):
        """The next lines must begin with these. Gives the last."""
        for text in expected or [""]:
            line = self.lines.readline()
            require(line.endswith("\n") and line.startswith(text), f"'{text}' was expected, but '{line.strip()}' came")
        return line.rstrip("\n")

    def is_disconnected(self, why):
        self.hears(f"! disconnected: {why}")
        require(self.lines.read() == "", "bytes came after the last line")

    def close(self):
        self.lines.close()
        self.socket.close()


def end_well(chat):
    code = chat.end()
    require(code == 0 and not chat.errors(), f"chat ended with {code}: {chat.errors()}")


def rules(programs):
    """names, rooms, commands, and what is refused"""
    chat = programs.listen("chat", "--max-clients", 9)
    ann, bob = Talker(chat.port, "ann"), Talker(chat.port)
    bob.hears("* first your name")
    for text, answer in (("no spaces", "! a name is"), ("/join den", "! a name is"), ("a" * 21, "! a name is"),
                         ("ann", "! that name is taken"), ("", ""), ("bob\r", "* bob is in lobby")):
        bob.says(text)
        if text:
            bob.hears(answer)
    ann.hears("* bob is in lobby")
    for text, answer in (("hello", "bob: hello"), ("/nope", "! there is no such command"), ("", ""),
                         ("\x1b[2J", "! no control characters"), ("grüße /who", "bob: grüße /who"),
                         ("/join no/name", "! a room is named"), ("/join", "! a room is named")):
        bob.says(text)
        if text:
            bob.hears(answer)
    ann.hears("bob: hello", "bob: grüße /who")
    bob.says("/who")
    require(set(bob.hears("* here:").split()[2:]) == {"ann", "bob"}, "/who gave others")

    bob.says("/join den")
    bob.hears("* bob is in den")
    ann.hears("* bob left: to den")
    bob.says("quiet")
    bob.hears("bob: quiet")
    ann.says("alone")
    ann.hears("ann: alone")
    bob.socket.sendall(b"half a line")
    bob.socket.shutdown(socket.SHUT_WR)
    bob.is_disconnected("goodbye")
    bob = Talker(chat.port, "bob")
    ann.hears("* bob is in lobby")
    bob.says("x" * 3000 + "\nnever said")
    bob.is_disconnected("")
    ann.hears("* bob left: ")

    # All at once more than a client's queue holds, and after the end a line.
    count, names = 1000, ["eve", "fay", "guy", "hal"]
    loud = [Talker(chat.port, name) for name in names]
    for name in names:
        ann.hears(f"* {name} is in lobby")
    for talker in loud:
        talker.says("\n".join(str(i) for i in range(count)) + "\n/quit\nnever said")
    heard = [ann.hears() for _ in range((count + 1) * len(names))]
    for name in names:
        expected = [f"{name}: {i}" for i in range(count)] + [f"* {name} left: goodbye"]
        require([line for line in heard if name in line] == expected, f"what {name} said is not what others heard")
    eve = Talker(chat.port, "eve")  # the name is free, although the first eve has not closed her side yet
    ann.hears("* eve is in lobby")
    chat.process.send_signal(signal.SIGINT)
    ann.is_disconnected("the server ends")
    for talker in (ann, bob, eve, *loud):
        talker.close()
    wait_until(lambda: chat.process.poll() is not None, PATIENCE, "the server ends")
    end_well(chat)


def limits(programs):
    """a server that is full says so, until there is room again"""
    chat = programs.listen("chat", "--max-clients", 2)
    first, second = Talker(chat.port, "first"), Talker(chat.port, "second")
    Talker(chat.port).is_disconnected("the server is full")
    first.says("/quit")
    first.hears("* second is in lobby")
    first.is_disconnected("goodbye")
    first.close()

    def has_room():
        client = Talker(chat.port)
        line = client.lines.readline()
        client.close()
        return line.startswith("* first your name")

    wait_until(has_room, PATIENCE, "there is room for another client")
    second.close()
    end_well(chat)


def options(programs):
    """wrong options are refused in words"""
    for arguments, what in (((), "--listen is required"), (("--listen", "nowhere"), "is not an address"),
                            (("--listen", "127.0.0.1:0", "--idle-timeout", "soon"), "is not a duration"),
                            (("--listen", "127.0.0.1:0", "--max-clients", "0"), "--max-clients")):
        done = subprocess.run([programs.bin / "chat", *arguments], capture_output=True, text=True, timeout=PATIENCE,
                              check=False)
        require(done.returncode != 0 and what in done.stdout + done.stderr, f"chat {arguments}: {done}")


class TooBusy(Exception):
    """The driver did not run for so long that clients may have counted as silent."""


class Room:
    def __init__(self, name):
        self.name = name
        self.reporter = None  # the client whose news tell who is here
        self.here = set()
        self.left = {}  # the names of those who left, and why
        self.said = []  # each client that reads must get this, in this order


class Client:
    """One of the crowd; it does not block."""

    def __init__(self, port, name, room, talks, small):
        self.name = name
        self.room = room
        self.talks = talks  # says a line in each round
        self.rest = b""  # of a line
        self.heard = len(room.said) if room else 0  # how many lines of `room.said` have come
        self.last = b""
        self.end = None  # then "closed" or "reset"
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)

    def send(self, data):
        require(self.socket.send(data) == len(data), f"{self.name} could not send {len(data)} bytes")

    def left(self):
        return self.room.left.get(self.name)


class Crowd:
    """Many clients, in one loop."""

    def __init__(self, port, idle):
        self.idle = idle
        self.rooms = [Room(f"room{i}") for i in range(ROOMS)]
        self.clients = []
        self.rounds = 0
        self._port = port
        self._heard = 0  # by those that talk
        self._selector = selectors.DefaultSelector()
        self._beating = set()  # those that show that they are there
        self._last_beat = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.socket.close()
        self._selector.close()

    def add(self, kind, count, enters=True, talks=False, beats=True, reads=True, small=False):
        """New clients. If they enter, each room gets as many of them as the others."""
        added = [Client(self._port, f"{kind}-{i}", self.rooms[i % ROOMS] if enters else None, talks, small)
                 for i in range(count)]
        self.clients += added
        for client in added:
            if enters:
                client.room.reporter = client.room.reporter or client
                client.send(f"{client.name}\n/join {client.room.name}\n".encode())
            if reads:
                self.read(client)
        self._beating.update(added if beats else ())
        if enters:
            self.wait(lambda: all(c.name in c.room.here for c in added), f"{kind}: all are in their rooms")
        return added

    def read(self, client):
        self._selector.register(client.socket, selectors.EVENT_READ, client)

    def stop_beating(self, clients):
        self._beating.difference_update(clients)

    def round(self):
        """Each that talks says a line, and hears the line of each in its room."""
        talking = [c for c in self.clients if c.talks]
        for client in talking:
            client.send(f"{self.rounds} {TEXT}\n".encode())
        self.rounds += 1
        sizes = collections.Counter(c.room for c in talking)
        expected = self.rounds * sum(size * size for size in sizes.values())
        self.wait(lambda: self._heard >= expected, f"round {self.rounds}: each hears each of its room")
        require(self._heard == expected, f"round {self.rounds}: {self._heard} lines were heard, not {expected}")
        require(all(c.end is None for c in talking), "a client that reads was disconnected")

    def check_said(self):
        """What was said in each room: what its members said, each in order."""
        for room in self.rooms:
            numbers = collections.defaultdict(list)
            for line in room.said:
                name, number, text = line.decode().split(" ", 2)
                require(text == TEXT, f"in {room.name}: '{line[:40]}'")
                numbers[name.removesuffix(":")].append(int(number))
            members = {c.name for c in self.clients if c.talks and c.room is room}
            require(numbers.keys() == members, f"who talked in {room.name}: {sorted(numbers)}")
            require(all(n == list(range(self.rounds)) for n in numbers.values()), f"the order in {room.name}")

    def wait(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            require(time.monotonic() < end, f"{what}: never")
            self.pump(0.02)

    def pump(self, seconds):
        since = time.monotonic() - self._last_beat
        if self._beating and since > self.idle / 2:
            raise TooBusy
        if since > self.idle / 8:
            self._last_beat += since
            for client in self._beating:
                with contextlib.suppress(ConnectionError):  # who is disconnected is seen elsewhere
                    client.send(b"\n")
        for key, _ in self._selector.select(seconds):
            self._receive(key.data)

    def _receive(self, client):
        try:
            data = client.socket.recv(1 << 18)
        except ConnectionResetError:
            data = None
        if not data:
            client.end = "reset" if data is None else "closed"
            self._selector.unregister(client.socket)
            client.socket.close()
            require(client not in self._beating, f"{client.name} was disconnected: {client.last.decode()}")
            return
        *lines, client.rest = (client.rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"* "):
                self._note(client, line.decode())
            elif not line.startswith(b"! disconnected: "):
                self._hear(client, line)
            client.last = line

    def _hear(self, client, line):
        said = client.room.said
        if client.heard == len(said):
            said.append(line)
        require(said[client.heard] == line, f"{client.name} heard '{line[:40]}', others '{said[client.heard][:40]}'")
        client.heard += 1
        self._heard += client.talks

    @staticmethod
    def _note(client, line):
        if not client.room or client.room.reporter is not client:
            return
        _, name, what, rest = line.split(" ", 3)
        if what == "is" and rest == f"in {client.room.name}":
            client.room.here.add(name)
        elif what == "left:" and not rest.startswith("to "):
            client.room.left[name] = rest


def crowd_of_500(programs, idle):
    chat = programs.listen("chat", "--max-clients", 520, "--idle-timeout", f"{idle}s")
    before = descriptors(chat.pid)
    with Crowd(chat.port, idle) as crowd:
        ordinary = crowd.add("reporter", ROOMS, talks=True)
        ordinary += crowd.add("ordinary", ORDINARY - ROOMS, talks=True)
        slow = crowd.add("slow", SLOW, reads=False, small=True)
        gone = crowd.add("gone", GONE, reads=False, small=True)
        silent = crowd.add("silent", SILENT // 2, beats=False)
        silent += crowd.add("nameless", SILENT - len(silent), enters=False, beats=False)

        crowd.round()
        crowd.stop_beating(gone)
        for client in gone:  # in the middle of a line, and with lines on the way to it
            client.send(b"half a li")
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.socket.close()
        while not all(c.left() for c in slow):
            require(crowd.rounds < MOST_ROUNDS, "a slow client was not disconnected")
            crowd.round()
            crowd.stop_beating([c for c in slow if c.left()])
        require(all(c.left() == "too slow" for c in slow), f"slow clients left: {set(c.left() for c in slow)}")
        rounds = crowd.rounds
        crowd.wait(lambda: all(c.left() for c in gone), "those that are gone have left")
        crowd.wait(lambda: all(c.end for c in silent), "silent clients are disconnected")
        require({(c.end, c.last) for c in silent} == {("closed", b"! disconnected: idle")},
                f"silent clients: {set((c.end, c.last) for c in silent)}")
        for client in slow:
            crowd.read(client)
        crowd.wait(lambda: all(c.end for c in slow), "slow clients are closed")
        crowd.wait(lambda: descriptors(chat.pid) == before + ORDINARY, "no other connection is open")

        # When the first of these is too slow, those that came some rounds later are stuck, with room in their queues.
        first = crowd.add("first", ROOMS, reads=False, small=True)
        for _ in range(4):
            crowd.round()
        second = crowd.add("second", ROOMS, reads=False, small=True)
        while not any(c.left() for c in first):
            crowd.round()
        stuck = [c for c in second if not c.left()]
        require(stuck, "no client is stuck")
        crowd.stop_beating(crowd.clients)
        began = time.monotonic()
        chat.process.send_signal(signal.SIGTERM)
        crowd.wait(lambda: chat.process.poll() is not None, "the server ends")
        seconds = time.monotonic() - began
        for client in first + second:
            crowd.read(client)
        crowd.wait(lambda: all(c.end for c in ordinary + first + second), "all are closed")
        require({(c.end, c.last) for c in ordinary} == {("closed", b"! disconnected: the server ends")},
                f"at the end: {set((c.end, c.last) for c in ordinary)}")
        require({c.end for c in stuck} == {"reset"}, "the kernel keeps lines for a client that does not read")
        crowd.check_said()
    require(seconds <= END_LIMIT, f"the server ended after {seconds:.2f} s")
    end_well(chat)
    print(f"       {rounds} rounds until the slow were out; {len(stuck)} stuck at the end, which took {seconds:.2f} s")


def crowd(programs):
    """500 clients, of which some are slow, silent or gone; and the end"""
    raise_descriptor_limit(1200)
    for idle in (2, 4, 8, 16, 32):
        try:
            return crowd_of_500(programs, idle)
        except TooBusy:
            print(f"       this machine was too busy for an idle time-out of {idle} s")
    raise Failed("this machine is too busy")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="where the examples are")
    arguments = parser.parse_args()
    failed = False
    for test in (rules, limits, options, crowd):
        began, why = time.monotonic(), None
        try:
            with Programs(arguments.bin) as programs:
                test(programs)
        except (Failed, OSError, ValueError) as error:
            why, failed = error, True
        print(f"{'FAILED' if why else 'ok    '} {time.monotonic() - began:6.1f} s  {test.__doc__}", flush=True)
        if why:
            print(f"       {type(why).__name__}: {why}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
