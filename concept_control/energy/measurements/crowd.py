"""Measurements of where the subject is among all others together, nothing attended.

That is by the gaps between them, by how far they are from a point, by the ways between, and by the
whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial

import torch

from concept_control.energy.measurements.company import MIRRORS, NONE, SHIFTS, Row, rows
from concept_control.energy.measurements.geometry import bearing_gaps, least, most, off_way
from concept_control.energy.measurements.groups import THINGS
from concept_control.energy.measurements.measurement import EVERYTHING, Measurement
from concept_control.energy.measurements.scene_view import SceneView, length_of

_ENDS_OF_WAYS = (('start', 'where it was'), ('robot', 'the robot'))

_SEEN_FROM = math.pi / 8 * torch.arange(16)
"""Directions from which all others together are looked at [rad]."""


def crowd_measurements() -> Iterator[Measurement]:
    """Yield measurements of the subject among all others together."""
    for axis, words in enumerate(('left to right', 'bottom to top')):
        yield from rows(_OF_GAPS, THINGS, words, _Gaps, f'gaps {"xy"[axis]}', 2, axis)
    for end, words in _ENDS_OF_WAYS:
        yield from rows(_OF_WAYS, THINGS, words, _Ways, f'way to {end}', at=end)
    for end, words in (*_ENDS_OF_WAYS, ('table', 'the middle of the table')):
        yield from rows(_OF_ORDER, THINGS, words, _Order, f'order from {end}', at=end)
    yield from rows(_OF_ALL, THINGS, '', None, 'everything')


class _Order:
    """How far the subject and the things of R scenes are from E points.

    Args:
        view: View of the scenes.
        ends: Names of the points.
    """

    def __init__(self, view: SceneView, ends: Sequence[str]) -> None:
        self._things = view.things
        self.own = torch.stack([view.distance(end) for end in ends])
        self.theirs = torch.stack([view.away(end) for end in ends])

    @property
    def behind_first(self) -> torch.Tensor:
        """(E, R) by how much the subject is further than the closest thing."""
        return self.own - least(self.theirs, self._things, NONE)

    @property
    def behind_last(self) -> torch.Tensor:
        """(E, R) by how much the subject is further than the furthest thing."""
        return self.own - most(self.theirs, self._things)

    @property
    def number(self) -> torch.Tensor:
        """(E, R) numbers of things that are closer than the subject."""
        return ((self.theirs < self.own.unsqueeze(-1)) * self._things).sum(dim=-1)


_OF_ORDER: tuple[Row, ...] = (
    ('behind first', lambda o: o.behind_first, '{} further from {} than the closest other', True,
     frozenset()),
    ('behind last', lambda o: o.behind_last, '{} further from {} than the furthest other', True,
     frozenset()),
    ('number', lambda o: o.number, '{} things closer to {}', False, frozenset()),
)  # fmt: skip


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
    ordered = torch.where(is_thing, view.scene.after, NONE).sort(dim=1).values
    widths, middles = ordered.diff(dim=1), (ordered[:, 1:] + ordered[:, :-1]) / 2
    is_gap = ordered[:, 1:] < NONE
    chosen = [
        torch.where(is_gap, sign * widths, -NONE).argmax(dim=1, keepdim=True) for sign in (1, -1)
    ]
    return middles.gather(1, torch.cat(chosen, dim=1))


_OF_GAPS: tuple[Row, ...] = (
    ('off widest', lambda g: g.off_widest, '{} beyond the middle of the widest gap from {}', True,
     SHIFTS),
    ('off narrowest', lambda g: g.off_narrowest,
     '{} beyond the middle of the narrowest gap from {}', True, SHIFTS),
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
        here = view.place.unsqueeze(1)
        off = length_of(off_way(view.scene.after - here, way - here))
        self.clear = least(off, view.things, NONE)


_OF_WAYS: tuple[Row, ...] = (
    ('clear', lambda w: w.clear, 'others at least {} off the straight way to {}', False,
     frozenset()),
)  # fmt: skip


def _outside(view: SceneView) -> torch.Tensor:
    """Return how far (R,) the subject is outside the fence around all things; negative inside."""
    ways = torch.stack([_SEEN_FROM.cos(), _SEEN_FROM.sin()]).to(view.place)

    def furthest(view: SceneView) -> torch.Tensor:
        seen = view.scene.after @ ways
        return torch.where(view.things.unsqueeze(-1) > 0.5, seen, -NONE).amax(dim=1)

    return (view.place @ ways - view.fixed('fence', furthest)).amax(dim=-1)


def _open_angle(view: SceneView) -> torch.Tensor:
    """Return the widest angle (R,) in which the subject sees none of the things."""
    ahead = view.scene.after - view.place.unsqueeze(1)
    return bearing_gaps(ahead, view.things)[0].amax(dim=-1)


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
    return view.nearest(1) - least(view.away('start'), view.things, NONE)


def _same_side(axes: Sequence[int], view: SceneView) -> torch.Tensor:
    """Return the number (R,) of things on the same side of the table's middle along axes."""
    sides = (view.scene.after * view.place.unsqueeze(1))[..., list(axes)] > 0
    return (sides.all(dim=-1) * view.things).sum(dim=-1)


def _surplus(axis: int, view: SceneView) -> torch.Tensor:
    """Return how many more things (R,) are below than above the subject along an axis."""
    ahead = (view.scene.after - view.place.unsqueeze(1))[..., axis]
    return (-ahead.sign() * view.things).sum(dim=-1)


def _mean_distance(view: SceneView) -> torch.Tensor:
    return (view.distances * view.things).sum(dim=-1) / view.things.sum(dim=-1).clamp(min=1.0)


def _in_the_way(view: SceneView) -> torch.Tensor:
    """Return how far (R,) the subject is off the next straight way of the robot to a thing."""
    robot = view.anchor('robot')
    off = off_way((view.place - robot).unsqueeze(1), view.scene.after - robot.unsqueeze(1))
    return least(length_of(off), view.things, NONE)


_OF_ALL: tuple[Row, ...] = (
    ('outside', _outside, '{} outside the fence around all others', True, SHIFTS),
    ('third nearest', lambda v: v.nearest(3), '{} from the third closest other', False,
     EVERYTHING),
    ('evenness', lambda v: v.nearest(2) - v.nearest(1),
     '{} further from the second closest other than from the closest', False, EVERYTHING),
    ('open angle', _open_angle, 'no other within an angle of {}', False, EVERYTHING),
    ('mean distance', _mean_distance, '{} from all others in the mean', False, EVERYTHING),
    ('in the way', _in_the_way, '{} from a straight way between the robot and another thing',
     False, MIRRORS),
    *((f'{side} number', partial(_same_side, axes), f'{{}} things in its {words} of the table',
       False, MIRRORS) for side, axes, words in (('half x', (0,), 'left or right half'),
                                           ('half y', (1,), 'front or back half'),
                                           ('quarter', (0, 1), 'quarter'))),
    *((f'surplus {"xy"[axis]} number', partial(_surplus, axis), f'{{}} things more {words} it',
       True, SHIFTS) for axis, words in enumerate(('left than right of', 'below than above'))),
    ('gained', _gained, '{} further from the closest other than before', True, EVERYTHING),
    *((f'{what} {"xy"[axis]}', lambda v, mean=mean, axis=axis: mean(v)[:, axis],
       f'{words} of everything at {"xy"[axis]} = {{}}', True, frozenset())
      for what, mean, words in (('middle', _middle, 'the middle'),
                                ('mass', _center_of_mass, 'the centre of mass'))
      for axis in range(2)),
)  # fmt: skip
"""Scalars of everything together."""
