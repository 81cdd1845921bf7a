"""Measurements of where the subject is: anchors x frames x scalars, made mechanically."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache, partial

import torch

from concept_control.energy.measurements.measurement import (
    ANGLE,
    COUNT,
    LENGTH,
    MIRROR,
    RATIO,
    SHIFT,
    TURN,
    Measurement,
)
from concept_control.energy.measurements.pairs import measurements_in_frame
from concept_control.energy.measurements.scene_view import SceneView, anchor_names

Scalar = Callable[[SceneView], torch.Tensor]

EVERYTHING = frozenset({SHIFT, TURN, MIRROR})

_EIGHTH = math.pi / 8
_DIAGONALS = (_EIGHTH, 2 * _EIGHTH, 3 * _EIGHTH, 5 * _EIGHTH, 6 * _EIGHTH, 7 * _EIGHTH)
_ORDER_COST = {'x': 0.0, 'y': 0.0, 'start': 1.0, 'size': 2.0, 'brightness': 2.0, 'subject': 0.0}


@cache
def placement_measurements() -> tuple[Measurement, ...]:
    """Return every measurement of the subject's place, outcome and mask given."""
    return (
        *_from_anchor('table', 'table', 0, 0.0),
        *_from_anchor('start', 'motion', 0, 1.0),
        *_from_anchor('attended', 'relation', 1, 0.0),
        *_gaps_to('attended', 'relation', 1, 1.0),
        *_from_anchor('others', 'others', 0, 0.0, short=True),
        *(each for order in _ORDER_COST for each in _from_order(order)),
        *measurements_in_frame('way', 'way', 1, 1.0),
        *_approach(),
        *_among_others(),
        *_in_line(),
    )


def _from_anchor(
    anchor: str, topic: str, needs: int, cost: float, short: bool = False
) -> Iterator[Measurement]:
    """Yield plain measurements of the vector from an anchor to the subject."""
    words = anchor_names()[anchor]
    keeps = frozenset() if anchor == 'table' else frozenset({SHIFT})
    make = partial(_measurement, anchor, topic, needs)

    yield make('x', f'{{}} right of {words}', lambda view: view.offset(anchor)[:, 0], cost, keeps,
               True, LENGTH, f'{{}} left of {words}')  # fmt: skip
    yield make('y', f'{{}} above {words}', lambda view: view.offset(anchor)[:, 1], cost, keeps,
               True, LENGTH, f'{{}} below {words}')  # fmt: skip
    # The leftmost thing is another one when the scene is turned.
    is_turned_along = not anchor.endswith((' x', ' y'))
    round_about = keeps | ({TURN, MIRROR} if is_turned_along else set())
    yield make(
        'distance', f'{{}} from {words}', lambda v: v.distance(anchor), cost, round_about, False
    )
    if short:
        return
    for angle in _DIAGONALS:
        degrees = f'{math.degrees(angle):.0f}'
        is_diagonal = abs(angle % (math.pi / 4)) < 1e-6
        yield make(f'along {degrees}', f'{{}} in direction {degrees}° of {words}',
                   partial(_along, anchor, math.cos(angle), math.sin(angle)), cost + 1.0, keeps,
                   is_diagonal)  # fmt: skip
    for name, phrase, extra, scalar in (
        ('|x|', '{} beside', 0.5, lambda o: o[:, 0].abs()),
        ('|y|', '{} above or below', 0.5, lambda o: o[:, 1].abs()),
        ('larger', '{} by the larger coordinate from', 1.0, lambda o: o.abs().amax(dim=-1)),
        ('smaller', '{} by the smaller coordinate from', 1.0, lambda o: o.abs().amin(dim=-1)),
        ('|x+y|', '{} off the falling diagonal of', 2.0, lambda o: o.sum(dim=-1).abs() / 2**0.5),
        ('|x-y|', '{} off the rising diagonal of', 2.0,
         lambda o: (o[:, 0] - o[:, 1]).abs() / 2**0.5),
    ):  # fmt: skip
        value = partial(_of_offset, anchor, scalar)
        mirrors = keeps | {MIRROR} if 'x+' not in name and 'x-' not in name else keeps
        yield make(name, f'{phrase} {words}', value, cost + extra, mirrors, False)
    for eighth in range(8):
        angle = eighth * math.pi / 4
        yield make(
            f'angle {45 * eighth}',
            f'{{}} from direction {45 * eighth}° seen from {words}',
            partial(_turned, anchor, angle), cost + 1.0, keeps, True, ANGLE,
        )  # fmt: skip
    if anchor in ('table', 'start'):
        for name, axis, side in (('left edge', 0, -1), ('right edge', 0, 1),
                                 ('lower edge', 1, -1), ('upper edge', 1, 1)):  # fmt: skip
            value = partial(_edge_coordinate, anchor, axis, side)
            phrase = f'its {name} at {{}} {"xy"[axis]} of {words}'
            yield make(name, phrase, value, cost + 1.0, keeps, True)


def _of_offset(
    anchor: str, scalar: Callable[[torch.Tensor], torch.Tensor], view: SceneView
) -> torch.Tensor:
    return scalar(view.offset(anchor))


def _along(anchor: str, cosine: float, sine: float, view: SceneView) -> torch.Tensor:
    offset = view.offset(anchor)
    return torch.add(offset[:, 0] * cosine, offset[:, 1], alpha=sine)


def _turned(anchor: str, angle: float, view: SceneView) -> torch.Tensor:
    return torch.remainder(view.angle(anchor) - angle + math.pi, 2 * math.pi) - math.pi


def _edge_coordinate(anchor: str, axis: int, side: int, view: SceneView) -> torch.Tensor:
    return view.offset(anchor)[:, axis] + side * view.size[:, axis] / 2


def _measurement(
    anchor: str,
    topic: str,
    needs: int,
    scalar: str,
    phrase: str,
    value: Scalar,
    cost: float,
    keeps: frozenset[str],
    is_signed: bool,
    unit: str = LENGTH,
    opposite: str = '',
) -> Measurement:
    return Measurement(
        name=f'{anchor}: {scalar}',
        phrase=phrase,
        unit=unit,
        topic=topic,
        value=value,
        is_signed=is_signed,
        needs=needs,
        keeps=keeps,
        cost=cost,
        opposite=opposite,
    )


def _gaps_to(anchor: str, topic: str, needs: int, cost: float) -> Iterator[Measurement]:
    """Yield measurements between the faces of the subject and of what stands at an anchor."""
    words = anchor_names()[anchor]
    make = partial(_measurement, anchor, topic, needs)

    def of(scalar: Callable[[torch.Tensor, torch.Tensor, SceneView], torch.Tensor]) -> Scalar:
        return lambda view: scalar(view.offset(anchor), view.reach(anchor), view)

    def share(axis: int) -> Scalar:
        def value(offset: torch.Tensor, reach: torch.Tensor, view: SceneView) -> torch.Tensor:
            smaller = torch.minimum(view.size, view.anchor_size(anchor)) + 1e-6
            return ((reach - offset.abs()) / smaller)[:, axis]

        return of(value)

    shift = frozenset({SHIFT})
    for scalar, phrase, value in (
        ('gap right', 'its left face {} right of the right face of',
         of(lambda o, reach, view: (o - reach)[:, 0])),
        ('gap left', 'its right face {} right of the left face of',
         of(lambda o, reach, view: (o + reach)[:, 0])),
        ('gap above', 'its lower face {} above the upper face of',
         of(lambda o, reach, view: (o - reach)[:, 1])),
        ('gap below', 'its upper face {} above the lower face of',
         of(lambda o, reach, view: (o + reach)[:, 1])),
        ('gap beside', 'a gap of {} beside', of(lambda o, reach, view: (o.abs() - reach)[:, 0])),
        ('gap in y', 'a gap of {} above or below',
         of(lambda o, reach, view: (o.abs() - reach)[:, 1])),
        ('gap', 'a gap of {} to', of(lambda o, reach, view: (o.abs() - reach).amax(dim=-1))),
        ('smaller gap', 'a gap of {} by the smaller coordinate to',
         of(lambda o, reach, view: (o.abs() - reach).amin(dim=-1))),
        ('sticking out', 'sticking out by {} of', of(_sticking_out(anchor))),
        ('round gap', '{} beyond touching, as discs,',
         of(lambda o, reach, view: view.distance(anchor) - reach.mean(dim=-1))),
    ):  # fmt: skip
        mirrors = shift | {MIRROR} if scalar not in ('gap right', 'gap left') else shift
        extra = {TURN} if scalar == 'round gap' else set()
        yield make(scalar, f'{phrase} {words}', value, cost, mirrors | extra, True)
    for axis in (0, 1):
        phrase = f'a share of {{}} of its side over that of {words} in {"xy"[axis]}'
        yield make(f'shared {"xy"[axis]}', phrase, share(axis), cost + 1.0, shift | {MIRROR},
                   True, RATIO)  # fmt: skip


def _sticking_out(
    anchor: str,
) -> Callable[[torch.Tensor, torch.Tensor, SceneView], torch.Tensor]:
    def value(offset: torch.Tensor, reach: torch.Tensor, view: SceneView) -> torch.Tensor:
        inner = (view.size - view.anchor_size(anchor)) / 2
        return (offset.abs() + inner).amax(dim=-1)

    return value


def _from_order(order: str) -> Iterator[Measurement]:
    """Yield measurements relative to the first and the last of the attended in an order."""
    cost = _ORDER_COST[order]
    yield from measurements_in_frame(order, 'pair', 2, cost)
    if order == 'subject':
        make = partial(_measurement, 'subject', 'pair', 2)
        for name, phrase, value, signed in (
            ('nearest', '{} from the closest of what is meant',
             lambda v: v.frame('subject').first_distance, False),
            ('furthest', '{} from the furthest of what is meant',
             lambda v: v.frame('subject').second_distance, False),
            ('spread', '{} more from the furthest than from the closest of what is meant',
             lambda v: v.frame('subject').second_distance - v.frame('subject').first_distance,
             True),
        ):  # fmt: skip
            yield make(name, phrase, value, 0.0, EVERYTHING, signed)
        return
    for end in ('first', 'last'):
        yield from _from_anchor(f'{end} {order}', 'end', 2, 2.0 + cost, short=True)
    if order in ('x', 'start'):
        keeps = frozenset({SHIFT, TURN}) if order == 'start' else frozenset({SHIFT})
        make = partial(_measurement, order, 'pair', 2)
        yield make('moved along', 'moved by {} along the line through them',
                   partial(_moved, order, False), 1.0, keeps, True)  # fmt: skip
        yield make('moved across', 'moved by {} across the line through them',
                   partial(_moved, order, True), 1.0, keeps, True)  # fmt: skip


def _moved(order: str, across: bool, view: SceneView) -> torch.Tensor:
    axis, moved = view.frame(order).axis, view.place - view.start
    if across:
        return moved[:, 1] * axis[:, 0] - moved[:, 0] * axis[:, 1]
    return (moved * axis).sum(dim=-1)


def _approach() -> Iterator[Measurement]:
    """Yield measurements of how much closer the subject came to the attended."""
    make = partial(_measurement, 'attended', 'way', 1)

    def before(view: SceneView) -> torch.Tensor:
        return view.once(
            'distance before', lambda: (view.start - view.anchor('attended')).norm(dim=-1)
        )

    yield make('approach', '{} closer to what is meant than before',
               lambda v: before(v) - v.distance('attended'), 1.0, EVERYTHING, True, LENGTH,
               '{} further from what is meant than before')  # fmt: skip
    yield make('share of distance', '{} times as far from what is meant as before',
               lambda v: v.distance('attended') / (before(v) + 0.05), 2.0, EVERYTHING,
               False, RATIO)  # fmt: skip


def _in_line() -> Iterator[Measurement]:
    """Yield the number of the attended that a line along an axis or a diagonal meets."""
    yield _measurement('attended', 'relation', 1, 'number in line',
                       '{} of what is meant in its row, its column or on its diagonals',
                       _number_in_line, 1.0, frozenset({SHIFT, MIRROR}), False,
                       COUNT)  # fmt: skip


def _among_others() -> Iterator[Measurement]:
    """Yield comparisons of the attended with all others, and counts of others."""
    make = partial(_measurement, 'attended', 'rank', 1)
    yield make('against nearest', '{} further from what is meant than from anything else',
               lambda v: v.distance('attended') - v.other_distance(True), 1.0, EVERYTHING, True,
               LENGTH, '{} closer to what is meant than to anything else')  # fmt: skip
    yield make('against furthest', '{} further from what is meant than from anything else',
               lambda v: v.distance('attended') - v.other_distance(False), 1.0, EVERYTHING,
               True, LENGTH, '{} closer to what is meant than to the furthest other')  # fmt: skip
    other = partial(_measurement, 'others', 'others', 0)
    yield other('nearest', '{} from the closest other', lambda v: v.other_distance(True), 2.0,
                EVERYTHING, False)  # fmt: skip
    yield other('furthest', '{} from the furthest other', lambda v: v.other_distance(False), 2.0,
                EVERYTHING, False)  # fmt: skip
    for axis, words in enumerate((('left of', 'right of'), ('below', 'above'))):
        for side, word in zip((-1, 1), words):
            yield other(
                f'number {word}',
                f'{{}} things {word} it',
                partial(_number_beyond, axis, side),
                2.0,
                frozenset({SHIFT}),
                False,
                COUNT,
            )
    yield make(
        'number closer',
        '{} things closer to it than what is meant',
        _number_closer,
        2.0,
        EVERYTHING,
        False,
        COUNT,
    )
    yield other(
        'short of emptiest',
        '{} closer to the next thing than the emptiest place of the table is',
        _short_of_emptiest,
        2.0,
        frozenset({MIRROR}),
        True,
    )


def _number_beyond(axis: int, side: int, view: SceneView) -> torch.Tensor:
    beyond = side * (view.scene.after[..., axis] - view.place[:, axis : axis + 1]) > 0
    return (beyond * (view.others + view.attended)).sum(dim=-1)


def _number_closer(view: SceneView) -> torch.Tensor:
    return ((view.distances < view.distance('attended').unsqueeze(-1)) * view.others).sum(dim=-1)


def _number_in_line(view: SceneView) -> torch.Tensor:
    """Return how many of the attended (R,) a line from the subject meets, within half its side."""
    x, y = (view.scene.after - view.place.unsqueeze(1)).unbind(dim=-1)
    off = torch.stack([x, y, x + y, x - y], dim=-1).abs().amin(dim=-1)
    return ((off < view.size.mean(dim=-1, keepdim=True) / 2) * view.attended).sum(dim=-1)


_CELLS = 12
"""Cells of a side of the table of which the emptiest is looked for."""


def _short_of_emptiest(view: SceneView) -> torch.Tensor:
    """Return how much closer (R,) the next thing is than at the emptiest place of the table."""

    def compute() -> torch.Tensor:
        after, is_thing = view.scene.after, view.others + view.attended > 0.5
        ticks = torch.linspace(-0.92, 0.92, _CELLS, device=after.device, dtype=after.dtype)
        # Squares along either axis first: a grid of distances is the sum of two short rows.
        squares = (after.unsqueeze(-1) - ticks).square()
        along = torch.where(is_thing.unsqueeze(-1), squares[..., 0, :], 9.0)
        square = along.unsqueeze(-1) + squares[..., 1, :].unsqueeze(-2)
        room = square.amin(dim=1).clamp(max=9.0).flatten(1).amax(dim=-1).sqrt()
        here = torch.where(is_thing, view.distances, 3.0).amin(dim=-1)
        return (room - here).clamp(min=0.0)

    return view.once('short of emptiest', compute)
