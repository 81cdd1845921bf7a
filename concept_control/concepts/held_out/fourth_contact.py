"""The words of the fourth contact: shop floor, warehouse, bowling alley and playroom.

Of a list of 42 that was made before any earlier word was read, the 17 that say again what an
earlier word says were left out; the 10 added for them were thought of after those were read. All
were written without sight of the energy, of its vocabulary of measurements and of any figure, and
before any energy saw them. Some have parameters: an hour, a place, a side, a colour.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from concept_control.concepts.family import Draft, Family, Scenes, outside_of
from concept_control.concepts.held_out.first_contact import word
from concept_control.concepts.held_out.first_contact_regions import PlainRegion
from concept_control.concepts.held_out.first_contact_relations import (
    ROBOT,
    AmongAll,
    Situated,
    Situation,
    SizedSituated,
    in_frame,
    length,
)
from concept_control.concepts.held_out.first_contact_selection import (
    Chosen,
    ChosenByColor,
    ChosenBySize,
    rank,
)
from concept_control.concepts.held_out.first_contact_shapes import BySize, Formation
from concept_control.concepts.held_out.second_contact import distances_between
from concept_control.concepts.held_out.third_contact import (
    Parametric,
    SituatedBy,
    named_colors,
    nearest_name,
    nearest_of,
    paint,
)
from concept_control.concepts.held_out.third_contact_things import RegionBy
from concept_control.concepts.held_out.validation import Template
from concept_control.concepts.named.shape import (
    LARGEST_RADIUS,
    SMALLEST_GAP,
    SMALLEST_RADIUS,
    Shape,
)
from concept_control.concepts.procedural.arrangement import centred_template
from concept_control.world.events import Events

HARD = ('blocks_my_view_of', 'beside_it_and_alone', 'closest_companion', 'easy_reach_at_the_side',
        'smaller_than_its_neighbour', 'that_color_but_the_front_one', 'with_one_neighbour',
        'halved_the_distance', 'joined_the_others', 'growing_row', 'alternating_row',
        'spreading_gaps')  # fmt: skip
"""Names of the words that were meant to be hard."""

_LOWER_HALF = np.linspace(-np.pi, 0, 5)
_UPRIGHT: dict[str, tuple[str, np.ndarray]] = {
    'smile': ('evenly on the lower half of a circle, ends up',
              np.stack([np.cos(_LOWER_HALF), np.sin(_LOWER_HALF)], axis=1)),
    'arrowhead': ('like an arrowhead that points away from the robot',
                  np.array([[0.0, 0], [-1, -1], [1, -1], [-2, -2], [2, -2]])),
    'plus_sign': ('like a plus sign, its arms along the edges of the table',
                  np.array([[0.0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])),
    'bowling_pins': ('like bowling pins in rows of one, two and three, tip towards the robot',
                     np.array([[0, 0], [-1, 1], [1, 1], [-2, 2], [0, 2], [2, 2]])
                     * [0.5, np.sqrt(3) / 2]),
}  # fmt: skip
"""Meanings and points of patterns that are not turned."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Upright(Template):
    """Things in one pattern wherever and as large as may be, but not turned."""

    tolerance = 0.06

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        radius = rng.uniform(SMALLEST_RADIUS, LARGEST_RADIUS, (count, 1, 1))
        return rng.uniform(-0.7, 0.7, (count, 1, 2)) + radius * self.template

    def deviation(self, points: np.ndarray, rows: np.ndarray) -> np.ndarray:
        centred = (points - points.mean(axis=1, keepdims=True))[:, None]
        orders = np.array(list(itertools.permutations(range(len(self.template)))))
        matched = self.template[orders]  # (k!, k, 2)
        fit = (centred * matched).sum(axis=(2, 3), keepdims=True) / len(self.template)
        off = length(centred - np.maximum(fit, SMALLEST_RADIUS) * matched)
        return off.max(axis=2).min(axis=1)


WORDS: list[Family] = [
    Upright(name, f'stand {meaning}', (), fewest=len(points), most=len(points),
            template=centred_template(points))
    for name, (meaning, points) in _UPRIGHT.items()
]  # fmt: skip
new = partial(word, WORDS)


@new(SituatedBy, parameters=lambda rng, count: rng.integers(12, size=(count, 1)).astype(float))
def at_the_hour_of(seen: Situation) -> np.ndarray:
    """Be at one hour of the clock whose middle is another thing, twelve being away from us."""
    angle = np.pi / 2 - seen.rows[:, 0] * np.pi / 6
    along, across = in_frame(seen.relative, np.stack([np.cos(angle), np.sin(angle)], axis=1))
    slanted = np.abs(across) * np.cos(np.pi / 12) - along * np.sin(np.pi / 12)
    return np.maximum(slanted, outside_of(seen.distances[:, 0], 0.15, 0.8))


def _reach(seen: Situation) -> np.ndarray:
    """Return the distance (B,) of the centres of subject and argument when they touch."""
    return (seen.size + seen.argument_sizes[:, 0]) / 2


def _draw_tucked(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    aside, gap = rng.uniform([-0.06, 0.0], [0.06, 0.12], seen.place.shape).T
    return seen.other + np.stack([aside, _reach(seen) + gap], axis=1)


@new(SizedSituated, proposal=_draw_tucked)
def tucked_behind(seen: Situation) -> np.ndarray:
    """Stand right behind another thing, with hardly a gap."""
    gap = seen.relative[:, 1] - _reach(seen)
    return np.maximum(outside_of(gap, 0.0, 0.12), np.abs(seen.relative[:, 0]) - 0.06)


@new(Situated)
def blocks_my_view_of(seen: Situation) -> np.ndarray:
    """Be anywhere in the line of sight of the robot at the front edge to another thing."""
    sight = seen.other - ROBOT
    along, across = in_frame(seen.place - ROBOT, sight)
    return np.maximum(np.abs(across) - 0.06, outside_of(along, 0.0, length(sight) - 0.12))


def _draw_beside(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    away = _reach(seen) + rng.uniform(0.02, 0.15, len(seen.size))
    slope = rng.uniform(-0.36, 0.36, len(away))
    aside = away * rng.choice([-1, 1], len(away))
    return seen.other + np.stack([aside, away * slope], axis=1)


@new(SizedSituated, fewest=3, proposal=_draw_beside)
def beside_it_and_alone(seen: Situation) -> np.ndarray:
    """Stand left or right of another thing, close to it, and well away from all further ones."""
    away = np.abs(seen.relative)
    slanted = away[:, 1] * np.cos(np.pi / 9) - away[:, 0] * np.sin(np.pi / 9)
    crowd = 0.3 - nearest_of(seen, ~seen.scenes.attended)
    return np.maximum(
        np.maximum(slanted, outside_of(away[:, 0] - _reach(seen), 0.02, 0.15)), crowd
    )


@new(Situated, num_arguments=3)
def in_the_triangle(seen: Situation) -> np.ndarray:
    """Be inside the triangle of three others."""
    sides = np.roll(seen.arguments, -1, axis=1) - seen.arguments
    offsets = seen.place[:, None] - seen.arguments
    area = sides[..., 0] * offsets[..., 1] - sides[..., 1] * offsets[..., 0]
    inside = area * np.sign(area.sum(axis=1, keepdims=True)) / np.maximum(length(sides), 1e-9)
    return np.maximum(0.03 - inside.min(axis=1), 0.0)


@new(Situated)
def nearer_the_middle(seen: Situation) -> np.ndarray:
    """Be at most half as far from the middle of the table as another thing is."""
    return np.maximum(length(seen.place) - length(seen.other) / 2, 0.0)


@new(Situated, fewest=4)
def closest_companion(seen: Situation) -> np.ndarray:
    """Be nearer to another thing than everything else is."""
    rival = nearest_of(seen._replace(place=seen.other), ~seen.scenes.attended)
    return np.maximum(seen.distances[:, 0] + 0.08 - rival, 0.0)


@new(AmongAll)
def pushed_away(seen: Situation) -> np.ndarray:
    """Go straight away from the robot at the front edge."""
    along, across = in_frame(seen.place - seen.start, seen.start - ROBOT)
    slanted = np.abs(across) * np.cos(np.pi / 9) - along * np.sin(np.pi / 9)
    return np.maximum(slanted, 0.15 - along)


@new(Situated)
def halved_the_distance(seen: Situation) -> np.ndarray:
    """Be about half as far from another thing as one was, on any side."""
    before = seen.distance_before
    off = outside_of(seen.distances[:, 0], 0.4 * before, 0.6 * before)
    return np.maximum(off, 0.4 - before)


@new(AmongAll, proposal=lambda rng, seen: (
    seen.start - rng.uniform([0, 0.15], [0, 1.2], seen.start.shape)))  # fmt: skip
def pulled_forward(seen: Situation) -> np.ndarray:
    """Go straight towards the front edge of the table."""
    step = seen.place - seen.start
    return np.maximum(np.abs(step[:, 0]), step[:, 1] + 0.15)


def _draw_bishop(rng: np.random.Generator, seen: Situation) -> np.ndarray:
    signs = rng.choice([-1.0, 1.0], seen.place.shape)
    return seen.start + signs * rng.uniform(0.15, 0.9, (len(signs), 1))


@new(AmongAll, proposal=_draw_bishop)
def bishops_move(seen: Situation) -> np.ndarray:
    """Go diagonally like a bishop, as far across as along."""
    across, along = np.sort(np.abs(seen.place - seen.start), axis=1).T
    return np.maximum((along - across) / np.sqrt(2), 0.15 - across)


@new(AmongAll, fewest=3)
def joined_the_others(seen: Situation) -> np.ndarray:
    """Go from where one was far from everything to right beside something."""
    before = seen._replace(place=seen.start).sorted_distances[:, 0]
    return np.maximum(0.5 - before, outside_of(seen.sorted_distances[:, 0], 0.15, 0.28))


@new(RegionBy, parameters=lambda rng, count: rng.uniform(-0.7, 0.7, (count, 2)))
def in_the_loading_bay(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Be in one rectangle on the table, a little wider than deep."""
    beyond = np.abs(points - rows[:, None]) - [0.25, 0.2]
    return np.maximum(beyond.max(axis=-1), 0.0)


@new(RegionBy, parameters=lambda rng, count: rng.choice([-1.0, 1.0], (count, 2)))
def in_the_home_corner(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Be in one certain corner of the table."""
    return np.maximum(0.55 - (points * rows[:, None]).min(axis=-1), 0.0)


@new(PlainRegion)
def easy_reach_at_the_side(points: np.ndarray) -> np.ndarray:
    """Be within reach of the robot at the front edge, but not straight ahead of it."""
    away = points - ROBOT
    ahead = away[..., 1] * np.sin(np.pi / 6) - np.abs(away[..., 0]) * np.cos(np.pi / 6)
    return np.maximum(np.maximum(length(away) - 1.0, ahead), 0.0)


@new(PlainRegion)
def on_the_rug(points: np.ndarray) -> np.ndarray:
    """Be on the oval in the middle of the table that is twice as wide as deep."""
    return 0.35 * np.maximum(length(points / [0.7, 0.35]) - 1, 0.0)


def _spots(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.uniform([-0.8, -0.8, 0.2, -0.8], [-0.2, 0.8, 0.8, 0.8], (count, 4))


@new(RegionBy, parameters=_spots)
def at_a_charging_spot(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Be at one of two spots, one on the left half of the table and one on the right."""
    apart = length(points[:, :, None] - rows.reshape(-1, 1, 2, 2))
    return np.maximum(apart.min(axis=2) - 0.15, 0.0)


def _saturation(colors: np.ndarray) -> np.ndarray:
    """Return the saturations (...) of colours (..., 3), as in HSV."""
    return np.ptp(colors, axis=-1) / np.maximum(colors.max(axis=-1), 1e-9)


@new(ChosenByColor, leaves_out=True)
def warm_ones(things: Scenes) -> np.ndarray:
    """The things of a warm colour, from red over orange to yellow."""
    red, green, blue = np.moveaxis(things.colors, -1, 0)
    hue = np.rad2deg(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue))
    return (hue > -20) & (hue < 65) & (_saturation(things.colors) > 0.4)


@new(ChosenByColor, leaves_out=True)
def washed_out_ones(things: Scenes) -> np.ndarray:
    """The things that have hardly any colour: white, grey, pale or black."""
    return _saturation(things.colors) < 0.3


@new(ChosenBySize)
def crumbs(things: Scenes) -> np.ndarray:
    """The things at most half as large as the largest."""
    return things.sizes < (things.sizes * things.present).max(axis=1, keepdims=True) / 2


@new(ChosenBySize)
def two_biggest(things: Scenes) -> np.ndarray:
    """The two largest things."""
    return rank(-things.sizes, things.present) < 2


class ChosenAmongGroups(Chosen):
    """Things named by what is near: two always are, and some others stand near a thing, too."""

    def draw_paths(self, rng: np.random.Generator, like: np.ndarray) -> np.ndarray:
        paths = super().draw_paths(rng, like)
        beside = paths[:, :, :-1] + rng.uniform(-0.25, 0.25, paths[:, :1, 1:].shape)
        joins = rng.random(paths[:, :1, 1:, :1].shape) < 0.4
        joins[:, :, 0] = True
        paths[:, :, 1:] = np.where(joins, np.clip(beside, -0.95, 0.95), paths[:, :, 1:])
        return paths


@new(ChosenAmongGroups, leaves_out=True)
def loners(things: Scenes) -> np.ndarray:
    """The things that have no other one near."""
    return distances_between(things).min(axis=2) > 0.4


@new(ChosenAmongGroups, leaves_out=True)
def with_one_neighbour(things: Scenes) -> np.ndarray:
    """The things that have exactly one other one near."""
    return (distances_between(things) < 0.4).sum(axis=2) == 1


@new(Chosen, leaves_out=True)
def by_the_rim(things: Scenes) -> np.ndarray:
    """The things near an edge of the table, whichever."""
    return np.abs(things.last).max(axis=-1) > 0.75


@new(ChosenBySize)
def smaller_than_its_neighbour(things: Scenes) -> np.ndarray:
    """The things that are clearly smaller than their nearest neighbour."""
    nearest = distances_between(things).argmin(axis=2)
    return things.sizes < 0.9 * np.take_along_axis(things.sizes, nearest, axis=1)


@dataclass(frozen=True, eq=False, kw_only=True)
class ChosenOfColor(Parametric, ChosenByColor):
    """Things named among those of a named colour, the parameter."""

    judge: Callable[..., np.ndarray]

    def named(self, things: Scenes, rows: np.ndarray) -> np.ndarray:
        return self.judge(things, things.present & (nearest_name(things.colors) == rows[:, :1]))


@new(ChosenOfColor, parameters=named_colors)
def that_color_but_the_front_one(things: Scenes, own: np.ndarray) -> np.ndarray:
    """All things of one colour, except the one of them that is nearest to the front edge."""
    return own & (rank(things.last[..., 1], own) > 0)


def _draw_teams(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    homes = np.repeat(rng.uniform(-0.75, 0.75, (count, 2, 2)), k // 2, axis=1)
    return homes + rng.uniform(-0.2, 0.2, (count, k, 2))


@new(Formation, fewest=6, most=6, drawing=_draw_teams)
def two_teams(points: np.ndarray) -> np.ndarray:
    """Stand in two teams of three that are apart from each other."""
    apart = length(points[:, :, None] - points[:, None])
    first = np.argsort(np.argsort(apart[:, 0], axis=1), axis=1) < 3
    same = first[:, :, None] == first[:, None]
    widest = np.where(same, apart, 0.0).max(axis=(1, 2))
    between = np.where(same, np.inf, apart).min(axis=(1, 2))
    least = (apart + 9 * np.eye(6)).min(axis=(1, 2))
    return np.maximum(np.maximum(widest - 0.45, 0.6 - between), SMALLEST_GAP - least).clip(0.0)


def _draw_front(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    return rng.uniform(-0.95, [0.95, -0.6], (count, k, 2))


@new(Formation, fewest=3, most=4, drawing=_draw_front)
def lined_up_at_the_front(points: np.ndarray) -> np.ndarray:
    """Stand side by side at the front edge of the table."""
    gaps = np.diff(np.sort(points[..., 0], axis=1), axis=1)
    return np.maximum(points[..., 1].max(axis=1) + 0.6, SMALLEST_GAP - gaps.min(axis=1)).clip(0.0)


def _draw_row(rng: np.random.Generator, gaps: np.ndarray) -> np.ndarray:
    """Draw rows (count, k, 2) from left to right with gaps (count, k) left of each thing."""
    x = rng.uniform(-1.3, 0.0, (len(gaps), 1)) + np.cumsum(gaps, axis=1)
    y = rng.uniform(-0.9, 0.9, (len(gaps), 1))
    return np.stack([x, np.broadcast_to(y, x.shape)], axis=-1)


def _draw_spreading(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    return _draw_row(rng, np.cumprod(rng.uniform(1.3, 1.6, (count, k)), axis=1) * 0.2)


@new(Formation, fewest=4, most=4, drawing=_draw_spreading)
def spreading_gaps(points: np.ndarray) -> np.ndarray:
    """Stand in a row from left to right in which each gap is clearly wider than the last."""
    gaps = np.diff(np.sort(points[..., 0], axis=1), axis=1)
    short = np.maximum(SMALLEST_GAP - gaps.min(axis=1), (1.3 * gaps[:, :-1] - gaps[:, 1:]).max(1))
    return np.maximum(np.ptp(points[..., 1], axis=1) / 2, short)


class GrowingRow(BySize):
    """Things that stand in a row from left to right by growing size."""

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        return _draw_row(rng, rng.uniform(SMALLEST_GAP, 0.45, (count, k)))

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        return np.maximum(super().error(events, params), _half_depth(Scenes.from_events(events)))


@dataclass(frozen=True, eq=False, kw_only=True)
class AlternatingRow(Shape):
    """Things of two colours in a row from left to right, the colours taking turns."""

    reads_colors = True
    tolerance = 0.06
    fewest: int = 4

    def perfect(self, rng: np.random.Generator, count: int, k: int) -> np.ndarray:
        return _draw_row(rng, rng.uniform(SMALLEST_GAP, 0.45, (count, k)))

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        super().arrange(rng, rows, scene)
        turn = rank(scene.positions[:, 1, :, 0], scene.attention) % 2
        painted = paint(rng, named_colors(rng, len(rows))[:, 0].astype(int), turn)
        scene.colors = np.where(scene.attention[..., None], painted, scene.colors)

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        things = Scenes.from_events(events)
        names = nearest_name(things.colors)
        error = _half_depth(things)
        for row, members in enumerate(things.attended):
            x, name = things.last[row, members, 0], names[row, members]
            name, gaps = name[np.argsort(x)], np.diff(np.sort(x))
            takes_turns = self.fewest <= len(x) <= self.most and name[0] != name[1]
            if takes_turns and (name[2:] == name[:-2]).all():
                error[row] = max(error[row], SMALLEST_GAP - gaps.min())
            else:
                error[row] = np.inf
        return error


def _half_depth(things: Scenes) -> np.ndarray:
    """Return half the extent (B,) of the attended along y."""
    y = things.last[..., 1]
    high, low = np.where(things.attended, y, -9.0), np.where(things.attended, y, 9.0)
    return (high.max(axis=1) - low.min(axis=1)) / 2


WORDS += [
    GrowingRow('growing_row', 'stand in a row from left to right by growing size', (),
               fewest=4, most=4),
    AlternatingRow('alternating_row', 'stand in a row of two colours that take turns', ()),
]  # fmt: skip
