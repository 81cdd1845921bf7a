"""Words of the third contact: parts of the table, which things, how many, several together."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from concept_control.concepts.family import (
    Draft,
    Family,
    Scenes,
    marker_mean,
)
from concept_control.concepts.held_out.first_contact import word
from concept_control.concepts.held_out.first_contact_regions import PlainRegion
from concept_control.concepts.held_out.first_contact_relations import ROBOT, length
from concept_control.concepts.held_out.first_contact_selection import (
    MOVED,
    Chosen,
    ChosenByColor,
    ChosenByMotion,
    Counted,
    alike,
    rank,
)
from concept_control.concepts.held_out.first_contact_shapes import Formation
from concept_control.concepts.held_out.second_contact import (
    ChosenBySizeAndColor,
    distances_between,
)
from concept_control.concepts.held_out.third_contact import (
    Parametric,
    from_segment,
    named_colors,
    nearest_name,
    paint,
)
from concept_control.concepts.held_out.validation import Template
from concept_control.concepts.named.shape import SMALLEST_GAP, Shape
from concept_control.concepts.named.visual import color_features
from concept_control.concepts.procedural.arrangement import centred_template
from concept_control.world.events import Events

_SHAPES: dict[str, list[tuple[float, float]]] = {
    'arrow': [(0, 0), (1, 0), (2, 0), (1.3, 0.7), (1.3, -0.7)],
    'house': [(0, 0), (1, 0), (1, 1.2), (0.5, 2), (0, 1.2)],
}

_QUARTERS = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])

WORDS: list[Family] = [
    Template(name, f'stand like an outline of {article} {name}', (), fewest=5, most=5,
             template=centred_template(np.array(_SHAPES[name], dtype=float)))
    for article, name in (('an', 'arrow'), ('a', 'house'))
]  # fmt: skip
new = partial(word, WORDS)


@dataclass(frozen=True, eq=False, kw_only=True)
class RegionBy(Parametric, PlainRegion):
    """A region with parameters."""

    def distance(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return self.judge(points, rows)


def _sectors(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(np.pi / 5, 4 * np.pi / 5, (count, 1))


@new(RegionBy, parameters=_sectors)
def sector(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Be in one direction from the robot at the front edge, give or take 15 degrees."""
    away, half = points - ROBOT, np.pi / 12
    turn = np.arctan2(away[..., 1], away[..., 0]) - rows[:, :1]
    return length(away) * np.sin(np.clip(np.abs(turn) - half, 0.0, np.pi / 2))


@new(PlainRegion)
def seed_beds(points: np.ndarray) -> np.ndarray:
    """Be in one of three beds from left to right, not on the paths between them."""
    beds = np.array([-0.6, 0.0, 0.6])
    return np.maximum(np.abs(points[..., 1:] - beds).min(axis=-1) - 0.08, 0.0)


def _spots(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform(-0.7, 0.7, (count, 2))


@new(RegionBy, parameters=_spots)
def keep_out(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Be far from one spot of the table."""
    return np.maximum(1.1 - length(points - rows[:, None]), 0.0)


@dataclass(frozen=True, eq=False, kw_only=True)
class ChosenByColorName(Parametric, ChosenBySizeAndColor):
    """Things named by their sizes and by a named colour, the parameter."""

    def named(self, things: Scenes, rows: np.ndarray) -> np.ndarray:
        return self.judge(things) & (nearest_name(things.colors) == rows[:, :1])


@new(ChosenByColor)
def darkest(things: Scenes) -> np.ndarray:
    """The darkest thing."""
    return rank(things.colors.mean(axis=-1), things.present) == 0


@new(ChosenByColor, has_marker=True)
def best_match(things: Scenes) -> np.ndarray:
    """The thing whose colour is most like that of the marker."""
    features = color_features(things.colors)
    unlike = length(features - marker_mean(features, things.subjects))
    return rank(unlike, things.candidates) == 0


@new(ChosenByColorName, parameters=named_colors)
def ripe(things: Scenes) -> np.ndarray:
    """The large things of one colour."""
    return things.sizes > 0.18


@new(ChosenByColor)
def wrong_neighbour(things: Scenes) -> np.ndarray:
    """The things whose nearest neighbour has another colour."""
    nearest = distances_between(things).argmin(axis=2)[..., None]
    return ~np.take_along_axis(alike(things), nearest, axis=2)[..., 0]


@new(Chosen)
def about_to_fall(things: Scenes) -> np.ndarray:
    """The thing nearest to any edge of the table."""
    return rank(-np.abs(things.last).max(axis=-1), things.present) == 0


@new(Chosen, has_marker=True)
def in_the_way(things: Scenes) -> np.ndarray:
    """The things in the straight way of the robot at the front edge to the marker."""
    marker = marker_mean(things.last, things.subjects)
    return from_segment(things.last, ROBOT, marker) < 0.25


@new(ChosenByMotion)
def crossed_over(things: Scenes) -> np.ndarray:
    """The things that changed from one half of the table, left or right, to the other."""
    return things.last[..., 0] * things.positions[:, 0, :, 0] < 0


class Carried(ChosenByMotion):
    """Scenes in which two or three things may go the same way, among others that move."""

    def draw_paths(self, rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
        paths = super().draw_paths(rng, like)
        place = paths[:, :1, 1:3] + paths[:, 1:, :1] - paths[:, :1, :1]
        fits = (np.abs(place) < 0.95).all(axis=-1, keepdims=True)
        fits[:, :, 1] &= rng.random((len(paths), 1, 1)) < 0.4
        paths[:, 1:, 1:3] = np.where(fits, place, paths[:, 1:, 1:3])
        return paths


@new(Carried)
def carried_together(things: Scenes) -> np.ndarray:
    """The things that moved the same way, as far, as another one."""
    way = things.last - things.positions[:, 0]
    same = length(way[:, :, None] - way[:, None]) < 0.15
    same &= things.present[:, None] & ~np.eye(same.shape[1], dtype=bool)
    return same.any(axis=2) & (length(way) > MOVED)


@new(Counted)
def majority(attended: np.ndarray, present: np.ndarray) -> np.ndarray:
    """More than a half of all things."""
    return 2 * attended > present


def _draw_arc(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    angles = rng.uniform(0.1, np.pi - 0.1, (count, k))
    ring = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return ROBOT + rng.uniform(0.5, 1.6, (count, 1, 1)) * ring


def _least_gap(points: np.ndarray) -> np.ndarray:
    """Return the smallest distances (B,) between two of points (B, k, 2)."""
    apart = length(points[:, :, None] - points[:, None])
    return (apart + 9 * np.eye(points.shape[1])).min(axis=(1, 2))


@new(Formation, fewest=3, most=5, drawing=_draw_arc)
def arc_around_robot(points: np.ndarray) -> np.ndarray:
    """Stand all equally far from the robot at the front edge."""
    uneven = np.ptp(length(points - ROBOT), axis=1) / 2
    return np.maximum(uneven, SMALLEST_GAP - _least_gap(points))


def _draw_quarters(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    return rng.uniform(0.1, 0.95, (count, k, 2)) * _QUARTERS


@new(Formation, fewest=4, most=4, drawing=_draw_quarters)
def one_per_quarter(points: np.ndarray) -> np.ndarray:
    """Stand four of them, one in each quarter of the table."""
    outside = np.maximum(0.1 - points[:, :, None] * _QUARTERS, 0.0).max(axis=-1)
    return outside.min(axis=1).max(axis=1)


@dataclass(frozen=True, eq=False, kw_only=True)
class ColorGroups(Shape):
    """Two groups, each of one colour, that are apart from each other."""

    reads_colors = True
    fewest: int = 4

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        first = rng.uniform(-0.8, 0.8, (count, 1, 2))
        angle = rng.uniform(-np.pi, np.pi, (count, 1))
        away = rng.uniform(1.1, 1.6, (count, 1, 1)) * np.stack([np.cos(angle), np.sin(angle)], -1)
        split = rng.integers(2, k - 1, (count, 1, 1))
        second = np.arange(k)[:, None] >= split
        return first + away * second + rng.uniform(-0.17, 0.17, (count, k, 2))

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        super().arrange(rng, rows, scene)
        last = scene.positions[:, 1]
        second = length(last - last[:, :1]) > 0.55
        first_name = named_colors(rng, len(rows))[:, 0].astype(int)
        painted = paint(rng, first_name, second.astype(int))
        scene.colors = np.where(scene.attention[..., None], painted, scene.colors)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        things = Scenes.from_events(events)
        members = things.attended
        apart = distances_between(things._replace(present=members))
        names = nearest_name(things.colors)
        same = names[:, :, None] == names[:, None]
        pairs = np.isfinite(apart)
        widest = np.where(pairs & same, apart, 0.0).max(axis=(1, 2))
        nearest = np.where(pairs & ~same, apart, np.inf).min(axis=(1, 2))
        count = members.sum(axis=1)
        is_told = (count >= self.fewest) & (count <= self.most) & np.isfinite(nearest)
        is_told &= ((pairs & same).any(axis=2) | ~members).all(axis=1)
        return np.where(is_told, np.maximum(np.maximum(widest - 0.5, 0.6 - nearest), 0.0), np.inf)


WORDS.append(
    ColorGroups('color_groups', 'stand grouped by colour: like together, unlike apart', ())
)
