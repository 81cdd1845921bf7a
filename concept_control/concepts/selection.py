"""Concepts that only tell things apart: the closest, so many, those that moved."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import Draft, Family, draft, last_positions, masks, per_event
from concept_control.events import Events

MARGIN = 0.12
"""The closest (furthest) is nearer (further) than the next by at least this."""

SHORTEST_MOVE = 0.15
MANY = 4
"""From so many on it is "many"."""


class Selection(Family):
    """Identification alone: the attention has to be the right one."""

    generates = False

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, _, attended = masks(events)
        truth = self.true_attention(events, params)
        assert truth is not None
        wrong = (truth != attended) & present
        return np.where(wrong.any(axis=1), np.inf, 0.0)


class Proximity(Selection):
    """The one thing that is closest to (or furthest from) the marker, the one subject."""

    sign: float

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return np.zeros((num_concepts, 0))

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        scene = draft(rng, len(params) * num_events, 1, 3, num_entities)
        scene.subjects[:, 0] = True
        pending = np.arange(len(scene.count))
        while len(pending):
            scene.positions[pending, 0] = rng.uniform(
                -0.95, 0.95, (len(pending), *scene.positions.shape[2:])
            )
            rank = self._rank(scene, pending)
            two = np.sort(rank, axis=1)[:, :2]
            scene.attention[pending] = rank == two[:, :1]
            pending = pending[two[:, 1] - two[:, 0] < MARGIN]
        return scene.finish(rng)

    def _rank(self, scene: Draft, rows: np.ndarray) -> np.ndarray:
        positions = scene.positions[rows, 0]
        distance = np.linalg.norm(positions - positions[:, :1], axis=-1)
        others = scene.present[rows].copy()
        others[:, 0] = False
        return np.where(others, self.sign * distance, np.inf)

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        positions = last_positions(events)
        marker = (positions * subjects[..., None]).sum(axis=1, keepdims=True)
        marker = marker / np.maximum(subjects.sum(axis=1), 1)[:, None, None]
        distance = self.sign * np.linalg.norm(positions - marker, axis=-1)
        distance = np.where(present & ~subjects, distance, np.inf)
        return (distance == distance.min(axis=1, keepdims=True)) & np.isfinite(distance)


class Closest(Proximity):
    """The closest to the marker."""

    name, description, token_types = 'closest', 'the thing closest to the marker', (19,)
    sign = 1.0


class Furthest(Proximity):
    """The furthest from the marker."""

    name, description, token_types = 'furthest', 'the thing furthest from the marker', (20,)
    sign = -1.0


class Quantity(Selection):
    """So many things, whichever; parameter n, `MANY` meaning more than three."""

    name = 'quantity'
    description = 'one, two, three or more than three things'
    token_types = (21,)

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.integers(1, MANY + 1, (num_concepts, 1)).astype(float)

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        wanted = np.repeat(params[:, 0], num_events).astype(int)
        fewest = MANY if (wanted == MANY).any() else int(wanted.max())
        scene = draft(rng, len(wanted), 1, fewest, num_entities)
        extra = rng.integers(np.maximum(scene.count - MANY, 0) + 1)
        wanted = wanted + np.where(wanted == MANY, extra, 0)
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]
        return scene.finish(rng)

    def describe(self, params: np.ndarray) -> np.ndarray:
        return (params == np.arange(1, MANY + 1)).astype(float)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        _, _, attended = masks(events)
        count = np.minimum(attended.sum(axis=1), MANY)
        return np.where(count == per_event(params, events)[:, 0], 0.0, np.inf)


class Moved(Selection):
    """The things that moved between the first and the last state."""

    name = 'moved'
    description = 'the things that moved'
    token_types = (22,)

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return np.zeros((num_concepts, 0))

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        scene = draft(rng, len(params) * num_events, 2, 2, num_entities)
        wanted = 1 + rng.integers(np.maximum(np.minimum(scene.count - 1, 3), 1))
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]
        length = rng.uniform(SHORTEST_MOVE, 0.7, scene.sizes.shape)
        angle = rng.uniform(-np.pi, np.pi, scene.sizes.shape)
        step = length[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        before = scene.positions[:, 0]
        # A step that would leave the workspace goes the other way.
        step = np.where(np.abs(before + step) > 0.98, -step, step)
        scene.positions[:, 1] = before + np.where(scene.attention[..., None], step, 0.0)
        return scene.finish(rng)

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        moved = (events.positions[:, -1] - events.positions[:, 0]).norm(dim=-1).cpu().numpy()
        return (moved > SHORTEST_MOVE / 2) & masks(events)[0]
