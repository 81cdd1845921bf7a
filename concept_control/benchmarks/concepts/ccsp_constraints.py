"""Diffusion-CCSP's qualitative constraints on a unit square, and scenes that demonstrate them.

Definitions after Z. Yang et al., "Compositional Diffusion-Based Continuous Constraint Solvers",
CoRL 2023 (arXiv 2309.00966). Lengths are shares of the square's side and the origin is its middle;
what the paper leaves open (how much of a side two things share where one is left of the other, and
how far apart they may be) is taken from the published generator of problems.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from concept_control.benchmarks.concepts.boxes import any_collision, boxes_from_centers, shared
from concept_control.benchmarks.concepts.srem_relations import random_looks
from concept_control.energy.goals.solving import Walls
from concept_control.world.events import Events

SIDE = 2.0
"""Side of the unit square [workspace units]: it is the workspace."""

WALLS = Walls(separation=1.095, edge=0.995, holds_bodies=True, weight=100.0)
"""Walls of the unit square: nothing collides, nothing sticks out, whatever is asked."""

CENTRE, CLOSE, AWAY, ALIGNED, TOUCHING = 0.3, 0.3, 0.5, 0.05, 0.1
"""Thresholds of centre-in, close-to, away-from, aligned and touching."""

BESIDE_GAP = (-0.05, 0.3)
"""Gap between things that are left of, or on top of, one another."""

SQUARES = (0.1, 0.24)
"""Side lengths of squares [workspace units]."""

PART, PADDING = 0.25, 0.1
"""Smallest side of a part and largest padding of rectangles, in shares of the side."""

BESIDE_SHARE = 0.6
"""Share of the shorter side that they have to have in common across."""


@dataclass(frozen=True)
class Things:
    """N rectangles, in shares of the unit square's side, the origin in its middle.

    Attributes:
        centers: (..., N, 2).
        sides: (..., N, 2).
    """

    centers: np.ndarray
    sides: np.ndarray

    @classmethod
    def at(cls, positions: np.ndarray, sides: np.ndarray) -> Things:
        """Return the things at positions and with sides (..., N, 2), workspace units."""
        return cls(np.asarray(positions) / SIDE, np.asarray(sides) / SIDE)

    @property
    def boxes(self) -> np.ndarray:
        """(..., N, 4)."""
        return boxes_from_centers(self.centers, self.sides)


Test = Callable[[Things, int, int], np.ndarray]
"""Whether a constraint holds (...) of things i and j; of those on a single thing j is i."""


def _edge_beyond_middle(edge: int, sign: float) -> Test:
    return lambda things, i, j: sign * things.boxes[..., i, edge] > 0


def _distance(things: Things, i: int, j: int) -> np.ndarray:
    return np.linalg.norm(things.centers[..., i, :] - things.centers[..., j, :], axis=-1)


def _beside(axis: int, sign: float) -> Test:
    """Thing i lies before j along an axis (sign 1) or beyond it (-1), close by."""

    def test(things: Things, i: int, j: int) -> np.ndarray:
        common = shared(things.boxes[..., i, :], things.boxes[..., j, :])
        shorter = np.minimum(things.sides[..., i, :], things.sides[..., j, :])[..., 1 - axis]
        ahead = things.centers[..., j, axis] - things.centers[..., i, axis]
        gap = -common[..., axis]
        return (
            (sign * ahead > 0)
            & (gap >= BESIDE_GAP[0])
            & (gap < BESIDE_GAP[1])
            & (common[..., 1 - axis] > BESIDE_SHARE * shorter)
        )

    return test


def _touching(things: Things, i: int, j: int) -> np.ndarray:
    common = shared(things.boxes[..., i, :], things.boxes[..., j, :])
    near = common > -TOUCHING
    across = common > BESIDE_SHARE * np.minimum(things.sides[..., i, :], things.sides[..., j, :])
    return (near & across[..., ::-1]).any(axis=-1)


def _aligned(axis: int) -> Test:
    return lambda things, i, j: (
        np.abs(things.centers[..., i, axis] - things.centers[..., j, axis]) < ALIGNED
    )


UNARY: dict[str, Test] = {
    'centre-in': lambda things, i, j: np.linalg.norm(things.centers[..., i, :], axis=-1) < CENTRE,
    'left-in': _edge_beyond_middle(2, -1.0),
    'right-in': _edge_beyond_middle(0, 1.0),
    'bottom-in': _edge_beyond_middle(3, -1.0),
    'top-in': _edge_beyond_middle(1, 1.0),
}
"""Constraints on a single thing."""

BINARY: dict[str, Test] = {
    'left-of': _beside(0, 1.0),
    'top-of': _beside(1, -1.0),
    'close-to': lambda things, i, j: _distance(things, i, j) < CLOSE,
    'away-from': lambda things, i, j: _distance(things, i, j) > AWAY,
    'aligned-x': _aligned(0),
    'aligned-y': _aligned(1),
    'touching': _touching,
}
"""Constraints on two things. aligned-x: in one column."""

ORDERED = ('left-of', 'top-of')
"""Binary constraints in which the order of the two things counts."""

CONSTRAINTS = {**UNARY, **BINARY}


Arrangement = tuple[np.ndarray, np.ndarray]
"""Positions (N, 2) without collisions, and sides (N, 2), workspace units."""


def squares(rng: np.random.Generator, count: int) -> Arrangement:
    """Draw squares of 5 to 12 % of the side, anywhere."""
    while True:
        sides = np.repeat(rng.uniform(*SQUARES, (count, 1)), 2, axis=1)
        places = rng.uniform(sides / 2 - 1, 1 - sides / 2)
        if not any_collision(boxes_from_centers(places, sides)):
            return places, sides


def rectangles(rng: np.random.Generator, count: int) -> Arrangement:
    """Draw rectangles as the published generator does: the square is split, and each part padded.

    Cuts are anywhere, in either direction, and leave parts of at least `PART` of the side.
    """
    parts = [np.array([-0.5, -0.5, 0.5, 0.5])]
    while len(parts) < count:
        low = parts.pop(int(rng.integers(len(parts))))
        axis = int(rng.integers(2))
        cut = rng.uniform(low[axis], low[axis + 2])
        high = low.copy()
        low[axis + 2] = high[axis] = cut
        parts += [low, high]
        if min((part[2:] - part[:2]).min() for part in parts) < PART:
            parts = [np.array([-0.5, -0.5, 0.5, 0.5])]
    boxes = SIDE * (np.stack(parts) + rng.uniform(0, PADDING, (count, 4)) * [1, 1, -1, -1])
    boxes = rng.permutation(boxes)
    return (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]


KINDS = {'squares': squares, 'rectangles': rectangles}
"""Kinds of things: name to how arrangements of them are drawn."""


def demonstrate(rng: np.random.Generator, name: str, number: int, kind: str) -> Events:
    """Draw demonstrations: thing 0 has been moved to where the constraint holds, of 2 to 5.

    Args:
        rng: Source of randomness.
        name: Name in `CONSTRAINTS`.
        number: Number of demonstrations.
        kind: Name in `KINDS`.
    """
    test = CONSTRAINTS[name]
    second = 0 if name in UNARY else 1
    events: list[Events] = []
    while len(events) < number:
        count = int(rng.integers(2, 6))
        after, sides = KINDS[kind](rng, count)
        if not test(Things.at(after, sides), 0, second):
            continue
        before = after.copy()
        before[0] = rng.uniform(-1.0, 1.0, 2)
        entity = np.arange(count)
        events.append(
            Events(
                positions=np.stack([before, after])[None],
                colors=random_looks(rng, (1, count)),
                sizes=sides[None],
                subjects=(entity == 0)[None],
                attention=((entity == 1) & (second == 1))[None],
            )
        )
    return Events.concatenate(events)
