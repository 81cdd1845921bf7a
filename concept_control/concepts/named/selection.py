"""Identifying a number of things, or the closest and the furthest; or moving the marker there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Family,
    Length,
    last_positions,
    marker_distances,
    masks,
    per_event,
)
from concept_control.world.events import Events

MANY = 4
"""Smallest number of entities that counts as "many"."""

TELLING = ((0, 0), (0, 0), (0, 1), (1, 1), (1, 3))
"""Things more than `MANY`, and others, in the first demonstrations of it: where most sets of a
scene are smaller it is seen to be about their number, and that it is not all there are."""


class Selection(Family):
    """A family that only identifies: its concepts hold where the attention is the true one."""

    generates = False
    num_steps: ClassVar[int | None] = 1

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, _, attended = masks(events)
        truth = self.true_attention(events, params)
        assert truth is not None
        wrong = (truth != attended) & present
        return np.where(wrong.any(axis=1), np.inf, 0.0)


class Quantity(Selection):
    """Any n entities; parameter n, where `MANY` means n or more."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.integers(1, MANY + 1, (num_concepts, 1)).astype(float)

    def entities_needed(self, rows: np.ndarray) -> int:
        return int(rows[:, 0].max())

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        wanted = rows[:, 0].astype(int)
        is_many = wanted == MANY
        is_telling = is_many & (scene.shot < len(TELLING))
        more, others = np.array(TELLING)[np.where(is_telling, scene.shot, 0)].T
        count = np.minimum(MANY + more + others, scene.sizes.shape[1])
        scene.count = np.where(is_telling, count, scene.count)
        more = np.where(is_telling, more, rng.integers(np.maximum(scene.count - MANY, 0) + 1))
        wanted = np.where(is_many, np.minimum(wanted + more, scene.count), wanted)
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]

    def meaning(self, params: np.ndarray, length: Length) -> str:
        count = int(params[0])
        return f'any {count}{" or more" if count == MANY else ""} of the things'

    def describe(self, params: np.ndarray) -> np.ndarray:
        return (params == np.arange(1, MANY + 1)).astype(float)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        _, _, attended = masks(events)
        count = np.minimum(attended.sum(axis=1), MANY)
        return np.where(count == per_event(params, events)[:, 0], 0.0, np.inf)


MARGIN = 0.12
"""Smallest lead of the closest (furthest) over the next in demonstrations [workspace units]."""

MOVE_MARGIN = 0.06
"""Lead that the moved marker has to have [workspace units]; twice that in demonstrations."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Proximity(Selection):
    """The one thing of a rank by its distance to the marker, the one subject.

    Attributes:
        sign: 1 to count from the closest, -1 from the furthest.
        order: Rank of the attended thing, 0 for the first.
    """

    sign: float
    order: int = 0

    def entities_needed(self, rows: np.ndarray) -> int:
        return 3 + self.order

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        pending = np.arange(len(scene.count))
        while len(pending):
            scene.positions[pending, 0] = rng.uniform(
                -0.95, 0.95, (len(pending), *scene.positions.shape[2:])
            )
            rank = self._rank(scene, pending)
            first = np.sort(rank, axis=1)[:, : self.order + 2]
            scene.attention[pending] = rank == first[:, -2:-1]
            pending = pending[(np.diff(first[:, -3:], axis=1) < MARGIN).any(axis=1)]

    def meaning(self, params: np.ndarray, length: Length) -> str:
        most = 'closest to' if self.sign > 0 else 'furthest from'
        rank = '' if self.order == 0 else f'number {self.order + 1} of those '
        return f'{rank}whose centre is {most} that of the thing in parentheses, the marker'

    def _rank(self, scene: Draft, rows: np.ndarray) -> np.ndarray:
        positions = scene.positions[rows, 0]
        distance = np.linalg.norm(positions - positions[:, :1], axis=-1)
        others = scene.present[rows].copy()
        others[:, 0] = False
        return np.where(others, self.sign * distance, np.inf)

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        distance = self.sign * marker_distances(last_positions(events), subjects)
        distance = np.where(present & ~subjects, distance, np.inf)
        meant = np.sort(distance, axis=1)[:, self.order : self.order + 1]
        return (distance == meant) & np.isfinite(distance)


@dataclass(frozen=True, eq=False, kw_only=True)
class MarkerMove(Family):
    """Put the marker, the one subject, where the attended thing is its closest (furthest).

    The proximity concepts of Mordatch (arXiv 1811.02486): "bring the marker closest to the entity
    of a colour".

    Attributes:
        sign: 1 for the closest, -1 for the furthest.
    """

    sign: float
    tolerance = 0.04
    min_entities = 3

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        pending = np.arange(len(scene.count))
        while len(pending):
            # All places anew: a thing in the middle of the others is nowhere the furthest.
            shape = (len(pending), 1, *scene.positions.shape[2:])
            scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)
            scene.positions[pending, 1, 0] = rng.uniform(-0.95, 0.95, (len(pending), 2))
            distance = self.sign * marker_distances(
                scene.positions[pending, 1], scene.subjects[pending]
            )
            others = scene.present[pending] & ~scene.subjects[pending]
            distance = np.where(others, distance, np.inf)
            two = np.sort(distance, axis=1)[:, :2]
            scene.attention[pending] = distance == two[:, :1]
            pending = pending[two[:, 1] - two[:, 0] < 2 * MOVE_MARGIN]

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, attended = masks(events)
        distance = self.sign * marker_distances(last_positions(events), subjects)
        meant = np.where(attended, distance, -np.inf).max(axis=1)
        next_best = np.where(present & ~subjects & ~attended, distance, np.inf).min(axis=1)
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == 1)
        valid &= ~(subjects & attended).any(axis=1) & np.isfinite(next_best)
        # Halved, because one step can be both towards one thing and away from the other.
        with np.errstate(invalid='ignore'):
            short = np.maximum(meant - next_best + MOVE_MARGIN, 0.0) / 2
        return np.where(valid, short, np.inf)
