"""Measurements of each entity of a scene: place, looks, motion, the marker and the others.

Every measurement is one number for each entity. A rule puts bounds on the number, or on its rank
among the entities that may be meant (`features.py`). They are made from tables: offsets from
anchors times scalars; looks alone and against another's; comparisons with all others; changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch

from concept_control.energy.measurements.entity_view import FAR, EntityView, least, most
from concept_control.energy.measurements.measurement import MIRROR, SHIFT, TURN

FLAGS = (
    'marker',
    'motion',
    'colour',
    'size',
    'place',
    'peers',
    'signed',
    'oblique',
    'anchored',
    'before',
    'channel',
    'fitted',
)
"""What a measurement may be about, for a scorer: the marker; motion; colour; size; place; the
other entities; a difference with a natural zero; a direction other than x and y; an entity singled
out by its looks; the first state; one colour channel; parameters fitted to demonstrations."""

NEIGHBOURHOOD = 0.5
"""Radius within which neighbours are counted [workspace units]."""

LOWEST, HIGHEST, BELOW, ABOVE, BELOW_ZERO, ABOVE_ZERO = range(6)
"""Words of a measurement: for the entity with the least or the largest number; for entities below
or above a bound, `{}` in its place; for a negative or a positive number."""

_DEFAULT_WORDS = ('lowest in {}', 'highest in {}', '{} below {{}}', '{} above {{}}',
                  'negative {}', 'positive {}')  # fmt: skip

Value = Callable[[EntityView], torch.Tensor]
Keeps = frozenset[str]

_EVERY, _TURNS = frozenset({SHIFT, TURN, MIRROR}), frozenset({TURN, MIRROR})


@dataclass(frozen=True)
class EntityMeasurement:
    """One measurement: how it is computed and said, and facts for a scorer.

    Lengths are in workspace units.

    Attributes:
        name: Stable identifier.
        label: Words for the number, such as "distance to the marker"; `{}` for fitted parameters.
        value: Function of a view of R scenes to the numbers (R, N), or, where parameters are
            fitted, to the vectors (R, N, `width`) that they are compared with.
        about: Flags out of `FLAGS`.
        keeps: Changes of the whole scene (a turn by 90°) that leave the number as it is.
        words: Words of its own, from `LOWEST` on; '' for those made from the label.
        width: Number of fitted parameters, 0 for a plain measurement.
        is_direction: Whether fitted parameters are a direction; otherwise a point.
    """

    name: str
    label: str
    value: Value
    about: Keeps = frozenset()
    keeps: Keeps = frozenset()
    words: tuple[str, ...] = ()
    width: int = 0
    is_direction: bool = False

    def said(self, which: int) -> str:
        """Return the words from `LOWEST` to `ABOVE_ZERO`."""
        own = self.words[which] if which < len(self.words) else ''
        return own or _DEFAULT_WORDS[which].format(self.label)


def measure_entities(view: EntityView, needed: Collection[int] | None = None) -> torch.Tensor:
    """Measure every entity: (R, N, K) in the order of `MEASUREMENTS`; NaN where undefined.

    What is relative to the marker is NaN in rows without subjects; values of padding mean nothing.

    Args:
        view: R scenes.
        needed: Indices of the measurements that are read; others are left NaN. None measures all.
    """
    blank = torch.full_like(view.scene.sizes, torch.nan)
    values = [
        each.value(view) if needed is None or index in needed else blank
        for index, each in enumerate(MEASUREMENTS)
    ]
    return torch.stack(values, dim=-1)


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
        shift | _TURNS, words,
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
            partial(_absolute, anchor, axis), unsigned, shift | {MIRROR},
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
                                _EVERY, words)  # fmt: skip


def _look(index: int, view: EntityView) -> torch.Tensor:
    return view.looks[..., index]


def _compared_looks(
    whose: str, words: str, about: str, against: Value, count: int = len(_LOOKS)
) -> Iterator[EntityMeasurement]:
    """Yield the first `count` looks less another's, `against` giving all (R, N, 9)."""
    for index, (name, label, flags, (_, _, lower, higher)) in enumerate(_LOOKS[:count]):
        zeros = (f'{lower or f"less {label}"} than {words}',
                 f'{higher or f"more {label}"} than {words}')  # fmt: skip
        yield EntityMeasurement(
            f'{name}_{whose}', f"{label} minus {words}'s",
            partial(_compared, whose, against, index),
            frozenset(f'{flags} {about} signed'.split()), _EVERY,
            ('',) * 4 + zeros,
        )  # fmt: skip


def _compared(whose: str, against: Value, index: int, view: EntityView) -> torch.Tensor:
    return view.once(f'looks {whose}', lambda: against(view))[..., index]


def _from_marker(view: EntityView) -> torch.Tensor:
    return view.once('looks marker', lambda: view.from_marker(view.looks))


def _differences() -> Iterator[EntityMeasurement]:
    """Yield how much looks differ from the marker's."""
    for name, label, about, value in (
        ('tone', 'colour', 'colour', lambda v: v.from_marker(v.tones).norm(dim=-1)),
        ('chroma', 'hue', 'colour', lambda v: v.from_marker(v.tones)[..., :3].norm(dim=-1)),
        ('rgb', 'red, green and blue', 'colour channel',
         lambda v: _from_marker(v)[..., 3:6].norm(dim=-1)),
        ('size', 'size', 'size', lambda v: _from_marker(v)[..., 0].abs()),
    ):  # fmt: skip
        words = (f'most like the marker in {label}', f'least like the marker in {label}',
                 f'like the marker in {label} to within {{}}',
                 f'unlike the marker in {label} by more than {{}}')  # fmt: skip
        yield EntityMeasurement(
            f'{name}_difference_marker', f"difference of {label} to the marker's", value,
            frozenset(f'{about} marker'.split()), _EVERY, words,
        )  # fmt: skip


# ------------------------------------------------------------------ others, and changes


def _row(
    about: str, name: str, label: str, value: Value, *words: str, keeps: Keeps = _EVERY
) -> EntityMeasurement:
    return EntityMeasurement(name, label, value, frozenset(about.split()), keeps, words)


def _gap(view: EntityView) -> torch.Tensor:
    sizes = view.scene.sizes
    return least(view.apart - (sizes.unsqueeze(2) + sizes.unsqueeze(1)) / 2, view.anyone)


def _sizes_apart(view: EntityView) -> torch.Tensor:
    return (view.scene.sizes.unsqueeze(2) - view.scene.sizes.unsqueeze(1)).abs()


def _beyond_mean(look: int, view: EntityView) -> torch.Tensor:
    own = view.looks[..., look]
    return own - view.peers_mean(own.unsqueeze(1))


def _nearest_before(view: EntityView) -> torch.Tensor:
    return least(torch.cdist(view.was, view.was), view.anyone).clamp(max=FAR)


def _later_than_marker(view: EntityView) -> torch.Tensor:
    later = view.from_marker(view.scene.motion)[..., 1]
    # What did not move was neither before nor after.
    return torch.where(view.has_moved, later, 0.0 * later)


def _gain_marker(view: EntityView) -> torch.Tensor:
    return view.from_marker(view.was).norm(dim=-1) - view.from_marker(view.at).norm(dim=-1)


_OTHERS = (
    _row('peers place', 'nearest', 'distance to the nearest other',
         lambda v: least(v.apart, v.anyone), 'one with the nearest neighbour', 'loneliest',
         'within {} of another', 'further than {} from all others'),
    _row('peers place size', 'gap', 'gap to the nearest other', _gap),
    _row('peers place', 'crowd', 'mean distance to the others', lambda v: v.peers_mean(v.apart),
         'most central among all', 'most remote from all'),
    _row('peers place', 'furthest', 'distance to the furthest other',
         lambda v: most(v.apart, v.anyone)),
    _row('peers place', 'neighbours', f'number of others within {NEIGHBOURHOOD}',
         lambda v: ((v.apart < NEIGHBOURHOOD) & v.anyone).sum(dim=-1).to(v.at)),
    _row('peers colour', 'tone_mean', "mean difference of colour to the others'",
         lambda v: v.peers_mean(v.tones_apart), 'most typical in colour',
         'least typical in colour'),
    _row('peers colour', 'tone_nearest', 'difference to the most similar colour',
         lambda v: least(v.tones_apart, v.peers), 'one with the most similar twin in colour',
         'one whose colour is the oddest', 'of a colour that another shares to within {}',
         'of a colour that no other shares to within {}'),
    _row('peers colour', 'tone_furthest', 'difference to the least similar colour',
         lambda v: most(v.tones_apart, v.peers)),
    _row('peers colour', 'alike', 'number of others of the same colour',
         lambda v: v.alike.sum(dim=-1).to(v.at)),
    _row('peers colour place', 'nearest_alike', 'distance to the nearest of its colour',
         lambda v: least(v.apart, v.alike)),
    _row('peers colour place', 'nearest_unlike', 'distance to the nearest of another colour',
         lambda v: least(v.apart, v.peers & ~v.alike)),
    _row('peers size', 'size_deviation', "difference of size to the others' mean",
         lambda v: _beyond_mean(0, v).abs(), 'most typical in size', 'least typical in size'),
    _row('peers size', 'size_nearest', 'difference to the most similar size',
         lambda v: least(_sizes_apart(v), v.peers)),
    _row('peers colour signed', 'brightness_others', "brightness minus the others' mean",
         partial(_beyond_mean, 1)),
    _row('peers size signed', 'size_others', "size minus the others' mean",
         partial(_beyond_mean, 0)),
)  # fmt: skip
"""Comparisons of an entity with all others of its scene."""

_CHANGES = (
    _row('motion place signed', 'gain_middle', 'approach to the middle of the table',
         lambda v: v.was.norm(dim=-1) - v.at.norm(dim=-1), '', '', '', '',
         'moved away from the middle of the table', 'came closer to the middle of the table',
         keeps=_TURNS),
    _row('motion marker signed', 'gain_marker', 'approach to the marker', _gain_marker, '', '',
         'came less than {} closer to the marker', 'came more than {} closer to the marker',
         'moved away from the marker', 'came closer to the marker'),
    _row('motion peers signed', 'gain_nearest', 'approach to the nearest other',
         lambda v: _nearest_before(v) - least(v.apart, v.anyone)),
    _row('motion', 'detour', 'detour beyond the straight way', lambda v: v.scene.motion[..., 0]),
    _row('motion', 'time', 'time of its motion', lambda v: v.scene.motion[..., 1],
         'first to move', 'last to move'),
    _row('motion marker signed', 'time_marker', "time of its motion after the marker's",
         _later_than_marker, '', '', '', '', 'moved before the marker', 'moved after the marker'),
    _row('motion marker', 'difference_motion', "difference of its motion to the marker's",
         lambda v: v.from_marker(v.step).norm(dim=-1), 'one that moved most like the marker',
         'one that moved least like the marker'),
)  # fmt: skip
"""What has changed since the first state."""

MEASUREMENTS = (
    *(each for anchor in _ANCHORS for each in _places(anchor)),
    *_looks(),
    *_compared_looks('marker', 'the marker', 'marker', _from_marker),
    *_differences(),
    *_OTHERS,
    *_CHANGES,
)
"""All measurements without fitted parameters."""

INDEX = {measurement.name: index for index, measurement in enumerate(MEASUREMENTS)}
"""Index of each measurement by its name."""
