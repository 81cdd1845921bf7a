"""Measurements of the vector from an anchor to the subject: scalars of it, made mechanically."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from operator import attrgetter
from typing import Any

import torch

from concept_control.energy.measurements.measurement import (
    ANGLE,
    LENGTH,
    MIRROR,
    SHIFT,
    TURN,
    Measurement,
    Source,
)
from concept_control.energy.measurements.scene_view import EndOffsets, Offsets, anchor_names

Scalar = Callable[[Any], torch.Tensor]

_SHIFTS = frozenset({SHIFT})


def anchored(
    anchor: str,
    topic: str,
    needs: int,
    scalar: str,
    phrase: str,
    value: Scalar,
    keeps: Iterable[str],
    is_signed: bool,
    unit: str = LENGTH,
    opposite: str = '',
    heading: float | None = None,
    of: Source | None = None,
) -> Measurement:
    """Return a measurement of the subject's place as seen from an anchor."""
    return Measurement(f'{anchor}: {scalar}', phrase, unit, topic, value, is_signed, needs,
                       frozenset(keeps), opposite=opposite, heading=heading, of=of,
                       at=of and anchor)  # fmt: skip


def _component(degrees: float) -> Scalar:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return lambda o: torch.add(o.x * cosine, o.y, alpha=sine)


_OF_OFFSET: tuple[tuple[str, str, Scalar, bool, bool], ...] = (
    *((f'along {a:.0f}', f'{{}} in direction {a:.0f}° of', _component(a), a % 45 == 0,
       False) for a in (22.5, 45.0, 67.5, 112.5, 135.0, 157.5)),
    ('|x|', '{} beside', lambda o: o.x.abs(), False, True),
    ('|y|', '{} above or below', lambda o: o.y.abs(), False, True),
    ('larger', '{} by the larger coordinate from', lambda o: torch.maximum(o.x.abs(), o.y.abs()),
     False, True),
    ('smaller', '{} by the smaller coordinate from', lambda o: torch.minimum(o.x.abs(), o.y.abs()),
     False, True),
    ('|x+y|', '{} off the falling diagonal of', lambda o: (o.x + o.y).abs() / 2**0.5, False,
     False),
    ('off diagonals', '{} off either diagonal of',
     lambda o: (o.x.abs() - o.y.abs()).abs() / 2**0.5, False, True),
    ('|x-y|', '{} off the rising diagonal of', lambda o: (o.x - o.y).abs() / 2**0.5,
     False, False),
)  # fmt: skip
"""Scalars of the offset from an anchor: name, words, value, whether zero is special, and whether
mirroring in x leaves it as it is."""

_X, _Y, _DISTANCE = (attrgetter(name) for name in ('x', 'y', 'distance'))
"""Each one function for all anchors, so that it is computed of all of them at once."""

_EDGES = (('left edge', 0, -1), ('right edge', 0, 1), ('lower edge', 1, -1), ('upper edge', 1, 1))


def from_anchor(anchor: str, topic: str, needs: int, short: bool = False) -> Iterator[Measurement]:
    """Yield plain measurements of the vector from an anchor to the subject."""
    of = EndOffsets if short else Offsets
    words = anchor_names()[anchor]
    is_on_table = anchor.endswith(('table', ' middle', ' robot')) or anchor.startswith('all ')
    keeps = frozenset() if is_on_table else _SHIFTS
    make = partial(anchored, anchor, topic, needs, of=of)
    for name, value, more, less in (('x', _X, 'right of', 'left of'),
                                    ('y', _Y, 'above', 'below')):  # fmt: skip
        yield make(name, f'{{}} {more} {words}', value, keeps, True, LENGTH,
                   f'{{}} {less} {words}')  # fmt: skip
    # The leftmost thing is another one when the scene is turned.
    is_turned_along = not anchor.endswith((' x', ' y', ' robot'))
    turns = {TURN, MIRROR} if is_turned_along else set()
    yield make('distance', f'{{}} from {words}', _DISTANCE, keeps | turns, False)
    if short:
        return
    for name, phrase, scalar, is_signed, mirrors in _OF_OFFSET:
        kept = keeps | {MIRROR} if mirrors else keeps
        yield make(name, f'{phrase} {words}', scalar, kept, is_signed)
    for degrees in range(0, 360, 45):
        phrase = f'{{}} {words}, in direction {{}}'
        yield make(f'angle {degrees}', phrase, _turned(degrees), keeps, True, ANGLE,
                   heading=float(degrees))  # fmt: skip
    if anchor in ('table', 'start'):
        for name, axis, side in _EDGES:
            phrase = f'its {name} at {{}} {"xy"[axis]} of {words}'
            yield make(name, phrase, _edge_coordinate(axis, side), keeps, True)
        phrase = f'its outermost face {{}} from {words}, along x or y'
        yield make('outer face', phrase, _outer_face, keeps | {MIRROR}, False)


@cache
def _turned(degrees: int) -> Scalar:
    angle = math.radians(degrees)
    return lambda o: torch.remainder(o.angle - angle + math.pi, 2 * math.pi) - math.pi


def _outer_face(offsets: Offsets) -> torch.Tensor:
    half = offsets.size / 2
    return torch.maximum(offsets.x.abs() + half[0], offsets.y.abs() + half[1])


@cache
def _edge_coordinate(axis: int, side: int) -> Scalar:
    return lambda o: (o.y if axis else o.x) + side * o.size[axis] / 2
