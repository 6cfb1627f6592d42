#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs real clients against real servers, through the proxy and directly, and compares the results.

Prints a line for each test. Everything listens on a free port of 127.0.0.1, keeps its files in a
temporary folder, and has ended when this ends.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import time

from support import TESTS, Failed

import real_clients  # noqa: F401 (its tests are in TESTS)
import hard_cases  # noqa: F401
from processes import Programs, raise_descriptor_limit

PACKAGES = {"curl": "curl", "redis-server": "redis-server", "redis-cli": "redis-tools",
            "redis-benchmark": "redis-tools", "psql": "postgresql-client", "iperf3": "iperf3",
            "openssl": "openssl"}


def check_tools():
    missing = {package for tool, package in PACKAGES.items() if not shutil.which(tool)}
    if not shutil.which("postgres") and not list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing.add("postgresql")
    if missing:
        raise Failed(f"not installed: {' '.join(sorted(missing))} (as Debian names the packages)")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", default="build/release/examples", help="where the examples are")
    parser.add_argument("tests", nargs="*", help="run only these: " + " ".join(t.__name__ for t in TESTS))
    options = parser.parse_args()
    unknown = set(options.tests) - {t.__name__ for t in TESTS}
    if unknown:
        parser.error(f"no such test: {' '.join(sorted(unknown))}")

    check_tools()
    raise_descriptor_limit(10_100)
    failed = passed = 0
    for function in TESTS:
        if options.tests and function.__name__ not in options.tests:
            continue
        began, why = time.monotonic(), None
        try:
            with Programs(options.bin) as programs:
                function(programs)
        except (Failed, OSError, subprocess.SubprocessError, ValueError) as error:
            why = error
        passed, failed = passed + (why is None), failed + (why is not None)
        print(f"{'ok    ' if why is None else 'FAILED'} {time.monotonic() - began:6.1f} s  {function.__doc__}",
              flush=True)
        if why is not None:
            print(f"        {function.__name__}: {type(why).__name__}: {why}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"clients: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
