#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fails if the name of a test has a part that changes between builds or runs: bytes or an address."""

import argparse
import json
import re
import subprocess
import sys

# How GoogleTest prints a pointer, and a value that it cannot print.
UNSTABLE = re.compile(r"0x[0-9a-fA-F]|-byte object|<[0-9A-F]{2}-[0-9A-F]{2}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ctest", default="ctest")
    parser.add_argument("--build", required=True, help="the build folder")
    options = parser.parse_args()
    listed = subprocess.run([options.ctest, "--test-dir", options.build, "--show-only=json-v1"],
                            stdout=subprocess.PIPE, text=True, check=True)
    names = [test["name"] for test in json.loads(listed.stdout)["tests"]]
    unstable = [name for name in names if UNSTABLE.search(name)]
    for name in unstable:
        print(name)
    print(f"{len(names)} names, {len(unstable)} of them hold bytes or an address")
    return 1 if unstable or not names else 0


if __name__ == "__main__":
    sys.exit(main())
