"""Shapes that several entities form together: line, triangle, square, circle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.concepts.family import Draft, Family, Length, last_positions, masks, per_event
from concept_control.world.events import Events

SMALLEST_RADIUS = 0.26
"""Circumradius of the smallest shape [workspace units]: corners of blocks must not touch."""

LARGEST_RADIUS = 0.7
"""Circumradius of the largest shape [workspace units]."""

SMALLEST_GAP = 0.22
"""Smallest distance of neighbours in a line [workspace units]."""

STATIC_SHARE = 0.3
"""Share of demonstrations that show the shape without a motion and without subjects."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shape(Family):
    """A shape up to similarity; every member is both subject and attended.

    Attributes:
        fewest: Smallest number of members.
        most: Largest number of members.
    """

    tolerance = 0.1
    fewest: int = 3
    most: int = 6

    def entities_needed(self, rows: np.ndarray) -> int:
        return self.fewest

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        most = np.minimum(scene.count, self.most)
        count = self.fewest + rng.integers(most - self.fewest + 1)
        for k in np.unique(count):
            chosen = np.flatnonzero(count == k)
            scene.positions[chosen, 1, :k] = self._draw(rng, len(chosen), int(k))
        self.set_members(rng, scene, count)

    def set_members(self, rng: np.random.Generator, scene: Draft, count: np.ndarray) -> None:
        """Make the first `count` (B,) entities members: attended, and in most events subjects."""
        members = np.arange(scene.sizes.shape[1]) < count[:, None]
        static = rng.random(len(count)) < STATIC_SHARE
        scene.positions[static, 0] = scene.positions[static, 1]
        scene.attention = members
        scene.subjects = members & ~static[:, None]

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, _, attended = masks(events)
        attended = attended & present
        positions, rows = last_positions(events), per_event(params, events)
        count = attended.sum(axis=1)
        error = np.full(len(count), np.inf)
        for k in range(self.fewest, self.most + 1):
            chosen = np.flatnonzero(count == k)
            if len(chosen):
                members = positions[chosen][attended[chosen]].reshape(len(chosen), k, 2)
                error[chosen] = self.deviation(members, rows[chosen])
        return error

    def _draw(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        """Return (count, k, 2) shapes inside the workspace."""
        shapes = np.zeros((count, k, 2))
        pending = np.arange(count)
        while len(pending):
            drawn = self.perfect(rng, len(pending), k)
            good = (np.abs(drawn) <= 0.97).all(axis=(1, 2))
            shapes[pending[good]] = drawn[good]
            pending = pending[~good]
        return shapes

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        """Draw (count, k, 2) perfect shapes, in or outside the workspace."""
        raise NotImplementedError

    def count_text(self) -> str:
        """Say how many members it has."""
        return str(self.fewest) + (f' to {self.most}' if self.most > self.fewest else '')

    def deviation(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return (B,) largest distances of points (B, k, 2) to the shape of parameters (B, P)."""
        raise NotImplementedError


class RegularPolygon(Shape):
    """The corners of a regular polygon, evenly spaced on a circle.

    SREM accepts a circle whose radii are within 5 % of their mean, however it is spaced.
    """

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        radius = rng.uniform(SMALLEST_RADIUS, LARGEST_RADIUS, (count, 1))
        angle = rng.uniform(-np.pi, np.pi, (count, 1)) + 2 * np.pi * np.arange(k) / k
        center = rng.uniform(-0.6, 0.6, (count, 1, 2))
        return center + radius[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return (
            f'{self.count_text()} things evenly on a circle in any direction, at least '
            f'{length(SMALLEST_RADIUS)} from its middle'
        )

    def deviation(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Fit the polygon by least squares over similarities, corners matched by their angle.

        With corners z_j about their centroid in angular order and roots of unity w_j, the first
        corner of the best fit is mean(z_j conj(w_j)), a complex linear regression.
        """
        k = points.shape[1]
        z = points[..., 0] + 1j * points[..., 1]
        z = z - z.mean(axis=1, keepdims=True)
        z = np.take_along_axis(z, np.argsort(np.angle(z), axis=1), axis=1)
        roots = np.exp(2j * np.pi * np.arange(k) / k)
        corner = (z * roots.conj()).mean(axis=1, keepdims=True)
        size = np.abs(corner)
        corner = corner * np.maximum(size, SMALLEST_RADIUS) / np.maximum(size, 1e-9)
        return np.abs(z - corner * roots).max(axis=1)


class Line(Shape):
    """Three to six things in a straight line, with gaps between them."""

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        gaps = SMALLEST_GAP + rng.exponential(0.08, (count, k))
        gaps[rng.random(count) < 0.5] = rng.uniform(SMALLEST_GAP, 0.5)
        along = np.cumsum(gaps, axis=1)
        along -= along.mean(axis=1, keepdims=True)
        angle = rng.uniform(-np.pi, np.pi, (count, 1))
        center = rng.uniform(-0.7, 0.7, (count, 1, 2))
        return center + along[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return (
            f'{self.count_text()} things in a straight line in any direction, neighbours at least '
            f'{length(SMALLEST_GAP)} apart'
        )

    def deviation(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        centered = points - points.mean(axis=1, keepdims=True)
        covariance = np.einsum('bki,bkj->bij', centered, centered)
        _, vectors = np.linalg.eigh(covariance)
        across = np.abs(np.einsum('bki,bi->bk', centered, vectors[:, :, 0])).max(axis=1)
        along = np.sort(np.einsum('bki,bi->bk', centered, vectors[:, :, 1]), axis=1)
        short = SMALLEST_GAP - np.diff(along, axis=1).min(axis=1)
        return np.maximum(across, np.maximum(short, 0.0))
