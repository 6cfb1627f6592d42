#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the examples over a kernel seam that fails one call, and checks that each says on standard error
why it ends, with an exit code that is not zero.
"""

import argparse
import errno
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from processes import Failed, Programs  # noqa: E402


def check(name, program, arguments, fault, expected):
    call, index, number = fault
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "EDDY_FAULT": f"{call} {index} {number}"})
    print(f"{name}, {call} {index} {errno.errorcode[number]}: {done.returncode}: {done.stderr.strip()}")
    if done.returncode == 0:
        raise Failed(f"{name} ended as if all were well")
    if expected not in done.stderr:
        raise Failed(f"{name} did not say '{expected}'")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="where the programs with faults are")
    parser.add_argument("--examples", required=True, help="where the examples are")
    options = parser.parse_args()
    server = ("--listen", "127.0.0.1:0")
    # Before those of the program come the registration and the bell of its thread.
    deaf = ("epoll_add", 2, errno.ENOSPC)
    broken = ("accept", 0, errno.EINVAL)
    try:
        for name, arguments in (("echo_server", server), ("chat", server),
                                ("tcp_proxy", (*server, "--to", "127.0.0.1:1"))):
            program = pathlib.Path(options.bin) / f"fault_{name}"
            check(name, program, arguments, deaf, "cannot listen for signals: No space left")
            check(name, program, arguments, broken, "cannot accept: Invalid argument")
            check(name, program, arguments, ("create_bell", 1, errno.EMFILE), "cannot listen for signals")
            check(name, program, arguments, ("bind", 0, errno.EADDRINUSE), "cannot listen on")
        with Programs(options.examples, [], "") as programs:
            echo = programs.listen("echo_server")
            load = pathlib.Path(options.bin) / "fault_load"
            arguments = ("--to", echo.address, "--connections", "1", "--duration", "5s", "--quiet")
            check("load", load, arguments, deaf, "cannot listen for signals: No space left")
    except Failed as error:
        print(f"FAILED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
