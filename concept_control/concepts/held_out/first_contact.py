"""Words as parents or roboticists might teach them first: where one subject is to others.

Written in one sitting and before any model had seen them, so that their first figures tell what to
expect of a word that nobody planned for. `first_contact_regions` has the parts of the table,
`first_contact_selection` the words that only pick out things, `first_contact_shapes` those about
several things together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from concept_control.concepts.family import (
    SIZE_RANGE,
    Draft,
    last_positions,
    masks,
    outside_of,
)
from concept_control.concepts.named.relational import Relation
from concept_control.errors import EventError
from concept_control.world.events import Events

ROBOT = np.array([0.0, -1.0])
"""Where the robot stands: in the middle of the front edge."""

_TRIES = 5000
_EXACT = 1e-6


class Situation(NamedTuple):
    """What B subjects did, and beside what.

    Attributes:
        place: (B, 2) where the subject is.
        start: (B, 2) where it was.
        arguments: (B, A, 2) places of the attended.
        size: (B,) side length of the subject.
        argument_sizes: (B, A) side lengths of the attended.
        others: (B, N, 2) places of all entities.
        counted: (B, N) bool, the entities that are no padding and no subject.
    """

    place: np.ndarray
    start: np.ndarray
    arguments: np.ndarray
    size: np.ndarray
    argument_sizes: np.ndarray
    others: np.ndarray
    counted: np.ndarray

    @property
    def relative(self) -> np.ndarray:
        """Subject relative to the first argument (B, 2)."""
        return self.place - self.arguments[:, 0]

    @property
    def distances(self) -> np.ndarray:
        """Distances of the subject to the arguments (B, A)."""
        return _length(self.place[:, None] - self.arguments)

    @property
    def sorted_distances(self) -> np.ndarray:
        """Distances of the subject to all others in rising order (B, N), infinite for none."""
        apart = _length(self.place[:, None] - self.others)
        return np.sort(np.where(self.counted, apart, np.inf), axis=1)


Shortfall = Callable[[Situation], np.ndarray]
"""Returns distances (B,) to satisfaction."""

Proposal = Callable[[np.random.Generator, Situation], np.ndarray]
"""Draws places (B, 2) for the subject where the concept may hold."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Situated(Relation):
    """A relation given by a measure of where its subject is, was, and what stands around.

    Attributes:
        shortfall: Distance to satisfaction.
        num_arguments: A, number of attended others.
        fewest: Smallest number of entities.
        proposal: Drawing of places for the subject; None draws from the whole workspace.
    """

    shortfall: Shortfall
    num_arguments: int = 1
    fewest: int = 1
    proposal: Proposal | None = None
    tolerance = 0.05

    def entities_needed(self, rows: np.ndarray) -> int:
        return max(self.fewest, 1 + self.num_arguments)

    def place_subject(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        pending = np.arange(len(rows))
        for _ in range(_TRIES):
            shape = (len(pending), 1, *scene.positions.shape[2:])
            scene.positions[pending] = rng.uniform(-0.95, 0.95, shape)
            scene.sizes[pending] = rng.uniform(*SIZE_RANGE, shape[0::2])
            place = rng.uniform(-0.95, 0.95, (len(pending), 2))
            if self.proposal is not None:
                place = self.proposal(rng, self._drafted(scene, pending))
            scene.positions[pending, 1, 0] = place
            good = (np.abs(place) <= 0.98).all(axis=1)
            good &= self.shortfall(self._drafted(scene, pending)) <= _EXACT
            pending = pending[~good]
            if len(pending) == 0:
                return
        raise EventError(f'{self.name}: no place inside the workspace after {_TRIES} draws')

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, attended = masks(events)
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == self.num_arguments)
        before = events.positions[:, 0].cpu().numpy().astype(float)
        sizes = events.sizes.cpu().numpy().astype(float)
        seen = self._situation(
            before, last_positions(events), sizes, present & ~subjects, subjects, attended
        )
        return np.where(valid & ~(subjects & attended).any(axis=1), self.shortfall(seen), np.inf)

    def _drafted(self, scene: Draft, rows: np.ndarray) -> Situation:
        return self._situation(
            scene.positions[rows, 0],
            scene.positions[rows, 1],
            scene.sizes[rows],
            scene.present[rows] & ~scene.subjects[rows],
            scene.subjects[rows],
            scene.attention[rows],
        )

    def _situation(
        self,
        before: np.ndarray,
        after: np.ndarray,
        sizes: np.ndarray,
        counted: np.ndarray,
        subjects: np.ndarray,
        attended: np.ndarray,
    ) -> Situation:
        rows = np.arange(len(before))
        subject = subjects.argmax(axis=1)
        chosen = np.argsort(~attended, axis=1, kind='stable')[:, : self.num_arguments]
        return Situation(
            place=after[rows, subject],
            start=before[rows, subject],
            arguments=after[rows[:, None], chosen],
            size=sizes[rows, subject],
            argument_sizes=sizes[rows[:, None], chosen],
            others=after,
            counted=counted,
        )


class SizedSituated(Situated):
    """A relation in which sizes count."""

    reads_sizes = True
    tolerance = 0.03


class AmongAll(Situated):
    """A relation to all others or to the own start: nothing is attended."""

    identifies = False


def touching(seen: Situation) -> np.ndarray:
    """Return the shortfall of.

    Stand face to face with another thing, or corner to corner, without a gap.
    """
    gap = np.abs(seen.relative).max(axis=1) - (seen.size + seen.argument_sizes[:, 0]) / 2
    return outside_of(gap, 0.0, 0.03)


def one_width_away(seen: Situation) -> np.ndarray:
    """Return the shortfall of.

    Be as far from another thing as twice that thing's width, on any side.
    """
    return np.abs(seen.distances[:, 0] - 2 * seen.argument_sizes[:, 0])


def draw_one_width_away(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects.

    Be as far from another thing as twice that thing's width, on any side.
    """
    return seen.arguments[:, 0] + _polar(rng, 2 * seen.argument_sizes[:, 0])


def catty_corner(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be diagonally next to another thing, whichever of the four ways."""
    across, along = np.sort(np.abs(seen.relative), axis=1).T
    return np.maximum((along - across) / np.sqrt(2), 0.2 - along)


def draw_catty_corner(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: be diagonally next to another thing, whichever of the four ways."""
    signs = rng.choice([-1.0, 1.0], seen.place.shape)
    return seen.arguments[:, 0] + signs * rng.uniform(0.2, 0.7, (len(signs), 1))


def inner_side(seen: Situation) -> np.ndarray:
    """Return the shortfall of.

    Be next to another thing on the side towards the middle of the table.
    """
    radius = _length(seen.arguments[:, 0])
    along, across = _in_frame(seen.relative, -seen.arguments[:, 0])
    slanted = np.abs(across) * np.cos(np.pi / 6) - along * np.sin(np.pi / 6)
    return np.maximum(slanted, outside_of(along, 0.15, radius))


def hidden_from_robot(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be behind another thing as the robot at the front edge sees it."""
    along, across = _in_frame(seen.relative, seen.arguments[:, 0] - ROBOT)
    return np.maximum(np.maximum(0.2 - along, np.abs(across) - 0.1), 0.0)


def clockwise(seen: Situation) -> np.ndarray:
    """Return the shortfall of.

    Be the next one clockwise of another thing, on its ring around the middle.
    """
    here, there = ([1, 1j] @ place.T for place in (seen.place, seen.arguments[:, 0]))
    turned = np.angle(there * np.conj(here))
    off = outside_of(turned, np.pi / 6, np.pi / 2) * np.abs(here)
    ring = np.maximum(np.abs(np.abs(here) - np.abs(there)) - 0.08, 0.3 - np.abs(there))
    return np.maximum(np.maximum(off, ring), 0.0)


def as_far_from_middle(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be as far from the middle of the table as another thing is."""
    return np.abs(_length(seen.place) - _length(seen.arguments[:, 0]))


def draw_as_far_from_middle(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: be as far from the middle of the table as another thing is."""
    return _polar(rng, _length(seen.arguments[:, 0]))


def mirrored(seen: Situation) -> np.ndarray:
    """Return the shortfall of.

    Be opposite another thing, mirrored at the line that parts left from right.
    """
    return _length(seen.place - seen.arguments[:, 0] * [-1, 1])


def draw_mirrored(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects.

    Be opposite another thing, mirrored at the line that parts left from right.
    """
    return seen.arguments[:, 0] * [-1, 1]


def passed(seen: Situation) -> np.ndarray:
    """Return the shortfall of: go past another thing, from its left to its right or back."""
    before = (seen.start - seen.arguments[:, 0])[:, 0]
    after = -np.sign(before) * seen.relative[:, 0]
    return np.maximum(np.maximum(0.1 - after, 0.1 - np.abs(before)), 0.0)


def half_way(seen: Situation) -> np.ndarray:
    """Return the shortfall of: go half of the way to another thing."""
    return _length(seen.place - (seen.start + seen.arguments[:, 0]) / 2)


def draw_half_way(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: go half of the way to another thing."""
    return (seen.start + seen.arguments[:, 0]) / 2


def closer_not_close(seen: Situation) -> np.ndarray:
    """Return the shortfall of: come closer to another thing and stop a step away from it."""
    now, before = seen.distances[:, 0], _length(seen.start - seen.arguments[:, 0])
    return np.maximum(0.3 - (before - now), outside_of(now, 0.4, 0.8))


def went_around(seen: Situation) -> np.ndarray:
    """Return the shortfall of: go some way around another thing, as far from it as before."""
    before = _length(seen.start - seen.arguments[:, 0])
    moved = _length(seen.place - seen.start)
    return np.maximum(np.abs(seen.distances[:, 0] - before), 0.3 - moved)


def draw_went_around(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: go some way around another thing, as far from it as before."""
    other = seen.arguments[:, 0]
    return other + _polar(rng, _length(seen.start - other))


def nearer_to_larger(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be clearly nearer to the larger of two others."""
    rising = np.argsort(seen.argument_sizes, axis=1)
    small, large = np.take_along_axis(seen.distances, rising, axis=1).T
    alike = 0.03 - np.ptp(seen.argument_sizes, axis=1)
    return np.maximum(np.maximum((large - small + 0.35) / 2, alike), 0.0)


def third_corner(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be the third corner of an equilateral triangle with two others."""
    middle, along, across = _base(seen)
    height = np.sqrt(3) / 2 * across
    off = np.minimum(*(_length(seen.place - middle - side * height) for side in (-1, 1)))
    return np.maximum(off, 0.25 - _length(along))


def draw_third_corner(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: be the third corner of an equilateral triangle with two others."""
    middle, _, across = _base(seen)
    return middle + rng.choice([-1, 1], (len(middle), 1)) * np.sqrt(3) / 2 * across


def right_angle(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be where the ways to two others make a right angle."""
    middle, along, _ = _base(seen)
    off = np.abs(_length(seen.place - middle) - _length(along) / 2)
    return np.maximum(off, 0.4 - _length(along))


def draw_right_angle(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: be where the ways to two others make a right angle."""
    middle, along, _ = _base(seen)
    return middle + _polar(rng, _length(along) / 2)


def near_both(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be near both of two others."""
    return np.maximum(seen.distances.max(axis=1) - 0.5, 0.0)


def near_one_far_other(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be near one of two others and far from the other."""
    near, far = np.sort(seen.distances, axis=1).T
    return np.maximum(np.maximum(near - 0.35, 0.9 - far), 0.0)


def through_gate(seen: Situation) -> np.ndarray:
    """Return the shortfall of: go through the gate between two others."""
    post, width = seen.arguments[:, 0], _length(seen.arguments[:, 1] - seen.arguments[:, 0])
    direction = seen.arguments[:, 1] - post
    first, before = _in_frame(seen.start - post, direction)
    last, after = _in_frame(seen.place - post, direction)
    total = np.maximum(np.abs(before) + np.abs(after), 1e-9)
    crossing = (first * np.abs(after) + last * np.abs(before)) / total
    stayed = np.maximum(0.1 + after * np.sign(before), 0.1 - np.abs(before))
    missed = np.maximum(outside_of(crossing, 0.1, width - 0.1), 0.35 - width)
    return np.maximum(np.maximum(stayed, missed), 0.0)


def alone(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be far from everything else."""
    return np.maximum(0.55 - seen.sorted_distances[:, 0], 0.0)


def in_company(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be near at least two things, whichever."""
    return np.maximum(seen.sorted_distances[:, 1] - 0.4, 0.0)


def left_of_all(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be further left than everything else."""
    least = np.where(seen.counted, seen.others[..., 0], np.inf).min(axis=1)
    return np.maximum(seen.place[:, 0] - least + 0.1, 0.0)


def slid_sideways(seen: Situation) -> np.ndarray:
    """Return the shortfall of: slide to the left or to the right, neither nearer nor further."""
    moved = np.abs(seen.place - seen.start)
    return np.maximum(moved[:, 1], 0.3 - moved[:, 0])


def draw_slid_sideways(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: slide to the left or to the right, neither nearer nor further."""
    step = rng.choice([-1, 1], len(seen.start)) * rng.uniform(0.3, 1.2, len(seen.start))
    return seen.start + step[:, None] * [1, 0]


def draw_middle_of_all(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    """Draw places of subjects: be in the middle of all other things."""
    counted = seen.counted[..., None]
    return (seen.others * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)


def middle_of_all(seen: Situation) -> np.ndarray:
    """Return the shortfall of: be in the middle of all other things."""
    off = (seen.others - seen.place[:, None]) * seen.counted[..., None]
    return _length(off.sum(axis=1)) / np.maximum(seen.counted.sum(axis=1), 1)


def _length(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths (...) of vectors (..., 2)."""
    return np.linalg.norm(vectors, axis=-1)


def _in_frame(vectors: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the components of vectors (B, 2) along a direction (B, 2) and to the left of it."""
    x, y = (direction / np.maximum(_length(direction)[:, None], 1e-9)).T
    return vectors[:, 0] * x + vectors[:, 1] * y, vectors[:, 1] * x - vectors[:, 0] * y


def _base(seen: Situation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the middle of two arguments, the way between them and that turned by 90°."""
    along = seen.arguments[:, 1] - seen.arguments[:, 0]
    return seen.arguments.mean(axis=1), along, np.stack([-along[:, 1], along[:, 0]], axis=1)


def _polar(rng: np.random.Generator, lengths: np.ndarray) -> np.ndarray:
    """Return vectors (B, 2) of given lengths in random directions."""
    angle = rng.uniform(-np.pi, np.pi, len(lengths))
    return lengths[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
