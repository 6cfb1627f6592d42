# SPDX-License-Identifier: MIT
"""The rows of figures, and the one way to measure them: all sides in turn, in many rounds."""

import math
import os
import statistics
import sys
import time

import table
from building import what_went_wrong
from harness import Failed


def ratio_of(a, b):
    if b == 0:
        return 1.0 if a == 0 else math.inf
    return a / b


class Row:
    """One figure of each peer. `samples` has a list by peer: a figure a round, or one if it was
    counted. A ratio is taken within a round, because what else the machine does changes slowly."""

    def __init__(self, group, title, unit, samples, base="c", higher_is_better=False,
                 counted=False, compare=True, x=None, aside=()):
        self.group = group
        self.title = title
        self.unit = unit
        self.samples = samples
        self.base = base if samples.get(base) else "eddy"
        self.higher_is_better = higher_is_better
        self.counted = counted
        self.x = x              # how many, in a row of cost against scale
        self.aside = aside      # peers that are told, but are no rivals here
        self.compare = compare  # false: told, but nobody wins or loses by it

    def as_dict(self):
        return vars(self)

    @staticmethod
    def from_dict(values):
        row = Row("", "", "", {})
        vars(row).update(values)
        return row

    def median(self, peer):
        return statistics.median(self.samples[peer])

    def ratios(self, peer):
        """The ratios to the base; empty if there is no base."""
        base = self.samples.get(self.base, [])
        return [a / b for a, b in zip(self.samples[peer], base) if b > 0]

    def ratio(self, peer):
        ratios = self.ratios(peer)
        return statistics.median(ratios) if ratios else math.nan

    def noise(self):
        """The noise: by how much two copies of the base differ. A smaller difference means nothing."""
        if not self.samples.get("copy"):
            return 0.05
        return max(abs(self.ratio("copy") - 1), 0.005 if self.counted else 0.01)

    def rivals(self):
        others = (*table.LIMITS, *table.OTHER_COMPILERS, *self.aside, "eddy")
        return [peer for peer in self.samples if peer not in others]

    def factors(self, peer):
        """By how much the peer is better than eddy, in each round that can say."""
        pairs = zip(self.samples[peer], self.samples["eddy"])
        if self.higher_is_better:
            return [ratio_of(other, eddy) for other, eddy in pairs]
        return [ratio_of(eddy, other) for other, eddy in pairs]

    def standings(self):
        """The rivals in three lists of (peer, by what factor it is better than eddy), best first: those
        ahead of eddy, those level with it, those behind. A difference counts if each round shows it, and
        if it exceeds the noise."""
        ahead, level, behind = [], [], []
        if not self.compare or not self.samples.get("eddy"):
            return ahead, level, behind
        for peer in self.rivals():
            factors = self.factors(peer)
            if not factors:
                continue
            factor, least = statistics.median(factors), 1 + self.noise()
            if factor > least and min(factors) > 1:
                ahead.append((peer, factor))
            elif factor * least < 1 and max(factors) < 1:
                behind.append((peer, factor))
            else:
                level.append((peer, factor))
        for peers in (ahead, level, behind):
            peers.sort(key=lambda pair: -pair[1])
        return ahead, level, behind


class Session:
    """How much to measure, the programs to run, and the errors."""

    def __init__(self, builder, quick, rounds):
        self.builder = builder
        self.quick = quick
        self.rounds = rounds
        self.family = ""
        self.errors = {}    # text by (peer, what)
        self.began = time.monotonic()
        self.load = builder.release / "bench/echo_load"

    def choose(self, thorough, quick):
        return quick if self.quick else thorough

    def say(self, text):
        seconds = int(time.monotonic() - self.began)
        line = f"[{seconds // 60}:{seconds % 60:02}] {self.family}: {text}"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{line[:110]}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def fail(self, peer, what, error):
        self.errors[peer, what] = what_went_wrong(str(error))
        self.say(f"{peer}, {what}: FAILED: {str(error)[-300:]}")

    def commands(self, family, peers=None):
        """The command of each peer's program; peers without a program, or whose build fails, are left out."""
        commands = {}
        for peer in peers or table.PEERS:
            self.say(f"building {peer}")
            command = self.builder.command(family, peer)
            if command is not None:
                commands[peer] = command
            elif (family, peer) in self.builder.errors:
                self.errors[peer, "building"] = self.builder.errors[family, peer]
        return commands

    def interleave(self, what, sides, rounds=None, base="c"):
        """Calls each of `sides` in turn, in every round; gives the list of its results by peer.
        The base is called twice a round, as `copy`. A side that fails is out, with its error."""
        sides = dict(sides)
        if base not in sides:
            base = "eddy"
        if base in sides:
            sides["copy"] = sides[base]
        results = {peer: [] for peer in table.PEERS if peer in sides}
        order = list(results)
        rounds = rounds or self.rounds
        for i in range(rounds):
            for peer in order[i % len(order):] + order[:i % len(order)]:
                if peer not in results:
                    continue
                self.say(f"{what}: round {i + 1} of {rounds}: {peer}")
                try:
                    results[peer].append(sides[peer]())
                except Failed as error:
                    self.fail(peer, what, error)
                    del results[peer]
        return results

    def once(self, what, sides, base="c"):
        """As `interleave`, for counts: one call for each side."""
        sides = dict(sides)
        base = base if base in sides else "eddy"
        if base in sides:
            sides["copy"] = sides[base]
        results = {}
        for peer, side in sides.items():
            self.say(f"{what}: {peer}")
            try:
                results[peer] = [side()]
            except Failed as error:
                self.fail(peer, what, error)
        return results


def column(results, index):
    """One of the figures that each measurement gave."""
    return {peer: [figures[index] for figures in rounds] for peer, rounds in results.items()}


def machine_is_busy():
    """A server and its client make a load of two."""
    return os.getloadavg()[0] > 2.5
