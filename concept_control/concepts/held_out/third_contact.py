"""The words of the third contact: household, warehouse, laboratory, farm and games.

Written without sight of the vocabulary of measurements after it was last changed, and before any
energy saw them. Unlike most words before, some have parameters: a side, a distance, a colour, a
place. Here are the relations, all others are in `third_contact_things`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Family,
    marker_mean,
    outside_of,
    seen_color,
)
from concept_control.concepts.held_out.first_contact import word
from concept_control.concepts.held_out.first_contact_relations import (
    ROBOT,
    AmongAll,
    Situated,
    Situation,
    SizedSituated,
    in_frame,
    length,
    polar,
)
from concept_control.concepts.held_out.second_contact import any_option, nearest_option
from concept_control.concepts.named.visual import color_features
from concept_control.world.colors import NAMED_COLORS

SIDES = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
"""Directions of the sides of a thing."""

_COLORS = np.array(list(NAMED_COLORS.values()))
_STEP = 0.25
"""Side of a field on which a knight moves [workspace units]."""

WORDS: list[Family] = []
new = partial(word, WORDS)

HARD = ('flush', 'knights_move', 'fourth_corner', 'balance_point', 'reflected', 'quarter_round',
        'by_own_color', 'widest_gap', 'penned_in', 'offside', 'quarantined', 'seed_beds', 'ripe',
        'wrong_neighbour', 'carried_together', 'color_groups')  # fmt: skip
"""Names of the words that were meant to be hard."""

Parameters = Callable[[np.random.Generator, int], np.ndarray]
"""Draws parameters (C, P) of so many concepts."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Parametric(Family):
    """A word of many meanings.

    Attributes:
        parameters: Draws the parameters (C, P) of concepts.
    """

    parameters: Parameters

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        return self.parameters(rng, num_concepts)


@dataclass(frozen=True, eq=False, kw_only=True)
class SituatedBy(Parametric, Situated):
    """A relation with parameters."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FlushBy(Parametric, SizedSituated):
    """A relation with parameters in which sizes count."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AmongAllBy(Parametric, AmongAll):
    """A relation with parameters to all others or to the own start."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AmongColors(AmongAll):
    """A relation to others by their colours, in scenes of three named colours.

    The first parameter, if any, is the number of a colour that some other has; the subject has a
    colour that some other has, and not all others have the same.
    """

    reads_colors = True
    fewest: int = 3

    def place_subject(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        first = rng.integers(len(_COLORS), size=len(rows))
        if rows.shape[1]:
            first = rows[:, 0].astype(int)
        index = rng.integers(3, size=scene.sizes.shape)
        index[:, 0] = rng.integers(2, size=len(rows))
        index[:, 1:3] = 0, 1
        scene.colors = paint(rng, first, index)
        super().place_subject(rng, rows, scene)


@dataclass(frozen=True, eq=False, kw_only=True)
class AmongColorsBy(Parametric, AmongColors):
    """A relation to the others of one named colour, its parameter."""


def sides(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw numbers (C, 1) of sides."""
    return rng.integers(len(SIDES), size=(count, 1)).astype(float)


def named_colors(rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw numbers (C, 1) of named colours."""
    return rng.integers(len(_COLORS), size=(count, 1)).astype(float)


def paint(rng: np.random.Generator, first: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Draw colours (B, N, 3) of three names in each scene.

    Args:
        rng: Random generator.
        first: (B,) numbers of the first names.
        index: (B, N) which name each thing has: 0, 1 or 2.
    """
    further = rng.permuted(np.tile(np.arange(1, len(_COLORS)), (len(first), 1)), axis=1)
    further[:, 0] = 0
    names = first[:, None] + np.take_along_axis(further, index, axis=1)
    return seen_color(rng, _COLORS[names % len(_COLORS)])


def _distances(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(0.3, 0.8, (count, 1))


def nearest_name(colors: np.ndarray) -> np.ndarray:
    """Return the numbers (...) of the named colours that are most like colours (..., 3)."""
    apart = color_features(colors)[..., None, :] - color_features(_COLORS)
    return length(apart).argmin(axis=-1)


def _side(seen: Situation) -> np.ndarray:
    return SIDES[seen.rows[:, 0].astype(int)]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(length(vectors)[..., None], 1e-9)


def _on_circle(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    return seen.other + polar(rng, seen.rows[:, 0])


@new(SituatedBy, parameters=_distances, proposal=_on_circle)
def at_arms_length(seen: Situation) -> np.ndarray:
    """Be at one distance from another thing, on any side."""
    return np.abs(seen.distances[:, 0] - seen.rows[:, 0])


def _draw_back(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    return seen.start + _unit(seen.start - seen.other) * rng.uniform(
        0.15, 0.7, (len(seen.size), 1)
    )


@new(Situated, proposal=_draw_back)
def backed_off(seen: Situation) -> np.ndarray:
    """Go straight away from another thing."""
    along, across = in_frame(seen.relative, seen.start - seen.other)
    return np.maximum(np.abs(across), np.maximum(seen.distance_before + 0.15 - along, 0.0))


def _before_goals(seen: Situation) -> list[np.ndarray]:
    first, second = seen.arguments[:, 0], seen.arguments[:, 1]
    return [(3 * first + second) / 4, (first + 3 * second) / 4]


@new(Situated, num_arguments=2, proposal=lambda rng, seen: any_option(rng, _before_goals(seen)))
def goalkeeper(seen: Situation) -> np.ndarray:
    """Be on the way between two others, three times as near to one of them as to the other."""
    return nearest_option(seen.place, _before_goals(seen))


def _draw_blocking(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    return seen.other + _unit(ROBOT - seen.other) * rng.uniform(0.2, 0.4, (len(seen.size), 1))


@new(Situated, proposal=_draw_blocking)
def blocking(seen: Situation) -> np.ndarray:
    """Stand in the robot's way to another thing, close to that."""
    along, across = in_frame(seen.relative, ROBOT - seen.other)
    return np.maximum(np.abs(across), outside_of(along, 0.2, 0.4))


@new(SituatedBy, num_arguments=2, parameters=sides)
def side_of_both(seen: Situation) -> np.ndarray:
    """Be well on one side of both of two others."""
    steps = seen.place[:, None] - seen.arguments
    return np.maximum(0.3 - (steps * _side(seen)[:, None]).sum(axis=-1), 0.0).max(axis=1)


def from_segment(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the distances (...) of points (..., 2) from the straight ways between two points."""
    way = end - start
    share = ((points - start) * way).sum(axis=-1) / np.maximum((way**2).sum(axis=-1), 1e-9)
    return length(points - start - np.clip(share, 0.0, 1.0)[..., None] * way)


@new(Situated, num_arguments=2)
def clear_of_the_way(seen: Situation) -> np.ndarray:
    """Keep well clear of the straight way between two others."""
    away = from_segment(seen.place, seen.arguments[:, 0], seen.arguments[:, 1])
    return np.maximum(0.9 - away, 0.0)


@new(Situated, proposal=lambda rng, seen: seen.other + polar(rng, 2 * seen.distance_before))
def twice_as_far(seen: Situation) -> np.ndarray:
    """Be twice as far from another thing as one was."""
    return np.abs(seen.distances[:, 0] - 2 * seen.distance_before)


def _overhang(seen: Situation) -> np.ndarray:
    """Return how far (B,) a side of the subject is beyond that of the other thing."""
    between = (seen.relative * _side(seen)).sum(axis=1)
    return between + (seen.size - seen.argument_sizes[:, 0]) / 2


def _draw_flush(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    anywhere = seen._replace(place=rng.uniform(-0.95, 0.95, seen.place.shape))
    return anywhere.place - _side(seen) * _overhang(anywhere)[:, None]


@new(FlushBy, parameters=sides, proposal=_draw_flush)
def flush(seen: Situation) -> np.ndarray:
    """Stand flush with another thing: one side of both in one line."""
    return np.abs(_overhang(seen))


def _knights_moves(seen: Situation) -> list[np.ndarray]:
    jumps = [(1, 2), (1, -2), (-1, 2), (-1, -2), (2, 1), (2, -1), (-2, 1), (-2, -1)]
    return [seen.other + _STEP * np.array(jump) for jump in jumps]


@new(Situated, proposal=lambda rng, seen: any_option(rng, _knights_moves(seen)))
def knights_move(seen: Situation) -> np.ndarray:
    """Be a knight's move from another thing: two fields along and one across."""
    return nearest_option(seen.place, _knights_moves(seen))


def _fourth_corners(seen: Situation) -> list[np.ndarray]:
    total = seen.arguments.sum(axis=1)
    return [total - 2 * seen.arguments[:, corner] for corner in range(3)]


@new(Situated, num_arguments=3, proposal=lambda rng, seen: any_option(rng, _fourth_corners(seen)))
def fourth_corner(seen: Situation) -> np.ndarray:
    """Be the fourth corner of a parallelogram of which three others are corners."""
    return nearest_option(seen.place, _fourth_corners(seen))


def _balance(seen: Situation) -> np.ndarray:
    weights = seen.argument_sizes[..., None] ** 2
    return (weights * seen.arguments).sum(axis=1) / weights.sum(axis=1)


@new(SizedSituated, num_arguments=2, proposal=lambda rng, seen: _balance(seen))
def balance_point(seen: Situation) -> np.ndarray:
    """Be where a beam between two others balances, which weigh as much as they are large."""
    return length(seen.place - _balance(seen))


def _reflection(seen: Situation) -> tuple[np.ndarray, np.ndarray]:
    """Return the mirrored start (B, 2) and how far (B,) the start is from the mirror."""
    middle, _, turned = seen.base
    normal = _unit(turned)
    off = ((seen.start - middle) * normal).sum(axis=1)
    return seen.start - 2 * off[:, None] * normal, np.abs(off)


@new(Situated, num_arguments=2, proposal=lambda rng, seen: _reflection(seen)[0])
def reflected(seen: Situation) -> np.ndarray:
    """Go across the line through two others, to where it mirrors the place that one had."""
    target, off = _reflection(seen)
    return np.maximum(length(seen.place - target), 0.15 - off)


def _quarters(seen: Situation) -> list[np.ndarray]:
    turned = (seen.start - seen.other)[:, ::-1] * [-1, 1]
    return [seen.other + turned, seen.other - turned]


@new(Situated, proposal=lambda rng, seen: any_option(rng, _quarters(seen)))
def quarter_round(seen: Situation) -> np.ndarray:
    """Go a quarter of the way around another thing, either way, as far from it as before."""
    return np.maximum(nearest_option(seen.place, _quarters(seen)), 0.2 - seen.distance_before)


@new(AmongAllBy, parameters=_distances,
     proposal=lambda rng, seen: seen.start + polar(rng, seen.rows[:, 0]))  # fmt: skip
def one_step(seen: Situation) -> np.ndarray:
    """Go one step of a certain length, in any direction."""
    return np.abs(length(seen.place - seen.start) - seen.rows[:, 0])


def nearest_of(seen: Situation, chosen: np.ndarray) -> np.ndarray:
    """Return the distances (B,) to the nearest of chosen things (B, N), infinite for none."""
    apart = length(seen.place[:, None] - seen.others)
    return np.where(chosen & seen.counted, apart, np.inf).min(axis=1)


@new(AmongAll, fewest=3)
def front_of_queue(seen: Situation) -> np.ndarray:
    """Be nearer to the robot at the front edge than everything else."""
    next_one = np.where(seen.counted, length(seen.others - ROBOT), np.inf).min(axis=1)
    return np.maximum(length(seen.place - ROBOT) + 0.08 - next_one, 0.0)


@new(AmongAll, proposal=lambda rng, seen: seen.start * rng.uniform(0, 0.9, (len(seen.size), 1)))
def straight_in(seen: Situation) -> np.ndarray:
    """Go straight towards the middle of the table, at most as far as that."""
    along, across = in_frame(seen.place - seen.start, -seen.start)
    return np.maximum(np.abs(across), outside_of(along, 0.15, length(seen.start)))


def _of_color(seen: Situation) -> np.ndarray:
    return nearest_name(seen.scenes.colors) == seen.rows[:, :1]


@new(AmongColorsBy, parameters=named_colors)
def beside_color(seen: Situation) -> np.ndarray:
    """Be close to a thing of one colour, whichever of those."""
    return outside_of(nearest_of(seen, _of_color(seen)), 0.15, 0.32)


@new(AmongColorsBy, parameters=named_colors)
def quarantined(seen: Situation) -> np.ndarray:
    """Be far from everything of one colour, of which there is something."""
    nearest = nearest_of(seen, _of_color(seen))
    return np.where(np.isfinite(nearest), np.maximum(0.95 - nearest, 0.0), np.inf)


@new(AmongColors)
def by_own_color(seen: Situation) -> np.ndarray:
    """Stand clearly nearer to a thing of the own colour than to any of another."""
    names = nearest_name(seen.scenes.colors)
    own = names == marker_mean(names, seen.scenes.subjects)
    fellow, stranger = nearest_of(seen, own), nearest_of(seen, ~own)
    is_told = np.isfinite(fellow) & np.isfinite(stranger)
    late = np.subtract(fellow, stranger, out=np.full(len(own), np.inf), where=is_told)
    return np.maximum(late + 0.25, 0.0)


def _gaps(seen: Situation) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle (B,) of the widest gap left to right, and by how much it is wider (B,)."""
    x = np.sort(np.where(seen.counted, seen.others[..., 0], np.nan), axis=1)
    gaps = np.nan_to_num(np.diff(x, axis=1), nan=-1.0)
    widest = gaps.argmax(axis=1)[:, None]
    left = np.take_along_axis(x, widest, axis=1)[:, 0]
    widths = np.sort(gaps, axis=1)
    return left + widths[:, -1] / 2, widths[:, -1] - widths[:, -2]


def _draw_gap(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    return np.stack([_gaps(seen)[0], rng.uniform(-0.95, 0.95, len(seen.size))], axis=1)


@new(AmongAll, fewest=4, proposal=_draw_gap)
def widest_gap(seen: Situation) -> np.ndarray:
    """Be in the middle of the widest gap that the others leave from left to right."""
    middle, wider = _gaps(seen)
    return np.maximum(np.abs(seen.place[:, 0] - middle), 0.05 - wider)


@new(AmongAll, fewest=4)
def penned_in(seen: Situation) -> np.ndarray:
    """Be inside the fence around all others."""
    angles = np.linspace(-np.pi, np.pi, 64, endpoint=False)
    directions = np.stack([np.cos(angles), np.sin(angles)])
    reach = np.where(seen.counted[..., None], seen.others @ directions, -np.inf).max(axis=1)
    return np.maximum((seen.place @ directions - reach).max(axis=1) + 0.05, 0.0)


@new(AmongAll, fewest=4)
def offside(seen: Situation) -> np.ndarray:
    """Have exactly one other thing further back on the table."""
    y = np.sort(np.where(seen.counted, seen.others[..., 1], -np.inf), axis=1)
    return outside_of(seen.place[:, 1], y[:, -2] + 0.07, y[:, -1] - 0.07)
