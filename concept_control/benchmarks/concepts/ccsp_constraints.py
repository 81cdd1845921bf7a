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
from concept_control.world.events import Events

CENTRE, CLOSE, AWAY, ALIGNED, TOUCHING = 0.3, 0.3, 0.5, 0.05, 0.1
"""Thresholds of centre-in, close-to, away-from, aligned and touching."""

BESIDE_GAP = (-0.05, 0.3)
"""Gap between things that are left of, or on top of, one another."""

BESIDE_SHARE = 0.6
"""Share of the shorter side that they have to have in common across."""


@dataclass(frozen=True)
class Things:
    """N squares, in shares of the unit square's side, the origin in its middle.

    Attributes:
        centers: (..., N, 2).
        sizes: (..., N) side lengths.
    """

    centers: np.ndarray
    sizes: np.ndarray

    @property
    def boxes(self) -> np.ndarray:
        """(..., N, 4)."""
        return boxes_from_centers(self.centers, self.sizes)


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
        shorter = np.minimum(things.sizes[..., i], things.sizes[..., j])
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
    shorter = np.minimum(things.sizes[..., i], things.sizes[..., j])
    near = common > -TOUCHING
    across = common > BESIDE_SHARE * shorter[..., None]
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


@dataclass(frozen=True)
class Frame:
    """Position of the unit square in the workspace: middle on middle.

    It is as much larger than the reach of centres, [-1, 1]², as the largest thing sticks out, so
    that the workspace's limit keeps every thing inside the square: the constraint "in".

    Attributes:
        largest: Side length of the largest thing [workspace units].
    """

    largest: float

    @property
    def side(self) -> float:
        """Side of the unit square, workspace units."""
        return 2.0 + self.largest

    def things(self, positions: np.ndarray, sizes: np.ndarray) -> Things:
        """Return positions (..., N, 2) and sizes (..., N) of the workspace as `Things`."""
        return Things(np.asarray(positions) / self.side, np.asarray(sizes) / self.side)


def arrangements(
    rng: np.random.Generator, number: int, count: int, sizes: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Draw positions (number, N, 2) without collisions and side lengths, workspace units."""
    places, sides = np.zeros((0, count, 2)), np.zeros((0, count))
    while len(places) < number:
        drawn = rng.uniform(-1.0, 1.0, (number, count, 2))
        side = rng.uniform(*sizes, (number, count))
        free = ~any_collision(boxes_from_centers(drawn, side))
        places, sides = np.concatenate([places, drawn[free]]), np.concatenate([sides, side[free]])
    return places[:number], sides[:number]


def demonstrate(
    rng: np.random.Generator, name: str, number: int, sizes: tuple[float, float]
) -> Events:
    """Draw demonstrations: thing 0 has been moved to where the constraint holds, of 2 to 5.

    Args:
        rng: Source of randomness.
        name: Name in `CONSTRAINTS`.
        number: Number of demonstrations.
        sizes: Smallest and largest side length [workspace units].
    """
    test, frame = CONSTRAINTS[name], Frame(sizes[1])
    second = 0 if name in UNARY else 1
    events: list[Events] = []
    while len(events) < number:
        count = int(rng.integers(2, 6))
        after, sides = arrangements(rng, 64, count, sizes)
        good = np.flatnonzero(test(frame.things(after, sides), 0, second))
        if len(good) == 0:
            continue
        row = good[0]
        before = after[row].copy()
        before[0] = rng.uniform(-1.0, 1.0, 2)
        entity = np.arange(count)
        events.append(
            Events(
                positions=np.stack([before, after[row]])[None],
                colors=random_looks(rng, (1, count)),
                sizes=sides[row][None],
                subjects=(entity == 0)[None],
                attention=((entity == 1) & (second == 1))[None],
            )
        )
    return Events.concatenate(events)
