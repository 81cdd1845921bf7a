"""The words of the second contact: kitchen, workshop, sorting and packing.

Written in one sitting from a list of words that was made before the vocabulary of measurements was
read, after that vocabulary was frozen, and before any of them was tried; looked at once. Judged
like those of the first contact, whose words they do not repeat.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from concept_control.concepts.family import Family, Scenes
from concept_control.concepts.held_out.first_contact import word
from concept_control.concepts.held_out.first_contact_regions import PlainRegion
from concept_control.concepts.held_out.first_contact_relations import (
    ROBOT,
    AmongAll,
    Situated,
    Situation,
    length,
)
from concept_control.concepts.held_out.first_contact_selection import (
    MOVED,
    Chosen,
    ChosenByColor,
    ChosenByCourse,
    ChosenByMotion,
    ChosenBySize,
    Counted,
    alike,
    rank,
)
from concept_control.concepts.held_out.first_contact_shapes import Formation
from concept_control.concepts.held_out.validation import Template
from concept_control.concepts.procedural.arrangement import centred_template

_ANGLES = np.linspace(0, np.pi, 5)
_SHAPES: dict[str, np.ndarray] = {
    'grid_of_six': np.array([[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]),
    'half_circle': np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1),
    'zigzag': np.array([[0, 0], [1, 1], [2, 0], [3, 1], [4, 0]]),
}

WORDS: list[Family] = [
    Template(name, f'stand like a {name.replace("_", " ")}', (), fewest=len(points),
             most=len(points), template=centred_template(points.astype(float)))
    for name, points in _SHAPES.items()
]  # fmt: skip
new = partial(word, WORDS)

HARD = ('continue_the_row', 'square_corner', 'halfway_to_the_edge', 'counterweight', 'cross_aisle',
        'nearest_corner', 'closest_pair', 'largest_of_its_color', 'heavier_half', 'swapped',
        'overtook', 'left_last', 'two_and_one', 'odd_number')  # fmt: skip
"""Names of the words that were meant to be hard."""


def nearest_option(place: np.ndarray, options: list[np.ndarray]) -> np.ndarray:
    """Return the distances (B,) to the nearest of some points (B, 2)."""
    return np.min([length(place - option) for option in options], axis=0)


def any_option(rng: np.random.Generator, options: list[np.ndarray]) -> np.ndarray:
    """Return one of some points (B, 2) for each row."""
    picked = rng.integers(len(options), size=len(options[0]))
    return np.stack(options, axis=1)[np.arange(len(picked)), picked]


def _draw_beside(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    return seen.other + rng.uniform([0.15, -0.1], [0.4, 0.1], seen.place.shape)


@new(Situated, proposal=_draw_beside)
def set_beside(seen: Situation) -> np.ndarray:
    """Stand close on the right of another thing, in its row."""
    across, along = np.abs(seen.relative[:, 1]), seen.relative[:, 0]
    return np.maximum(np.maximum(across - 0.08, 0.18 - along), np.maximum(along - 0.38, 0.0))


def _next_in_row(seen: Situation) -> list[np.ndarray]:
    first, second = seen.arguments[:, 0], seen.arguments[:, 1]
    return [2 * first - second, 2 * second - first]


@new(Situated, num_arguments=2, proposal=lambda rng, seen: any_option(rng, _next_in_row(seen)))
def continue_the_row(seen: Situation) -> np.ndarray:
    """Continue the row of two others at either end, in the same step."""
    return nearest_option(seen.place, _next_in_row(seen))


def _corners(seen: Situation) -> list[np.ndarray]:
    first, second = seen.arguments[:, 0], seen.arguments[:, 1]
    turned = (second - first)[:, ::-1] * [-1, 1]
    return [end + sign * turned for end in (first, second) for sign in (-1, 1)]


@new(Situated, num_arguments=2, proposal=lambda rng, seen: any_option(rng, _corners(seen)))
def square_corner(seen: Situation) -> np.ndarray:
    """Be a third corner of a square of which two others are neighbouring corners."""
    return nearest_option(seen.place, _corners(seen))


def _half_to_edge(seen: Situation) -> np.ndarray:
    axis = np.abs(seen.other).argmax(axis=1)
    rows = np.arange(len(axis))
    place = seen.other.copy()
    place[rows, axis] = (place[rows, axis] + np.sign(place[rows, axis])) / 2
    return place


@new(Situated, proposal=lambda rng, seen: _half_to_edge(seen))
def halfway_to_the_edge(seen: Situation) -> np.ndarray:
    """Be half-way from another thing to the edge that is nearest to it."""
    return length(seen.place - _half_to_edge(seen))


@new(Situated, proposal=lambda rng, seen: -seen.other)
def across_the_middle(seen: Situation) -> np.ndarray:
    """Be across the middle of the table from another thing, as far from it on the other side."""
    return length(seen.place + seen.other)


def _balance(seen: Situation) -> np.ndarray:
    return -(seen.others * seen.counted[..., None]).sum(axis=1)


@new(AmongAll, fewest=3, proposal=lambda rng, seen: _balance(seen))
def counterweight(seen: Situation) -> np.ndarray:
    """Balance the table: the middle of all things is that of the table."""
    return length(seen.place - _balance(seen))


def _crossings(seen: Situation) -> list[np.ndarray]:
    first, second = seen.arguments[:, 0], seen.arguments[:, 1]
    pairs = ((first, second), (second, first))
    return [np.stack([one[:, 0], other[:, 1]], axis=1) for one, other in pairs]


@new(Situated, num_arguments=2, proposal=lambda rng, seen: any_option(rng, _crossings(seen)))
def row_and_column(seen: Situation) -> np.ndarray:
    """Be in the column of one of two others and in the row of the other."""
    return nearest_option(seen.place, _crossings(seen))


@new(Situated)
def before_the_right_wall(seen: Situation) -> np.ndarray:
    """Be in the row of another thing, anywhere on its right."""
    return np.maximum(np.abs(seen.relative[:, 1]) - 0.1, np.maximum(0.1 - seen.relative[:, 0], 0))


@new(Situated)
def nearest_corner(seen: Situation) -> np.ndarray:
    """Be in the corner of the table that is nearest to another thing."""
    inside = 0.55 - seen.place * np.sign(seen.other)
    return np.maximum(inside.max(axis=1), 0.0)


@new(PlainRegion)
def along_the_rim(points: np.ndarray) -> np.ndarray:
    """Be along the rim of the table."""
    return np.maximum(0.8 - np.abs(points).max(axis=-1), 0.0)


@new(PlainRegion)
def within_reach(points: np.ndarray) -> np.ndarray:
    """Be within reach of the robot at the front edge."""
    return np.maximum(length(points - ROBOT) - 0.9, 0.0)


@new(PlainRegion)
def out_of_reach(points: np.ndarray) -> np.ndarray:
    """Be out of reach of the robot at the front edge."""
    return np.maximum(1.4 - length(points - ROBOT), 0.0)


@new(PlainRegion)
def front_left(points: np.ndarray) -> np.ndarray:
    """Be in the front left quarter of the table."""
    return np.maximum(points.max(axis=-1), 0.0)


@new(PlainRegion)
def any_corner(points: np.ndarray) -> np.ndarray:
    """Be in a corner of the table, whichever."""
    return np.maximum(0.6 - np.abs(points).min(axis=-1), 0.0)


@new(PlainRegion)
def cross_aisle(points: np.ndarray) -> np.ndarray:
    """Be in one of the two aisles, across and along, through the middle of the table."""
    return np.maximum(np.abs(points).min(axis=-1) - 0.12, 0.0)


def distances_between(things: Scenes) -> np.ndarray:
    """Return the distances (B, N, N) of present things, infinite to themselves and padding."""
    apart = length(things.last[:, :, None] - things.last[:, None])
    both = things.present[:, :, None] & things.present[:, None]
    return np.where(both & ~np.eye(apart.shape[1], dtype=bool), apart, np.inf)


class ChosenBySizeAndColor(ChosenByColor):
    """Things named by their sizes and colours."""

    reads_sizes = True


@new(ChosenBySize)
def middling(things: Scenes) -> np.ndarray:
    """The things that are neither the smallest nor the largest."""
    low, high = (rank(sign * things.sizes, things.present) for sign in (1, -1))
    return (low > 0) & (high > 0)


@new(Chosen)
def loner(things: Scenes) -> np.ndarray:
    """The thing whose nearest neighbour is furthest away."""
    nearest = distances_between(things).min(axis=2)
    return rank(-nearest, things.present) == 0


@new(Chosen)
def closest_pair(things: Scenes) -> np.ndarray:
    """The two things that are closest together."""
    nearest = distances_between(things).min(axis=2)
    return nearest <= nearest.min(axis=1, keepdims=True) + 1e-9


@new(ChosenBySizeAndColor)
def largest_of_its_color(things: Scenes) -> np.ndarray:
    """The things that are larger than all others of their colour, of which there are some."""
    fellows = alike(things) & ~np.eye(things.sizes.shape[1], dtype=bool)
    larger = things.sizes[:, :, None] > things.sizes[:, None]
    return np.logical_and((larger | ~fellows).all(axis=2), fellows.any(axis=2))


@new(Chosen)
def nearest_to_robot(things: Scenes) -> np.ndarray:
    """The thing nearest to the robot at the front edge."""
    return rank(length(things.last - ROBOT), things.present) == 0


@new(ChosenBySize)
def heavier_half(things: Scenes) -> np.ndarray:
    """The things that are larger than the average of all."""
    total = (things.sizes * things.present).sum(axis=1, keepdims=True)
    return things.sizes > total / things.present.sum(axis=1, keepdims=True)


@new(ChosenByMotion)
def nudged(things: Scenes) -> np.ndarray:
    """The things that moved, but less far than a third of the table."""
    moved = length(things.last - things.positions[:, 0])
    return (moved > MOVED) & (moved < 0.67)


@new(ChosenByMotion, has_marker=True)
def shoved_away(things: Scenes) -> np.ndarray:
    """The things that are further from the marker than they were."""
    marker = (things.positions * things.subjects[:, None, :, None]).sum(axis=2, keepdims=True)
    away = length(things.positions - marker)
    return away[:, -1] - away[:, 0] > MOVED


class Swaps(ChosenByMotion):
    """Scenes in which two things exchange their places, among others that move."""

    def draw_paths(self, rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
        paths = super().draw_paths(rng, like)
        paths[:, -1, :2] = paths[:, 0, 1::-1]
        return paths


@new(Swaps)
def swapped(things: Scenes) -> np.ndarray:
    """The two things that took each other's place."""
    gone = length(things.positions[:, -1, :, None] - things.positions[:, 0, None])
    both = np.maximum(gone, np.swapaxes(gone, 1, 2)) + 9 * np.eye(gone.shape[1])
    return ((both < 0.15) & things.present[:, None]).any(axis=2)


@new(ChosenByMotion, has_marker=True)
def overtook(things: Scenes) -> np.ndarray:
    """The things that were left of the marker and are right of it now."""
    marker = (things.positions * things.subjects[:, None, :, None]).sum(axis=2, keepdims=True)
    side = (things.positions - marker)[..., 0]
    return (side[:, 0] < 0) & (side[:, -1] > 0)


@new(ChosenByMotion)
def came_to_robot(things: Scenes) -> np.ndarray:
    """The things that came closer to the robot at the front edge."""
    away = length(things.positions - ROBOT)
    return away[:, 0] - away[:, -1] > MOVED


@new(ChosenByCourse)
def left_last(things: Scenes) -> np.ndarray:
    """What set off last of all that did."""
    gone = length(things.positions - things.positions[:, :1]) > MOVED
    moves = gone.any(axis=1) & things.present
    return moves & (rank(-gone.argmax(axis=1), moves) == 0)


@new(Counted)
def odd_number(attended: np.ndarray, present: np.ndarray) -> np.ndarray:
    """An odd number of things."""
    return attended % 2 == 1


def _draw_column(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    steps = (np.arange(k) - (k - 1) / 2)[:, None] * [0, 1]
    middle = rng.uniform(-0.9, 0.9, (count, 1, 2)) * [1, 0.2]
    return middle + rng.uniform(0.25, 0.4, (count, 1, 1)) * steps


@new(Formation, fewest=3, most=4, drawing=_draw_column)
def column(points: np.ndarray) -> np.ndarray:
    """Stand evenly above each other."""
    gaps = np.diff(np.sort(points[..., 1], axis=1), axis=1)
    uneven = np.maximum(np.ptp(gaps, axis=1), 0.22 - gaps.min(axis=1))
    return np.maximum(np.ptp(points[..., 0], axis=1) / 2, uneven)


def _draw_two_and_one(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    pair = rng.uniform(-0.7, 0.7, (count, 1, 2)) + rng.uniform(-0.15, 0.15, (count, 2, 2))
    return np.concatenate([pair, rng.uniform(-0.9, 0.9, (count, 1, 2))], axis=1)


@new(Formation, fewest=3, most=3, drawing=_draw_two_and_one)
def two_and_one(points: np.ndarray) -> np.ndarray:
    """Stand two of them together and the third far from both."""
    apart = np.sort([length(points[:, i] - points[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))], 0)
    return np.maximum(np.maximum(apart[0] - 0.35, 0.7 - apart[1]), 0.0)


def _draw_left(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    return rng.uniform([-0.95, -0.95], [-0.1, 0.95], (count, k, 2))


@new(Formation, fewest=2, most=4, drawing=_draw_left)
def all_on_the_left(points: np.ndarray) -> np.ndarray:
    """Stand all on the left half of the table."""
    return np.maximum(points[..., 0].max(axis=1) + 0.1, 0.0)
