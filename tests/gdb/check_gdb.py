#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that gdb shows the tasks of a release build, in a live process and in its core file.

Compares what `eddy tasks` finds without calling anything with what the library says of itself when gdb
calls `eddy::dump_tasks_to_stderr()`. Exits with 77, and says why, where gdb cannot look at a process.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "share" / "gdb" / "eddy.py"

# What gdb and the kernel say where a process may not be looked at.
REFUSALS = ("Operation not permitted", "Could not attach", "No such process", "Function not implemented")


class Failed(Exception):
    pass


class Skipped(Exception):
    pass


def expect(holds, what, text):
    if not holds:
        raise Failed(f"{what}; gdb said:\n{text}")


def expect_lines(text, patterns):
    lines = [line.strip() for line in text.splitlines()]
    for pattern in patterns:
        expect(any(re.fullmatch(pattern, line) for line in lines), f"no line is\n  {pattern}", text)


def without_ages(text):
    """The parts of a dump that do not change between two dumps, line by line."""
    lines = [re.sub(r" since \d+\.\d{3} s$", "", line.strip()) for line in text.splitlines()]
    # The oldest of several that are equally old may be another.
    lines = [re.sub(r", the oldest, task 0x\w+", ", the oldest", line) for line in lines]
    return sorted(lines)


def of_main_thread(text):
    """The lines below the heading of thread 1."""
    found = re.search(r"^\d+ tasks of thread 1 .*\n((?:  .*\n)+)", text, re.MULTILINE)
    expect(found, "no tasks of thread 1", text)
    return found.group(1)


class Check:
    def __init__(self, gdb, program, folder):
        self.gdb = gdb
        self.folder = folder
        # With the script beside it, under the name by which gdb loads it with the program.
        self.program = folder / "program"
        shutil.copy(program, self.program)
        shutil.copy(SCRIPT, folder / "program-gdb.py")
        self.core = folder / "core"

    def run_gdb(self, target, *commands):
        options = [f"--init-eval-command=set auto-load safe-path {self.folder}",
                   "--init-eval-command=set debuginfod enabled off"]
        for command in ("set width 0", "set pagination off", *commands):
            options.append(f"--eval-command={command}")
        done = subprocess.run([self.gdb, "-nx", "-q", "-batch", *options, self.program, *target],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=self.folder,
                              stderr=subprocess.STDOUT, text=True, timeout=100, check=False)
        for refusal in REFUSALS:
            if refusal in done.stdout and "ptrace" in done.stdout:
                raise Skipped(f"gdb cannot look at a process here: {refusal}")
        return done.stdout

    def shapes(self, text):
        place = r"program\.cpp:\d+"
        chain = rf"{place} \(program::leaf\) < {place} \(program::middle\)"
        since = r"since \d+\.\d{3} s"
        spawned = rf"spawned at {place} \(program::run\)"
        expect_lines(text, [
            rf'1 task of thread 2 \(LWP \d+(, "program")?\)',
            rf"task 0x\w+ spawned at {place} \(main::<lambda>\) waits at {place}"
            rf" \(program::other_thread\) for a waker {since}",
            rf"3 tasks {spawned} wait at {chain} < {place} \(program::sleeper\) for a timer,"
            rf" the oldest, task 0x\w+, {since}",
            rf'task 0x\w+ "client 1" {spawned} waits at {place} \(program::client\) for a waker {since}',
            rf"task 0x\w+ {spawned} waits at {place} \(program::selecting\) for the first of several {since}",
            rf"task 0x\w+ branch of task 0x\w+ waits at {place} \(program::leaf\) for a timer {since}",
            rf"2 branches wait for a timer, the oldest, task 0x\w+, {since}",
            rf"task 0x\w+ {spawned} waits at {place} \(program::accepting\) for accept \(source \d+\) {since}",
            rf"task 0x\w+ {spawned} waits at {place} \(program::reading\) for read \(source \d+\) {since}",
            rf"task 0x\w+ {spawned} waits at {place} \(program::reading_of_the_gone\) for what is gone {since}",
            rf"task 0x\w+ {spawned} waits at {place} \(program::taking\) for a task of a join set {since}",
            rf"task 0x\w+ branch of task 0x\w+ waits at {place} \(program::waiting_for_room::<lambda>\)"
            rf" for room in a group {since}",
            rf"task 0x\w+ {spawned} has not started",
            rf"task 0x\w+ spawned at {place} \(main\) runs",
        ])
        expect(".hpp" not in text and "eddy::detail" not in text, "places of the library are shown", text)

    def live(self, process):
        text = self.run_gdb(["-p", str(process.pid)], "eddy tasks", f"gcore {self.core}")
        self.shapes(text)
        return text

    def core_file(self, live):
        text = self.run_gdb([self.core], "eddy tasks", "eddy tasks each")
        self.shapes(text)
        expect(without_ages(of_main_thread(text)) == without_ages(of_main_thread(live)),
               f"in the live process gdb said:\n{live}\nwhich is not what is in the core file", text)
        expect(text.count(" spawned at ") > live.count(" spawned at "), "each is no longer", text)

    def called(self, process, live):
        text = self.run_gdb(["-p", str(process.pid)], "call eddy::dump_tasks_to_stderr()")
        process.kill()
        said = process.stderr.read().replace("eddy: ", "")
        expect(said, "the call printed nothing", text)
        expect(without_ages(of_main_thread(live)) == without_ages(said),
               f"the library said:\n{said}\nwhich is not what gdb says", live)

    def all(self):
        with subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            try:
                if process.stdout.readline() != "ready\n":
                    raise Failed("the program did not become ready")
                live = self.live(process)
                self.core_file(live)
                self.called(process, live)
            finally:
                process.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=pathlib.Path, required=True)
    options = parser.parse_args()
    gdb = shutil.which("gdb")
    if gdb is None:
        print("skipped: there is no gdb (Debian: gdb)")
        return SKIPPED
    with tempfile.TemporaryDirectory(dir=options.program.parent) as folder:
        try:
            Check(gdb, options.program, pathlib.Path(folder).resolve()).all()
        except Skipped as reason:
            print(f"skipped: {reason}")
            return SKIPPED
        except Failed as failure:
            print(failure, file=sys.stderr)
            return 1
    print("gdb sees the tasks of a live process and of its core file")
    return 0


if __name__ == "__main__":
    sys.exit(main())
