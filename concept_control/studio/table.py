"""The table of the studio: things that are dragged, added, removed, recoloured and resized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import connected_components

from concept_control.errors import StudioError
from concept_control.simulation.scene import BOX_HEIGHT, BOX_SIDE, USUAL_HALF_EXTENT
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import RIM, TABLE_NOISE
from concept_control.world.events import DEFAULT_SIZE
from concept_control.world.tabletop import Tabletop

SIZES = (0.12, 0.22)
"""Smallest and largest side of a thing [workspace units]; 29 and 53 mm on the default table."""

BOX_SIZE, BOX_TALL, BOX_RIM = (
    length / USUAL_HALF_EXTENT for length in (BOX_SIDE, BOX_HEIGHT, RIM)
)
"""Side of a new open box, height of all, and thickness of their walls [workspace units]."""

BOX_SIZES = (0.35, 0.75)
"""Smallest and largest side of an open box [workspace units]."""

MAX_THINGS = 10
"""Most things on the table."""

GAP = 0.05
"""Least distance of things that are put at random [workspace units]."""

INSIDE = 0.95
"""Distance of two middles, in sums of half sides, below which things are over one another."""

_ATTEMPTS = 2000


Place = tuple[float, float, float]
"""(x, y) of a thing's centre and the height of its lower face [workspace units]."""


@dataclass(frozen=True)
class Thing:
    """A block or an open box on the table.

    Attributes:
        id: Number by which expressions name it, as in `#3`.
        color: Name among `NAMED_COLORS`.
        position: (x, y) of its centre [workspace units].
        size: Side [workspace units].
        bottom: Height of its lower face above the table [workspace units].
        is_open: Whether it is an open box, into which things go.
    """

    id: int
    color: str
    position: tuple[float, float]
    size: float = DEFAULT_SIZE
    bottom: float = 0.0
    is_open: bool = False

    @property
    def height(self) -> float:
        """Its vertical side."""
        return BOX_TALL if self.is_open else self.size

    @property
    def top(self) -> float:
        """Height of its upper face, or of its rim."""
        return self.bottom + self.height

    def takes(self, places: np.ndarray, size: float) -> np.ndarray:
        """Return (K,) bool: whether a thing of a size is between its walls at places (K, 2)."""
        away = np.abs(places - self.position).max(axis=-1)
        return np.asarray(self.is_open & (away + size / 2 <= self.size / 2 - BOX_RIM))

    @property
    def place(self) -> Place:
        """(x, y) of its centre and the height of its lower face."""
        return (*self.position, self.bottom)

    def at(self, place: Sequence[float]) -> Thing:
        """Return it at (x, y), or (x, y, height of the lower face)."""
        x, y, bottom = (*map(float, place), self.bottom)[:3]
        return replace(self, position=(x, y), bottom=bottom)

    def resting(self, others: Sequence[Thing], start: float = np.inf) -> Thing:
        """Return it at its place, let down among others as `rest_heights` says."""
        heights = rest_heights(np.array([self.position]), self.size, others, start)
        return replace(self, bottom=float(heights[0]))


@dataclass(frozen=True)
class Table:
    """Things on the table; every change is a new table.

    Attributes:
        things: Things in the order of their ids.
    """

    things: tuple[Thing, ...] = ()

    @classmethod
    def of_colors(cls, colors: Sequence[str], rng: np.random.Generator) -> Table:
        """Return a table with a thing of each colour, at random places."""
        table = cls()
        for color in colors:
            table = table.with_new(color, rng)
        return table

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of the things."""
        return tuple(thing.id for thing in self.things)

    def thing(self, thing_id: int) -> Thing:
        """Return a thing.

        Raises:
            StudioError: if there is none of that id.
        """
        for thing in self.things:
            if thing.id == thing_id:
                return thing
        raise StudioError(f'there is no #{thing_id} on the table any more')

    def name(self, thing_id: int) -> str:
        """Return what people call a thing: its colour, and its id where several have that."""
        color = self.thing(thing_id).color
        several = sum(thing.color == color for thing in self.things) > 1
        return f'{color} #{thing_id}' if several else color

    def names(self, ids: Sequence[int]) -> str:
        """Return the names of some things, for a sentence."""
        return ', '.join(self.name(i) for i in ids)

    def tabletop(self) -> Tabletop:
        """Return the table as the rest of the package sees scenes."""
        heights = np.array([thing.height for thing in self.things], dtype=float)
        rims = BOX_RIM * np.array([thing.is_open for thing in self.things], dtype=float)
        return Tabletop(
            self.ids,
            np.array([thing.position for thing in self.things], dtype=float).reshape(-1, 2),
            np.array([NAMED_COLORS[thing.color] for thing in self.things]).reshape(-1, 3),
            np.array([thing.size for thing in self.things], dtype=float),
            np.array([thing.bottom for thing in self.things], dtype=float),
            heights,
            rims,
        )

    def on(self, thing_id: int) -> tuple[int, ...]:
        """Return the ids of what a thing rests on; none where that is the table."""
        row = self.tabletop().rests_on()[self.ids.index(thing_id)]
        return tuple(i for i, is_below in zip(self.ids, row) if is_below)

    def above(self, thing_id: int) -> tuple[int, ...]:
        """Return the ids of what stands on a thing, directly or not, the lowest first."""
        found: list[int] = [thing_id]
        for thing in sorted(self.things, key=lambda t: t.bottom):
            if {*self.on(thing.id)} & {*found}:
                found.append(thing.id)
        return tuple(found[1:])

    def moved(self, places: Mapping[int, Sequence[float]]) -> Table:
        """Return the table with some things at other places, wherever these are.

        Args:
            places: By id (x, y), or (x, y, height of the lower face).
        """
        return Table(tuple(t.at(places[t.id]) if t.id in places else t for t in self.things))

    def settled(self) -> Table:
        """Return the table with everything resting on what is below it, or on the table."""
        settled: list[Thing] = []
        for thing in sorted(self.things, key=lambda t: t.bottom):
            settled.append(thing.resting(settled, thing.bottom))
        return Table(tuple(sorted(settled, key=lambda t: t.id)))

    def dragged(self, thing_id: int, x: float, y: float) -> Table:
        """Return the table with one thing put elsewhere by hand, and with it what stands on it.

        It is put on what is there; where nothing is, on the table.

        Raises:
            StudioError: if it would fall, or stand in another thing.
        """
        return self._put(replace(self.thing(thing_id), position=(x, y)))

    def _put(self, thing: Thing) -> Table:
        """Return the table with a thing as given, on what is below it, with what stands on it."""
        old, load = self.thing(thing.id), self.above(thing.id)
        held = {below for i in load for below in self.on(i)} - {thing.id, *load}
        if held:
            raise StudioError(
                f'{self.names(load)} would fall off {self.names(sorted(held))}; take it away first'
            )
        others = [t for t in self.things if t.id not in (thing.id, *load)]
        thing = thing.resting(others)
        shift = np.subtract((*thing.position, thing.top), (*old.position, old.top))
        carried = {i: np.add(self.thing(i).place, shift).tolist() for i in load}
        table = self._changed(thing).moved(carried)
        for i in (thing.id, *load):
            table._check_stands(i)
        return table

    def _check_stands(self, thing_id: int) -> None:
        """Refuse a thing that would fall off the table or off others, or stand in them."""
        thing, name = self.thing(thing_id), self.name(thing_id)
        place = np.array(thing.position)
        if np.abs(place).max() > 1 - thing.size / 2:
            raise StudioError(f'{name} would fall off the table; it is back where it was')
        below = [self.thing(i) for i in self.on(thing_id)]
        hit = [
            t.id
            for t in self.things
            if t.id != thing_id
            and np.abs(place - t.position).max() < INSIDE * (thing.size + t.size) / 2
            and t.bottom + TABLE_NOISE < thing.top
            # Nothing stands on the walls of an open box.
            and thing.bottom + TABLE_NOISE < t.top + 2 * TABLE_NOISE * t.is_open
            and not (t.takes(place, thing.size) or thing.takes(np.array(t.position), t.size))
        ]
        if below and not hit:
            # What lies on several lies between their outer edges.
            low = np.min([np.subtract(t.position, t.size / 2) for t in below], axis=0)
            high = np.max([np.add(t.position, t.size / 2) for t in below], axis=0)
            if (place < low).any() or (place > high).any():
                hit = [t.id for t in below]
        if hit:
            raise StudioError(
                f'{name} would stand in {self.names(hit)}; it is back where it was. Drop it over '
                'the middle of a thing to put it on top, or between the walls of an open box'
            )

    def with_new(self, color: str, rng: np.random.Generator, is_open: bool = False) -> Table:
        """Return the table with one more thing, a block or an open box, at a free place.

        Raises:
            StudioError: if the table is full.
        """
        if len(self.things) >= MAX_THINGS:
            raise StudioError(f'the table holds at most {MAX_THINGS} things; take one away first')
        size = BOX_SIZE if is_open else DEFAULT_SIZE
        place = _free_place(self.things, size, rng)
        number = max(self.ids, default=0) + 1
        new = Thing(number, _checked_color(color), place, size, is_open=is_open)
        return Table((*self.things, new))

    def without(self, thing_id: int) -> Table:
        """Return the table with a thing taken away; what stood on it comes down."""
        self.thing(thing_id)
        return Table(tuple(thing for thing in self.things if thing.id != thing_id)).settled()

    def recolored(self, thing_id: int, color: str) -> Table:
        """Return the table with a thing in another colour."""
        return self._changed(replace(self.thing(thing_id), color=_checked_color(color)))

    def resized(self, thing_id: int, size: float) -> Table:
        """Return the table with a thing of another size, between the `SIZES` of its kind.

        Raises:
            StudioError: if it would reach into another thing.
        """
        thing = self.thing(thing_id)
        limits = BOX_SIZES if thing.is_open else SIZES
        return self._put(replace(thing, size=float(np.clip(size, *limits))))

    def spread(self, rng: np.random.Generator) -> Table:
        """Return the table with every thing at another free place, none on another or in one."""
        table = Table(tuple(replace(thing, bottom=0.0) for thing in self.things))
        return table._placed([[thing] for thing in table.things], rng)

    def shuffled(self, rng: np.random.Generator) -> Table:
        """Return the table with every thing at another free place; piles stay whole."""
        rests = self.tabletop().rests_on()
        of = connected_components(rests, directed=False)[1] if self.things else ()
        piles = [[t for t, number in zip(self.things, of) if number == n] for n in np.unique(of)]
        return self._placed(piles, rng)

    def _placed(self, piles: Sequence[Sequence[Thing]], rng: np.random.Generator) -> Table:
        """Return the table with each of some piles at a free place, the largest found first."""
        placed: list[Thing] = []
        places: dict[int, list[float]] = {}
        for members in sorted(piles, key=lambda pile: not any(t.is_open for t in pile)):
            centers = np.array([thing.position for thing in members])
            half = np.array([[thing.size / 2] for thing in members])
            low, high = (centers - half).min(axis=0), (centers + half).max(axis=0)
            side = float((high - low).max())
            whole = Thing(0, '', _free_place(placed, side, rng), side)
            placed.append(whole)
            shift = whole.position - (low + high) / 2
            places.update({t.id: (t.position + shift).tolist() for t in members})
        return self.moved(places)

    def _changed(self, thing: Thing) -> Table:
        return Table(tuple(thing if t.id == thing.id else t for t in self.things))


def rest_heights(
    places: np.ndarray, size: float, others: Sequence[Thing], start: float = np.inf
) -> np.ndarray:
    """Return the heights (K,) at which a thing comes to rest that is let down among others.

    Args:
        places: (K, 2) places of its middle [workspace units].
        size: Its side.
        others: What may be below it.
        start: Height of its lower face from which it is let down.
    """
    heights = np.zeros(len(places))
    for other in others:
        gap = np.abs(places - other.position).max(axis=-1)
        floor = other.bottom + BOX_RIM
        floor = floor if floor > TABLE_NOISE else 0.0
        tops = np.where(other.takes(places, size), floor, other.top)
        is_over = (gap < INSIDE * (size + other.size) / 2) & (tops <= start + TABLE_NOISE)
        heights = np.where(is_over, np.maximum(heights, tops), heights)
    return heights


def _checked_color(color: str) -> str:
    if color not in NAMED_COLORS:
        raise StudioError(f'{color!r} is no colour; expected one of {", ".join(NAMED_COLORS)}')
    return color


def _free_place(
    things: Sequence[Thing], size: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return a place at which a thing stands clear of others."""
    limit = 0.95 - size / 2
    for _ in range(_ATTEMPTS):
        x, y = rng.uniform(-limit, limit, 2)
        gaps = [
            max(abs(x - t.position[0]), abs(y - t.position[1])) - (t.size + size) / 2
            for t in things
        ]
        if min(gaps, default=1.0) > GAP:
            return float(x), float(y)
    raise StudioError('there is no room for one more thing; take one away first')
