"""Measurements of where the subject is among others, nothing attended: groups x scalars.

The others are taken by groups (of one colour, larger than itself), one by one and in pairs; all of
them together are in `crowd`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

from concept_control.energy.measurements.geometry import every_pair
from concept_control.energy.measurements.groups import (
    FELLOWS,
    GROUPS,
    LARGER,
    OWN,
    SMALLER,
    STRANGERS,
    THINGS,
    alike,
)
from concept_control.energy.measurements.measurement import (
    ANGLE,
    COUNT,
    EVERYTHING,
    LENGTH,
    MIRROR,
    SHIFT,
    Measurement,
    Source,
)
from concept_control.energy.measurements.pairs import measurements_in_frame
from concept_control.energy.measurements.scene_view import (
    ENDS,
    ORDERS,
    SMALL,
    SceneView,
    length_of,
)
from concept_control.energy.measurements.vectors import from_anchor

COMPANY, COLORS, HOME, STRIPES = OF_NOTHING_MEANT = 'company', 'colors', 'home', 'stripes'
"""Topics of measurements of the subject among others, and among those of a colour, of how it moved
on the table, and of lines across the table: what is looked at where nothing is attended."""

NONE = 3.0
"""Distance that stands for "no such thing" [workspace units]."""

SHIFTS, MIRRORS = frozenset({SHIFT}), frozenset({MIRROR})

_LOOKED_AT = {name: words for name, words in GROUPS.items() if name not in (FELLOWS, STRANGERS)}
"""Groups that are looked at by themselves, and words for them."""

_FRAMES = ('neighbours', 'own neighbour', 'other x', 'other y', 'other size', 'queue')
"""Frames of which others are a point."""


def company_measurements() -> Iterator[Measurement]:
    """Yield measurements of the subject among others of which some count."""
    yield from _from_points()
    for group, words in _LOOKED_AT.items():
        scalars = _OF_GROUP if group == THINGS else (*_OF_PART, *_OF_GROUP)
        yield from rows(scalars, group, words, _Group, group)
    for group, words in _PAIRS.items():
        yield from rows(_OF_PAIRS, group, words, _Pairs, f'pairs {group}', 2)


def _from_points() -> Iterator[Measurement]:
    """Yield measurements from the ends of all others in an order, and from middles of groups."""
    groups = [(f'all {group}', group) for group in _LOOKED_AT if group != THINGS]
    ends = [(f'{end} other {order}', THINGS) for order in ORDERS for end in ENDS]
    for anchor, group in groups + ends:
        for each in from_anchor(anchor, _topic(group), 0, short=True):
            yield replace(each, group=group)
    for frame in _FRAMES:
        for each in measurements_in_frame(frame, COMPANY, 0, is_short=True):
            yield replace(each, group=THINGS, fewest=2)


def _topic(group: str) -> str:
    return COMPANY if group in (THINGS, LARGER, SMALLER) else COLORS


def has_company(measurement: Measurement, view: SceneView) -> bool:
    """Return whether what a measurement is about is around in all scenes; true if about nothing.

    Where something is attended, that is what a subject's place is about, not the company.
    """
    group = measurement.group
    if measurement.topic in OF_NOTHING_MEANT and view.once('most attended', view.count.max) > 0:
        return False
    if not group:
        return True
    fewest = view.once(f'fewest {group}', lambda: view.group(group).sum(dim=-1).amin())
    return bool(fewest >= measurement.fewest)


Row = tuple[str, Callable[[Any], torch.Tensor], str, bool, frozenset[str]]
"""Name, value, words, whether zero is special, and the changes that leave it as it is."""


def rows(
    given: Sequence[Row],
    group: str,
    words: str,
    of: Source | None,
    name: str,
    fewest: int = 1,
    at: Any = None,
) -> Iterator[Measurement]:
    """Yield measurements of rows.

    Args:
        given: The rows.
        group: Group of things they are about.
        words: Words for those, or for what else the rows are about.
        of: What is read; None for the view itself.
        name: What the names of all begin with.
        fewest: Fewest things of the group for which they are defined.
        at: Place that is read; None for the group.
    """
    for scalar, value, phrase, is_signed, keeps in given:
        unit = {'angle': ANGLE, 'number': COUNT}.get(scalar.split(' ')[-1], LENGTH)
        yield Measurement(
            f'{name}: {scalar}', phrase.format('{}', words), unit, _topic(group), value, is_signed,
            keeps=keeps, of=of, at=group if at is None and of else at, group=group, fewest=fewest,
        )  # fmt: skip


class _Group:
    """The subject of R scenes and the things of G groups.

    Args:
        view: View of the scenes.
        names: Names of the groups.
    """

    def __init__(self, view: SceneView, names: Sequence[str]) -> None:
        self.view = view
        self._is_in = torch.stack([view.group(name) for name in names]) > 0.5

    def least(self, values: torch.Tensor, outside: bool = False) -> torch.Tensor:
        """Return the least (G, R) of values (R, N) in each group, or of the things outside it."""
        chosen = ~self._is_in & (self.view.things > 0.5) if outside else self._is_in
        return torch.where(chosen, values, NONE).amin(dim=-1)

    @cached_property
    def nearest(self) -> torch.Tensor:
        """(G, R) distances to the nearest."""
        return self.least(self.view.distances)

    @cached_property
    def ahead(self) -> torch.Tensor:
        """(R, N, 2) vectors from the subject to all things."""
        return self.view.scene.after - self.view.place.unsqueeze(1)


def _gap(group: _Group) -> torch.Tensor:
    """Return the least gaps (G, R) between the faces of the subject and those of things."""
    reach = (group.view.scene.sides + group.view.size.unsqueeze(1)) / 2
    return group.least((group.ahead.abs() - reach).amax(dim=-1))


def _inside(axis: int, side: int) -> Callable[[_Group], torch.Tensor]:
    """Return how far the subject is from being beyond all of a group, negative where it is."""
    return lambda group: -group.least(-side * group.ahead[..., axis])


_OF_PART: tuple[Row, ...] = (
    ('nearest', lambda g: g.nearest, '{} from the closest of {}', False, EVERYTHING),
    ('furthest', lambda g: -g.least(-g.view.distances), '{} from the furthest of {}', False,
     EVERYTHING),
    ('nearer', lambda g: g.nearest - g.least(g.view.distances, outside=True),
     '{} further from the closest of {} than from the closest other', True, EVERYTHING),
    *((f'inside {side}', _inside(axis, sign), f'{{}} short of being {side} all of {{}}', True,
       SHIFTS) for side, axis, sign in (('right of', 0, 1), ('left of', 0, -1), ('above', 1, 1),
                                         ('below', 1, -1))),
)  # fmt: skip
"""Scalars of a group that are measured of all others elsewhere, or mean nothing of them."""

_OF_GROUP: tuple[Row, ...] = (
    ('gap', _gap, 'a gap of {} to the closest of {}', True, SHIFTS | MIRRORS),
    ('nearest line', lambda g: g.least(g.ahead.abs().amin(dim=-1)),
     '{} off the row or the column of one of {}', False, SHIFTS | MIRRORS),
    ('nearest diagonal', lambda g: g.least((g.ahead[..., 0].abs() - g.ahead[..., 1].abs()).abs()),
     '{} off a diagonal of one of {}', False, SHIFTS | MIRRORS),
    ('nearest row', lambda g: g.least(g.ahead[..., 1].abs()), '{} off the row of one of {}',
     False, SHIFTS | MIRRORS),
    ('nearest column', lambda g: g.least(g.ahead[..., 0].abs()), '{} off the column of one of {}',
     False, SHIFTS | MIRRORS),
)  # fmt: skip
"""Scalars of a group."""

_PAIRS = {
    THINGS: 'two others',
    OWN: 'two others of its colour',
    FELLOWS: 'two others of one colour',
    STRANGERS: 'two others of different colours',
}
"""Groups of which pairs are looked at, and words for a pair."""


class _Pairs:
    """The subject of R scenes and the P pairs of things, in G groups.

    Args:
        view: View of the scenes.
        names: Names of the groups.
    """

    def __init__(self, view: SceneView, names: Sequence[str]) -> None:
        i, j = every_pair(view.scene.after)
        self.length, x, y, normal_x, normal_y, offset = view.fixed(
            'pairs', lambda v: _pairs(v.scene.after[:, i], v.scene.after[:, j])
        ).unbind(dim=-1)
        self.to_first, self.to_second = view.distances[:, i], view.distances[:, j]
        here_x, here_y = view.place.unsqueeze(-1).unbind(dim=1)
        self.off_middle = ((here_x - x).square() + (here_y - y).square() + SMALL).sqrt()
        self.off_line = (here_x * normal_x + here_y * normal_y - offset).abs()
        self._is_in = torch.stack([_are_both(view, name) for name in names])

    def least(self, values: torch.Tensor) -> torch.Tensor:
        """Return the least (G, R) of values (R, P) of pairs."""
        return torch.where(self._is_in, values, NONE).amin(dim=-1)


def _pairs(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return (R, P, 6) lengths, middles, normals and how far the lines are from the origin."""
    middle, span = (first + second) / 2, second - first
    length = length_of(span).unsqueeze(-1)
    normal = torch.stack([-span[..., 1], span[..., 0]], dim=-1) / length
    offset = (normal * middle).sum(dim=-1, keepdim=True)
    return torch.cat([length, middle, normal, offset], dim=-1)


def _are_both(view: SceneView, group: str) -> torch.Tensor:
    """Return (R, P) whether both of each pair are in a group, and of one colour where that is."""

    def compute(view: SceneView) -> torch.Tensor:
        is_in = view.group(group) > 0.5
        both = is_in.unsqueeze(1) & is_in.unsqueeze(2)
        if group in (FELLOWS, STRANGERS):
            both = both & (alike(view.scene.colors) == (group == FELLOWS))
        i, j = every_pair(view.scene.after)
        return both[:, i, j]

    return view.fixed(f'pairs {group}', compute)


_OF_PAIRS: tuple[Row, ...] = (
    ('detour', lambda p: p.least(p.to_first + p.to_second - p.length),
     'a detour of {} on the way between {}', False, EVERYTHING),
    ('off middle', lambda p: p.least(p.off_middle), '{} from the middle of {}', False,
     EVERYTHING),
    ('off line', lambda p: p.least(p.off_line), '{} from a line through {}', False, EVERYTHING),
    ('uneven', lambda p: p.least((p.to_first - p.to_second).abs()),
     'distances to {1} that differ by {0}', False, EVERYTHING),
)  # fmt: skip
"""Scalars of the pair for which they are least."""
