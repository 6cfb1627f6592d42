# SPDX-License-Identifier: MIT
"""Starts programs for the scripts here and in tests/clients, and sees to it that they end.

Nothing but the standard library; Linux only (it reads /proc).
"""

import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time


class Failed(Exception):
    """What went wrong, for the user to read."""


class Program:
    """A running program; what it says on standard error is in `errors()`."""

    def __init__(self, name, process, log):
        self.name = name
        self.process = process
        self.pid = process.pid
        self.address = None
        self.port = None
        self._log = log

    def errors(self):
        return self._log.read_text(errors="replace")

    def read_address(self):
        """Waits for the line "listening on ADDRESS"."""
        line = self.process.stdout.readline()
        found = re.match(r"listening on (.*):(\d+)$", line.strip())
        if not found:
            self.process.wait()
            raise Failed(f"{self.name} did not start: {self.errors().strip() or line.strip()}")
        self.address = f"{found[1]}:{found[2]}"
        self.port = int(found[2])

    def end(self, sent=signal.SIGTERM, seconds=15):
        """Asks it to end; gives its exit code. Kills it if it does not."""
        if self.process.poll() is None:
            self.process.send_signal(sent)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed(f"{self.name} did not end within {seconds} s after {sent.name}") from None
        finally:
            if self.process.stdout:
                self.process.stdout.close()
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class Programs:
    """A scope: what was started in it has ended when it is left, and its folder is gone."""

    def __init__(self, bin_folder, emulator=(), suffix=""):
        """`emulator` is put before the examples, whose files end in `suffix`."""
        self.bin = pathlib.Path(bin_folder).resolve()
        self._emulator = emulator
        self._suffix = suffix
        self.folder = None
        self._running = []

    def __enter__(self):
        for name in ("echo_server", "tcp_proxy", "load", "chat"):
            if not self._file(name).is_file():
                raise Failed(f"{self._file(name)} is not there; ./dev build makes it")
        # To be ended by `kill` is to leave the scope, too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eddy-"))
        return self

    def __exit__(self, *_):
        for program in reversed(self._running):
            program.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, name):
        return self.bin / (name + self._suffix)

    def _example(self, name):
        return (*self._emulator, self._file(name))

    def start(self, *command, name=None, **options):
        """Starts a program that is not of eddy, without waiting for anything."""
        command = [str(part) for part in command]
        name = name or pathlib.Path(command[0]).name
        # If this process is killed, its scope is not left; the kernel ends its children then.
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        log = self.folder / f"log-{len(self._running)}"
        with log.open("wb") as errors:
            process = subprocess.Popen(command, **({
                "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": errors, "text": True,
            } | options))
        program = Program(name, process, log)
        self._running.append(program)
        return program

    def listen(self, name, *arguments, before=()):
        """Starts an example on a free port, and waits until it listens. `before` is put before it."""
        program = self.start(*before, *self._example(name), "--listen", "127.0.0.1:0", *arguments,
                             name=name)
        program.read_address()
        return program

    def start_load(self, to, *arguments, progress=False):
        return self.start(*self._example("load"), "--to", to, "--json", *arguments, name="load",
                          **({"stderr": None} if progress else {}))

    def load(self, to, *arguments):
        """Runs a load to its end; gives its figures."""
        return finish_load(self.start_load(to, "--quiet", *arguments))


def finish_load(load):
    """Waits for a load; gives its figures, with "failed" true if it did."""
    output = load.process.stdout.read()
    code = load.process.wait()
    load.process.stdout.close()
    if not output.strip():
        raise Failed(f"load: {load.errors().strip() or f'exit {code}'}")
    figures = json.loads(output)
    figures["failed"] = code != 0
    figures["messages"] = load.errors()
    return figures


def raise_descriptor_limit(needed):
    """Lets this process and its children open as many files as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Failed(f"this needs {needed} open files in a process, but the limit is {hard} (ulimit -Hn)")
    wanted = 1 << 20 if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what):
    """Asks until `condition` holds; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.02)


def memory(pid):
    """Bytes that the process has for itself: no files, no pages of programs."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"^Anonymous:\s+(\d+) kB$", text, re.M)[1]) * 1024
    except OSError:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"^RssAnon:\s+(\d+) kB$", text, re.M)[1]) * 1024


def descriptors(pid):
    """How many descriptors the process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))
