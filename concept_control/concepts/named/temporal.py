"""Concepts of motion: what moved, what came closer, what moved before or after the marker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Length,
    marker_distances,
    masks,
    path_lengths,
)
from concept_control.concepts.named.selection import Selection
from concept_control.world.events import Events

SHORTEST_MOVE = 0.15
"""Shortest motion in demonstrations [workspace units]."""

COUNTS_AS_MOVED = SHORTEST_MOVE / 2
"""Length of a way above which something has moved [workspace units]."""

NUM_STEPS = 6
"""T of the events in which the order of motions counts."""

CLOSER_MARGIN = 0.15
"""Smallest approach in demonstrations [workspace units]; half of it counts as an approach."""


class Moved(Selection):
    """The things that moved between the first and the last state."""

    num_steps = 2
    min_entities = 2

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        wanted = 1 + rng.integers(np.maximum(np.minimum(scene.count - 1, 3), 1))
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]
        before = scene.positions[:, 0]
        step = _random_steps(rng, before)
        scene.positions[:, 1] = before + np.where(scene.attention[..., None], step, 0.0)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return f'whose way was longer than {length(COUNTS_AS_MOVED)}'

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        return (path_lengths(events) > COUNTS_AS_MOVED) & masks(events)[0]


class CameCloser(Selection):
    """The things that came closer to the marker, the one subject, which stays where it is."""

    num_steps = 2
    min_entities = 3

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        # The last is always one that came closer, so that there is something to see.
        kind = rng.choice(3, scene.sizes.shape, p=[0.35, 0.3, 0.35])
        kind[np.arange(len(kind)), scene.count - 1] = 1
        kind[:, 0] = 0
        todo = np.ones(scene.sizes.shape, dtype=bool)
        while todo.any():
            event, entity = np.nonzero(todo)
            before = scene.positions[event, 0, entity]
            after = np.where(
                kind[todo][:, None] == 0, before, rng.uniform(-0.95, 0.95, before.shape)
            )
            marker = scene.positions[event, 0, 0]
            gain = np.linalg.norm(before - marker, axis=1) - np.linalg.norm(after - marker, axis=1)
            wanted = kind[todo]
            good = np.where(
                wanted == 1, gain >= CLOSER_MARGIN, (wanted == 0) | (gain <= -CLOSER_MARGIN)
            )
            scene.positions[event[good], 1, entity[good]] = after[good]
            # What is too close to come closer, or too far to move away, starts elsewhere.
            fresh = rng.uniform(-0.95, 0.95, before.shape)
            scene.positions[event[~good], 0, entity[~good]] = fresh[~good]
            todo[event[good], entity[good]] = False
        scene.attention = (kind == 1) & scene.present

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        positions = events.positions.cpu().numpy().astype(float)
        first, last = (marker_distances(positions[:, step], subjects) for step in (0, -1))
        return (first - last > CLOSER_MARGIN / 2) & present & ~subjects


@dataclass(frozen=True, eq=False, kw_only=True)
class Order(Selection):
    """The things that moved before (after) the marker did, each within one step.

    Attributes:
        sign: -1 for before, 1 for after.
    """

    sign: float
    num_steps = NUM_STEPS
    min_entities = 3

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        shape = scene.sizes.shape
        events = np.arange(len(scene.count))
        # The interval between states in which each one moves; the marker's is in the middle.
        marker = rng.integers(1, NUM_STEPS - 2, len(events))
        moment = rng.integers(0, NUM_STEPS - 1, shape)
        moment = np.where(moment == marker[:, None], NUM_STEPS, moment)
        stays = rng.random(shape) < 0.2
        moment = np.where(stays, NUM_STEPS, moment)
        first = rng.integers(0, marker)
        late = rng.integers(marker + 1, NUM_STEPS - 1)
        moment[events, scene.count - 1] = np.where(self.sign < 0, first, late)
        moment[:, 0] = marker
        before = scene.positions[:, 0]
        step = _random_steps(rng, before)
        for time in range(NUM_STEPS):
            gone = moment < time
            scene.positions[:, time] = before + np.where(gone[..., None], step, 0.0)
        moves = moment < NUM_STEPS - 1
        earlier = self.sign * (moment - marker[:, None]) > 0
        scene.attention = moves & earlier & scene.present
        scene.attention[:, 0] = False

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, _ = masks(events)
        steps = (events.positions[:, 1:] - events.positions[:, :-1]).norm(dim=-1).cpu().numpy()
        path = steps.sum(axis=1)
        times = np.arange(steps.shape[1])
        when = (steps * times[None, :, None]).sum(axis=1) / np.maximum(path, 1e-9)
        marker = (when * subjects).sum(axis=1) / np.maximum(subjects.sum(axis=1), 1)
        earlier = self.sign * (when - marker[:, None]) > 0.25
        return (path > COUNTS_AS_MOVED) & earlier & present & ~subjects


def _random_steps(rng: np.random.Generator, before: np.ndarray) -> np.ndarray:
    """Draw displacements (B, N, 2) of entities at `before` (B, N, 2)."""
    length = rng.uniform(SHORTEST_MOVE, 0.7, before.shape[:2])
    angle = rng.uniform(-np.pi, np.pi, before.shape[:2])
    step = length[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    # Coordinates that would leave the workspace go the other way.
    return np.where(np.abs(before + step) > 0.98, -step, step)
