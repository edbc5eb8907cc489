"""Where clusters and flows stand on the map. Pure; in units of the drawing, which scales to the page.

Clusters stand on an ellipse, two of them side by side. A flow is a line from edge to edge of two boxes, a little to its own
right, so that a flow and the one back are two lines.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH = 720
BOX_W, BOX_H = 150, 44
ASIDE = 12
MARGIN = 16


@dataclass(frozen=True, slots=True)
class Node:
    """`x`, `y`: its middle."""

    name: str
    x: float
    y: float

    @property
    def left(self) -> float:
        return self.x - BOX_W / 2

    @property
    def top(self) -> float:
        return self.y - BOX_H / 2


@dataclass(frozen=True, slots=True)
class Line:
    source: str
    target: str
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def label_x(self) -> float:
        return self.x1 + (self.x2 - self.x1) * 0.5

    @property
    def label_y(self) -> float:
        """Beside the line: above the one, below the one back."""
        return (self.y1 + self.y2) / 2 + (-8 if self.x2 >= self.x1 else 18)


@dataclass(frozen=True, slots=True)
class Drawing:
    nodes: tuple[Node, ...]
    lines: tuple[Line, ...]
    height: int
    width: int = WIDTH
    box_w: int = BOX_W
    box_h: int = BOX_H


def draw(clusters: Iterable[str], flows: Sequence[tuple[str, str]]) -> Drawing:
    names = sorted({*clusters, *(name for flow in flows for name in flow)})
    height = 120 if len(names) <= 2 else 140 + 60 * math.ceil(len(names) / 2)
    nodes = _placed(names, height)
    return Drawing(tuple(nodes.values()), tuple(_line(nodes[a], nodes[b]) for a, b in flows), height)


def _placed(names: Sequence[str], height: int) -> Mapping[str, Node]:
    across, down = (WIDTH - BOX_W) / 2 - MARGIN, (height - BOX_H) / 2 - MARGIN
    found = {}
    for index, name in enumerate(names):
        # The first is at the left.
        angle = math.pi + 2 * math.pi * index / len(names)
        found[name] = Node(
            name,
            round(WIDTH / 2 + across * math.cos(angle), 1),
            round(height / 2 + down * math.sin(angle), 1),
        )
    return found


def _line(source: Node, target: Node) -> Line:
    dx, dy = target.x - source.x, target.y - source.y
    length = math.hypot(dx, dy) or 1.0
    right = (-dy / length * ASIDE, dx / length * ASIDE)
    x1, y1 = _edge(source, dx, dy, 4)
    x2, y2 = _edge(target, -dx, -dy, 10)
    return Line(
        source.name,
        target.name,
        *(round(value, 1) for value in (x1 - right[0], y1 - right[1], x2 - right[0], y2 - right[1])),
    )


def _edge(node: Node, dx: float, dy: float, gap: float) -> tuple[float, float]:
    """Where a ray from the middle of the box leaves it, and `gap` further on."""
    scale = min(
        (BOX_W / 2) / abs(dx) if dx else math.inf,
        (BOX_H / 2) / abs(dy) if dy else math.inf,
    )
    length = math.hypot(dx, dy) or 1.0
    scale = 0.0 if math.isinf(scale) else scale
    return node.x + dx * (scale + gap / length), node.y + dy * (scale + gap / length)
