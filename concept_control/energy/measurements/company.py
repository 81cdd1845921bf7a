"""Measurements of where the subject is among all others, nothing attended: groups x scalars.

The others are taken by groups (of one colour, larger than itself), in pairs, by the gaps between
them, and all together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch

from concept_control.energy.measurements.groups import FELLOWS, GROUPS, OWN, THINGS, alike
from concept_control.energy.measurements.measurement import (
    ANGLE,
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

COMPANY, HOME, STRIPES = 'company', 'home', 'stripes'
"""Topics of measurements of the subject among others, of how it moved on the table, and of lines
across the table: what is looked at where nothing is attended."""

_NONE = 3.0
"""Distance that stands for "no such thing" [workspace units]."""

_SHIFTS, _MIRRORS = frozenset({SHIFT}), frozenset({MIRROR})

_SEEN_FROM = math.pi / 8 * torch.arange(16)
"""Directions from which all others together are looked at [rad]."""


def company_measurements() -> Iterator[Measurement]:
    """Yield every measurement of the subject among others."""
    yield from _from_points()
    for group, words in GROUPS.items():
        yield from _rows(_OF_GROUP[_OF_PART * (group == THINGS) :], group, words, _Group, group)
    for group, words in _PAIRS.items():
        yield from _rows(_OF_PAIRS, group, words, _Pairs, f'pairs {group}', 2)
    for axis, words in enumerate(('left to right', 'bottom to top')):
        yield from _rows(_OF_GAPS, THINGS, words, _Gaps, f'gaps {"xy"[axis]}', 2, axis)
    for end, words in (('start', 'where it was'), ('robot', 'the robot')):
        yield from _rows(_OF_WAYS, THINGS, words, _Ways, f'way to {end}', at=end)
    yield from _rows(_OF_ALL, THINGS, '', None, 'everything')


def _from_points() -> Iterator[Measurement]:
    """Yield measurements from the ends of all others in an order, and from middles of groups."""
    groups = [(f'all {group}', group) for group in GROUPS if group != THINGS]
    ends = [(f'{end} other {order}', THINGS) for order in ORDERS for end in ENDS]
    for anchor, group in groups + ends:
        for each in from_anchor(anchor, COMPANY, 0, short=True):
            yield replace(each, group=group)
    for frame in ('neighbours', 'other x', 'other y', 'other size', 'queue'):
        for each in measurements_in_frame(frame, COMPANY, 0, is_short=True):
            yield replace(each, group=THINGS, fewest=2)


def has_company(measurement: Measurement, view: SceneView) -> bool:
    """Return whether what a measurement is about is around in all scenes; true if about nothing.

    Where something is attended, that is what a subject's place is about, not the company.
    """
    group = measurement.group
    if measurement.topic in (COMPANY, HOME, STRIPES) and bool(view.count.max() > 0):
        return False
    if not group:
        return True
    fewest = view.once(f'fewest {group}', lambda: view.group(group).sum(dim=-1).amin())
    return bool(fewest >= measurement.fewest)


_Row = tuple[str, Callable[[Any], torch.Tensor], str, bool, frozenset[str]]
"""Name, value, words, whether zero is special, and the changes that leave it as it is."""


def _rows(
    rows: Sequence[_Row],
    group: str,
    words: str,
    of: Source | None,
    name: str,
    fewest: int = 1,
    at: Any = None,
) -> Iterator[Measurement]:
    for scalar, value, phrase, is_signed, keeps in rows:
        unit = ANGLE if 'angle' in scalar else LENGTH
        yield Measurement(
            f'{name}: {scalar}', phrase.format('{}', words), unit, COMPANY, value, is_signed,
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
        return torch.where(chosen, values, _NONE).amin(dim=-1)

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


_OF_GROUP: tuple[_Row, ...] = (
    ('nearest', lambda g: g.nearest, '{} from the closest of {}', False, EVERYTHING),
    ('furthest', lambda g: -g.least(-g.view.distances), '{} from the furthest of {}', False,
     EVERYTHING),
    ('nearer', lambda g: g.nearest - g.least(g.view.distances, outside=True),
     '{} further from the closest of {} than from the closest other', True, EVERYTHING),
    *((f'inside {side}', _inside(axis, sign), f'{{}} short of being {side} all of {{}}', True,
       _SHIFTS) for side, axis, sign in (('right of', 0, 1), ('left of', 0, -1), ('above', 1, 1),
                                         ('below', 1, -1))),
    ('gap', _gap, 'a gap of {} to the closest of {}', True, _SHIFTS | _MIRRORS),
    ('nearest line', lambda g: g.least(g.ahead.abs().amin(dim=-1)),
     '{} off the row or the column of one of {}', False, _SHIFTS | _MIRRORS),
    ('nearest row', lambda g: g.least(g.ahead[..., 1].abs()), '{} off the row of one of {}',
     False, _SHIFTS | _MIRRORS),
    ('nearest column', lambda g: g.least(g.ahead[..., 0].abs()), '{} off the column of one of {}',
     False, _SHIFTS | _MIRRORS),
)  # fmt: skip
"""Scalars of a group."""

_OF_PART = 7
"""Number of scalars that are measured of all others elsewhere, or mean nothing of them."""

_PAIRS = {
    THINGS: 'two others',
    OWN: 'two others of its colour',
    FELLOWS: 'two others of one colour',
}
"""Groups of which pairs are looked at, and words for a pair."""


class _Pairs:
    """The subject of R scenes and the P pairs of things, in G groups.

    Args:
        view: View of the scenes.
        names: Names of the groups.
    """

    def __init__(self, view: SceneView, names: Sequence[str]) -> None:
        i, j = _every_pair(view)
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
        return torch.where(self._is_in, values, _NONE).amin(dim=-1)


def _every_pair(view: SceneView) -> torch.Tensor:
    """Return the numbers (2, P) of the first and of the second of all pairs."""
    count = view.things.shape[-1]
    return torch.triu_indices(count, count, offset=1, device=view.things.device)


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
        i, j = _every_pair(view)
        return (both & alike(view.scene.colors) if group == FELLOWS else both)[:, i, j]

    return view.fixed(f'pairs {group}', compute)


_OF_PAIRS: tuple[_Row, ...] = (
    ('detour', lambda p: p.least(p.to_first + p.to_second - p.length),
     'a detour of {} on the way between {}', False, EVERYTHING),
    ('off middle', lambda p: p.least(p.off_middle), '{} from the middle of {}', False,
     EVERYTHING),
    ('off line', lambda p: p.least(p.off_line), '{} from a line through {}', False, EVERYTHING),
    ('uneven', lambda p: p.least((p.to_first - p.to_second).abs()),
     'distances to {1} that differ by {0}', False, EVERYTHING),
)  # fmt: skip
"""Scalars of the pair for which they are least."""


class _Gaps:
    """The gaps that all things of R scenes leave along A axes.

    Args:
        view: View of the scenes.
        axes: 0 for x, 1 for y.

    Attributes:
        off_widest: (A, R) coordinates of the subject from the middle of the widest gap.
        off_narrowest: (A, R) those from the middle of the narrowest.
        uneven: (A, R) by how much it is nearer to the next coordinate above than to that below;
            the table's edges are such coordinates, too.
    """

    def __init__(self, view: SceneView, axes: Sequence[int]) -> None:
        place = view.place[:, list(axes)].T
        middles = view.fixed('middles of gaps', _middles_of_gaps)[..., list(axes)]
        self.off_widest, self.off_narrowest = place - middles.permute(1, 2, 0)
        at = view.scene.after[..., list(axes)].movedim(-1, 0)
        is_thing, is_ahead = view.things > 0.5, at > place.unsqueeze(-1)
        above = torch.where(is_thing & is_ahead, at, 1.0).amin(dim=-1)
        below = torch.where(is_thing & ~is_ahead, at, -1.0).amax(dim=-1)
        self.uneven = above + below - 2 * place


def _middles_of_gaps(view: SceneView) -> torch.Tensor:
    """Return the middles (R, 2, 2) of the widest and of the narrowest gap, along x and y."""
    is_thing = view.things.unsqueeze(-1) > 0.5
    ordered = torch.where(is_thing, view.scene.after, _NONE).sort(dim=1).values
    widths, middles = ordered.diff(dim=1), (ordered[:, 1:] + ordered[:, :-1]) / 2
    is_gap = ordered[:, 1:] < _NONE
    chosen = [
        torch.where(is_gap, sign * widths, -_NONE).argmax(dim=1, keepdim=True) for sign in (1, -1)
    ]
    return middles.gather(1, torch.cat(chosen, dim=1))


_OF_GAPS: tuple[_Row, ...] = (
    ('off widest', lambda g: g.off_widest, '{} beyond the middle of the widest gap from {}', True,
     _SHIFTS),
    ('off narrowest', lambda g: g.off_narrowest,
     '{} beyond the middle of the narrowest gap from {}', True, _SHIFTS),
    ('uneven', lambda g: g.uneven, '{} more room above than below it from {}', True, frozenset()),
)  # fmt: skip


class _Ways:
    """The straight ways from the subject of R scenes to E points.

    Args:
        view: View of the scenes.
        ends: Names of the points.

    Attributes:
        clear: (E, R) distances from the ways to the thing that is closest to each.
    """

    def __init__(self, view: SceneView, ends: Sequence[str]) -> None:
        way = torch.stack([view.anchor(end) for end in ends]).unsqueeze(2)
        way = way - view.place.unsqueeze(1)
        ahead = view.scene.after - view.place.unsqueeze(1)
        share = (ahead * way).sum(dim=-1) / way.square().sum(dim=-1).clamp(min=1e-6)
        off = length_of(ahead - share.clamp(0.0, 1.0).unsqueeze(-1) * way)
        self.clear = torch.where(view.things > 0.5, off, _NONE).amin(dim=-1)


_OF_WAYS: tuple[_Row, ...] = (
    ('clear', lambda w: w.clear, 'others at least {} off the straight way to {}', False,
     frozenset()),
)  # fmt: skip


def _outside(view: SceneView) -> torch.Tensor:
    """Return how far (R,) the subject is outside the fence around all things; negative inside."""
    ways = torch.stack([_SEEN_FROM.cos(), _SEEN_FROM.sin()]).to(view.place)

    def furthest(view: SceneView) -> torch.Tensor:
        seen = view.scene.after @ ways
        return torch.where(view.things.unsqueeze(-1) > 0.5, seen, -_NONE).amax(dim=1)

    return (view.place @ ways - view.fixed('fence', furthest)).amax(dim=-1)


def _third_nearest(view: SceneView) -> torch.Tensor:
    away = torch.where(view.things > 0.5, view.distances, _NONE)
    return torch.nn.functional.pad(away, (0, 3), value=_NONE).sort(dim=-1).values[:, 2]


def _open_angle(view: SceneView) -> torch.Tensor:
    """Return the widest angle (R,) in which the subject sees none of the things."""
    ahead = view.scene.after - view.place.unsqueeze(1)
    angles = torch.atan2(ahead[..., 1] + 1e-7, ahead[..., 0] + 1e-7)
    first = torch.where(view.things > 0.5, angles, 9.0).amin(dim=-1, keepdim=True)
    # What is no thing is seen where the first is.
    angles = torch.where(view.things > 0.5, angles, first).sort(dim=-1).values
    around = angles[:, :1] + 2 * math.pi - angles[:, -1:]
    return torch.cat([angles.diff(dim=-1), around], dim=-1).amax(dim=-1)


def _middle(view: SceneView) -> torch.Tensor:
    """Return the middle (R, 2) of everything, the subject among it."""
    return view.once('middle', lambda: _mean(view, view.scene.present))


def _center_of_mass(view: SceneView) -> torch.Tensor:
    areas = view.scene.sides.prod(dim=-1)
    return view.once('center of mass', lambda: _mean(view, areas * view.scene.present))


def _mean(view: SceneView, weight: torch.Tensor) -> torch.Tensor:
    return (weight.unsqueeze(1) @ view.scene.after)[:, 0] / weight.sum(dim=-1, keepdim=True)


def _gained(view: SceneView) -> torch.Tensor:
    """Return how much further (R,) the next thing is than from where the subject was."""

    def before(view: SceneView) -> torch.Tensor:
        away = length_of(view.scene.after - view.start.unsqueeze(1))
        return torch.where(view.things > 0.5, away, _NONE).amin(dim=-1)

    now = torch.where(view.things > 0.5, view.distances, _NONE).amin(dim=-1)
    return now - view.fixed('nearest before', before)


def _evenness(view: SceneView) -> torch.Tensor:
    """Return by how much (R,) the second of the closest things is further than the closest."""
    away = torch.where(view.things > 0.5, view.distances, _NONE)
    first, second = torch.nn.functional.pad(away, (0, 2), value=_NONE).sort(dim=-1).values.T[:2]
    return second - first


_OF_ALL: tuple[_Row, ...] = (
    ('outside', _outside, '{} outside the fence around all others', True, _SHIFTS),
    ('third nearest', _third_nearest, '{} from the third closest other', False, EVERYTHING),
    ('evenness', _evenness, '{} further from the second closest other than from the closest',
     False, EVERYTHING),
    ('open angle', _open_angle, 'no other within an angle of {}', False, EVERYTHING),
    ('gained', _gained, '{} further from the closest other than before', True, EVERYTHING),
    *((f'{what} {"xy"[axis]}', lambda v, mean=mean, axis=axis: mean(v)[:, axis],
       f'{words} of everything at {"xy"[axis]} = {{}}', True, frozenset())
      for what, mean, words in (('middle', _middle, 'the middle'),
                                ('mass', _center_of_mass, 'the centre of mass'))
      for axis in range(2)),
)  # fmt: skip
"""Scalars of everything together."""
