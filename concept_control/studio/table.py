"""The table of the studio: things that are dragged, added, removed, recoloured and resized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from concept_control.errors import StudioError
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import DEFAULT_SIZE
from concept_control.world.tabletop import Tabletop

SIZES = (0.12, 0.22)
"""Smallest and largest side of a thing [workspace units]; 29 and 53 mm on the default table."""

MAX_THINGS = 10
"""Most things on the table."""

GAP = 0.05
"""Least distance of things that are put at random [workspace units]."""

_ATTEMPTS = 2000


@dataclass(frozen=True)
class Thing:
    """A block on the table.

    Attributes:
        id: Number by which expressions name it, as in `#3`.
        color: Name among `NAMED_COLORS`.
        position: (x, y) of its centre [workspace units].
        size: Side [workspace units].
    """

    id: int
    color: str
    position: tuple[float, float]
    size: float = DEFAULT_SIZE


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
        return Tabletop(
            self.ids,
            np.array([thing.position for thing in self.things], dtype=float).reshape(-1, 2),
            np.array([NAMED_COLORS[thing.color] for thing in self.things]).reshape(-1, 3),
            np.array([thing.size for thing in self.things], dtype=float),
        )

    def moved(self, places: Mapping[int, Sequence[float]]) -> Table:
        """Return the table with some things at other places, wherever these are."""
        return Table(
            tuple(
                replace(t, position=(float(places[t.id][0]), float(places[t.id][1])))
                if t.id in places
                else t
                for t in self.things
            )
        )

    def dragged(self, thing_id: int, x: float, y: float) -> Table:
        """Return the table with one thing put elsewhere by hand.

        Raises:
            StudioError: if it would not stand on the table, or in another thing.
        """
        thing, name = self.thing(thing_id), self.name(thing_id)
        if max(abs(x), abs(y)) > 1 - thing.size / 2:
            raise StudioError(f'{name} would fall off the table; it is back where it was')
        for other in self.things:
            reach = 0.95 * (thing.size + other.size) / 2
            gap = max(abs(x - other.position[0]), abs(y - other.position[1]))
            if other.id != thing_id and gap < reach:
                raise StudioError(
                    f'{name} would stand in {self.name(other.id)}; it is back where it was'
                )
        return self.moved({thing_id: (x, y)})

    def with_new(self, color: str, rng: np.random.Generator, size: float = DEFAULT_SIZE) -> Table:
        """Return the table with one more thing at a free place.

        Raises:
            StudioError: if the table is full.
        """
        if len(self.things) >= MAX_THINGS:
            raise StudioError(f'the table holds at most {MAX_THINGS} things; take one away first')
        place = _free_place(self.things, size, rng)
        number = max(self.ids, default=0) + 1
        return Table((*self.things, Thing(number, _checked_color(color), place, size)))

    def without(self, thing_id: int) -> Table:
        """Return the table with a thing taken away."""
        self.thing(thing_id)
        return Table(tuple(thing for thing in self.things if thing.id != thing_id))

    def recolored(self, thing_id: int, color: str) -> Table:
        """Return the table with a thing in another colour."""
        return self._changed(replace(self.thing(thing_id), color=_checked_color(color)))

    def resized(self, thing_id: int, size: float) -> Table:
        """Return the table with a thing of another size, between the `SIZES`.

        Raises:
            StudioError: if it would reach into another thing.
        """
        thing = replace(self.thing(thing_id), size=float(np.clip(size, *SIZES)))
        return self._changed(thing).dragged(thing_id, *thing.position)

    def shuffled(self, rng: np.random.Generator) -> Table:
        """Return the table with every thing at another free place."""
        placed: list[Thing] = []
        for thing in self.things:
            placed.append(replace(thing, position=_free_place(placed, thing.size, rng)))
        return Table(tuple(placed))

    def _changed(self, thing: Thing) -> Table:
        return Table(tuple(thing if t.id == thing.id else t for t in self.things))


def _checked_color(color: str) -> str:
    if color not in NAMED_COLORS:
        raise StudioError(f'{color!r} is no colour; expected one of {", ".join(NAMED_COLORS)}')
    return color


def _free_place(
    things: Sequence[Thing], size: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return a place at which a thing stands clear of others.

    Raises:
        StudioError: if none was found.
    """
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
