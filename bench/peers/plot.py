# SPDX-License-Identifier: MIT
"""Draws a family as an SVG picture: a line a row, a dot a peer, at its ratio to the base."""

import math
from xml.sax.saxutils import escape

import table

COLOURS = {
    "headers": "#777777",
    "c": "#555555", "copy": "#aaaaaa", "uring": "#222222", "eddy": "#d62728",
    "eddy_clang": "#ff9896",
    "asio_callbacks": "#1f77b4", "asio_awaitable": "#17becf", "boost_fiber": "#8c564b",
    "libuv": "#2ca02c", "libevent": "#9acd32", "libev": "#006400", "haproxy": "#7b68ee",
    "tokio": "#ff7f0e", "go": "#e377c2", "node": "#bcbd22",
}

LEFT, RIGHT, STEP, PLOT = 330, 30, 24, 560


class Picture:
    def __init__(self, width, height):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="white"/>']

    def text(self, x, y, text, anchor="start", colour="#222222", weight="normal"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
                          f'font-weight="{weight}">{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, colour, width=1.0):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'stroke="{colour}" stroke-width="{width}"/>')

    def dot(self, x, y, radius, colour, title):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}" '
                          f'fill-opacity="0.85"><title>{escape(title)}</title></circle>')

    def curve(self, points, colour, width):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" '
                          f'stroke-width="{width}"/>')

    def __str__(self):
        return "\n".join([*self.parts, "</svg>", ""])


def ticks(low, high):
    """The numbers 1, 2, 5, 10, ... between the two."""
    found = []
    for power in range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1):
        found += [step * 10.0 ** power for step in (1, 2, 5) if
                  low <= step * 10.0 ** power <= high]
    return found


def legend(picture, peers, y):
    x = 10.0
    for peer in peers:
        name = table.PEERS[peer]
        if x + 22 + 7 * len(name) > LEFT + PLOT + RIGHT:
            x, y = 10.0, y + 18
        picture.dot(x + 5, y - 4, 6 if peer == "eddy" else 4, COLOURS[peer], name)
        picture.text(x + 14, y, name, weight="bold" if peer == "eddy" else "normal")
        x += 26 + 7 * len(name)
    return y


def peers_of(rows):
    return [peer for peer in table.PEERS if any(peer in row.samples for row in rows)]


def grouped(rows):
    groups = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return groups


def dots(title, rows):
    """Ratios on a logarithmic scale; the spread is drawn for eddy and for the copy of the base."""
    rows = [row for row in rows if any(row.ratios(peer) for peer in row.samples)]
    rows = [row for members in grouped(rows).values() for row in members]
    ratios = [row.ratio(peer) for row in rows for peer in row.samples if row.ratios(peer)]
    ratios = [ratio for ratio in ratios if ratio > 0]
    if not ratios:
        return None
    low, high = min(0.8, *ratios) * 0.95, max(1.25, *ratios) * 1.05
    groups = len({row.group for row in rows})
    top = 70
    height = top + STEP * (len(rows) + groups) + 40
    picture = Picture(LEFT + PLOT + RIGHT, height)

    def x_of(ratio):
        return LEFT + PLOT * math.log(ratio / low) / math.log(high / low)

    picture.text(10, 18, title, weight="bold")
    legend(picture, peers_of(rows), 38)
    bottom = height - 30
    for tick in ticks(low, high):
        picture.line(x_of(tick), top, x_of(tick), bottom, "#222222" if tick == 1 else "#dddddd")
        picture.text(x_of(tick), bottom + 16, f"{tick:g}", "middle")
    y, group = top, None
    for row in rows:
        if row.group != group:
            group = row.group
            y += STEP
            better = "more is better" if row.higher_is_better else "less is better"
            picture.text(10, y - 4, f"{group} ({better}), against {table.PEERS[row.base]}", weight="bold")
        y += STEP
        picture.text(LEFT - 10, y - 8, row.title, "end")
        picture.line(LEFT, y - 12, LEFT + PLOT, y - 12, "#eeeeee")
        for peer in [*(p for p in row.samples if p != "eddy"), "eddy"]:
            within = [ratio for ratio in row.ratios(peer) if ratio > 0] if peer in row.samples else []
            if not within or row.ratio(peer) <= 0:
                continue
            if peer in ("eddy", "copy"):
                picture.line(x_of(max(low, min(within))), y - 12, x_of(min(high, max(within))), y - 12,
                             COLOURS[peer], 2)
            picture.dot(x_of(row.ratio(peer)), y - 12, 6 if peer == "eddy" else 4, COLOURS[peer],
                        f"{table.PEERS[peer]}: {row.ratio(peer):.2f}")
    return str(picture)


def curves(title, rows):
    """Figures by number of tasks or connections: a panel for each group, with logarithmic scales."""
    groups = grouped(rows)
    panel, top = 300, 70
    picture = Picture(LEFT + PLOT + RIGHT, top + panel * len(groups))
    picture.text(10, 18, title, weight="bold")
    legend(picture, [peer for peer in peers_of(rows) if peer != "copy"], 38)
    for number, (group, members) in enumerate(groups.items()):
        draw_panel(picture, group, members, top + panel * number, panel)
    return str(picture)


def draw_panel(picture, group, rows, top, height):
    left, right, upper, lower = 90, LEFT + PLOT, top + 30, top + height - 40
    figures = [row.median(peer) for row in rows for peer in row.samples if row.median(peer) > 0]
    counts = [row.x for row in rows]
    low, high = min(figures) * 0.8, max(figures) * 1.25
    last = max(max(counts), min(counts) * 2)

    def x_of(count):
        return left + (right - left) * math.log(count / min(counts)) / math.log(last / min(counts))

    def y_of(figure):
        return lower - (lower - upper) * math.log(figure / low) / math.log(high / low)

    picture.text(10, top + 16, f"{group} (ns)", weight="bold")
    for tick in ticks(low, high):
        picture.line(left, y_of(tick), right, y_of(tick), "#dddddd")
        picture.text(left - 8, y_of(tick) + 4, f"{tick:,g}", "end")
    for count in counts:
        picture.line(x_of(count), upper, x_of(count), lower, "#eeeeee")
        picture.text(x_of(count), lower + 16, f"{count:,}", "middle")
    for peer in [*(p for p in peers_of(rows) if p not in ("copy", "eddy")), "eddy"]:
        points = [(x_of(row.x), y_of(row.median(peer))) for row in rows
                  if row.samples.get(peer) and row.median(peer) > 0]
        picture.curve(points, COLOURS[peer], 3 if peer == "eddy" else 1.5)
        for x, y in points:
            picture.dot(x, y, 4 if peer == "eddy" else 2.5, COLOURS[peer], table.PEERS[peer])


def draw(title, rows):
    """The picture of a family; None if there is nothing to draw."""
    if rows and all(row.x is not None for row in rows):
        return curves(title, rows)
    return dots(title, rows)
