"""Held-out families made after the model and its inference were fixed.

Nothing was chosen with an eye on them, so their first figures say what to expect of a new concept.
"""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import Draft, last_positions, masks, path_lengths
from concept_control.concepts.named.relational import Relation
from concept_control.concepts.named.selection import Selection
from concept_control.concepts.named.spatial import Region
from concept_control.concepts.procedural.arrangement import centred_template
from concept_control.world.events import Events

SIDE = 0.65
"""Smallest |x| that counts as one of the two sides."""

MOVE_MARGIN = 0.12
"""Smallest lead of the longest motion over the next in demonstrations [workspace units]."""


CROSS = centred_template(
    np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0], [0.0, 0.0]])
)
"""Points like the five of a die."""


class Diagonal(Relation):
    """Be as far right of another thing as above it, or as far left as below."""

    tolerance = 0.05

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        along = rng.uniform(0.15, 0.9, (len(rows), 1)) * rng.choice([-1, 1], (len(rows), 1))
        return along * np.ones(2)

    def deviation(self, relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.abs(relative @ [1, -1]) / np.sqrt(2)


class Beyond(Relation):
    """Be in one line with two others, but not between them."""

    tolerance = 0.05
    num_arguments = 2

    def targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        along = arguments[:, 1] - arguments[:, 0]
        length = np.linalg.norm(along, axis=1, keepdims=True)
        further = 1 + rng.uniform(0.2, 0.8, (len(rows), 1)) / np.maximum(length, 1e-9)
        target = arguments[:, 0] + further * along
        # Two that nearly touch define no line: an infinite target makes them be drawn anew.
        return np.where(length > 0.25, target, np.inf)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        _, valid = self.relative_position(events)
        positions = last_positions(events)
        _, subjects, attended = masks(events)
        error = np.full(len(events), np.inf)
        for row in np.flatnonzero(valid):
            first, second = positions[row][attended[row]]
            along = second - first
            length = max(np.linalg.norm(along), 1e-9)
            x, y = along / length
            offset = positions[row][subjects[row]][0] - first
            forward, across = offset @ [x, y], offset @ [-y, x]
            inside = max(0.0, min(forward, length - forward))
            error[row] = np.hypot(across, inside)
        return error


class Sides(Region):
    """Be at the left or at the right side of the workspace, whichever."""

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.maximum(SIDE - np.abs(points[..., 0]), 0.0)


class MovedMost(Selection):
    """The one thing that moved the furthest of all that moved."""

    num_steps = 2
    min_entities = 2

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        moving = np.arange(scene.sizes.shape[1]) < rng.integers(2, scene.count + 1)[:, None]
        pending = np.arange(len(scene.count))
        while len(pending):
            before = scene.positions[pending, 0]
            after = rng.uniform(-0.95, 0.95, before.shape)
            after = np.where(moving[pending][..., None], after, before)
            scene.positions[pending, 1] = after
            length = np.linalg.norm(after - before, axis=-1)
            two = np.sort(length, axis=1)[:, -2:]
            scene.attention[pending] = length == two[:, 1:]
            pending = pending[two[:, 1] - two[:, 0] < MOVE_MARGIN]

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        present = masks(events)[0]
        moved = np.where(present, path_lengths(events), -1.0)
        return present & (moved == moved.max(axis=1, keepdims=True))
