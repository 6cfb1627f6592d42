#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the examples of another platform under its emulator: load drives the echo server, straight
and through the proxy. Fails if a connection fails or a byte that comes back is wrong.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from processes import Failed, Programs  # noqa: E402

CONNECTIONS = 20


def drive(programs, server):
    figures = programs.load(server.address, "--connections", CONNECTIONS, "--size", 1000, "--depth", 4,
                            "--duration", "1s")
    print(f"{server.name}: {figures}")
    if figures["failed"]:
        raise Failed(f"{server.name}: {figures['messages'].strip()}")
    # Each connection has its requests under way when the time begins, and all are answered.
    if figures["requests"] < CONNECTIONS * 4:
        raise Failed(f"{server.name}: {figures['requests']} requests on {CONNECTIONS} connections")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", required=True, help="where the examples are")
    parser.add_argument("--suffix", default="", help="how their files end")
    parser.add_argument("emulator", nargs="*", help="what is put before them")
    options = parser.parse_args()
    try:
        with Programs(options.bin, options.emulator, options.suffix) as programs:
            echo = programs.listen("echo_server")
            drive(programs, echo)
            proxy = programs.listen("tcp_proxy", "--to", echo.address)
            drive(programs, proxy)
    except Failed as error:
        print(f"FAILED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
