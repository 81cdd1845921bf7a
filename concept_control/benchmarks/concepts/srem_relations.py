"""SREM's relations and shapes, on axis-aligned boxes, and scenes that demonstrate them.

Definitions after N. Gkanatsios et al., "Energy-based Models are Zero-Shot Planners for
Compositional Scene Rearrangement", RSS 2023 (arXiv 2304.14391). They are not the definitions that
the particle world's families use: these are concepts of their own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from concept_control.benchmarks.concepts.boxes import (
    any_collision,
    area,
    boxes_from_centers,
    overlap_area,
    share_in_hull,
    shared,
)
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import Events

INSIDE_SHARE = 0.8
"""Share of the subject's area that has to be in the object."""

BETWEEN_SHARE = 0.51
"""Share of the subject's area that has to be in the hull of both anchors."""

SIZES = (0.1, 0.26)
"""Side lengths [workspace units]; SREM draws 0.1 to 0.3 in a workspace 1.7 wide."""

CONTAINER_SIZES = (0.4, 0.7)
REACH = 0.9
"""Centres lie in [-REACH, REACH]²."""

SHAPE_MEMBERS = {'circle': (5, 7), 'line': (3, 6)}
"""Fewest and most objects of a shape."""

_SHAPE_GOOD, _SHAPE_BAD = 0.03, 0.06
_WORKSPACE_SIDE = 2.0
_CANDIDATES = 256


RELATIONS: dict[str, Callable[[np.ndarray, np.ndarray], bool]] = {
    'left': lambda subject, objects: bool(subject[2] < objects[0, 0]),
    'right': lambda subject, objects: bool(subject[0] > objects[0, 2]),
    'front': lambda subject, objects: bool(subject[3] < objects[0, 1]),
    'behind': lambda subject, objects: bool(subject[1] > objects[0, 3]),
    'inside': lambda subject, objects: bool(
        overlap_area(subject, objects[0]) / area(subject) > INSIDE_SHARE
    ),
    'between': lambda subject, objects: share_in_hull(subject, objects) > BETWEEN_SHARE,
}
"""Whether a subject's box (4,) stands in the relation to the objects' boxes (A, 4); x to the
right, y to the back."""

DIRECTIONS = ('left', 'right', 'front', 'behind')


def num_objects(relation: str) -> int:
    """Return how many objects a relation is to."""
    return 2 if relation == 'between' else 1


def shape_score(shape: str, centers: np.ndarray) -> float:
    """Return SREM's task score in [0, 1] of centres (k, 2) as a circle or a line.

    With s the standard deviation of the distances to the centre (circle), or to the line, over
    the side of the image: 1 below 0.03, 0 from 0.06 on, linear in between.
    """
    centred = centers - centers.mean(axis=0)
    if shape == 'circle':
        deviation = np.linalg.norm(centred, axis=1).std()
    else:
        across = np.linalg.svd(centred)[2][1]
        deviation = (centred @ across).std()
    relative = deviation / _WORKSPACE_SIDE
    return float(np.clip((_SHAPE_BAD - relative) / (_SHAPE_BAD - _SHAPE_GOOD), 0.0, 1.0))


def random_looks(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw named colours (*shape, 3)."""
    table = np.array(list(NAMED_COLORS.values()))
    return table[rng.integers(len(table), size=shape)]


def demonstrate(
    rng: np.random.Generator, relation: str, number: int, shares_rows: bool = True
) -> Events:
    """Draw demonstrations of a relation: entity 0 has been moved to where it holds.

    Boxes are drawn anywhere, apart from each other unless one is to be inside the other, and kept
    if the relation holds and did not hold before.

    Args:
        rng: Source of randomness.
        relation: Name in `RELATIONS`.
        number: Number of demonstrations.
        shares_rows: Whether, as in the scenes that SREM trains on, things left and right of each
            other share rows and things in front and behind columns; the relation itself, by
            which it is judged, does not ask for that.
    """
    holds, objects = RELATIONS[relation], num_objects(relation)
    count = 1 + objects + 2
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    while len(kept) < number:
        after = rng.uniform(-REACH, REACH, (_CANDIDATES, count, 2))
        start = rng.uniform(-REACH, REACH, (_CANDIDATES, 2))
        sizes = rng.uniform(*SIZES, (_CANDIDATES, count))
        if relation == 'inside':
            sizes[:, 1] = rng.uniform(*CONTAINER_SIZES, _CANDIDATES)
        boxes, before = boxes_from_centers(after, sizes), boxes_from_centers(start, sizes[:, 0])
        apart = boxes[:, 1:] if relation == 'inside' else boxes
        for row in np.flatnonzero(~any_collision(apart)):
            others = boxes[row, 1 : 1 + objects]
            if shares_rows and relation in DIRECTIONS:
                axis = 1 if relation in ('left', 'right') else 0
                if shared(boxes[row, 0], others[0])[axis] <= 0:
                    continue
            if holds(boxes[row, 0], others) and not holds(before[row], others):
                kept.append((np.stack([after[row], after[row]]), sizes[row]))
                kept[-1][0][0, 0] = start[row]
    return Events(
        positions=np.stack([positions for positions, _ in kept[:number]]),
        colors=random_looks(rng, (number, count)),
        sizes=np.stack([sizes for _, sizes in kept[:number]]),
        subjects=np.tile(np.arange(count) == 0, (number, 1)),
        attention=np.tile((np.arange(count) > 0) & (np.arange(count) <= objects), (number, 1)),
    )


def demonstrate_shape(rng: np.random.Generator, shape: str, number: int) -> Events:
    """Draw demonstrations of a shape, all members moved there from anywhere.

    A circle is evenly spaced, as SREM draws it; a line has members at equal distances.
    """
    most = SHAPE_MEMBERS[shape][1]
    positions = rng.uniform(-REACH, REACH, (number, 2, most, 2))
    here = np.zeros((number, most), dtype=bool)
    for event in range(number):
        k = int(rng.integers(SHAPE_MEMBERS[shape][0], most + 1))
        here[event, :k] = True
        positions[event, 1, :k] = _draw_shape(rng, shape, k)
    return Events(
        positions=positions,
        colors=random_looks(rng, (number, most)),
        sizes=rng.uniform(0.1, 0.16, (number, most)),
        present=here,
        subjects=here,
        attention=here,
    )


def _draw_shape(rng: np.random.Generator, shape: str, k: int) -> np.ndarray:
    while True:
        turn = rng.uniform(-np.pi, np.pi)
        if shape == 'circle':
            angles = turn + 2 * np.pi * np.arange(k) / k
            places = rng.uniform(0.3, 0.7) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        else:
            along = (np.arange(k) - (k - 1) / 2) * rng.uniform(0.22, 0.4)
            places = along[:, None] * np.array([np.cos(turn), np.sin(turn)])
        places = places + rng.uniform(-0.6, 0.6, 2)
        if np.abs(places).max() <= REACH:
            return places
