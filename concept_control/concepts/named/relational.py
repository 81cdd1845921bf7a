"""Relations of one subject to others: offset, between, near, far, beside, inside, aligned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Family,
    Length,
    last_positions,
    masks,
    mean_of,
    outside_of,
    per_event,
)
from concept_control.errors import EventError
from concept_control.world.events import Events

NEAR = (0.21, 0.36)
"""Distances of centres that count as near: blocks side by side to a block's width between."""

FAR = (1.0, np.inf)
"""Distances of centres that count as far: half the workspace and more, as in Diffusion-CCSP."""

FARTHEST = 2.0
"""Largest distance in demonstrations [workspace units]: of what predicates allow nearly all that
the table has room for. Who shows less teaches that less: with 1.6 "far" ended there."""

NEXT_TO = 0.2
"""Largest gap between the faces of what is next to one another: a block's width."""

CONTAINER = (0.4, 0.7)
"""Range of the side lengths of containers."""

INSIDE_SHARE = 0.8
"""Least share of the subject's area inside the container, as in SREM."""

CONE = np.deg2rad(30.0)
"""Half the opening angle of the cone that is "left of" [rad]."""

LEAST_BESIDE = 0.2
"""Least distance along the cone's axis, a block's width [workspace units]."""

_TRIES = 100

_NEAREST_BESIDE = 0.25
_NEAREST_ALIGNED = 0.22
"""Least distances in demonstrations [workspace units]."""


class Relation(Family):
    """A relation of one subject to attended others.

    Attributes:
        num_arguments: A, number of attended others.
    """

    num_arguments = 1

    def entities_needed(self, rows: np.ndarray) -> int:
        return 1 + self.num_arguments

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = True
        scene.attention[:, 1 : 1 + self.num_arguments] = True
        self.place_subject(rng, rows, scene)

    def place_subject(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        """Put subject 0 where the concept holds, the arguments anew where that is outside."""
        pending = np.arange(len(rows))
        for _ in range(_TRIES):
            arguments = scene.positions[pending, 0, 1 : 1 + self.num_arguments]
            target = self.targets(rng, rows[pending], arguments)
            good = (np.abs(target) <= 0.98).all(axis=-1)
            scene.positions[pending[good], 1, 0] = target[good]
            pending = pending[~good]
            if len(pending) == 0:
                return
            fresh = rng.uniform(-0.95, 0.95, (len(pending), self.num_arguments, 2))
            scene.positions[pending, :, 1 : 1 + self.num_arguments] = fresh[:, None]
        raise EventError(f'{self.name}: no place inside the workspace after {_TRIES} draws')

    def targets(
        self, rng: np.random.Generator, rows: np.ndarray, arguments: np.ndarray
    ) -> np.ndarray:
        """Draw positions (B, 2) of the subject for arguments (B, A, 2) and parameters (B, P)."""
        return arguments.mean(axis=1) + self.offsets(rng, rows)

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        """Draw positions (B, 2) of the subject relative to the arguments' mean."""
        return np.zeros((len(rows), 2))

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self.relative_position(events)
        return np.where(valid, self.deviation(relative, per_event(params, events)), np.inf)

    def deviation(self, relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return (B,) distances to satisfaction, see `relative_position` and `sample_concepts`."""
        raise NotImplementedError

    def relative_position(self, events: Events) -> tuple[np.ndarray, np.ndarray]:
        """Return the subject relative to the arguments' mean (B, 2), and if the roles fit (B,)."""
        positions = last_positions(events)
        _, subjects, attended = masks(events)
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == self.num_arguments)
        return mean_of(positions, subjects) - mean_of(positions, attended), valid


class Offset(Relation):
    """Be at one vector from another thing; parameters (dx, dy)."""

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        angle = rng.uniform(-np.pi, np.pi, num_concepts)
        length = rng.uniform(0.2, 0.8, num_concepts)
        return np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1)

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        return rows

    def deviation(self, relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.linalg.norm(relative - rows, axis=1)


class Between(Relation):
    """Be in the middle between two others (SREM accepts 51 % inside their hull)."""

    num_arguments = 2

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return 'its centre in the middle between the two others'

    def deviation(self, relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.linalg.norm(relative, axis=1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Apart(Relation):
    """Be at a distance of another thing that lies within bounds, on any side.

    Attributes:
        bounds: Least and largest distance that satisfies the concept [workspace units].
    """

    tolerance = 0.04
    bounds: tuple[float, float]

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        lengths = self.bounds[0], min(self.bounds[1], FARTHEST)
        return _polar(rng, len(rows), lengths, (-np.pi, np.pi))

    def meaning(self, params: np.ndarray, length: Length) -> str:
        least, most = self.bounds
        distance = f'{length(least)} ' + (f'to {length(most)}' if np.isfinite(most) else 'or more')
        return f'its centre {distance} from the centre of the other, on any side'

    def deviation(self, relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return outside_of(np.linalg.norm(relative, axis=1), *self.bounds)


@dataclass(frozen=True, eq=False, kw_only=True)
class Beside(Relation):
    """Be inside the cone that opens from another thing to one side.

    Attributes:
        direction: Angle of the cone's axis [rad], 0 for +x.
    """

    tolerance = 0.04
    direction: float

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        angles = (self.direction - 0.9 * CONE, self.direction + 0.9 * CONE)
        return _polar(rng, len(rows), (_NEAREST_BESIDE, FARTHEST), angles)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return (
            f'its centre straight {self.name.replace("_", " ")} the other to within '
            f'{np.rad2deg(CONE):.0f}°, and at least {length(LEAST_BESIDE)} that way'
        )

    def deviation(self, relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
        along = relative @ [np.cos(self.direction), np.sin(self.direction)]
        across = np.abs(relative @ [-np.sin(self.direction), np.cos(self.direction)])
        outside = np.maximum(across * np.cos(CONE) - along * np.sin(CONE), 0.0)
        short = np.maximum(LEAST_BESIDE - along, 0.0)
        return np.maximum(outside, short)


class NextTo(Relation):
    """Have its faces close to those of another thing on any side, both being squares."""

    reads_sizes = True
    tolerance = 0.04

    def place_subject(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        super().place_subject(rng, scene.sizes[:, :2].mean(axis=1, keepdims=True), scene)

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        away = rows + rng.uniform(0.0, NEXT_TO, rows.shape)
        ways = rng.choice([-1.0, 1.0], rows.shape), rng.uniform(-1.0, 1.0, rows.shape)
        return away * rng.permuted(np.concatenate(ways, axis=1), axis=1)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return f'its faces at most {length(NEXT_TO)} from those of the other, on any side'

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self.relative_position(events)
        sizes = events.sizes.cpu().numpy().astype(float)
        _, subjects, attended = masks(events)
        reach = (sizes * (subjects | attended)).sum(axis=1) / 2
        gap = np.abs(relative).max(axis=1) - reach
        return np.where(valid, outside_of(gap, 0.0, NEXT_TO), np.inf)


class Inside(Relation):
    """Have at least 80 % of the area inside the other's (SREM), both being squares."""

    reads_sizes = True
    tolerance = 0.04

    def place_subject(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.sizes[:, 1] = rng.uniform(*CONTAINER, len(rows))
        super().place_subject(rng, scene.sizes[:, :2], scene)

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        room = (rows[:, 1:] - rows[:, :1]) / 2
        return rng.uniform(-1.0, 1.0, (len(rows), 2)) * room

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self.relative_position(events)
        sizes = events.sizes.cpu().numpy().astype(float)
        _, subjects, attended = masks(events)
        inner, outer = ((sizes * mask).sum(axis=1) for mask in (subjects, attended))
        # Sticking out by (1 - sqrt(0.8)) of the side in both directions leaves 80 % of the area.
        room = (outer - inner) / 2 + (1 - np.sqrt(INSIDE_SHARE)) * inner
        beyond = np.maximum(np.abs(relative) - np.maximum(room, 0.0)[:, None], 0.0)
        return np.where(valid & (outer > inner), np.linalg.norm(beyond, axis=1), np.inf)


@dataclass(frozen=True, eq=False, kw_only=True)
class Aligned(Relation):
    """Share one coordinate with another thing (Diffusion-CCSP: within .05 of a unit square).

    Attributes:
        axis: Coordinate that may differ, 0 for x: in one row; 1 for y: in one column.
    """

    axis: int
    tolerance = 0.05

    def offsets(self, rng: np.random.Generator, rows: np.ndarray) -> np.ndarray:
        along = rng.uniform(_NEAREST_ALIGNED, FARTHEST, len(rows))
        along *= rng.choice([-1.0, 1.0], len(rows))
        return along[:, None] * np.eye(2)[self.axis]

    def meaning(self, params: np.ndarray, length: Length) -> str:
        shared, way = ('y', 'row along x') if self.axis == 0 else ('x', 'column along y')
        return f'its centre at the same {shared} as that of the other: in one {way}'

    def deviation(self, relative: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.abs(relative[:, 1 - self.axis])


def _polar(
    rng: np.random.Generator,
    count: int,
    lengths: tuple[float, float],
    angles: tuple[float, float],
) -> np.ndarray:
    length, angle = rng.uniform(*lengths, count), rng.uniform(*angles, count)
    return np.stack([length * np.cos(angle), length * np.sin(angle)], axis=1)
