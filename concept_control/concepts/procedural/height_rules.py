"""Random rules of height and support: between which faces, on which side, and who carries whom."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from concept_control.concepts.family import (
    SIZE_RANGE,
    Draft,
    Family,
    masks,
    mean_of,
    outside_of,
    per_event,
)
from concept_control.concepts.named.relational import Relation
from concept_control.concepts.named.stacking import (
    FACE_GAP,
    Pile,
    piles,
    put_on,
    raised,
    spread_out,
    tipped,
    vertical,
)
from concept_control.world.events import Events

_TABLE, _FACES, _MIDDLE = range(3)
"""Measures: the lower face above the table and above the upper face of the other, and the middle
above its middle."""

_LOWEST = {_TABLE: (0.1, 0.19), _FACES: (-0.1, 0.08), _MIDDLE: (0.08, 0.15)}
"""Range of the lower bound of each."""

_WIDTHS = (0.04, 0.06)
"""Range of the width of the bounds."""

_SIDES = 5
"""Number of sides: anywhere, right of the other, above, left and below, as seen from above."""

_AWAY = 0.25
"""Least distance on a side, along it."""


class HeightRules(Relation):
    """Have a face within random bounds of a face of another thing, on a random side of it.

    Parameters: the measure, its least and largest value, and the side.
    """

    reads_sizes = True
    tolerance = 0.04

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        measure, side = rng.integers(3, size=num_concepts), rng.integers(_SIDES, size=num_concepts)
        low = rng.uniform(*np.array([_LOWEST[each] for each in measure]).T)
        return np.stack([measure, low, low + rng.uniform(*_WIDTHS, num_concepts), side], axis=1)

    def describe(self, params: np.ndarray) -> np.ndarray:
        return params * np.array([0.25, 1.0, 1.0, 0.2])

    def entities_needed(self, rows: np.ndarray) -> int:
        return 3

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        spread_out(rng, scene)
        scene.subjects[:, 0] = scene.attention[:, 1] = True
        measure, side = rows[:, 0].astype(int), rows[:, 3].astype(int)
        value, (low, high) = rng.uniform(rows[:, 1], rows[:, 2]), SIZE_RANGE
        own, every = rng.uniform(low, 0.16, len(rows)), np.arange(len(rows))
        # How high what carries the subject, the third, must be is a share of the other's height.
        share = np.select([measure == _FACES, measure == _MIDDLE], [1.0, 0.5])
        least = np.where(measure == _MIDDLE, value - own / 2, value)
        span = np.stack([np.full_like(value, low), np.full_like(value, high)])
        other = rng.uniform(low, high, len(rows))
        depends = share > 0
        with np.errstate(divide='ignore', invalid='ignore'):
            fits = np.clip((span - least) / share, low, high)
        other[depends] = rng.uniform(*fits[:, depends])
        scene.sizes[:, :3] = np.stack([own, other, least + share * other], axis=1)
        target = self._carrier_places(rng, side, scene)
        scene.positions[:, :, 2] = target[:, None]
        put_on(rng, scene, 1, 0, 2, every)

    def _carrier_places(
        self, rng: np.random.Generator, side: np.ndarray, scene: Draft
    ) -> np.ndarray:
        """Return free places (B, 2) for what carries the subject, on a side of the other."""
        ticks = np.linspace(-0.9, 0.9, 19)
        grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        way, every = _ways(side), np.arange(len(side))
        # The other changes places with the one that has most room on that side.
        first = 1 + (scene.positions[:, 0, 1:] * way[:, None]).sum(axis=-1).argmin(axis=1)
        swapped = scene.positions[every, :, first].copy()
        scene.positions[every, :, first] = scene.positions[:, :, 1]
        scene.positions[:, :, 1] = swapped
        places = np.delete(scene.positions[:, 0], 2, axis=1)
        away = np.abs(grid[None, :, None] - places[:, None]).max(axis=-1).min(axis=2)
        along = ((grid - swapped[:, :1]) * way[:, None]).sum(axis=-1)
        is_there = (along > _AWAY + 0.1) | (side == 0)[:, None]
        noise = rng.random(away.shape)
        score = np.where(away > 0.27, noise, -1.0 + 0.1 * away)
        return grid[np.where(is_there, score, -9.0).argmax(axis=1)]

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        rows = per_event(params, events)
        relative, valid = self.relative_position(events)
        _, subjects, attended = masks(events)
        faces = np.stack(vertical(events), axis=-1)
        low, high = mean_of(faces, subjects).T
        other_low, other_high = mean_of(faces, attended).T
        middle = (low + high - other_low - other_high) / 2
        values = np.stack([low, low - other_high, middle])
        measure, side = rows[:, 0].astype(int), rows[:, 3].astype(int)
        along = np.where(side > 0, (relative * _ways(side)).sum(axis=1), np.inf)
        with np.errstate(invalid='ignore'):
            beyond = outside_of(values[measure, np.arange(len(rows))], rows[:, 1], rows[:, 2])
            beyond = np.where(beyond <= FACE_GAP, 0.0, np.inf)
            return np.where(valid, np.maximum(beyond, _AWAY - along), np.inf)


def _ways(side: np.ndarray) -> np.ndarray:
    """Return the unit vectors (B, 2) towards sides (B,), zero for anywhere."""
    return np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [0, -1]])[side]


PATTERNS: tuple[tuple[tuple[int, ...], ...], ...] = (
    ((), (0,), ()),
    ((), (0,), (1,)),
    ((), (), (0, 1)),
    ((), (0,), (), (2,)),
    ((), (0,), (1,), ()),
    ((), (), (0, 1), (2,)),
    ((), (), (0, 1), ()),
)
"""Patterns: which members carry each of them, none for what stands on the table."""


class SupportPatterns(Family):
    """Carry one another in a random pattern; one parameter, the number among `PATTERNS`."""

    reads_sizes = True
    tolerance = 0.04

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.integers(len(PATTERNS), size=(num_concepts, 1)).astype(float)

    def describe(self, params: np.ndarray) -> np.ndarray:
        return np.eye(len(PATTERNS))[params[:, 0].astype(int)]

    def entities_needed(self, rows: np.ndarray) -> int:
        return max(len(pattern) for pattern in PATTERNS)

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        spread_out(rng, scene, coarsest=3)
        for row, number in enumerate(rows[:, 0].astype(int)):
            pattern = PATTERNS[number]
            side = scene.sizes[row, : len(pattern)] = rng.uniform(SIZE_RANGE[0], 0.2)
            place, bottoms = scene.positions[row, 1], raised(scene)[row, 1]
            for member, carriers in enumerate(pattern):
                if len(carriers) == 2:
                    first, second = carriers
                    step = -np.sign(place[first]) * np.eye(2)[rng.integers(2)]
                    place[second] = place[first] + side * rng.uniform(1.35, 1.5) * step
                if carriers:
                    off = rng.uniform(-0.1, 0.1, 2) * side
                    place[member] = place[list(carriers)].mean(axis=0) + off
                    bottoms[member] = bottoms[carriers[0]] + side
            # What stands on the table is shown elsewhere, too.
            if rng.random() < 0.5:
                place[: len(pattern)] += rng.uniform(-0.05, 0.05, 2)
            scene.subjects[row, : len(pattern)] = scene.attention[row, : len(pattern)] = True

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        numbers = per_event(params, events)[:, 0].astype(int)
        return np.array([_pattern_error(PATTERNS[n], p) for n, p in zip(numbers, piles(events))])


def _pattern_error(pattern: tuple[tuple[int, ...], ...], pile: Pile) -> float:
    """Return how far the worst middle is off what carries it; infinite for another pattern."""
    if len(pile.lower) != len(pattern):
        return np.inf
    places, halves, lower, upper = pile
    apart = np.abs(places[:, None] - places) - halves[:, None] - halves
    carries = (np.abs(lower[:, None] - upper) <= FACE_GAP) & (apart.max(axis=-1) < 0)
    np.fill_diagonal(carries, False)
    found = [tuple(np.flatnonzero(each)) for each in carries]
    if any((low > FACE_GAP) != bool(below) for low, below in zip(lower, found)):
        return np.inf
    wanted = {(member, below) for member, each in enumerate(pattern) for below in each}
    for order in permutations(range(len(pattern))):
        if {(order[i], order[j]) for i, each in enumerate(found) for j in each} == wanted:
            return max(
                tipped(places[i], halves[i], places[list(each)], halves[list(each)])
                for i, each in enumerate(found)
                if each
            )
    return np.inf


RULES: tuple[Family, ...] = (
    HeightRules('height_rules', 'stand at a random height, on a random side of another thing', ()),
    SupportPatterns('support_patterns', 'carry one another in a random pattern', ()),
)
"""Procedural families for stacked things."""
