"""Procedural families: be at a random combination of where others are and one was, or on a line.

Together with `PlaceRules`, `Arrangement` and `AttributeRules` it spans what demonstrations can
show, so that new concepts lie among the trained ones.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from concept_control.concepts.family import Draft, mean_of
from concept_control.concepts.procedural.placement_rules import Placement, Situation
from concept_control.errors import EventError

_LONGEST = 1.5
"""Largest distance along the line [workspace units]."""

_AWAY = np.deg2rad(10.0)
"""Smallest angle to the directions that are left out [rad]."""


_TRIES = 400


class Combination(Placement):
    """Be somewhere relative to a * (mean of k others) + b * (own start).

    Parameters (k, a, b, ...). With a + b = 1 the concept is invariant under translation.
    """

    @abstractmethod
    def draw_offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Draw offsets (B, 2) of the subject from the combination, for parameters (B, P)."""

    @abstractmethod
    def offset_error(self, rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return distances (B,) of offsets (B, 2) to where the concept holds."""

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        self.set_roles(rows, scene)
        pending = np.arange(len(rows))
        for _ in range(_TRIES):
            places = scene.positions[pending, 0]
            others = np.nan_to_num(mean_of(places, scene.attention[pending]))
            target = _combined(rows[pending], others, places[:, 0])
            target = target + self.draw_offsets(rng, rows[pending])
            good = (np.abs(target) <= 0.98).all(axis=1)
            scene.positions[pending[good], 1, 0] = target[good]
            pending = pending[~good]
            if len(pending) == 0:
                return
            shape = (len(pending), 1, *scene.positions.shape[2:])
            scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)
        raise EventError(f'{self.name}: no place inside the workspace; expected smaller offsets')

    def distance(self, rows: np.ndarray, situation: Situation) -> np.ndarray:
        origin = _combined(rows, situation.center, situation.start)
        return self.offset_error(rows, situation.place - origin)


class Affine(Combination):
    """Be at the combination plus (dx, dy); parameters (k, a, b, dx, dy)."""

    tolerance = 0.1

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        # Beside others; on the line through one of them; by a vector; towards a place.
        kind = rng.choice(4, num_concepts, p=[0.28, 0.34, 0.18, 0.2])
        number = np.select([kind == 0, kind == 1], [rng.integers(1, 4, num_concepts), 1], 0)
        share = rng.uniform(0.15, 0.8, num_concepts) * rng.choice([-1, 1], num_concepts)
        # Past the other on its far side, at most as far as the mirror image.
        share = np.where((kind == 1) & (share < 0), 1.25 * share, share)
        before = np.select([kind == 0, kind == 2], [0.0, 1.0], share)
        others = np.select([kind == 0, kind == 1], [1.0, 1.0 - before], 0.0)
        angle = rng.uniform(-np.pi, np.pi, num_concepts)
        length = rng.uniform(0.1, 0.7, num_concepts)
        length = np.where((kind == 0) & (number > 1) & (rng.random(num_concepts) < 0.3), 0, length)
        length = np.where(kind == 1, 0.0, length)
        offset = length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return np.column_stack([number, others, before, offset])

    def draw_offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        return rows[:, 3:]

    def describe(self, params: np.ndarray) -> np.ndarray:
        return np.column_stack([params[:, :1] == np.arange(4), params[:, 1:]])

    def offset_error(self, rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        return np.linalg.norm(offsets - rows[:, 3:], axis=1)


class Lines(Combination):
    """Be on a line relative to the combination.

    Parameters (k, a, b, cos, sin, c): cos and sin of the normal, distance c of the line.

    Upright lines of the workspace and rising diagonals through others are left out, because
    held-out families judge whether they are learned without training.
    """

    tolerance = 0.05

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        # Of the workspace, beside others, from where it was.
        kind = rng.choice(3, num_concepts, p=[0.3, 0.5, 0.2])
        number = np.where(kind == 1, rng.integers(1, 4, num_concepts), 0)
        angle = rng.uniform(0, np.pi, num_concepts)
        kept = np.select([kind == 0, kind == 1], [0.0, 0.75 * np.pi], np.nan)
        while True:
            off = np.abs(angle - kept) % np.pi
            near = np.minimum(off, np.pi - off) < _AWAY
            if not near.any():
                break
            angle[near] = rng.uniform(0, np.pi, near.sum())
        most = np.where(kind == 0, 0.7, 0.4)
        offset = rng.uniform(-most, most)
        # Half of those beside others, or from where it was, go through the point itself.
        through = (kind > 0) & (rng.random(num_concepts) < 0.5)
        offset = np.where(through, 0.0, offset)
        return np.column_stack(
            [number, kind == 1, kind == 2, np.cos(angle), np.sin(angle), offset]
        )

    def draw_offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        normal = rows[:, 3:5]
        along = np.stack([-normal[:, 1], normal[:, 0]], axis=1)
        return rows[:, 5:] * normal + rng.uniform(-_LONGEST, _LONGEST, (len(rows), 1)) * along

    def describe(self, params: np.ndarray) -> np.ndarray:
        cos, sin, offset = params[:, 3], params[:, 4], params[:, 5]
        turned = [cos**2 - sin**2, 2 * cos * sin, offset * cos, offset * sin]
        return np.column_stack([params[:, :1] == np.arange(4), params[:, 1:3], *turned])

    def offset_error(self, rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        return np.abs((offsets * rows[:, 3:5]).sum(axis=1) - rows[:, 5])


def _combined(rows: np.ndarray, others: np.ndarray, before: np.ndarray) -> np.ndarray:
    return rows[:, 1:2] * others + rows[:, 2:3] * before
