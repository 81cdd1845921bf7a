"""Relations of height and piles: on top of, in, higher, lower, beside, towers, one thing on two.

Things are cubes, but for open boxes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.spatial import ConvexHull

from concept_control.concepts.family import (
    SIZE_RANGE,
    Draft,
    Family,
    Length,
    last_positions,
    masks,
    mean_of,
    outside_of,
)
from concept_control.concepts.named.relational import CONTAINER, Relation
from concept_control.world.entity import TABLE_NOISE
from concept_control.world.events import Events

FACE_GAP = 0.02
"""Largest gap between two faces of which one rests on the other [workspace units]: 5 mm."""

LEAST_HIGHER = 0.05
"""Least difference of height of what is higher [workspace units]."""

BESIDE_GAP = 0.1
"""Largest gap to what something is beside [workspace units]."""

_OFF_MIDDLE = 0.3
"""Largest distance off the middle of what is below, in its half sides, in demonstrations."""

_SHARED = 0.75
"""Share of the sum of half sides that what lies on two is off each at most, in demonstrations."""

_EDGE = 0.85
_FEWEST, _MOST = 2, 6


def vertical(events: Events) -> tuple[np.ndarray, np.ndarray]:
    """Return the heights (B, N) of lower and upper faces in the last state."""
    bottoms = events.bottoms[:, -1].cpu().numpy().astype(float)
    return bottoms, bottoms + events.heights.cpu().numpy()


def half_sides(events: Events) -> np.ndarray:
    """Return the halves (B, N, 2) of the sides in x and y."""
    return events.sides.cpu().numpy().astype(float) / 2


class Pile(NamedTuple):
    """The M things that an event is about, the lowest first.

    Attributes:
        places: (M, 2) middles in the last state.
        halves: (M, 2) halves of the sides in x and y.
        lower: (M,) heights of the lower faces.
        upper: (M,) heights of the upper faces.
    """

    places: np.ndarray
    halves: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def piles(events: Events) -> Iterator[Pile]:
    """Yield the things that each event is about."""
    present, _, attended = masks(events)
    every = last_positions(events), half_sides(events), *vertical(events)
    lower = every[2]
    for row, chosen in enumerate(attended & present):
        index = np.flatnonzero(chosen)
        index = index[np.argsort(lower[row, index], kind='stable')]
        yield Pile(*(values[row, index] for values in every))


def raised(scene: Draft) -> np.ndarray:
    """Return the heights (B, T, N) of the lower faces, which a sampler changes in place."""
    if scene.bottoms is None:
        scene.bottoms = np.zeros(scene.positions.shape[:-1])
    return scene.bottoms


def put_on(
    rng: np.random.Generator, scene: Draft, step: int, thing: int, carrier: int, rows: np.ndarray
) -> None:
    """Put a thing about on the middle of another in a state of some events."""
    bottoms = raised(scene)
    off = rng.uniform(-_OFF_MIDDLE, _OFF_MIDDLE, (len(rows), 2))
    half = scene.sizes[rows, carrier, None] / 2
    scene.positions[rows, step, thing] = scene.positions[rows, step, carrier] + off * half
    bottoms[rows, step, thing] = bottoms[rows, step, carrier] + scene.sizes[rows, carrier]


def _pile_up(scene: Draft, rows: np.ndarray, *things: int) -> None:
    """Put things on one another, the last one lowest, in both states of some events."""
    if len(rows):
        levels = zip(reversed(things[:-1]), reversed(things[1:]))
        for (thing, carrier), step in product(levels, (0, 1)):
            scene.positions[rows, step, thing] = scene.positions[rows, step, carrier]
            below = raised(scene)[rows, step, carrier]
            raised(scene)[rows, step, thing] = below + scene.sizes[rows, carrier]


def spread_out(rng: np.random.Generator, scene: Draft, coarsest: int = 5) -> None:
    """Put all things on places of the table that are free, in every state."""
    count = scene.sizes.shape[1]
    ticks = np.linspace(-_EDGE, _EDGE, max(coarsest, int(np.ceil(count**0.5))))
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    order = np.argsort(rng.random((len(scene.count), len(grid))), axis=1)[:, :count]
    shake = rng.uniform(-0.06, 0.06, (len(order), count, 2))
    scene.positions[:] = (grid[order] + shake)[:, None]
    raised(scene)


class Two(NamedTuple):
    """A thing and the one it is related to, in the last state of B events, workspace units.

    Attributes:
        offset: (B, 2) middle of the thing, from that of the other.
        side: (B, 2) its sides in x and y.
        other_side: (B, 2) those of the other.
        faces: (B, 2) heights of its lower and upper face.
        other_faces: (B, 2) those of the other.
    """

    offset: np.ndarray
    side: np.ndarray
    other_side: np.ndarray
    faces: np.ndarray
    other_faces: np.ndarray


class Stacked(Relation):
    """A relation of one subject to one other in which heights count."""

    reads_sizes = True
    tolerance = 0.04

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        spread_out(rng, scene)
        scene.subjects[:, 0] = True
        scene.attention[:, 1] = True
        self.stack(rng, scene)

    def stack(self, rng: np.random.Generator, scene: Draft) -> None:
        """Put subject 0 in the last state where the concept holds of it and 1."""
        raise NotImplementedError

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        relative, valid = self.relative_position(events)
        _, subjects, attended = masks(events)
        sides = 2 * half_sides(events)
        faces = np.stack(vertical(events), axis=-1)
        found = [mean_of(each, mask) for each in (sides, faces) for mask in (subjects, attended)]
        with np.errstate(invalid='ignore'):
            return np.where(valid, self.beyond(Two(relative, *found)), np.inf)

    def beyond(self, two: Two) -> np.ndarray:
        """Return (B,) distances to satisfaction."""
        raise NotImplementedError


class OnTopOf(Stacked):
    """Rest on another thing, with the middle over it."""

    def stack(self, rng: np.random.Generator, scene: Draft) -> None:
        # In every second one others are piled up higher.
        _pile_up(scene, np.flatnonzero((scene.count > 4) & (scene.shot % 2 == 0)), 4, 3, 2)
        # Sometimes the other lies on something itself.
        _pile_up(scene, np.flatnonzero((scene.count > 2) & (scene.shot % 4 == 1)), 1, 2)
        put_on(rng, scene, 1, 0, 1, np.arange(len(scene.count)))

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return (
            f'its lower face at most {length(FACE_GAP)} from the upper face of the other, its '
            'middle over it'
        )

    def beyond(self, two: Two) -> np.ndarray:
        off = np.maximum(np.abs(two.offset) - two.other_side / 2, 0.0).max(axis=1)
        gap = np.abs(two.faces[:, 0] - two.other_faces[:, 1])
        return np.where(gap <= FACE_GAP, off, np.inf)


class Within(Stacked):
    """Stand in an open box, on its floor or on something in it."""

    def stack(self, rng: np.random.Generator, scene: Draft) -> None:
        every, none = np.arange(len(scene.count)), np.zeros_like(scene.sizes)
        scene.sizes[:, 1] = rng.uniform(*CONTAINER, len(every))
        scene.heights, scene.rims = scene.sizes.copy(), none
        scene.heights[:, 1] = rng.uniform(0.15, 0.3, len(every))
        scene.rims[:, 1] = rng.uniform(0.01, 0.03, len(every))
        # The box stands in the middle, and the others about it.
        place = scene.positions[:, :1, 1:2] / 2
        away = np.abs(scene.positions - place).max(axis=-1)
        clear = (scene.sizes + scene.sizes[:, 1:2])[:, None] / 2
        outwards = np.where(scene.positions < place, -1.0, 1.0)
        is_far = np.abs(scene.positions - place) == away[..., None]
        is_far &= (away < clear)[..., None]
        scene.positions[:] = np.where(is_far, place + outwards * clear[..., None], scene.positions)
        scene.positions[:, :, 1] = place[:, :, 0]
        room = (scene.sizes[:, 1] - scene.sizes[:, 0]) / 2 - scene.rims[:, 1]
        off = room[:, None] * rng.uniform(-1.0, 1.0, (len(every), 2))
        scene.positions[:, 1, 0] = place[:, 0, 0] + off
        # Sometimes something is in it already, and the subject comes onto that.
        full = every[(scene.count > 2) & (scene.shot % 3 == 2)]
        scene.sizes[full, 2] = scene.heights[full, 2] = 0.1
        scene.positions[full, :, 2] = place[full, :, 0]
        put_on(rng, scene, 1, 0, 2, full)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return (
            'between the walls of an open box, on its floor or on something in it, with at most '
            f'{length(FACE_GAP)} to what it rests on'
        )

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        present, subjects, attended = masks(events)
        rims, (lower, upper) = events.rims.cpu().numpy().astype(float), vertical(events)
        places, halves = last_positions(events), half_sides(events)
        error = np.full(len(events), np.inf)
        is_pair = (subjects.sum(axis=1) == 1) & (attended.sum(axis=1) == 1)
        for row in np.flatnonzero(is_pair & (rims * attended > 0).any(axis=1)):
            one, box = int(subjects[row].argmax()), int(attended[row].argmax())
            inner = halves[row, box] - rims[row, box]
            away = np.abs(places[row] - places[row, box])
            # What is in the box carries, and the box at its floor; on the table that counts as 0.
            carrying, floor = upper[row].copy(), lower[row, box] + rims[row, box]
            carrying[box] = floor if floor > TABLE_NOISE else 0.0
            is_under = (np.abs(places[row] - places[row, one]) <= halves[row]).all(axis=1)
            is_under &= (away < inner).all(axis=1) & present[row]
            is_under[one] = False
            rests = (np.abs(carrying - lower[row, one]) <= FACE_GAP) & is_under
            fits = (halves[row, one] <= inner).all()
            if rests.any() and fits and lower[row, one] < upper[row, box] - FACE_GAP:
                error[row] = max(float((away[one] + halves[row, one] - inner).max()), 0.0)
        return error


class BesideIt(Stacked):
    """Stand at the same height as another thing, face to face and nearly touching it."""

    def stack(self, rng: np.random.Generator, scene: Draft) -> None:
        count = len(scene.count)
        axis, sign = rng.integers(2, size=count), rng.choice([-1.0, 1.0], count)
        reach = scene.sizes[:, :2].mean(axis=1)
        off = rng.uniform(-0.3, 0.3, (count, 2)) * reach[:, None]
        off[np.arange(count), axis] = sign * (reach + rng.uniform(0.02, 0.09, count))
        scene.positions[:, 1, 0] = np.clip(scene.positions[:, 1, 1], -0.6, 0.6) + off
        scene.positions[:, :, 1] = np.clip(scene.positions[:, :, 1], -0.6, 0.6)

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return f'as high as the other, with at most {length(BESIDE_GAP)} between their faces'

    def beyond(self, two: Two) -> np.ndarray:
        gap = (np.abs(two.offset) - (two.side + two.other_side) / 2).max(axis=1)
        is_level = np.abs(two.faces[:, 0] - two.other_faces[:, 0]) <= FACE_GAP
        return np.where(is_level, outside_of(gap, 0.0, BESIDE_GAP), np.inf)


@dataclass(frozen=True, eq=False, kw_only=True)
class Higher(Stacked):
    """Have the middle higher than that of another thing, or lower.

    Attributes:
        sign: 1 for higher, -1 for lower.
    """

    sign: float
    reads_sizes = False

    def entities_needed(self, rows: np.ndarray) -> int:
        return 3

    def stack(self, rng: np.random.Generator, scene: Draft) -> None:
        every = np.arange(len(scene.count))
        scene.sizes[:, 2] = np.maximum(scene.sizes[:, 2], 0.16)
        if self.sign > 0:
            _pile_up(scene, every[(scene.count > 3) & (scene.shot % 2 == 0)], 2, 3)
            on_it = rng.random(len(every)) < 0.3
            put_on(rng, scene, 1, 0, 1, every[on_it])
            put_on(rng, scene, 1, 0, 2, every[~on_it])
            return
        # Where there are enough, the other is on two: so that the lowest place is no bound.
        high = (scene.count > 3) & (scene.shot % 2 == 0)
        _pile_up(scene, every[high], 1, 2, 3)
        _pile_up(scene, every[~high], 1, 2)
        ticks = np.linspace(-0.9, 0.9, 15)
        grid = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
        away = np.abs(grid[None, :, None] - scene.positions[:, 1, None]).max(axis=-1).min(axis=2)
        noise = rng.random(away.shape)
        best = np.where(away > 0.27, noise, -1.0 + 0.1 * away).argmax(axis=1)
        scene.positions[:, 1, 0] = grid[best]

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return (
            f'its middle at least {length(LEAST_HIGHER)} '
            f'{"higher" if self.sign > 0 else "lower"} than that of the other'
        )

    def beyond(self, two: Two) -> np.ndarray:
        higher = self.sign * (two.faces.mean(axis=1) - two.other_faces.mean(axis=1))
        return outside_of(higher, LEAST_HIGHER, np.inf)


class Tower(Family):
    """Two to six things, every one on the next, in any order."""

    reads_sizes = True
    tolerance = 0.04
    fewest, most = _FEWEST, _MOST

    def entities_needed(self, rows: np.ndarray) -> int:
        return self.fewest

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        spread_out(rng, scene)
        count = rng.integers(self.fewest, np.minimum(scene.count, 5) + 1)
        # The lowest stays in half of them, so that its place is seen to mean nothing.
        moves = np.flatnonzero(rng.random(len(count)) < 0.5)
        scene.positions[moves, 1, 0] += rng.uniform(-0.05, 0.05, (len(moves), 2))
        for level in range(1, int(count.max())):
            put_on(rng, scene, 1, level, level - 1, np.flatnonzero(count > level))
        scene.subjects = np.arange(scene.sizes.shape[1]) < count[:, None]
        scene.attention = scene.subjects.copy()

    def meaning(self, params: np.ndarray, length: Length) -> str:
        return (
            f'{self.fewest} to {self.most} things, each with its middle over the one below and at '
            f'most {length(FACE_GAP)} between their faces'
        )

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        return np.array([self._off(pile) for pile in piles(events)])

    def _off(self, pile: Pile) -> float:
        if not self.fewest <= len(pile.lower) <= self.most or pile.lower[0] > FACE_GAP:
            return np.inf
        gaps = pile.lower[1:] - pile.upper[:-1]
        off = np.abs(np.diff(pile.places, axis=0)) - pile.halves[:-1]
        return max(float(off.max()), 0.0) if (np.abs(gaps) <= FACE_GAP).all() else np.inf


@dataclass(frozen=True, eq=False, kw_only=True)
class OnTwo(Family):
    """Two things of the table with a gap between them, and a third that rests on both.

    Attributes:
        gaps: Least and largest gap, in the mean of their sides.
        shown: The same in demonstrations.
    """

    gaps: tuple[float, float]
    shown: tuple[float, float]
    reads_sizes = True
    tolerance = 0.04
    fewest = most = 3

    def entities_needed(self, rows: np.ndarray) -> int:
        return self.fewest

    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        spread_out(rng, scene, coarsest=3)
        every, (low, high) = np.arange(len(scene.count)), SIZE_RANGE
        gap = rng.uniform(*self.shown, len(every))
        # The third is long enough to lie on a good part of both.
        least = np.maximum((1 + gap) / _SHARED - 1, 0.8)
        side = rng.uniform(low, high / np.maximum(least, 1.0))
        scene.sizes[:, :2] = side[:, None]
        scene.sizes[:, 2] = np.maximum(rng.uniform(least * side, high), low)
        # The first stays in half of them, so that its place is seen to mean nothing.
        moves = np.flatnonzero(rng.random(len(every)) < 0.5)
        scene.positions[moves, 1, 0] += rng.uniform(-0.05, 0.05, (len(moves), 2))
        place, axis = scene.positions[:, 1, 0], rng.integers(2, size=len(every))
        way = rng.uniform(-0.1, 0.1, (len(every), 2)) * side[:, None]
        inward = np.where(place[every, axis] > 0, -1.0, 1.0)
        way[every, axis] = inward * (1 + gap) * side
        scene.positions[:, 1, 1] = place + way
        off = rng.uniform(-0.1, 0.1, (len(every), 2)) * side[:, None]
        scene.positions[:, 1, 2] = place + way / 2 + off
        raised(scene)[:, 1, 2] = side
        scene.subjects = np.tile(np.arange(scene.sizes.shape[1]) < 3, (len(every), 1))
        scene.attention = scene.subjects.copy()

    def meaning(self, params: np.ndarray, length: Length) -> str:
        least, most = self.gaps
        gap = f'at least {least:.1f}' if most > 1 else f'at most {most:.1f}'
        return (
            f'two on the table with a gap of {gap} of their side, and a third with its middle '
            f'over what both span and at most {length(FACE_GAP)} between their faces'
        )

    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        return np.array([self._off(pile) for pile in piles(events)])

    def _off(self, pile: Pile) -> float:
        if len(pile.lower) != self.fewest:
            return np.inf
        places, halves = pile.places[:2], pile.halves[:2]
        gaps = [*pile.lower[:2], *(pile.lower[2] - pile.upper[:2])]
        if np.abs(gaps).max() > FACE_GAP:
            return np.inf
        gap = np.abs(np.diff(places, axis=0)[0]) - halves.sum(axis=0)
        wrong = outside_of(np.max(gap), *(2 * halves.mean() * np.array(self.gaps)))
        return max(float(wrong), tipped(pile.places[2], pile.halves[2], places, halves))


def tipped(place: np.ndarray, half: np.ndarray, places: np.ndarray, halves: np.ndarray) -> float:
    """Return how far a middle (2,) is outside the hull of the contacts with things below."""
    low, high = (
        np.maximum(place - half, places - halves),
        np.minimum(place + half, places + halves),
    )
    if (high - low).min() < 1e-4:
        return np.inf
    corners = [[x, y] for (x0, y0), (x1, y1) in zip(low, high) for x in (x0, x1) for y in (y0, y1)]
    sides = ConvexHull(corners).equations
    return max(float((sides[:, :2] @ place + sides[:, 2]).max()), 0.0)


WORDS: tuple[Family, ...] = (
    OnTopOf('on_top_of', 'rest on another thing', ()),
    Higher('higher_than', 'stand higher than another thing', (), sign=1.0),
    Higher('lower_than', 'stand lower than another thing', (), sign=-1.0),
    BesideIt('beside', 'stand right beside another thing, as high as that', ()),
    Tower('tower', 'stand one on the other, two to six of them', ()),
    OnTwo('pyramid', 'stand two side by side and one on both', (), gaps=(0.0, 0.5),
          shown=(0.32, 0.42)),
    OnTwo('bridge', 'stand two apart and one across both', (), gaps=(0.2, np.inf),
          shown=(0.35, 0.6)),
    Within('within', 'stand in an open box', ()),
)  # fmt: skip
"""Families of words for stacked things."""
