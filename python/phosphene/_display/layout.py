"""Where the boxes of a network's drawing stand: rows from the inputs down, with few crossings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Key = Any
"""What boxes are called by; anything that can be a key."""

Point = tuple[float, float]

SWEEPS = 8


@dataclass(frozen=True)
class Layout:
    """The places of boxes and the lines between them, in pixels from the top left corner."""

    size: Point
    """Width and height of all of it."""
    centres: Mapping[Key, Point]
    """The middle of each box."""
    lines: Sequence[Sequence[Point]]
    """For each connection the points that it goes through, from a box's bottom to a box's top."""


def arrange(boxes: Mapping[Key, Point], sources: Mapping[Key, Sequence[Key]], gap: Point) -> Layout:
    """Place boxes below those that they read from.

    A box stands one row below the lowest of its sources, lines that pass rows get a place in
    each of them, and boxes stand as close to the middle of their neighbours as the order in their
    row lets them (Sugiyama, Tagawa, Toda: Methods for Visual Understanding of Hierarchical System
    Structures, 1981).

    Parameters
    ----------
    boxes
        Width and height of each box, in an order in which sources come first.
    sources
        For each box those that it reads from.
    gap
        The space between boxes side by side and between rows.
    """
    rank: dict[Key, int] = {}
    for key in boxes:
        rank[key] = 1 + max((rank[source] for source in sources[key]), default=-1)
    rows: list[list[Key]] = [[] for _ in range(1 + max(rank.values(), default=-1))]
    for key, row in rank.items():
        rows[row].append(key)
    widths: dict[Key, float] = {key: size[0] for key, size in boxes.items()}
    above: dict[Key, list[Key]] = {key: [] for key in boxes}
    paths: list[list[Key]] = []
    for key in boxes:
        for source in dict.fromkeys(sources[key]):
            path = [source]
            for row in range(rank[source] + 1, rank[key]):
                passing = ("passing", source, key, row)
                widths[passing], above[passing] = 0, [path[-1]]
                rows[row].append(passing)
                path.append(passing)
            above[key].append(path[-1])
            paths.append([*path, key])
    below: dict[Key, list[Key]] = {key: [] for key in widths}
    for key, upper in above.items():
        for each in upper:
            below[each].append(key)
    _order(rows, above, below)
    x = _columns(rows, above, below, widths, gap[0])
    return _placed(boxes, rows, rank, paths, x, gap[1])


def _order(
    rows: list[list[Key]], above: Mapping[Key, Sequence[Key]], below: Mapping[Key, Sequence[Key]]
) -> None:
    """Sort each row by the mean place of the neighbours, down and up again."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        places: dict[Key, float] = {}
        for row in rows if down else reversed(rows):
            old = {key: index for index, key in enumerate(row)}
            wish = {key: _mean([places[n] for n in neighbours[key]], old[key]) for key in row}
            row.sort(key=lambda key, wish=wish, old=old: (wish[key], old[key]))  # type: ignore[misc]
            middle = (len(row) - 1) / 2
            places.update({key: index - middle for index, key in enumerate(row)})


def _columns(
    rows: Sequence[Sequence[Key]],
    above: Mapping[Key, Sequence[Key]],
    below: Mapping[Key, Sequence[Key]],
    widths: Mapping[Key, float],
    gap: float,
) -> dict[Key, float]:
    """Return the horizontal middle of everything, starting at 0."""
    x: dict[Key, float] = {key: 0.0 for row in rows for key in row}
    for sweep in range(2 * SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows if sweep % 2 == 0 else reversed(rows):
            wishes = [_mean([x[n] for n in neighbours[key]], x[key]) for key in row]
            steps = [
                (widths[left] + widths[right]) / 2 + gap for left, right in itertools.pairwise(row)
            ]
            x.update(zip(row, _spread(wishes, steps), strict=True))
    left = min((x[key] - widths[key] / 2 for key in x), default=0)
    return {key: place - left for key, place in x.items()}


def _spread(wishes: Sequence[float], steps: Sequence[float]) -> list[float]:
    """Return the places closest to the wishes (least squares) that keep the distances `steps`.

    Less the distances it is a regression on a rising sequence, which pooling neighbours solves.
    """
    starts = [0.0]
    for step in steps:
        starts.append(starts[-1] + step)
    pools: list[tuple[float, int]] = []
    for wish, start in zip(wishes, starts, strict=True):
        mean, count = wish - start, 1
        while pools and pools[-1][0] > mean:
            other, size = pools.pop()
            mean, count = (mean * count + other * size) / (count + size), count + size
        pools.append((mean, count))
    flat = [mean for mean, count in pools for _ in range(count)]
    return [mean + start for mean, start in zip(flat, starts, strict=True)]


def _placed(
    boxes: Mapping[Key, Point],
    rows: Sequence[Sequence[Key]],
    rank: Mapping[Key, int],
    paths: Sequence[Sequence[Key]],
    x: Mapping[Key, float],
    gap: float,
) -> Layout:
    heights = [max(boxes[key][1] for key in row if key in boxes) for row in rows]
    tops = [sum(heights[:row]) + row * gap for row in range(len(rows))]
    centres = {key: (x[key], tops[rank[key]] + heights[rank[key]] / 2) for key in boxes}
    lines = []
    for path in paths:
        first, last = path[0], path[-1]
        points = [(x[first], centres[first][1] + boxes[first][1] / 2)]
        for key in path[1:-1]:
            row = rank[first] + len(points) // 2 + 1
            points += [(x[key], tops[row]), (x[key], tops[row] + heights[row])]
        points.append((x[last], centres[last][1] - boxes[last][1] / 2))
        lines.append(points)
    width = max((x[key] + boxes[key][0] / 2 for key in boxes), default=0)
    width = max([width, *x.values()])
    return Layout((width, tops[-1] + heights[-1] if rows else 0), centres, lines)


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
