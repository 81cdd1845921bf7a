"""Procedural family: be on a random line, here, near others, or near the own start."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.procedural.affine import Combination

_LONGEST = 1.5
"""Largest distance along the line [workspace units]."""

_AWAY = np.deg2rad(10.0)
"""Smallest angle to the directions that are left out [rad]."""


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

    def distance(self, rows: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        return np.abs((offsets * rows[:, 3:5]).sum(axis=1) - rows[:, 5])
