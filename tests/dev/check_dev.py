#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests ./dev with --help, with wrong arguments, and without git, sudo or packages.

What it could install or compile with is replaced by programs that only say that they were called.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NOBODY = 65534
COMMANDS = ["demo", "test", "install", "coverage", "build", "bench", "bench guard", "bench peers", "soak", "format", "lint"]
WRONG = ["nonsense", "demo --nonsense", "test --nonsense", "test --preset", "test --preset nonsense",
         "test --preset windows", "test --platform", "test --platform nonsense", "test --all more",
         "coverage nonsense", "install", "install one two", "install --nonsense one", "build nonsense",
         "build release debug",
         "bench --nonsense", "bench guard more", "bench peers --nonsense", "bench --only nonsense",
         "soak nonsense", "format more", "lint more"]
# What ./dev itself is made of.
TOOLS = ["bash", "env", "sh", "cat", "awk", "dirname", "nproc", "sed", "head", "sort", "python3", "git",
         "mawk", "g++"]


class Failed(Exception):
    pass


class Stage:
    """A folder of programs that is the whole PATH. Its installers and builders only note each call."""

    def __init__(self, folder):
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.calls = folder / "calls"
        self.calls.touch()
        self.calls.chmod(0o666)
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)
        for tool in ("apt-get", "sudo", "cmake", "ctest", "ninja"):
            self.stub(tool)

    def stub(self, tool):
        program = self.bin / tool
        program.write_text(f'#!/bin/sh\necho "{tool} $*" >>{self.calls}\nexit 1\n')
        program.chmod(0o755)

    def dev(self, arguments, script=ROOT / "dev", user=None):
        """Runs ./dev; returns its exit code, its output, and what it called."""
        self.calls.write_text("")
        done = subprocess.run([str(script), *arguments.split()], env={"PATH": str(self.bin), "HOME": "/"},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, user=user)
        return done.returncode, done.stdout, self.calls.read_text()


def expect(what, condition, output):
    if not condition:
        raise Failed(f"{what}\n{output}")


def each_command_helps_before_it_installs_or_compiles(stage):
    for command in COMMANDS:
        code, output, calls = stage.dev(f"{command} --help")
        expect(f"{command} --help: exit {code}, called {calls!r}",
               code == 0 and not calls and command.split()[0] in output, output)


def wrong_arguments_end_with_2_before_anything_is_installed_or_compiled(stage):
    for arguments in WRONG:
        code, output, calls = stage.dev(arguments)
        expect(f"{arguments}: exit {code}, called {calls!r}", code == 2 and not calls and output.strip(), output)


def what_needs_git_says_so_where_there_is_no_clone(stage, folder):
    shutil.copy(ROOT / "dev", folder / "dev")
    for command in ("format", "lint"):
        code, output, calls = stage.dev(command, script=folder / "dev")
        expect(f"{command} without .git: exit {code}, called {calls!r}",
               code == 1 and not calls and "Is this a clone?" in output, output)


def a_user_without_sudo_is_told_all_that_root_must_do(stage, folder):
    """The first command on a new machine, where the lists of packages may be missing too."""
    (stage.bin / "sudo").unlink()
    (stage.bin / "ninja").unlink()
    shutil.copy(ROOT / "dev", folder / "dev")
    user = NOBODY if os.geteuid() == 0 else None
    code, output, calls = stage.dev("build", script=folder / "dev", user=user)
    expect(f"build without sudo: exit {code}, called {calls!r}",
           code == 1 and not calls and "apt-get update && apt-get install ninja-build" in output, output)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        stage = Stage(folder)
        each_command_helps_before_it_installs_or_compiles(stage)
        wrong_arguments_end_with_2_before_anything_is_installed_or_compiled(stage)
        what_needs_git_says_so_where_there_is_no_clone(stage, folder)
        a_user_without_sudo_is_told_all_that_root_must_do(stage, folder)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"dev: {failure}")
