"""Measurements of each entity of a scene: place, looks, motion, the marker and the others.

Every measurement is one number for each entity. A rule puts bounds on the number, or on its rank
among the entities that may be meant (`features.py`). They are made from tables: offsets from
anchors times scalars; looks alone and against another's; comparisons with all others; changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch

from concept_control.energy.measurements.entity_changes import CHANGES
from concept_control.energy.measurements.entity_measurement import (
    EVERY,
    TURNS,
    EntityMeasurement,
    Value,
)
from concept_control.energy.measurements.entity_neighbours import NEIGHBOURS
from concept_control.energy.measurements.entity_relations import (
    COMPANY,
    MARKER_FRAMES,
    OTHERS,
)
from concept_control.energy.measurements.entity_view import EntityView
from concept_control.energy.measurements.groups import ALIKE
from concept_control.energy.measurements.measurement import MIRROR, SHIFT


def measure_entities(view: EntityView, needed: Sequence[int] | None = None) -> torch.Tensor:
    """Measure every entity: (R, N, K) in the order of what is needed; NaN where undefined.

    What is relative to the marker is NaN in rows without subjects; values of padding mean nothing.

    Args:
        view: R scenes.
        needed: Indices of the measurements; None for all.
    """
    chosen = MEASUREMENTS if needed is None else [MEASUREMENTS[index] for index in needed]
    return torch.stack([each.value(view) for each in chosen], dim=-1)


# ------------------------------------------------------------------ places: anchors times scalars


class _Anchor(NamedTuple):
    """A point that offsets are measured from: (R, N or 1, 2), or 0 for the table's middle."""

    name: str
    words: str
    about: str
    point: Callable[[EntityView], torch.Tensor | float]
    is_full: bool = False
    is_before: bool = False

    def offset(self, view: EntityView) -> torch.Tensor:
        place = view.was if self.is_before else view.at
        return view.once(f'offset {self.name}', lambda: place - self.point(view))


def _most(look: int, sign: float) -> Value:
    return lambda v: v.place_of_most(sign * v.looks[..., look])


_ANCHORS = (
    _Anchor('middle', 'the middle of the table', 'place', lambda v: 0.0, True),
    _Anchor('marker', 'the marker', 'marker place signed', lambda v: v.marker(v.at), True),
    _Anchor('start', 'where it was', 'motion signed', lambda v: v.was, True),
    _Anchor('before', 'the middle of the table, before', 'before place', lambda v: 0.0,
            is_before=True),
    _Anchor('marker_before', 'the marker, before', 'before marker place signed',
            lambda v: v.marker(v.was), is_before=True),
    _Anchor('others', 'the middle of all', 'peers place signed', lambda v: v.middle),
    _Anchor('largest', 'the largest', 'anchored place signed', _most(0, 1.0)),
    _Anchor('smallest', 'the smallest', 'anchored place signed', _most(0, -1.0)),
    _Anchor('brightest', 'the brightest', 'anchored place signed', _most(1, 1.0)),
    _Anchor('darkest', 'the darkest', 'anchored place signed', _most(1, -1.0)),
)  # fmt: skip

_COORDINATE_WORDS = {
    'x_middle': ('leftmost', 'rightmost', 'left of x = {}', 'right of x = {}'),
    'y_middle': ('lowest on the table', 'uppermost', 'below y = {}', 'above y = {}'),
    'x_start': ('one that moved furthest left', 'one that moved furthest right',
                'moved right by less than {}', 'moved right by more than {}'),
    'y_start': ('one that moved furthest down', 'one that moved furthest up',
                'moved up by less than {}', 'moved up by more than {}'),
}  # fmt: skip

_OBLIQUE = (22.5, 45.0, 67.5, 112.5, 135.0, 157.5)
"""Directions other than x and y along which places are measured [degrees]."""


def _places(anchor: _Anchor) -> Iterator[EntityMeasurement]:
    """Yield measurements of the offset from an anchor."""
    about = frozenset(anchor.about.split())
    shift = frozenset({SHIFT}) if 'signed' in about else frozenset()
    to, unsigned = anchor.words, about - {'signed'}
    origin = '' if anchor.name == 'middle' else f' from {to}'
    for axis, (name, zeros) in enumerate((('x', ('left of', 'right of')),
                                          ('y', ('below', 'above')))):  # fmt: skip
        own = _COORDINATE_WORDS.get(f'{name}_{anchor.name}', ('',) * 4)
        yield EntityMeasurement(
            f'{name}_{anchor.name}', f'{name}{origin}', partial(_component, anchor, axis), about,
            shift | {MIRROR} if axis else shift, (*own, *(f'{z} {to}' for z in zeros)),
        )  # fmt: skip
    words: tuple[str, ...]
    if anchor.name == 'start':
        label = 'distance moved'
        words = ('one that moved least', 'one that moved most',
                 'moved less than {}', 'moved more than {}')  # fmt: skip
    else:
        label = f'distance to {to}'
        words = (f'closest to {to}', f'furthest from {to}',
                 f'within {{}} of {to}', f'further than {{}} from {to}')  # fmt: skip
    yield EntityMeasurement(
        f'distance_{anchor.name}', label, lambda v: anchor.offset(v).norm(dim=-1), unsigned,
        shift | TURNS, words,
    )  # fmt: skip
    if anchor.name == 'marker' or 'anchored' in about:
        yield EntityMeasurement(
            f'robot_{anchor.name}', f"distance to the robot beyond that of {to}",
            lambda v: v.from_robot(v.at) - v.from_robot(v.at - anchor.offset(v)),
            about, frozenset({MIRROR}),
            ('',) * 4 + (f'closer to the robot than {to}', f'further from the robot than {to}'),
        )  # fmt: skip
    if not anchor.is_full:
        return
    for angle in _OBLIQUE:
        words = tuple(f'furthest towards {a:g} degrees{origin}' for a in (angle + 180, angle))
        yield EntityMeasurement(
            f'along{angle:g}_{anchor.name}', f'coordinate along {angle:g} degrees{origin}',
            partial(_along, anchor, angle), about | {'oblique'}, shift, words,
        )  # fmt: skip
    for axis, name in enumerate('xy'):
        yield EntityMeasurement(
            f'abs_{name}_{anchor.name}', f'distance in {name} from {to}',
            partial(_absolute, anchor, axis), unsigned | {'axis'}, shift | {MIRROR},
        )  # fmt: skip


def _component(anchor: _Anchor, axis: int, view: EntityView) -> torch.Tensor:
    return anchor.offset(view)[..., axis]


def _absolute(anchor: _Anchor, axis: int, view: EntityView) -> torch.Tensor:
    return anchor.offset(view)[..., axis].abs()


def _along(anchor: _Anchor, degrees: float, view: EntityView) -> torch.Tensor:
    angle = math.radians(degrees)
    return anchor.offset(view) @ view.at.new_tensor([math.cos(angle), math.sin(angle)])


# ------------------------------------------------------------------ looks, alone and compared


_LOOKS = (
    ('size', 'size', 'size', ('smallest', 'largest', 'smaller', 'larger')),
    ('brightness', 'brightness', 'colour', ('darkest', 'brightest', 'darker', 'brighter')),
    (
        'luminance',
        'mean of red, green and blue',
        'colour',
        ('darkest', 'palest', 'darker', 'paler'),
    ),
    ('warmth', 'red less blue', 'colour signed', ('coldest', 'warmest', 'colder', 'warmer')),
    ('saturation', 'colourfulness', 'colour', ('palest', 'most colourful', '', '')),
    ('red', 'red', 'colour channel', ('least red', 'most red', 'less red', 'redder')),
    ('green', 'green', 'colour channel', ('least green', 'most green', '', '')),
    ('blue', 'blue', 'colour channel', ('least blue', 'most blue', '', '')),
    ('chroma_red', 'share of red', 'colour channel', ('',) * 4),
    ('chroma_green', 'share of green', 'colour channel', ('',) * 4),
    ('chroma_blue', 'share of blue', 'colour channel', ('',) * 4),
)
"""Looks in the order of `EntityView.looks`: name, label, flags, words for lowest, highest, lower
and higher."""


def _looks() -> Iterator[EntityMeasurement]:
    for index, (name, label, about, (low, high, lower, higher)) in enumerate(_LOOKS):
        words = (low, high, lower and f'{lower} than {{}}', higher and f'{higher} than {{}}')
        yield EntityMeasurement(name, label, partial(_look, index), frozenset(about.split()),
                                EVERY, words)  # fmt: skip


def _look(index: int, view: EntityView) -> torch.Tensor:
    return view.looks[..., index]


def _compared_looks(
    whose: str, words: str, about: str, against: Value, count: int = len(_LOOKS)
) -> Iterator[EntityMeasurement]:
    """Yield the first `count` looks less another's, `against` giving all (R, N, 11)."""
    for index, (name, label, flags, (_, _, lower, higher)) in enumerate(_LOOKS[:count]):
        zeros = (f'{lower or f"less {label}"} than {words}',
                 f'{higher or f"more {label}"} than {words}')  # fmt: skip
        yield EntityMeasurement(
            f'{name}_{whose}', f"{label} minus {words}'s",
            partial(_compared, whose, against, index),
            frozenset(f'{flags} {about} signed'.split()), EVERY,
            ('',) * 4 + zeros,
        )  # fmt: skip


def _compared(whose: str, against: Value, index: int, view: EntityView) -> torch.Tensor:
    return view.once(f'looks {whose}', lambda: against(view))[..., index]


def _from_marker(view: EntityView) -> torch.Tensor:
    return view.once('looks marker', lambda: view.from_marker(view.looks))


def _differences() -> Iterator[EntityMeasurement]:
    """Yield how much looks differ from the marker's."""
    for name, label, about, border, value in (
        ('tone', 'colour', 'colour', ALIKE, lambda v: v.from_marker(v.tones).norm(dim=-1)),
        ('chroma', 'hue', 'colour', ALIKE,
         lambda v: v.from_marker(v.tones)[..., :3].norm(dim=-1)),
        ('rgb', 'red, green and blue', 'colour channel', math.nan,
         lambda v: _from_marker(v)[..., 5:8].norm(dim=-1)),
        ('size', 'size', 'size', math.nan, lambda v: _from_marker(v)[..., 0].abs()),
    ):  # fmt: skip
        words = (f'most like the marker in {label}', f'least like the marker in {label}',
                 f'like the marker in {label} to within {{}}',
                 f'unlike the marker in {label} by more than {{}}')  # fmt: skip
        yield EntityMeasurement(
            f'{name}_difference_marker', f"difference of {label} to the marker's", value,
            frozenset(f'{about} marker'.split()), EVERY, words, border,
        )  # fmt: skip


def _from_neighbour(view: EntityView) -> torch.Tensor:
    nearest = view.nearest.unsqueeze(-1).expand_as(view.looks)
    return view.looks - view.looks.gather(1, nearest)


MEASUREMENTS = (
    *(each for anchor in _ANCHORS for each in _places(anchor)),
    *_looks(),
    *_compared_looks('marker', 'the marker', 'marker', _from_marker),
    *_differences(),
    *_compared_looks('neighbour', 'its nearest neighbour', 'peers', _from_neighbour, 3),
    *OTHERS,
    *COMPANY,
    *MARKER_FRAMES,
    *NEIGHBOURS,
    *CHANGES,
)
"""All measurements without fitted parameters."""

INDEX = {measurement.name: index for index, measurement in enumerate(MEASUREMENTS)}
"""Index of each measurement by its name."""
