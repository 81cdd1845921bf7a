"""Regions of the workspace: a place, half-planes, halves, quadrants, discs, rings, the edge."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Family,
    last_positions,
    masks,
    outside_of,
    per_event,
)
from concept_control.world.events import Events

EDGE = 0.75
"""Smallest |x| or |y| that counts as the edge of the workspace."""


class Region(Family):
    """A region that the one subject has to be in.

    Attributes:
        reach: Largest |x| and |y| in demonstrations [workspace units].
    """

    identifies = False
    tolerance = 0.04
    reach = 0.95

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        pending = np.arange(len(rows))
        while len(pending):
            place = rng.uniform(-self.reach, self.reach, (len(pending), 1, 2))
            good = self.distance(place, rows[pending])[:, 0] <= 0.0
            scene.positions[pending[good], 1, 0] = place[good, 0]
            pending = pending[~good]

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return (B, N) distances of points (B, N, 2) to the regions of parameters (B, P)."""
        raise NotImplementedError

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        distance = self.distance(last_positions(events), per_event(params, events))
        _, subjects, _ = masks(events)
        return np.where(subjects, distance, 0.0).max(axis=1)


class Place(Region):
    """Be at one place of the workspace; parameters (x, y)."""

    tolerance = 0.1

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.uniform(-0.9, 0.9, (num_concepts, 2))

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        scene.positions[:, 1, 0] = rows

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points - rows[:, None], axis=-1)


class HalfPlane(Region):
    """Be on one side of a line; parameters (cos, sin, offset) with n · p >= offset."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        angle = rng.uniform(-np.pi, np.pi, num_concepts)
        offset = rng.uniform(-0.2, 0.6, num_concepts)
        return np.stack([np.cos(angle), np.sin(angle), offset], axis=1)

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        along = (points * rows[:, None, :2]).sum(axis=-1)
        return np.maximum(rows[:, None, 2] - along, 0.0)


class Disc(Region):
    """Be inside a disc; parameters (x, y, radius)."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        center = rng.uniform(-0.6, 0.6, (num_concepts, 2))
        return np.concatenate([center, rng.uniform(0.2, 0.5, (num_concepts, 1))], axis=1)

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        radius = np.linalg.norm(points - rows[:, None, :2], axis=-1)
        return np.maximum(radius - rows[:, None, 2], 0.0)


class Quadrant(Region):
    """Be in one quarter of the workspace; parameters (sign of x, sign of y)."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.choice([-1.0, 1.0], (num_concepts, 2))

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.linalg.norm(np.maximum(-points * rows[:, None], 0.0), axis=-1)


class Half(Region):
    """Be in one half of the workspace, all of it; parameters (x, y) of the way to that half."""

    reads_sizes = True
    tolerance = 0.02

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return rng.choice([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]], num_concepts)

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        half = scene.sizes[:, :1] / 2
        ahead, across = rng.uniform(half, 1 - half), rng.uniform(half - 1, 1 - half)
        scene.positions[:, 1, 0] = ahead * rows + across * rows[:, ::-1]

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        _, subjects, _ = masks(events)
        ahead = (last_positions(events) * per_event(params, events)[:, None]).sum(axis=-1)
        short = events.sizes.cpu().numpy().astype(float) / 2 - ahead
        return np.where(subjects, np.maximum(short, 0.0), 0.0).max(axis=1)


class Annulus(Region):
    """Be in a ring; parameters (x, y, inner radius, outer radius)."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        center = rng.uniform(-0.4, 0.4, (num_concepts, 2))
        inner = rng.uniform(0.25, 0.6, (num_concepts, 1))
        return np.concatenate([center, inner, inner + 0.25], axis=1)

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        radius = np.linalg.norm(points - rows[:, None, :2], axis=-1)
        return outside_of(radius, rows[:, 2:3], rows[:, 3:])


class NearEdge(Region):
    """Be near the edge of the workspace."""

    reach = 1.0
    """What ends before the edge teaches that it does."""

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.maximum(EDGE - np.abs(points).max(axis=-1), 0.0)
