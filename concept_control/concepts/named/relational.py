"""Concepts of how one thing lies to others: offset, between, near, beside, inside, aligned."""

from __future__ import annotations

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Family,
    draft,
    last_positions,
    masks,
    mean_of,
    per_event,
)
from concept_control.world.events import Events

NEAR = (0.21, 0.36)
"""Distance of centres that is near: two blocks side by side, up to a block's width between."""

FAR = 1.0
"""Distance of centres from which on it is far: half the workspace (Diffusion-CCSP: > .5 of 1)."""

CONTAINER = (0.4, 0.7)
"""Side lengths of things to be inside of."""

INSIDE_SHARE = 0.8
"""Share of the area that has to be inside (SREM: intersection / subject area > 0.8)."""

CONE = np.deg2rad(30.0)
"""Half the opening of the cone that is "left of": wider than that it is neither nor."""

CONE_RANGE = (0.25, 0.8)
"""Distances along the cone's axis in demonstrations."""


class Relation(Family):
    """One subject, `num_arguments` attended others; subclasses say where the subject belongs."""

    num_arguments = 1

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        rows = np.repeat(params, num_events, axis=0)
        scene = draft(rng, len(rows), 2, 1 + self.num_arguments, num_entities)
        scene.subjects[:, 0] = True
        scene.attention[:, 1 : 1 + self.num_arguments] = True
        self._place(rng, rows, scene)
        return scene.finish(rng)

    def _place(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        """Put subject 0 where the concept holds; draw again what leaves the workspace."""
        pending = np.arange(len(rows))
        for _ in range(40):
            arguments = scene.positions[pending, 0, 1 : 1 + self.num_arguments]
            target = self._targets(rng, rows[pending], arguments)
            good = (np.abs(target) <= 0.98).all(axis=-1)
            scene.positions[pending[good], 1, 0] = target[good]
            pending = pending[~good]
            if len(pending) == 0:
                return
            fresh = rng.uniform(-0.95, 0.95, (len(pending), self.num_arguments, 2))
            scene.positions[pending, :, 1 : 1 + self.num_arguments] = fresh[:, None]
        # What cannot be drawn: shrink towards the arguments' mean is no demonstration either.
        raise RuntimeError(f'{self.name}: no place inside the workspace after 40 draws')

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        """Return (B, 2) places of the subject for arguments (B, A, 2)."""
        raise NotImplementedError

    def _relative(self, events: Events) -> tuple[np.ndarray, np.ndarray]:
        """Return subject minus argument (B, 2), and whether there is one of each (B,)."""
        positions = last_positions(events)
        _, subjects, attended = masks(events)
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == self.num_arguments)
        return mean_of(positions, subjects) - mean_of(positions, attended), valid


class Offset(Relation):
    """Be at one vector from another thing; parameters (dx, dy)."""

    name = 'offset'
    description = 'be at a given vector from another thing'
    token_types = (2,)

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        angle = rng.uniform(-np.pi, np.pi, num_concepts)
        length = rng.uniform(0.2, 0.8, num_concepts)
        return np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1)

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        return arguments[:, 0] + rows

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self._relative(events)
        distance = np.linalg.norm(relative - per_event(params, events), axis=1)
        return np.where(valid, distance, np.inf)


class Between(Relation):
    """Be in the middle between two others (SREM accepts more than 51 % inside their hull)."""

    name = 'between'
    description = 'be in the middle between two others'
    token_types = (3,)
    num_arguments = 2

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        return arguments.mean(axis=1)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self._relative(events)
        return np.where(valid, np.linalg.norm(relative, axis=1), np.inf)


class Near(Relation):
    """Be close to another thing without touching it."""

    name = 'near'
    description = 'be close to another thing, on any side'
    token_types = (4,)
    tolerance = 0.04

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        return arguments[:, 0] + _polar(rng, len(rows), NEAR, (-np.pi, np.pi))

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self._relative(events)
        distance = np.linalg.norm(relative, axis=1)
        outside = np.maximum(np.maximum(NEAR[0] - distance, distance - NEAR[1]), 0.0)
        return np.where(valid, outside, np.inf)


class Far(Relation):
    """Be at least half the workspace away from another thing."""

    name = 'far'
    description = 'be at least half the workspace away from another thing'
    token_types = (5,)
    tolerance = 0.04

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        return arguments[:, 0] + _polar(rng, len(rows), (FAR, 1.6), (-np.pi, np.pi))

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self._relative(events)
        short = np.maximum(FAR - np.linalg.norm(relative, axis=1), 0.0)
        return np.where(valid, short, np.inf)


class Beside(Relation):
    """Be inside the cone that opens from another thing to one side."""

    tolerance = 0.04
    direction: float

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        angles = (self.direction - 0.9 * CONE, self.direction + 0.9 * CONE)
        return arguments[:, 0] + _polar(rng, len(rows), CONE_RANGE, angles)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self._relative(events)
        along = relative @ [np.cos(self.direction), np.sin(self.direction)]
        across = np.abs(relative @ [-np.sin(self.direction), np.cos(self.direction)])
        # Distance to the cone, and at least a block's width along its axis.
        outside = np.maximum(across * np.cos(CONE) - along * np.sin(CONE), 0.0)
        short = np.maximum(0.2 - along, 0.0)
        return np.where(valid, np.maximum(outside, short), np.inf)


class RightOf(Beside):
    """To the right, +x."""

    name, description, token_types, direction = 'right_of', 'be right of another thing', (6,), 0.0


class Above(Beside):
    """Above, +y."""

    name, description, token_types = 'above', 'be above another thing, seen from above', (7,)
    direction = np.pi / 2


class LeftOf(Beside):
    """To the left, -x."""

    name, description, token_types, direction = 'left_of', 'be left of another thing', (8,), np.pi


class Below(Beside):
    """Below, -y."""

    name, description, token_types = 'below', 'be below another thing, seen from above', (9,)
    direction = -np.pi / 2


class Inside(Relation):
    """Have at least 80 % of one's area inside the other's (SREM), both being squares."""

    name = 'inside'
    reads_sizes = True
    description = 'lie inside another, larger thing'
    token_types = (32,)
    tolerance = 0.04

    def _place(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.sizes[:, 1] = rng.uniform(*CONTAINER, len(rows))
        super()._place(rng, scene.sizes[:, :2], scene)

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        room = (rows[:, 1:] - rows[:, :1]) / 2
        return arguments[:, 0] + rng.uniform(-1.0, 1.0, (len(rows), 2)) * room

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self._relative(events)
        sizes = events.sizes.cpu().numpy().astype(float)
        _, subjects, attended = masks(events)
        inner, outer = ((sizes * mask).sum(axis=1) for mask in (subjects, attended))
        # Sticking out by (1 - sqrt(0.8)) of the side in both directions leaves 80 % of the area.
        room = (outer - inner) / 2 + (1 - np.sqrt(INSIDE_SHARE)) * inner
        beyond = np.maximum(np.abs(relative) - np.maximum(room, 0.0)[:, None], 0.0)
        return np.where(valid & (outer > inner), np.linalg.norm(beyond, axis=1), np.inf)


class Aligned(Relation):
    """Share one coordinate with another thing (Diffusion-CCSP: within .05 of a unit square)."""

    axis: int
    tolerance = 0.05

    def _targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        along = rng.choice([-1.0, 1.0], len(rows)) * rng.uniform(0.22, 1.2, len(rows))
        target = arguments[:, 0].copy()
        target[:, self.axis] += along
        return target

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self._relative(events)
        return np.where(valid, np.abs(relative[:, 1 - self.axis]), np.inf)


class AlignedX(Aligned):
    """In one row along x: equal y."""

    name, description, token_types, axis = 'aligned_x', 'lie in one row along x', (10,), 0


class AlignedY(Aligned):
    """In one column along y: equal x."""

    name, description, token_types, axis = 'aligned_y', 'lie in one column along y', (11,), 1


def _polar(
    rng: np.random.Generator,
    count: int,
    lengths: tuple[float, float],
    angles: tuple[float, float],
) -> np.ndarray:
    length, angle = rng.uniform(*lengths, count), rng.uniform(*angles, count)
    return np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1)
