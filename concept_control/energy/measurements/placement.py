"""Measurements of where the subject is: anchors x frames x scalars, made mechanically."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from operator import attrgetter

import torch

from concept_control.energy.measurements.company import (
    HOME,
    STRIPES,
    company_measurements,
)
from concept_control.energy.measurements.crowd import crowd_measurements
from concept_control.energy.measurements.geometry import least, off_way
from concept_control.energy.measurements.heights import height_measurements
from concept_control.energy.measurements.measurement import (
    COUNT,
    EVERYTHING,
    LENGTH,
    MIRROR,
    RATIO,
    SHIFT,
    TURN,
    WAYS,
    Measurement,
)
from concept_control.energy.measurements.pairs import measurements_in_frame
from concept_control.energy.measurements.scene_view import (
    ENDS,
    ORDERS,
    POINTS,
    SMALL,
    Offsets,
    PairFrames,
    SceneView,
    anchor_names,
    length_of,
)
from concept_control.energy.measurements.vectors import Scalar, anchored, from_anchor

_OF_MEANT = ('way', 'radial', 'sight')
"""Frames of an anchor and what is meant, of which all is measured."""

OfGap = Callable[[torch.Tensor, torch.Tensor, SceneView], torch.Tensor]

_SHIFTS = frozenset({SHIFT})


@cache
def placement_measurements(has_heights: bool = False) -> tuple[Measurement, ...]:
    """Return every measurement of the subject's place, outcome and mask given.

    Args:
        has_heights: Whether those of heights are among them, the last ones.
    """
    return (
        *from_anchor('table', 'table', 0),
        *from_anchor('start', 'motion', 0),
        *from_anchor('attended', 'relation', 1),
        *_gaps_to('attended', 'relation', 1),
        *_rays_from('attended', 'relation', 1),
        *from_anchor('others', 'others', 0, short=True),
        *(each for order in ORDERS for each in _from_order(order)),
        *(each for frame in _OF_MEANT for each in measurements_in_frame(frame, frame, 1)),
        *measurements_in_frame('home', HOME, 0),
        *measurements_in_frame('reach', HOME, 0),
        *measurements_in_frame('own edge', HOME, 0, is_short=True),
        *measurements_in_frame('edge', 'edge', 1, is_short=True),
        *_halves(),
        *_approach(),
        *_among_others(),
        *_in_line(),
        *_from_several(),
        *company_measurements(),
        *crowd_measurements(),
        *_stripes(),
        *(height_measurements() if has_heights else ()),
    )


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
    ('flush right', 'its right face {} right of the right face of',
     lambda o, r, v: (o + v.size - r)[:, 0], False),
    ('flush left', 'its left face {} right of the left face of',
     lambda o, r, v: (o - v.size + r)[:, 0], False),
    ('flush above', 'its upper face {} above the upper face of',
     lambda o, r, v: (o + v.size - r)[:, 1], True),
    ('flush below', 'its lower face {} above the lower face of',
     lambda o, r, v: (o - v.size + r)[:, 1], True),
    ('sticking out', 'sticking out by {} of',
     lambda o, r, v: (o.abs() + v.size - r).amax(dim=-1), True),
)  # fmt: skip
"""Scalars of an offset and the reach, half of both sides: name, words, value, whether mirroring in
x leaves it as it is."""


def _gaps_to(anchor: str, topic: str, needs: int) -> Iterator[Measurement]:
    """Yield measurements between the faces of the subject and of what stands at an anchor."""
    words = anchor_names()[anchor]
    make = partial(anchored, anchor, topic, needs)
    for scalar, phrase, of, mirrors in _GAPS:
        yield make(scalar, f'{phrase} {words}',
                   partial(_of_gap, anchor, of), {SHIFT, MIRROR} if mirrors else _SHIFTS,
                   True)  # fmt: skip
    yield make('round gap', f'{{}} beyond touching, as discs, {words}',
               lambda v: v.distance(anchor) - v.reach.mean(dim=-1), EVERYTHING,
               True)  # fmt: skip
    for scalar, phrase, size in (
        ('widths', f'{{}} sides of {words} from {words}', lambda v: v.attended_size),
        ('own widths', f'{{}} of its own sides from {words}', lambda v: v.size),
    ):
        yield make(scalar, phrase, partial(_in_sizes, anchor, size), EVERYTHING, False, RATIO)
    for axis in (0, 1):
        phrase = f'a share of {{}} of its side over that of {words} in {"xy"[axis]}'
        yield make(f'shared {"xy"[axis]}', phrase, partial(_shared, anchor, axis),
                   {SHIFT, MIRROR}, True, RATIO)  # fmt: skip


def _of_gap(anchor: str, scalar: OfGap, view: SceneView) -> torch.Tensor:
    return scalar(view.offset(anchor), view.reach, view)


def _in_sizes(anchor: str, size: Scalar, view: SceneView) -> torch.Tensor:
    return view.distance(anchor) / size(view).mean(dim=-1).clamp(min=1e-3)


def _shared(anchor: str, axis: int, view: SceneView) -> torch.Tensor:
    smaller = torch.minimum(view.size, view.attended_size) + 1e-6
    return ((view.reach - view.offset(anchor).abs()) / smaller)[:, axis]


_SELDOM = ('brightness', 'middle', 'robot')
"""Orders by which people seldom tell two apart."""

_FAR = 3.0
"""Distance that stands for "none" [workspace units]."""

_MOVED: dict[str, tuple[str, Callable[[PairFrames], torch.Tensor]]] = {
    'moved along': ('moved by {} along the line through them', lambda f: f.seen(f.moved)[0]),
    'moved across': ('moved by {} across the line through them', lambda f: f.seen(f.moved)[1]),
    'off mirror': (
        '{} beside the mirror image of where it was, at the line through them',
        lambda f: 2 * f.across - f.seen(f.moved)[1],
    ),
    'same side': (
        '{} beside the line through them, on the side where it was',
        lambda f: f.across * (f.across - f.seen(f.moved)[1]).sign(),
    ),
}
"""Words and values of scalars of a frame that are about motion."""

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
    words, off = anchor_names()[anchor], attrgetter('off')
    for degrees, way in zip(range(0, 360, 45), WAYS):
        phrase = f'{way} {words}, {{}} sizes of the larger of the two off the line'
        keeps = {SHIFT, MIRROR} if degrees in (90, 270) else _SHIFTS
        yield Measurement(f'{anchor}: off way {degrees}', phrase, RATIO, topic, off, False, needs,
                          frozenset(keeps), of=_Rays, at=(anchor, degrees))  # fmt: skip


def _from_order(order: str) -> Iterator[Measurement]:
    """Yield measurements relative to the first and the last of the attended in an order."""
    yield from measurements_in_frame(order, 'pair', 2, order in _SELDOM)
    if order == 'subject':
        for scalar, phrase, value, is_signed in (
            ('nearest', '{} from the closest', lambda f: f.first_distance, False),
            ('furthest', '{} from the furthest', lambda f: f.second_distance, False),
            ('spread', '{} more from the furthest than from the closest',
             lambda f: f.second_distance - f.first_distance, True),
        ):  # fmt: skip
            yield anchored('subject', 'pair', 2, scalar, f'{phrase} of what is meant', value,
                           EVERYTHING, is_signed, of=PairFrames)  # fmt: skip
        return
    for end in ENDS:
        yield from from_anchor(f'{end} {order}', 'end', 2, short=True)
    if order in ('x', 'start'):
        keeps = {SHIFT, TURN} if order == 'start' else _SHIFTS
        for scalar, (phrase, moved) in _MOVED.items():
            yield anchored(order, 'pair', 2, scalar, phrase, moved, keeps, True, of=PairFrames)


def _halves() -> Iterator[Measurement]:
    """Yield coordinates towards the side of the table where an anchor is."""
    for anchor, topic, needs in (('attended', 'radial', 1), ('start', HOME, 0)):
        for axis, name in enumerate('xy'):
            phrase = f'{{}} in {name} on the half of the table of {anchor_names()[anchor]}'
            yield anchored(anchor, topic, needs, f'half {name}', phrase,
                           partial(_on_its_half, anchor, axis), {MIRROR}, True)  # fmt: skip


def _on_its_half(anchor: str, axis: int, view: SceneView) -> torch.Tensor:
    return view.place[:, axis] * view.anchor(anchor)[:, axis].sign()


def _from_several() -> Iterator[Measurement]:
    """Yield measurements from points that several of the attended make."""
    yield from from_anchor('balance', 'end', 2, short=True)
    make = partial(anchored, 'attended', 'pair')
    for end, point in POINTS.items():
        for which, word in zip(ENDS, ('closest', 'furthest')):
            phrase = f'{{}} further from {anchor_names()[point]} than the {word} of what is meant'
            yield make(2, f'behind {which} from {end}', phrase, partial(_behind, end, which),
                       {MIRROR}, True)  # fmt: skip
    yield make(2, 'off crossing', '{} from the column of one and the row of another',
               _off_crossing, {SHIFT, MIRROR}, False)  # fmt: skip
    yield make(3, 'off fourth corner', '{} from the fourth corner of a parallelogram of three',
               _off_fourth_corner, EVERYTHING, False)  # fmt: skip


def _behind(end: str, which: str, view: SceneView) -> torch.Tensor:
    """Return by how much (R,) the subject is further from a point than an end of the attended."""
    from_end = view.fixed(
        f'{which} from {end}',
        lambda v: length_of(v.anchor(f'{which} {end}') - v.anchor(POINTS[end])),
    )
    return view.distance(POINTS[end]) - from_end


def _off_crossing(view: SceneView) -> torch.Tensor:
    """Return the distance (R,) to the next point in the column of one and the row of another."""
    x, y = (view.scene.after - view.place.unsqueeze(1)).square().unbind(dim=-1)
    both = view.attended.unsqueeze(1) * view.attended.unsqueeze(2)
    other = ~torch.eye(x.shape[1], dtype=torch.bool, device=x.device)
    apart = (x.unsqueeze(1) + y.unsqueeze(2) + SMALL).sqrt()
    return torch.where((both > 0.5) & other, apart, _FAR).flatten(1).amin(dim=-1)


def _off_fourth_corner(view: SceneView) -> torch.Tensor:
    """Return the distance (R,) to the next place at which three, twice one left out, sum up."""
    total = (view.attended.unsqueeze(-1) * view.scene.after).sum(dim=1, keepdim=True)
    corner = total - 2 * view.scene.after
    apart = length_of(corner - view.place.unsqueeze(1))
    return torch.where(view.attended > 0.5, apart, _FAR).amin(dim=-1)


_PERIODS = (0.3, 0.4, 0.5, 0.6, 2 / 3, 0.8)
"""Distances between the middles of stripes [workspace units]."""


_BOARDS = (2, 3, 4, 6, 8)
"""Numbers of fields along a side of a board as wide as the table."""


def _stripes() -> Iterator[Measurement]:
    """Yield distances to the middles of even stripes, and to borders of the fields of boards."""
    for axis, words in enumerate(('upright', 'level')):
        for period in _PERIODS:
            for shift, where in ((0.0, 'one of them in the middle'), (0.5, 'none in the middle')):
                phrase = f'{{}} from the next of {words} lines {period:.2f} apart, {where}'
                off = partial(_off_stripe, axis, period, shift)
                yield anchored(f'stripes {"xy"[axis]} {shift:.1f}', STRIPES, 0,
                               f'off {period:.2f}', phrase, off, {MIRROR}, False)  # fmt: skip

    for number in _BOARDS:
        phrase = f'{{}} inside a field like the left lower one of a board of {number} by {number}'
        yield anchored(f'board {number}', STRIPES, 0, 'inside', phrase,
                       partial(_inside_field, 2 / number), (), True, opposite=
                       f'{{}} inside a field unlike the left lower one of a board of {number} by '
                       f'{number}')  # fmt: skip


def _inside_field(side: float, view: SceneView) -> torch.Tensor:
    """Return how far (R,) the subject is inside a field of one colour of a board, or the other."""
    at = (view.place + 1) / side
    inside = side * (at - at.detach().round()).abs().amin(dim=-1)
    return torch.where(at.detach().floor().sum(dim=-1) % 2 == 0, inside, -inside)


def _off_stripe(axis: int, period: float, shift: float, view: SceneView) -> torch.Tensor:
    turns = view.place[:, axis] / period - shift
    return period * (turns - turns.detach().round()).abs()


def _approach() -> Iterator[Measurement]:
    """Yield measurements of how much closer the subject came to the attended."""
    make = partial(anchored, 'attended', 'way', 1)
    yield make('approach', '{} closer to what is meant than before',
               lambda v: _way(v) - v.distance('attended'), EVERYTHING, True, LENGTH,
               '{} further from what is meant than before')  # fmt: skip
    yield make('share of distance', '{} times as far from what is meant as before',
               lambda v: v.distance('attended') / _way(v).clamp(min=0.05), EVERYTHING,
               False, RATIO)  # fmt: skip
    yield anchored('attended', 'way', 2, 'best approach', '{} closer to one of what is meant',
                   lambda v: _approaches(v, -_FAR).amax(dim=-1), EVERYTHING, True)  # fmt: skip
    yield anchored('attended', 'way', 2, 'least approach', '{} closer to each of what is meant',
                   lambda v: _approaches(v, _FAR).amin(dim=-1), EVERYTHING, True)  # fmt: skip
    for axis, name in enumerate('xy'):
        yield make(f'same side {name}', f'{{}} in {name} from it, on the side where it was',
                   partial(_on_same_side, axis), {SHIFT, MIRROR}, True)  # fmt: skip


def _approaches(view: SceneView, rest: float) -> torch.Tensor:
    """Return (R, N) by how much closer each of the attended is than before, `rest` for others."""
    return torch.where(view.attended > 0.5, view.away('start') - view.distances, rest)


def _on_same_side(axis: int, view: SceneView) -> torch.Tensor:
    before = (view.start - view.anchor('attended'))[:, axis]
    return view.offset('attended')[:, axis] * before.sign()


def _way(view: SceneView) -> torch.Tensor:
    return view.fixed('way', lambda v: length_of(v.anchor('attended') - v.start))


def _in_line() -> Iterator[Measurement]:
    """Yield the number of the attended that a line along an axis or a diagonal meets."""
    yield anchored('attended', 'relation', 1, 'number in line',
                   '{} of what is meant in its row, its column or on its diagonals',
                   _number_in_line, {SHIFT, MIRROR}, False, COUNT)  # fmt: skip


def _number_in_line(view: SceneView) -> torch.Tensor:
    """Return how many of the attended (R,) a line from the subject meets, within half its side."""
    x, y = (view.scene.after - view.place.unsqueeze(1)).unbind(dim=-1)
    off = torch.stack([x, y, x + y, x - y], dim=-1).abs().amin(dim=-1)
    return ((off < view.size.mean(dim=-1, keepdim=True) / 2) * view.attended).sum(dim=-1)


def _among_others() -> Iterator[Measurement]:
    """Yield comparisons of the attended with all others, and counts of others."""
    make = partial(anchored, 'attended', 'rank', 1)
    for name, words in (('nearest', 'anything else'), ('furthest', 'the furthest other')):
        yield make(f'against {name}', '{} further from what is meant than from anything else',
                   partial(_against, name == 'nearest'), EVERYTHING, True, LENGTH,
                   f'{{}} closer to what is meant than to {words}')  # fmt: skip
    yield make('clear', 'others at least {} off the straight way to what is meant', _clear,
               EVERYTHING, False)  # fmt: skip
    yield make('number closer', '{} things closer to it than what is meant', _number_closer,
               EVERYTHING, False, COUNT)  # fmt: skip
    other = partial(anchored, 'others', 'others', 0)
    yield other('nearest', '{} from the closest other', lambda v: v.other_distance(True),
                EVERYTHING, False)  # fmt: skip
    yield other('second nearest', '{} from the second closest other', lambda v: v.nearest(2),
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
    yield anchored('robot', 'table', 0, 'distance', '{} from the robot',
                   lambda v: v.distance('robot'), {MIRROR}, False)  # fmt: skip


def _clear(view: SceneView) -> torch.Tensor:
    """Return how far (R,) others are off the straight way between the subject and the attended."""
    ahead = view.scene.after - view.place.unsqueeze(1)
    off = length_of(off_way(ahead, -view.offset('attended').unsqueeze(1)))
    return least(off, view.others, _FAR)


def _against(is_nearest: bool, view: SceneView) -> torch.Tensor:
    return view.distance('attended') - view.other_distance(is_nearest)


def _number_beyond(axis: int, side: int, view: SceneView) -> torch.Tensor:
    beyond = side * (view.scene.after[..., axis] - view.place[:, axis : axis + 1]) > 0
    return (beyond * view.things).sum(dim=-1)


def _number_closer(view: SceneView) -> torch.Tensor:
    return ((view.distances < view.distance('attended').unsqueeze(-1)) * view.others).sum(dim=-1)


_CELLS = 12
"""Cells of a side of the table of which the emptiest is looked for."""


def _short_of_emptiest(view: SceneView) -> torch.Tensor:
    """Return how much closer (R,) the next thing is than at the emptiest place of the table."""

    def emptiest(view: SceneView) -> torch.Tensor:
        after, is_thing = view.scene.after, view.things > 0.5
        ticks = torch.linspace(-0.92, 0.92, _CELLS, device=after.device, dtype=after.dtype)
        # Squares along either axis first: a grid of distances is the sum of two short rows.
        squares = (after.unsqueeze(-1) - ticks).square()
        along = torch.where(is_thing.unsqueeze(-1), squares[..., 0, :], 9.0)
        square = along.unsqueeze(-1) + squares[..., 1, :].unsqueeze(-2)
        return square.amin(dim=1).clamp(max=9.0).flatten(1).amax(dim=-1).sqrt()

    return (view.fixed('emptiest', emptiest) - view.nearest(1)).clamp(min=0.0)
