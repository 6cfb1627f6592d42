# SPDX-License-Identifier: MIT
"""Starts, drives, ends and counts the programs that are measured, for bench/measure.py and
bench/peers/compare.py."""

import contextlib
import os
import pathlib
import re
import resource
import select
import subprocess
import tempfile
import time


class Failed(Exception):
    """The reason why a measurement could not be made."""


def run(command, timeout=300, **options):
    """Runs a command to its end, and returns its output."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              timeout=timeout, stdin=subprocess.DEVNULL, **options)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{' '.join(command)}: not done after {timeout} s") from error
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done


def numbers(command, timeout=300):
    return [float(word) for word in run(command, timeout).stdout.split()]


class Server:
    """A server, perhaps under another program, for as long as the `with` lasts. It prints its port."""

    def __init__(self, command):
        self.command = [str(word) for word in command]
        self.stderr = tempfile.TemporaryFile(mode="w+")
        self.process = None
        self.port = None

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.stderr, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        line = self.process.stdout.readline() if ready else ""
        if not line.strip().isdigit():
            said = self.stop().strip()[-300:]
            raise Failed(f"{' '.join(self.command)} did not print its port{said and ': '}{said}")
        self.port = line.strip()
        return self

    def __exit__(self, *_):
        self.stop()
        self.stderr.close()

    @property
    def pid(self):
        return self.process.pid

    def child(self):
        """The process that `self.process`, such as strace, has started."""
        text = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return int(text.split()[0])

    def measured(self):
        """The process that serves: the child of strace, if strace runs it."""
        if os.path.basename(self.command[0]) == "strace":
            with contextlib.suppress(OSError, IndexError):
                return self.child()
        return self.pid

    def stop(self):
        """Ends the server, and returns the output of it, or of the program that runs it."""
        if self.stderr.closed or self.process.stdout.closed:
            return ""
        if self.process.poll() is None:
            target = self.measured()
            os.kill(target, 15)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(target, 9)
                self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.stderr.seek(0)
        return self.stderr.read()

    def status(self, field):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise Failed(f"/proc/PID/status has no {field}")


# ---- driving an echo server ----

def drive(load, server, *arguments, timeout=120):
    """Requests a second, server CPU ns per request, p50 and p99 in ns. `load` is echo_load."""
    return numbers([load, server.port, server.measured(), *arguments], timeout)


@contextlib.contextmanager
def held_connections(load, server, count):
    """`count` idle connections to the server, each of which has had an answer."""
    holder = subprocess.Popen([str(load), server.port, str(server.pid), str(count), "--hold"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
    try:
        ready, _, _ = select.select([holder.stdout], [], [], 60)
        if not ready or holder.stdout.readline().strip() != "held":
            holder.kill()
            raise Failed(f"cannot hold {count} connections: {holder.stderr.read().strip()}")
        yield
    finally:
        holder.stdin.close()
        holder.wait(timeout=60)
        holder.stdout.close()
        holder.stderr.close()


def idle(load, command, count, seconds):
    """Bytes of server memory for each of `count` idle connections, and its wake-ups a second."""
    with Server(command) as server:
        with held_connections(load, server, 1):
            before = server.status("RssAnon")
        with held_connections(load, server, count):
            memory = (server.status("RssAnon") - before) * 1024 / count
            time.sleep(0.1)
            switches = server.status("voluntary_ctxt_switches")
            time.sleep(seconds)
            return memory, (server.status("voluntary_ctxt_switches") - switches) / seconds


# ---- counting ----

CALLGRIND = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]


def instructions(text):
    found = re.search(r"Collected : (\d+)", text)
    if not found:
        raise Failed(f"callgrind did not count: {text[-300:]}")
    return int(found[1])


def instructions_each(command, rounds, per_round=1, timeout=300):
    """The cost of one operation, from the difference of two runs of `command ROUNDS`."""
    few, many = (instructions(run([*CALLGRIND, *command, n], timeout).stderr)
                 for n in (rounds, 3 * rounds))
    return (many - few) / (2 * rounds * per_round)


def count_echo(load, command, around, read_count, connections, rounds, pace):
    """The cost of one echo, from the difference of two runs."""
    totals = []
    for n in (rounds, 3 * rounds):
        with Server([*around, *command]) as running:
            drive(load, running, connections, 64, 1, 10 * n * connections, pace)
            totals.append(read_count(running.stop()))
    return (totals[1] - totals[0]) / (2 * rounds * 11 * connections)  # a tenth goes before


def instructions_per_echo(load, command, connections, rounds):
    return count_echo(load, command, CALLGRIND, instructions, connections, rounds, "--standstill")


def system_calls_in(table):
    """The total in the table that `strace -c -o TABLE` wrote."""
    for line in table.read_text().splitlines():
        if line.endswith(" total"):
            return int(line.split()[3])
    raise Failed("strace did not count")


WAITS = "epoll_wait,epoll_pwait,epoll_pwait2,io_uring_enter"
# strace's options, to count all system calls but those that wait for events, and those. The latter stop
# the program at those calls alone: stopped at each call it is so slow that it waits for fewer events at a
# time, and one that goes by how long its work takes looks up from it more often.
TRACE_TRANSFERS = ("-e", f"trace=!{WAITS}")
TRACE_WAITS = ("--seccomp-bpf", "-e", f"trace={WAITS}")


def traced_calls_per_echo(load, command, connections, rounds, pace, *options):
    with tempfile.TemporaryDirectory() as folder:
        table = pathlib.Path(folder) / "strace"
        return count_echo(load, command, ["strace", "-f", "-c", *options, "-o", str(table)],
                          lambda _: system_calls_in(table), connections, rounds, pace)


def transfers_per_echo(load, command, connections, rounds):
    """All system calls except those that wait for events."""
    return traced_calls_per_echo(load, command, connections, rounds, "--standstill",
                                 *TRACE_TRANSFERS)


def waits_per_echo(load, command, connections, rounds):
    return traced_calls_per_echo(load, command, connections, rounds, "--lockstep", *TRACE_WAITS)


def system_calls_per_echo(load, command, connections, rounds):
    return (transfers_per_echo(load, command, connections, rounds) +
            waits_per_echo(load, command, connections, 4 * rounds))


# ---- compiling ----

def compile_seconds(command, timeout=300):
    """CPU seconds of one run of a compiler."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, timeout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def standard_headers(include):
    """A program that includes the standard headers that eddy's headers include, and uses nothing."""
    headers = set()
    for path in include.rglob("*.hpp"):
        headers.update(re.findall(r"^#include <([a-z0-9_]+)>", path.read_text(), re.MULTILINE))
    return "".join(f"#include <{h}>\n" for h in sorted(headers)) + "int main() {}\n"
