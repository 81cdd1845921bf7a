"""Measurements of where the subject is: anchors x frames x scalars, made mechanically."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from operator import attrgetter
from typing import Any

import torch

from concept_control.energy.measurements.heights import height_measurements
from concept_control.energy.measurements.measurement import (
    ANGLE,
    COUNT,
    EVERYTHING,
    LENGTH,
    MIRROR,
    RATIO,
    SHIFT,
    TURN,
    WAYS,
    Measurement,
    Source,
)
from concept_control.energy.measurements.pairs import measurements_in_frame
from concept_control.energy.measurements.scene_view import (
    FRAMES,
    ORDERS,
    SMALL,
    EndOffsets,
    Offsets,
    PairFrames,
    SceneView,
    anchor_names,
    length_of,
)

Scalar = Callable[[Any], torch.Tensor]
OfGap = Callable[[torch.Tensor, torch.Tensor, SceneView], torch.Tensor]

_SHIFTS = frozenset({SHIFT})


@cache
def placement_measurements(has_heights: bool = False) -> tuple[Measurement, ...]:
    """Return every measurement of the subject's place, outcome and mask given.

    Args:
        has_heights: Whether those of heights are among them, the last ones.
    """
    return (
        *_from_anchor('table', 'table', 0),
        *_from_anchor('start', 'motion', 0),
        *_from_anchor('attended', 'relation', 1),
        *_gaps_to('attended', 'relation', 1),
        *_rays_from('attended', 'relation', 1),
        *_from_anchor('others', 'others', 0, short=True),
        *(each for order in ORDERS for each in _from_order(order)),
        *(each for frame in FRAMES for each in measurements_in_frame(frame, frame, 1)),
        *_halves(),
        *_approach(),
        *_among_others(),
        *_in_line(),
        *(height_measurements() if has_heights else ()),
    )


def _measurement(
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
    ('|x-y|', '{} off the rising diagonal of', lambda o: (o.x - o.y).abs() / 2**0.5,
     False, False),
)  # fmt: skip
"""Scalars of the offset from an anchor: name, words, value, whether zero is special, and whether
mirroring in x leaves it as it is."""

_X, _Y, _DISTANCE, _OFF = (attrgetter(name) for name in ('x', 'y', 'distance', 'off'))
"""Each one function for all anchors, so that it is computed of all of them at once."""

_EDGES = (('left edge', 0, -1), ('right edge', 0, 1), ('lower edge', 1, -1), ('upper edge', 1, 1))


def _from_anchor(
    anchor: str, topic: str, needs: int, short: bool = False
) -> Iterator[Measurement]:
    """Yield plain measurements of the vector from an anchor to the subject."""
    of = EndOffsets if short else Offsets
    words = anchor_names()[anchor]
    keeps = frozenset() if anchor == 'table' else _SHIFTS
    make = partial(_measurement, anchor, topic, needs, of=of)
    for name, value, more, less in (('x', _X, 'right of', 'left of'),
                                    ('y', _Y, 'above', 'below')):  # fmt: skip
        yield make(name, f'{{}} {more} {words}', value, keeps, True, LENGTH,
                   f'{{}} {less} {words}')  # fmt: skip
    # The leftmost thing is another one when the scene is turned.
    is_turned_along = not anchor.endswith((' x', ' y'))
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


@cache
def _turned(degrees: int) -> Scalar:
    angle = math.radians(degrees)
    return lambda o: torch.remainder(o.angle - angle + math.pi, 2 * math.pi) - math.pi


@cache
def _edge_coordinate(axis: int, side: int) -> Scalar:
    return lambda o: (o.y if axis else o.x) + side * o.size[axis] / 2


_GAPS: tuple[tuple[str, str, OfGap, bool], ...] = (
    ('gap right', 'its left face {} right of the right face of',
     lambda o, r, v: (o - r)[:, 0], False),
    ('gap left', 'its right face {} right of the left face of',
     lambda o, r, v: (o + r)[:, 0], False),
    ('gap above', 'its lower face {} above the upper face of',
     lambda o, r, v: (o - r)[:, 1], True),
    ('gap below', 'its upper face {} above the lower face of',
     lambda o, r, v: (o + r)[:, 1], True),
    ('gap beside', 'a gap of {} beside', lambda o, r, v: (o.abs() - r)[:, 0], True),
    ('gap in y', 'a gap of {} above or below', lambda o, r, v: (o.abs() - r)[:, 1], True),
    ('gap', 'a gap of {} to', lambda o, r, v: (o.abs() - r).amax(dim=-1), True),
    ('smaller gap', 'a gap of {} by the smaller coordinate to',
     lambda o, r, v: (o.abs() - r).amin(dim=-1), True),
    ('sticking out', 'sticking out by {} of',
     lambda o, r, v: (o.abs() + v.size - r).amax(dim=-1), True),
)  # fmt: skip
"""Scalars of an offset and the reach, half of both sides: name, words, value, whether mirroring in
x leaves it as it is."""


def _gaps_to(anchor: str, topic: str, needs: int) -> Iterator[Measurement]:
    """Yield measurements between the faces of the subject and of what stands at an anchor."""
    words = anchor_names()[anchor]
    make = partial(_measurement, anchor, topic, needs)
    for scalar, phrase, of, mirrors in _GAPS:
        yield make(scalar, f'{phrase} {words}',
                   partial(_of_gap, anchor, of), {SHIFT, MIRROR} if mirrors else _SHIFTS,
                   True)  # fmt: skip
    yield make('round gap', f'{{}} beyond touching, as discs, {words}',
               lambda v: v.distance(anchor) - v.reach.mean(dim=-1), EVERYTHING,
               True)  # fmt: skip
    for axis in (0, 1):
        phrase = f'a share of {{}} of its side over that of {words} in {"xy"[axis]}'
        yield make(f'shared {"xy"[axis]}', phrase, partial(_shared, anchor, axis),
                   {SHIFT, MIRROR}, True, RATIO)  # fmt: skip


def _of_gap(anchor: str, scalar: OfGap, view: SceneView) -> torch.Tensor:
    return scalar(view.offset(anchor), view.reach, view)


def _shared(anchor: str, axis: int, view: SceneView) -> torch.Tensor:
    smaller = torch.minimum(view.size, view.attended_size) + 1e-6
    return ((view.reach - view.offset(anchor).abs()) / smaller)[:, axis]


_MOVED: dict[str, Callable[[PairFrames], torch.Tensor]] = {
    'along': lambda frames: frames.seen(frames.moved)[0],
    'across': lambda frames: frames.seen(frames.moved)[1],
}

_BEHIND = 4.0
"""Factor of a distance behind the start of a ray: what is about to the right is hardly left."""


class _Rays(Offsets):
    """Vectors from things to the subject, each with a ray from the thing [degrees].

    Attributes:
        off: (A, R) distances of the subject to the rays, in sizes of the larger of the two.
    """

    def __init__(self, view: SceneView, rays: Sequence[tuple[str, int]]) -> None:
        super().__init__(view, [anchor for anchor, _ in rays])
        angles = view.xy.new_tensor([math.radians(degrees) for _, degrees in rays]).unsqueeze(-1)
        along = self.x * angles.cos() + self.y * angles.sin()
        across = self.y * angles.cos() - self.x * angles.sin()
        behind = _BEHIND * along.clamp(max=0.0)
        self.off = (behind.square() + across.square() + SMALL).sqrt() / view.larger_size


def _rays_from(anchor: str, topic: str, needs: int) -> Iterator[Measurement]:
    """Yield how far the subject is off the ways that lead straight from a thing."""
    words = anchor_names()[anchor]
    for degrees, way in zip(range(0, 360, 45), WAYS):
        phrase = f'{way} {words}, {{}} sizes of the larger of the two off the line'
        keeps = {SHIFT, MIRROR} if degrees in (90, 270) else _SHIFTS
        yield Measurement(f'{anchor}: off way {degrees}', phrase, RATIO, topic, _OFF, False, needs,
                          frozenset(keeps), of=_Rays, at=(anchor, degrees))  # fmt: skip


def _from_order(order: str) -> Iterator[Measurement]:
    """Yield measurements relative to the first and the last of the attended in an order."""
    yield from measurements_in_frame(order, 'pair', 2)
    if order == 'subject':
        for scalar, phrase, value, is_signed in (
            ('nearest', '{} from the closest', lambda f: f.first_distance, False),
            ('furthest', '{} from the furthest', lambda f: f.second_distance, False),
            ('spread', '{} more from the furthest than from the closest',
             lambda f: f.second_distance - f.first_distance, True),
        ):  # fmt: skip
            yield _measurement('subject', 'pair', 2, scalar, f'{phrase} of what is meant', value,
                               EVERYTHING, is_signed, of=PairFrames)  # fmt: skip
        return
    for end in ('first', 'last'):
        yield from _from_anchor(f'{end} {order}', 'end', 2, short=True)
    if order in ('x', 'start'):
        keeps = {SHIFT, TURN} if order == 'start' else _SHIFTS
        for scalar, moved in _MOVED.items():
            phrase = f'moved by {{}} {scalar} the line through them'
            yield _measurement(order, 'pair', 2, f'moved {scalar}', phrase, moved, keeps, True,
                               of=PairFrames)  # fmt: skip


def _halves() -> Iterator[Measurement]:
    """Yield coordinates towards the side of the table where the attended is."""
    for axis, words in enumerate('xy'):
        phrase = f'{{}} in {words} on the half of the table of what is meant'
        yield _measurement('attended', 'radial', 1, f'half {words}', phrase,
                           partial(_on_its_half, axis), {MIRROR}, True)  # fmt: skip


def _on_its_half(axis: int, view: SceneView) -> torch.Tensor:
    return view.place[:, axis] * view.anchor('attended')[:, axis].sign()


def _approach() -> Iterator[Measurement]:
    """Yield measurements of how much closer the subject came to the attended."""
    make = partial(_measurement, 'attended', 'way', 1)
    yield make('approach', '{} closer to what is meant than before',
               lambda v: _way(v) - v.distance('attended'), EVERYTHING, True, LENGTH,
               '{} further from what is meant than before')  # fmt: skip
    yield make('share of distance', '{} times as far from what is meant as before',
               lambda v: v.distance('attended') / (_way(v) + 0.05), EVERYTHING,
               False, RATIO)  # fmt: skip


def _way(view: SceneView) -> torch.Tensor:
    return view.fixed('way', lambda v: length_of(v.anchor('attended') - v.start))


def _in_line() -> Iterator[Measurement]:
    """Yield the number of the attended that a line along an axis or a diagonal meets."""
    yield _measurement('attended', 'relation', 1, 'number in line',
                       '{} of what is meant in its row, its column or on its diagonals',
                       _number_in_line, {SHIFT, MIRROR}, False, COUNT)  # fmt: skip


def _number_in_line(view: SceneView) -> torch.Tensor:
    """Return how many of the attended (R,) a line from the subject meets, within half its side."""
    x, y = (view.scene.after - view.place.unsqueeze(1)).unbind(dim=-1)
    off = torch.stack([x, y, x + y, x - y], dim=-1).abs().amin(dim=-1)
    return ((off < view.size.mean(dim=-1, keepdim=True) / 2) * view.attended).sum(dim=-1)


def _among_others() -> Iterator[Measurement]:
    """Yield comparisons of the attended with all others, and counts of others."""
    make = partial(_measurement, 'attended', 'rank', 1)
    for name, words in (('nearest', 'anything else'), ('furthest', 'the furthest other')):
        yield make(f'against {name}', '{} further from what is meant than from anything else',
                   partial(_against, name == 'nearest'), EVERYTHING, True, LENGTH,
                   f'{{}} closer to what is meant than to {words}')  # fmt: skip
    yield make('number closer', '{} things closer to it than what is meant', _number_closer,
               EVERYTHING, False, COUNT)  # fmt: skip
    other = partial(_measurement, 'others', 'others', 0)
    yield other('nearest', '{} from the closest other', lambda v: v.other_distance(True),
                EVERYTHING, False)  # fmt: skip
    yield other('second nearest', '{} from the second closest other', _second_nearest,
                EVERYTHING, False)  # fmt: skip
    yield other('furthest', '{} from the furthest other', lambda v: v.other_distance(False),
                EVERYTHING, False)  # fmt: skip
    yield other('short of emptiest',
                '{} closer to the next thing than the emptiest place of the table is',
                _short_of_emptiest, {MIRROR}, True)  # fmt: skip
    for axis, sides in enumerate((('left of', 'right of'), ('below', 'above'))):
        for side, word in zip((-1, 1), sides):
            yield other(f'number {word}', f'{{}} things {word} it',
                        partial(_number_beyond, axis, side), _SHIFTS, False, COUNT)  # fmt: skip
    yield _measurement('robot', 'table', 0, 'distance', '{} from the robot',
                       lambda v: v.distance('robot'), {MIRROR}, False)  # fmt: skip


def _against(is_nearest: bool, view: SceneView) -> torch.Tensor:
    return view.distance('attended') - view.other_distance(is_nearest)


def _second_nearest(view: SceneView) -> torch.Tensor:
    things = view.others + view.attended
    padded = torch.nn.functional.pad(
        torch.where(things > 0.5, view.distances, 3.0), (0, 2), value=3.0
    )
    return padded.topk(2, largest=False).values[:, 1]


def _number_beyond(axis: int, side: int, view: SceneView) -> torch.Tensor:
    beyond = side * (view.scene.after[..., axis] - view.place[:, axis : axis + 1]) > 0
    return (beyond * (view.others + view.attended)).sum(dim=-1)


def _number_closer(view: SceneView) -> torch.Tensor:
    return ((view.distances < view.distance('attended').unsqueeze(-1)) * view.others).sum(dim=-1)


_CELLS = 12
"""Cells of a side of the table of which the emptiest is looked for."""


def _short_of_emptiest(view: SceneView) -> torch.Tensor:
    """Return how much closer (R,) the next thing is than at the emptiest place of the table."""

    def emptiest(view: SceneView) -> torch.Tensor:
        after, is_thing = view.scene.after, view.others + view.attended > 0.5
        ticks = torch.linspace(-0.92, 0.92, _CELLS, device=after.device, dtype=after.dtype)
        # Squares along either axis first: a grid of distances is the sum of two short rows.
        squares = (after.unsqueeze(-1) - ticks).square()
        along = torch.where(is_thing.unsqueeze(-1), squares[..., 0, :], 9.0)
        square = along.unsqueeze(-1) + squares[..., 1, :].unsqueeze(-2)
        return square.amin(dim=1).clamp(max=9.0).flatten(1).amax(dim=-1).sqrt()

    is_thing = view.others + view.attended > 0.5
    here = torch.where(is_thing, view.distances, 3.0).amin(dim=-1)
    return (view.fixed('emptiest', emptiest) - here).clamp(min=0.0)
