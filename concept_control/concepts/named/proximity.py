"""Concepts of who is closest to whom: to attend to it, or to be it."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import Draft, Family, draft, last_positions, masks
from concept_control.concepts.named.selection import Selection
from concept_control.world.events import Events

MARGIN = 0.12
"""The closest (furthest) is nearer (further) than the next by at least this."""

MOVE_MARGIN = 0.06
"""By so much the marker that was moved is closer to the one meant than to any other."""


class Proximity(Selection):
    """The one thing that is closest to (or furthest from) the marker, the one subject.

    Attributes:
        sign: 1 to count from the closest, -1 from the furthest.
        order: how many come before the one that is meant.
    """

    sign: float
    order: int = 0

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        scene = draft(rng, len(params) * num_events, 1, 3 + self.order, num_entities)
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
        return scene.finish(rng)

    def _rank(self, scene: Draft, rows: np.ndarray) -> np.ndarray:
        positions = scene.positions[rows, 0]
        distance = np.linalg.norm(positions - positions[:, :1], axis=-1)
        others = scene.present[rows].copy()
        others[:, 0] = False
        return np.where(others, self.sign * distance, np.inf)

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        distance = self.sign * _from_marker(last_positions(events), subjects)
        distance = np.where(present & ~subjects, distance, np.inf)
        meant = np.sort(distance, axis=1)[:, self.order : self.order + 1]
        return (distance == meant) & np.isfinite(distance)


class Closest(Proximity):
    """The closest to the marker."""

    name, description, token_types = 'closest', 'the thing closest to the marker', (19,)
    sign = 1.0


class Furthest(Proximity):
    """The furthest from the marker."""

    name, description, token_types = 'furthest', 'the thing furthest from the marker', (20,)
    sign = -1.0


class MarkerMove(Family):
    """Put the marker, the one subject, where the attended thing is its closest (furthest).

    Mordatch's proximity concepts: "bring the marker closest to the entity of a colour".
    """

    sign: float
    tolerance = 0.04

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        scene = draft(rng, len(params) * num_events, 2, 3, num_entities)
        scene.subjects[:, 0] = True
        pending = np.arange(len(scene.count))
        while len(pending):
            # All places anew: a thing in the middle of the others is nowhere the furthest.
            shape = (len(pending), 1, *scene.positions.shape[2:])
            scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)
            scene.positions[pending, 1, 0] = rng.uniform(-0.95, 0.95, (len(pending), 2))
            distance = self.sign * _from_marker(
                scene.positions[pending, 1], scene.subjects[pending]
            )
            others = scene.present[pending] & ~scene.subjects[pending]
            distance = np.where(others, distance, np.inf)
            two = np.sort(distance, axis=1)[:, :2]
            scene.attention[pending] = distance == two[:, :1]
            pending = pending[two[:, 1] - two[:, 0] < 2 * MOVE_MARGIN]
        return scene.finish(rng)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, attended = masks(events)
        distance = self.sign * _from_marker(last_positions(events), subjects)
        meant = np.where(attended, distance, -np.inf).max(axis=1)
        next_best = np.where(present & ~subjects & ~attended, distance, np.inf).min(axis=1)
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == 1)
        valid &= ~(subjects & attended).any(axis=1) & np.isfinite(next_best)
        # Half of it: a step towards one thing away from the other counts twice.
        with np.errstate(invalid='ignore'):
            short = np.maximum(meant - next_best + MOVE_MARGIN, 0.0) / 2
        return np.where(valid, short, np.inf)


class ToClosest(MarkerMove):
    """Closest to the attended one."""

    name = 'to_closest'
    description = 'put the marker where the one meant is the closest to it'
    token_types = (24,)
    sign = 1.0


class ToFurthest(MarkerMove):
    """Furthest from the attended one."""

    name = 'to_furthest'
    description = 'put the marker where the one meant is the furthest from it'
    token_types = (25,)
    sign = -1.0


def _from_marker(positions: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Return (B, N) distances from the mean of the subjects."""
    marker = (positions * subjects[..., None]).sum(axis=1, keepdims=True)
    marker = marker / np.maximum(subjects.sum(axis=1), 1)[:, None, None]
    return np.linalg.norm(positions - marker, axis=-1)
