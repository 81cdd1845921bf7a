"""Words of the first contact: which things, and how many.

Every function returns which things (B, N) are meant; what it says of padding and of the marker is
ignored. Those of numbers tell from numbers attended and present (B,) which are right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from concept_control.concepts.family import (
    SIZE_RANGE,
    Draft,
    Family,
    Scenes,
    few_colors,
    marker_mean,
    masks,
    per_event,
)
from concept_control.concepts.held_out.first_contact import word
from concept_control.concepts.named.selection import Selection
from concept_control.concepts.named.visual import color_features
from concept_control.errors import EventError
from concept_control.world.events import Events

MOVED = 0.12
"""Length of a way above which something has moved [workspace units]."""

ALIKE = 0.35
"""Largest distance of colour features between things of one colour."""

SAME_SIZE = 0.025
"""Largest difference of sizes that count as the same [workspace units]."""

NUM_STEPS = 6
"""T of the events in which the course of motions counts."""

WORDS: list[Family] = []
selection = partial(word, WORDS)

_TRIES = 3000
_JITTERS = 6
_JITTER = 0.02, 0.004, 0.015
"""Standard deviations of positions, sizes and colours under which no answer may change."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Chosen(Selection):
    """The things that a rule names, in scenes where small changes leave the answer as it is.

    Attributes:
        judge: Names the things meant.
        has_marker: Whether one thing, the one subject, is the marker.
        fewest: Smallest number of entities.
        leaves_out: Whether every demonstration shows something that is not meant.
    """

    judge: Callable[[Scenes], np.ndarray]
    has_marker: bool = False
    fewest: int = 4
    leaves_out: bool = False

    def entities_needed(self, rows: np.ndarray) -> int:
        return self.fewest

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        scene.subjects[:, 0] = self.has_marker
        pending = np.arange(len(scene.count))
        for _ in range(_TRIES):
            scene.positions[pending] = self.draw_paths(rng, scene.positions[pending])
            scene.sizes[pending] = rng.uniform(*SIZE_RANGE, scene.sizes[pending].shape)
            scene.colors[pending] = few_colors(rng, scene.sizes[pending].shape, 4)
            things = scene.rows(pending)
            meant = self._meant(things, rows[pending])
            scene.attention[pending] = meant
            good = meant.any(axis=1)
            if self.leaves_out:
                good &= (things.candidates & ~meant).any(axis=1)
            for _ in range(_JITTERS):
                good &= (self._meant(_jittered(rng, things), rows[pending]) == meant).all(axis=1)
            pending = pending[~good]
            if len(pending) == 0:
                return
        raise EventError(f'{self.name}: no clear scene after {_TRIES} draws')

    def draw_paths(self, rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
        """Draw paths of the shape (B, T, N, 2) of `like`."""
        return np.repeat(rng.uniform(-0.95, 0.95, like[:, :1].shape), like.shape[1], axis=1)

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray:
        return self._meant(Scenes.from_events(events), per_event(params, events))

    def named(self, things: Scenes, rows: np.ndarray) -> np.ndarray:
        """Return what (B, N) the rule names, with parameters (B, P)."""
        return self.judge(things)

    def _meant(self, things: Scenes, rows: np.ndarray) -> np.ndarray:
        return self.named(things, rows) & things.candidates


class ChosenBySize(Chosen):
    """Things named by their sizes, too."""

    reads_sizes = True


class ChosenByColor(Chosen):
    """Things named by their colours."""

    reads_colors = True


class ChosenByMotion(Chosen):
    """Things named by where they moved."""

    num_steps = 2

    def draw_paths(self, rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
        before, after = rng.uniform(-0.95, 0.95, (2, len(like), *like.shape[2:]))
        moves = rng.random(before.shape[:2]) < 0.6
        return np.stack([before, np.where(moves[..., None], after, before)], axis=1)


class ChosenBySizeAndMotion(ChosenByMotion):
    """Things named by their sizes and by where they moved."""

    reads_sizes = True


class ChosenByCourse(Chosen):
    """Things named by when they moved, or by their way."""

    num_steps = NUM_STEPS

    def draw_paths(self, rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
        """Draw things that stay, or go somewhere at once in one step, half of them and back."""
        shape = (len(like), *like.shape[2:])
        before, after = rng.uniform(-0.95, 0.95, (2, *shape))
        leaves = rng.integers(1, NUM_STEPS, shape[:2])
        leaves = np.where(rng.random(shape[:2]) < 0.2, NUM_STEPS, leaves)
        back = np.where(rng.random(shape[:2]) < 0.5, leaves + rng.integers(1, 4, shape[:2]), 99)
        time = np.arange(NUM_STEPS)[:, None]
        away = (time >= leaves[:, None]) & (time < back[:, None])
        return np.where(away[..., None], after[:, None], before[:, None])


@dataclass(frozen=True, eq=False, kw_only=True)
class Counted(Selection):
    """Any things of which there are a number that is allowed.

    Attributes:
        judge: Tells from numbers attended and present (B,) which are right.
    """

    judge: Callable[[np.ndarray, np.ndarray], np.ndarray]
    min_entities = 4

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        wanted = np.zeros_like(scene.count)
        pending = np.arange(len(wanted))
        while len(pending):
            wanted[pending] = rng.integers(1, scene.count[pending] + 1)
            pending = pending[~self.judge(wanted[pending], scene.count[pending])]
        scene.attention = np.arange(scene.sizes.shape[1]) < wanted[:, None]

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, _, attended = masks(events)
        right = self.judge(attended.sum(axis=1), present.sum(axis=1))
        return np.where(right, 0.0, np.inf)


@selection(ChosenBySize, is_hard=True)
def second_largest(things: Scenes) -> np.ndarray:
    """The second largest thing."""
    return rank(-things.sizes, things.present) == 1


@selection(ChosenBySize, is_hard=True)
def all_but_largest(things: Scenes) -> np.ndarray:
    """Everything but the largest thing."""
    return rank(-things.sizes, things.present) > 0


@selection(ChosenBySize, has_marker=True)
def as_large_as_marker(things: Scenes) -> np.ndarray:
    """The things about as large as the marker."""
    return np.abs(things.sizes - marker_mean(things.sizes, things.subjects)) < SAME_SIZE


@selection(ChosenBySize, is_hard=True)
def largest_on_the_left(things: Scenes) -> np.ndarray:
    """The largest thing of those on the left half of the table."""
    left = things.present & (things.last[..., 0] < 0)
    return left & (rank(-things.sizes, left) == 0)


@selection(ChosenBySize, is_hard=True, has_marker=True)
def smaller_and_left_of_marker(things: Scenes) -> np.ndarray:
    """The things both smaller than the marker and left of it."""
    smaller = things.sizes < marker_mean(things.sizes, things.subjects)
    return smaller & (things.last[..., 0] < _marker(things)[..., 0])


@selection(ChosenBySize, is_hard=True)
def larger_than_neighbour(things: Scenes) -> np.ndarray:
    """The things larger than their nearest neighbour."""
    apart = np.linalg.norm(things.last[:, :, None] - things.last[:, None], axis=-1)
    allowed = things.present[:, None] & ~np.eye(apart.shape[1], dtype=bool)
    nearest = np.where(allowed, apart, np.inf).argmin(axis=2)
    return things.sizes > np.take_along_axis(things.sizes, nearest, axis=1)


@selection(Chosen)
def second_from_left(things: Scenes) -> np.ndarray:
    """The second thing from the left."""
    return rank(things.last[..., 0], things.present) == 1


@selection(Chosen, has_marker=True)
def in_the_row_of_marker(things: Scenes) -> np.ndarray:
    """The things in the same row, left to right, as the marker."""
    return np.abs(things.last - _marker(things))[..., 1] < 0.2


@selection(Chosen, has_marker=True)
def on_the_side_of_marker(things: Scenes) -> np.ndarray:
    """The things on the same half of the table, left or right, as the marker."""
    return things.last[..., 0] * _marker(things)[..., 0] > 0


@selection(Chosen)
def both_ends(things: Scenes) -> np.ndarray:
    """The leftmost and the rightmost thing."""
    x = things.last[..., 0]
    return (rank(x, things.present) == 0) | (rank(-x, things.present) == 0)


@selection(ChosenByColor, is_hard=True)
def has_color_twin(things: Scenes) -> np.ndarray:
    """The things of whose colour there is another one."""
    return alike(things).sum(axis=2) > 1


@selection(ChosenByColor, is_hard=True)
def of_the_commonest_color(things: Scenes) -> np.ndarray:
    """The things of the colour that most things have."""
    fellows = alike(things).sum(axis=2)
    return (fellows == fellows.max(axis=1, keepdims=True)) & (fellows > 1)


@selection(ChosenByMotion)
def went_left(things: Scenes) -> np.ndarray:
    """The things that moved to the left."""
    return _moved(things)[..., 0] < -MOVED


@selection(ChosenByMotion)
def stood_still(things: Scenes) -> np.ndarray:
    """The things that stayed where they were."""
    return np.linalg.norm(_moved(things), axis=-1) < MOVED


@selection(ChosenByMotion)
def went_outward(things: Scenes) -> np.ndarray:
    """The things that moved away from the middle of the table."""
    radius = np.linalg.norm(things.positions, axis=-1)
    return radius[:, -1] - radius[:, 0] > MOVED


@selection(ChosenByMotion, is_hard=True, has_marker=True)
def went_like_marker(things: Scenes) -> np.ndarray:
    """The things that moved in about the direction in which the marker did."""
    own, meant = _moved(things), marker_mean(_moved(things), things.subjects)
    lengths = np.linalg.norm(own, axis=-1), np.linalg.norm(meant, axis=-1)
    agreement = (own * meant).sum(axis=-1) > np.cos(np.pi / 4) * lengths[0] * lengths[1]
    return agreement & (lengths[0] > MOVED) & (lengths[1] > MOVED)


@selection(ChosenBySizeAndMotion, is_hard=True)
def smallest_that_moved(things: Scenes) -> np.ndarray:
    """The smallest thing of those that moved."""
    moving = things.present & ~stood_still(things)
    return moving & (rank(things.sizes, moving) == 0) & (moving.sum(axis=1) > 1)[:, None]


@selection(ChosenByCourse)
def moved_first(things: Scenes) -> np.ndarray:
    """What moved first of all."""
    gone = np.linalg.norm(things.positions - things.positions[:, :1], axis=-1) > MOVED
    when = np.where(gone.any(axis=1) & things.present, gone.argmax(axis=1), NUM_STEPS)
    return rank(when, things.present) == 0


@selection(ChosenByCourse, is_hard=True)
def came_back(things: Scenes) -> np.ndarray:
    """The things that left and came back."""
    away = np.linalg.norm(things.positions - things.positions[:, :1], axis=-1).max(axis=1)
    return (away > MOVED) & stood_still(things)


@selection(Counted)
def one_or_two(attended: np.ndarray, present: np.ndarray) -> np.ndarray:
    """One or two things."""
    return (attended == 1) | (attended == 2)


@selection(Counted, is_hard=True)
def even_number(attended: np.ndarray, present: np.ndarray) -> np.ndarray:
    """An even number of things."""
    return (attended > 0) & (attended % 2 == 0)


@selection(Counted)
def everything(attended: np.ndarray, present: np.ndarray) -> np.ndarray:
    """All things."""
    return attended == present


@selection(Counted, is_hard=True)
def all_but_one(attended: np.ndarray, present: np.ndarray) -> np.ndarray:
    """All things but one, whichever."""
    return attended == present - 1


def rank(values: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return how many of those `among` (B, N) have smaller values (B, N)."""
    return ((values[:, None] < values[:, :, None]) & among[:, None]).sum(axis=2)


def _moved(things: Scenes) -> np.ndarray:
    """Return the vectors (B, N, 2) from the first to the last places."""
    return things.last - things.positions[:, 0]


def _marker(things: Scenes) -> np.ndarray:
    """Return the place (B, 1, 2) of the marker in the last state."""
    return marker_mean(things.last, things.subjects)


def alike(things: Scenes) -> np.ndarray:
    """Return whether two things (B, N, N), both present, have one colour."""
    features = color_features(things.colors)
    apart = np.linalg.norm(features[:, :, None] - features[:, None], axis=-1)
    return (apart < ALIKE) & things.present[:, :, None] & things.present[:, None]


def _jittered(rng: np.random.Generator, things: Scenes) -> Scenes:
    """Return the scenes seen a little less well."""
    place, size, color = (rng.normal(0, s, shape) for s, shape in zip(
        _JITTER, (things.positions.shape, things.sizes.shape, things.colors.shape), strict=True
    ))  # fmt: skip
    return things._replace(
        positions=things.positions + place,
        sizes=np.maximum(things.sizes + size, 0.02),
        colors=np.clip(things.colors + color, 0, 1),
    )
