"""Words of the first contact: where one subject is to others.

Every function returns how far (B,) situations are from satisfaction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from concept_control.concepts.family import (
    SIZE_RANGE,
    Draft,
    Family,
    Scenes,
    outside_of,
    per_event,
)
from concept_control.concepts.held_out.first_contact import word
from concept_control.concepts.named.relational import Relation
from concept_control.errors import EventError
from concept_control.world.events import Events

ROBOT = np.array([0.0, -1.0])
"""Where the robot stands: in the middle of the front edge."""

WORDS: list[Family] = []
relation = partial(word, WORDS)

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
        scenes: The scenes with all else that they show.
        rows: (B, P) parameters of each concept.
    """

    place: np.ndarray
    start: np.ndarray
    arguments: np.ndarray
    size: np.ndarray
    argument_sizes: np.ndarray
    others: np.ndarray
    counted: np.ndarray
    scenes: Scenes
    rows: np.ndarray

    @property
    def other(self) -> np.ndarray:
        """Place (B, 2) of the first argument."""
        return self.arguments[:, 0]

    @property
    def relative(self) -> np.ndarray:
        """Subject relative to the first argument (B, 2)."""
        return self.place - self.other

    @property
    def distances(self) -> np.ndarray:
        """Distances of the subject to the arguments (B, A)."""
        return length(self.place[:, None] - self.arguments)

    @property
    def distance_before(self) -> np.ndarray:
        """Distance (B,) of the subject's start to the first argument."""
        return length(self.start - self.other)

    @property
    def sorted_distances(self) -> np.ndarray:
        """Distances of the subject to all others in rising order (B, N), infinite for none."""
        apart = length(self.place[:, None] - self.others)
        return np.sort(np.where(self.counted, apart, np.inf), axis=1)

    @property
    def base(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Middle of two arguments, the way between them and that turned by 90°, (B, 2) each."""
        along = self.arguments[:, 1] - self.arguments[:, 0]
        return self.arguments.mean(axis=1), along, np.stack([-along[:, 1], along[:, 0]], axis=1)


@dataclass(frozen=True, eq=False, kw_only=True)
class Situated(Relation):
    """A relation given by a measure of where its subject is, was, and what stands around.

    Attributes:
        judge: Distance to satisfaction.
        num_arguments: A, number of attended others.
        fewest: Smallest number of entities.
        proposal: Drawing of places (B, 2) for the subject where the concept may hold; None draws
            from the whole workspace.
    """

    judge: Callable[[Situation], np.ndarray]
    num_arguments: int = 1
    fewest: int = 1
    proposal: Callable[[np.random.Generator, Situation], np.ndarray] | None = None
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
                place = self.proposal(rng, self._situation(scene.rows(pending), rows[pending]))
            scene.positions[pending, 1, 0] = place
            good = (np.abs(place) <= 0.98).all(axis=1)
            good &= self.judge(self._situation(scene.rows(pending), rows[pending])) <= _EXACT
            pending = pending[~good]
            if len(pending) == 0:
                return
        raise EventError(f'{self.name}: no place inside the workspace after {_TRIES} draws')

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        scenes = Scenes.from_events(events)
        subjects, attended = scenes.subjects, scenes.attended
        valid = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == self.num_arguments)
        valid &= ~(subjects & attended).any(axis=1)
        return np.where(
            valid, self.judge(self._situation(scenes, per_event(params, events))), np.inf
        )

    def _situation(self, scenes: Scenes, rows: np.ndarray) -> Situation:
        each = np.arange(len(scenes.sizes))
        subject = scenes.subjects.argmax(axis=1)
        chosen = np.argsort(~scenes.attended, axis=1, kind='stable')[:, : self.num_arguments]
        return Situation(
            place=scenes.last[each, subject],
            start=scenes.positions[each, 0, subject],
            arguments=scenes.last[each[:, None], chosen],
            size=scenes.sizes[each, subject],
            argument_sizes=scenes.sizes[each[:, None], chosen],
            others=scenes.last,
            counted=scenes.candidates,
            scenes=scenes,
            rows=rows,
        )


class SizedSituated(Situated):
    """A relation in which sizes count."""

    reads_sizes = True
    tolerance = 0.03


@dataclass(frozen=True, eq=False, kw_only=True)
class AmongAll(Situated):
    """A relation to all others or to the own start: nothing is attended."""

    num_arguments: int = 0
    identifies = False


def length(vectors: np.ndarray) -> np.ndarray:
    """Return the lengths (...) of vectors (..., 2)."""
    return np.linalg.norm(vectors, axis=-1)


def in_frame(vectors: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the components of vectors (B, 2) along a direction (B, 2) and to the left of it."""
    x, y = (direction / np.maximum(length(direction)[:, None], 1e-9)).T
    return vectors[:, 0] * x + vectors[:, 1] * y, vectors[:, 1] * x - vectors[:, 0] * y


def polar(rng: np.random.Generator, lengths: np.ndarray) -> np.ndarray:
    """Return vectors (B, 2) of given lengths in random directions."""
    angle = rng.uniform(-np.pi, np.pi, len(lengths))
    return lengths[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@relation(SizedSituated)
def touching(seen: Situation) -> np.ndarray:
    """Stand face to face with another thing, or corner to corner, without a gap."""
    gap = np.abs(seen.relative).max(axis=1) - (seen.size + seen.argument_sizes[:, 0]) / 2
    return outside_of(gap, 0.0, 0.03)


@relation(
    SizedSituated,
    is_hard=True,
    proposal=lambda rng, seen: seen.other + polar(rng, 2 * seen.argument_sizes[:, 0]),
)
def one_width_away(seen: Situation) -> np.ndarray:
    """Be as far from another thing as twice that thing's width, on any side."""
    return np.abs(seen.distances[:, 0] - 2 * seen.argument_sizes[:, 0])


def _draw_catty_corner(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    signs = rng.choice([-1.0, 1.0], seen.place.shape)
    return seen.other + signs * rng.uniform(0.2, 0.7, (len(signs), 1))


@relation(Situated, proposal=_draw_catty_corner)
def catty_corner(seen: Situation) -> np.ndarray:
    """Be diagonally next to another thing, whichever of the four ways."""
    across, along = np.sort(np.abs(seen.relative), axis=1).T
    return np.maximum((along - across) / np.sqrt(2), 0.2 - along)


@relation(Situated, is_hard=True)
def inner_side(seen: Situation) -> np.ndarray:
    """Be next to another thing on the side towards the middle of the table."""
    radius = length(seen.other)
    along, across = in_frame(seen.relative, -seen.other)
    slanted = np.abs(across) * np.cos(np.pi / 6) - along * np.sin(np.pi / 6)
    return np.maximum(slanted, outside_of(along, 0.15, radius))


@relation(Situated, is_hard=True)
def hidden_from_robot(seen: Situation) -> np.ndarray:
    """Be behind another thing as the robot at the front edge sees it."""
    along, across = in_frame(seen.relative, seen.other - ROBOT)
    return np.maximum(np.maximum(0.2 - along, np.abs(across) - 0.1), 0.0)


@relation(Situated, is_hard=True)
def clockwise(seen: Situation) -> np.ndarray:
    """Be the next one clockwise of another thing, on its ring around the middle."""
    here, there = ([1, 1j] @ place.T for place in (seen.place, seen.other))
    turned = np.angle(there * np.conj(here))
    off = outside_of(turned, np.pi / 6, np.pi / 2) * np.abs(here)
    ring = np.maximum(np.abs(np.abs(here) - np.abs(there)) - 0.08, 0.3 - np.abs(there))
    return np.maximum(np.maximum(off, ring), 0.0)


@relation(Situated, proposal=lambda rng, seen: polar(rng, length(seen.other)))
def as_far_from_middle(seen: Situation) -> np.ndarray:
    """Be as far from the middle of the table as another thing is."""
    return np.abs(length(seen.place) - length(seen.other))


@relation(Situated, proposal=lambda rng, seen: seen.other * [-1, 1])
def mirrored(seen: Situation) -> np.ndarray:
    """Be opposite another thing, mirrored at the line that parts left from right."""
    return length(seen.place - seen.other * [-1, 1])


@relation(Situated)
def passed(seen: Situation) -> np.ndarray:
    """Go past another thing, from its left to its right or back."""
    before = (seen.start - seen.other)[:, 0]
    after = -np.sign(before) * seen.relative[:, 0]
    return np.maximum(np.maximum(0.1 - after, 0.1 - np.abs(before)), 0.0)


@relation(Situated, proposal=lambda rng, seen: (seen.start + seen.other) / 2)
def half_way(seen: Situation) -> np.ndarray:
    """Go half of the way to another thing."""
    return length(seen.place - (seen.start + seen.other) / 2)


@relation(Situated, is_hard=True)
def closer_not_close(seen: Situation) -> np.ndarray:
    """Come closer to another thing and stop a step away from it."""
    now = seen.distances[:, 0]
    return np.maximum(0.3 - (seen.distance_before - now), outside_of(now, 0.4, 0.8))


@relation(
    Situated,
    is_hard=True,
    proposal=lambda rng, seen: seen.other + polar(rng, seen.distance_before),
)
def went_around(seen: Situation) -> np.ndarray:
    """Go some way around another thing, as far from it as before."""
    moved = length(seen.place - seen.start)
    return np.maximum(np.abs(seen.distances[:, 0] - seen.distance_before), 0.3 - moved)


@relation(SizedSituated, is_hard=True, num_arguments=2)
def nearer_to_larger(seen: Situation) -> np.ndarray:
    """Be clearly nearer to the larger of two others."""
    rising = np.argsort(seen.argument_sizes, axis=1)
    small, large = np.take_along_axis(seen.distances, rising, axis=1).T
    alike = 0.03 - np.ptp(seen.argument_sizes, axis=1)
    return np.maximum(np.maximum((large - small + 0.35) / 2, alike), 0.0)


def _draw_third_corner(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    middle, _, across = seen.base
    return middle + rng.choice([-1, 1], (len(middle), 1)) * np.sqrt(3) / 2 * across


@relation(Situated, num_arguments=2, proposal=_draw_third_corner)
def third_corner(seen: Situation) -> np.ndarray:
    """Be the third corner of an equilateral triangle with two others."""
    middle, along, across = seen.base
    height = np.sqrt(3) / 2 * across
    off = np.minimum(*(length(seen.place - middle - side * height) for side in (-1, 1)))
    return np.maximum(off, 0.25 - length(along))


@relation(
    Situated,
    is_hard=True,
    num_arguments=2,
    proposal=lambda rng, seen: seen.base[0] + polar(rng, length(seen.base[1]) / 2),
)
def right_angle(seen: Situation) -> np.ndarray:
    """Be where the ways to two others make a right angle."""
    middle, along, _ = seen.base
    off = np.abs(length(seen.place - middle) - length(along) / 2)
    return np.maximum(off, 0.4 - length(along))


@relation(Situated, num_arguments=2)
def near_both(seen: Situation) -> np.ndarray:
    """Be near both of two others."""
    return np.maximum(seen.distances.max(axis=1) - 0.5, 0.0)


@relation(Situated, is_hard=True, num_arguments=2)
def near_one_far_other(seen: Situation) -> np.ndarray:
    """Be near one of two others and far from the other."""
    near, far = np.sort(seen.distances, axis=1).T
    return np.maximum(np.maximum(near - 0.35, 0.9 - far), 0.0)


@relation(Situated, is_hard=True, num_arguments=2)
def through_gate(seen: Situation) -> np.ndarray:
    """Go through the gate between two others."""
    direction = seen.arguments[:, 1] - seen.other
    width = length(direction)
    first, before = in_frame(seen.start - seen.other, direction)
    last, after = in_frame(seen.relative, direction)
    total = np.maximum(np.abs(before) + np.abs(after), 1e-9)
    crossing = (first * np.abs(after) + last * np.abs(before)) / total
    stayed = np.maximum(0.1 + after * np.sign(before), 0.1 - np.abs(before))
    missed = np.maximum(outside_of(crossing, 0.1, width - 0.1), 0.35 - width)
    return np.maximum(np.maximum(stayed, missed), 0.0)


@relation(AmongAll, fewest=3)
def alone(seen: Situation) -> np.ndarray:
    """Be far from everything else."""
    return np.maximum(0.55 - seen.sorted_distances[:, 0], 0.0)


@relation(AmongAll, is_hard=True, fewest=4)
def in_company(seen: Situation) -> np.ndarray:
    """Be near at least two things, whichever."""
    return np.maximum(seen.sorted_distances[:, 1] - 0.4, 0.0)


@relation(AmongAll, fewest=3)
def left_of_all(seen: Situation) -> np.ndarray:
    """Be further left than everything else."""
    least = np.where(seen.counted, seen.others[..., 0], np.inf).min(axis=1)
    return np.maximum(seen.place[:, 0] - least + 0.1, 0.0)


def _draw_slide(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    step = rng.choice([-1, 1], len(seen.start)) * rng.uniform(0.3, 1.2, len(seen.start))
    return seen.start + step[:, None] * [1, 0]


@relation(AmongAll, proposal=_draw_slide)
def slid_sideways(seen: Situation) -> np.ndarray:
    """Slide to the left or to the right, neither nearer nor further."""
    moved = np.abs(seen.place - seen.start)
    return np.maximum(moved[:, 1], 0.3 - moved[:, 0])


def _draw_middle(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    counted = seen.counted[..., None]
    return (seen.others * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)


@relation(AmongAll, is_hard=True, fewest=4, proposal=_draw_middle)
def middle_of_all(seen: Situation) -> np.ndarray:
    """Be in the middle of all other things."""
    off = (seen.others - seen.place[:, None]) * seen.counted[..., None]
    return length(off.sum(axis=1)) / np.maximum(seen.counted.sum(axis=1), 1)
