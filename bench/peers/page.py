# SPDX-License-Identifier: MIT
"""Writes the page: the rows that eddy does not lead, then each family with its tables and its picture."""

import math
import os
import pathlib
import platform
import shutil
import subprocess
import textwrap

import plot
import table
from building import is_eddy
from measuring import Row

INTRO = """# Performance: eddy beside its peers

`./dev bench peers` writes this page. Do not edit it: run that command instead.

Every figure is of one program, written for this comparison, that does the same work on one thread
(`bench/peers/FAMILY/PEER.*`). TCP_NODELAY is on, and read buffers are 16 KiB (node's are 64 KiB and cannot be
chosen). Nothing is logged. Each program is the optimised build that its users would ship (C and C++ at `-O2`, Rust at
`opt-level = 3` with one codegen unit; eddy without link-time optimisation). eddy is measured twice: built by g++, as all
else in C and C++ is, and built by clang, which is told but not compared with the peers.

How it is measured:

- The sides run one after the other, round after round; the order rotates. A figure is the median of the ratios of
  each round to the base, with the smallest and the largest in brackets. Below it stands the median of the plain
  figures. The base is the hand-written C program, or eddy where there is no such program.
- The base runs twice in each round, and "{copy}" should be 1.00. A difference counts if it exceeds the difference
  between those two, and if every round shows it. The rule is strict because there are hundreds of pairs to compare: by
  a looser rule chance would decide some of them.
- Server CPU is the CPU time of the server's process, user and system, from the kernel's clock. The load generator is
  another process.
- `strace -f -c` counts system calls. Those that wait for events are counted apart from the rest, in a run that is
  stopped at them alone: a program that is stopped at each call is so slow that it waits more often. (Where that load
  cannot be held still, they are counted in each round.)
- valgrind's callgrind counts user instructions. What callgrind cannot run has no figure: io_uring, and programs that
  write code as they run or move their stacks.
- System calls and instructions are counted in runs of their own, as the difference of a long and a short run.
- A dash: this peer has no such operation, or could not be measured (then "Left out" names it).
"""


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return None
    return (done.stdout or done.stderr).strip().partition("\n")[0] or None


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def versions():
    """Lines that say what was measured, and on which machine."""
    compiler = first_line(*os.environ.get("CXX", "g++").split(), "--version")
    others = filter(None, (first_line(other, "--version") for other in table.OTHER_COMPILERS.values()))
    found = [f"{os.cpu_count()} cores of {cpu_model()}", f"Linux {platform.release()}", compiler, *others]
    peers = [f"{name} {version}" for name, package in table.PACKAGES.items()
             if (version := first_line("dpkg-query", "-W", "-f=${Version}", package))
             and " " not in version]
    for tool, *arguments in (("rustc", "--version"), ("go", "version"), ("node", "--version"),
                             ("haproxy", "-v"), ("wrk", "-v")):
        if shutil.which(tool):
            line = first_line(tool, *arguments) or ""
            peers.append(f"node {line}" if tool == "node" else line.partition("Copyright")[0].strip())
    return [", ".join(filter(None, found)) + ".", "Peers: " + ", ".join(filter(None, peers)) + "."]


def figure(value, unit):
    """The value with three digits, in a suitable unit."""
    if unit == "ns" and abs(value) >= 1e6:
        value, unit = value / 1e6, "ms"
    elif unit == "ns" and abs(value) >= 1e3:
        value, unit = value / 1e3, "us"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".strip().replace(" /s", "/s")


def cell(row, peer):
    if not row.samples.get(peer):
        return "-"
    plain = figure(row.median(peer), row.unit)
    ratios = row.ratios(peer)
    if peer == row.base or not ratios:
        return plain
    ratio = row.ratio(peer)
    digits = 2 if ratio < 20 else 0
    text = f"{ratio:,.{digits}f}"
    if len(ratios) > 1:
        text += f" ({min(ratios):,.{digits}f}-{max(ratios):,.{digits}f})"
    return f"{text}<br>{plain}"


def markdown_table(rows):
    lines = ["| | " + " | ".join(row.title for row in rows) + " |",
             "|---|" + "---:|" * len(rows)]
    for peer in plot.peers_of(rows):
        name = table.PEERS[peer]
        name = f"**{name}**" if is_eddy(peer) else name
        lines.append(f"| {name} | " + " | ".join(cell(row, peer) for row in rows) + " |")
    return lines


def by_how_much(factor):
    return "without end" if math.isinf(factor) else f"{factor:.2f} times"


def summary(families):
    """How many rows eddy leads, and the lines of those that it does not lead."""
    led = led_always = 0
    lost, level = [], []
    for family in families.values():
        for row in map(Row.from_dict, family["rows"]):
            ahead, beside, behind = row.standings()
            name = f"- {family['title']}; {row.group}; {row.title}: "
            if ahead:
                rivals = ", ".join(f"{table.PEERS[peer]} {by_how_much(factor)}" for peer, factor in ahead)
                lost.append(name + rivals)
            elif better := [peer for peer, factor in beside if factor > 1]:
                level.append(name + ", ".join(table.PEERS[peer] for peer in better))
            elif beside or behind:
                led += 1
                led_always += not beside
    count = (f"eddy shares {led + len(lost) + len(level)} rows with a peer. It is ahead in {led} (in {led_always} "
             f"of them of every peer in every round), level in {len(level)}, and behind in {len(lost)}. "
             f"(Rows of cost against scale tell how a cost grows, and are not counted.)")
    lines = ["## Where eddy is behind", "", *textwrap.wrap(count, 110), ""]
    if lost:
        lines += ["Behind. After each peer stands how much better it is:", "", *lost, ""]
    if level:
        lines += ["Level. These peers are better, but not in every round, or by less than the noise:", "", *level, ""]
    return lines


def family_lines(name, family):
    lines = [f"## {family['title']}", ""]
    for note in family["notes"]:
        lines += [*textwrap.wrap(note, 110, break_on_hyphens=False), ""]
    rounds = "one round" if family["rounds"] == 1 else f"{family['rounds']} rounds"
    shared = (f"; the machine was shared and did other work meanwhile (load {family['load']:.1f} on "
              f"{os.cpu_count()} cores), so trust the counts more than the times")
    measured = f"Measured on {family['date']}, in {rounds}{shared if family['busy'] else ''}."
    lines += [*textwrap.wrap(measured, 110), ""]
    if family["plot"]:
        lines += [f"![{family['title']}](performance/{name}.svg)", ""]
    for group, rows in plot.grouped(map(Row.from_dict, family["rows"])).items():
        better = "more is better" if rows[0].higher_is_better else "less is better"
        lines += [f"### {group[0].upper()}{group[1:]}", "",
                  f"Ratios to {table.PEERS[rows[0].base]}; {better}.", "", *markdown_table(rows), ""]
    if family["errors"]:
        lines += ["Left out:", ""]
        for peer, what, error in family["errors"]:
            lines += [f"- {table.PEERS[peer]}, {what}:", "", "  ```text",
                      *(f"  {line}" for line in error.strip().splitlines()), "  ```", ""]
    return lines


def write(page, families):
    """`families` has the results by name, in the order of the page."""
    folder = page.parent / page.stem
    folder.mkdir(parents=True, exist_ok=True)
    lines = [INTRO.format(copy=table.PEERS["copy"]), "On what:", ""]
    for line in versions():
        lines += textwrap.wrap(line, 110, initial_indent="- ", subsequent_indent="  ",
                               break_on_hyphens=False)
    lines += ["", *summary(families)]
    for name, family in families.items():
        picture = plot.draw(family["title"], [Row.from_dict(row) for row in family["rows"]])
        family["plot"] = picture is not None
        if picture is not None:
            (folder / f"{name}.svg").write_text(picture)
        lines += family_lines(name, family)
    page.write_text("\n".join(lines).rstrip() + "\n")
