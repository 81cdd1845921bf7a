"""Measurements of how high things stand and of what they rest on, of one subject and of sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import torch

from concept_control.energy.measurements.measurement import (
    COUNT,
    EVERYTHING,
    LENGTH,
    MIRROR,
    RATIO,
    SHIFT,
    Measurement,
    of_set,
)
from concept_control.energy.measurements.scene_view import SceneView, once
from concept_control.energy.scene_batch import below_rim, rests_on, wall_gaps

HEIGHT, PILE = 'height', 'pile'
"""Topics: how high one subject stands, and how the things of a set stand on one another."""

WITHIN = 'attended: within'
"""Name of the measurement of what stands in an open box."""

_NO_TURN = frozenset({SHIFT, MIRROR})
_COUNT_COST = 3.0
"""Log odds by which numbers of things are less likely to be meant than what they follow from."""

_ON_TOP_COSTS = dict.fromkeys(('attended: on top', WITHIN), -4.5)
"""Minus the log odds by which a thing is likelier meant to be on what is meant, or in it."""

_APART = 3.0
"""Value for things of which none stands on another, or on two, in half sides and in sides."""


@cache
def height_measurements() -> tuple[Measurement, ...]:
    """Return every measurement of the height of the subject."""
    return tuple(_heights())


@cache
def pile_measurements() -> tuple[Measurement, ...]:
    """Return every measurement of how the meant things stand on one another."""
    return tuple(_piles())


def _heights() -> Iterator[Measurement]:
    def make(
        name: str,
        phrase: str,
        value: Callable[[SceneView], torch.Tensor],
        needs: int = 1,
        unit: str = LENGTH,
        is_signed: bool = True,
        keeps: frozenset[str] = EVERYTHING,
        opposite: str = '',
    ) -> Measurement:
        cost = _ON_TOP_COSTS.get(name, _COUNT_COST if unit == COUNT else 0.0)
        return Measurement(name, phrase, unit, HEIGHT, value, is_signed, needs, keeps, cost,
                           opposite)  # fmt: skip

    meant = 'what is meant'
    yield make('attended: on top', f'with its lower face {{}} above the upper face of {meant}',
               lambda v: _bottom(v) - _of(v, 'attended', 'tops'),
               opposite=f'with its lower face {{}} below the upper face of {meant}')  # fmt: skip
    yield make('attended: underneath', f'with its upper face {{}} below the lower face of {meant}',
               lambda v: _of(v, 'attended', 'bottoms') - _of(v, 'subjects', 'tops'),
               opposite=f'with its upper face {{}} above the lower face of {meant}')  # fmt: skip
    yield make('attended: level', f'with its lower face {{}} above that of {meant}',
               lambda v: _bottom(v) - _of(v, 'attended', 'bottoms'),
               opposite=f'with its lower face {{}} below that of {meant}')  # fmt: skip
    yield make('attended: middle', f'with its middle {{}} higher than that of {meant}',
               lambda v: _middle(v, 'subjects') - _middle(v, 'attended'),
               opposite=f'with its middle {{}} lower than that of {meant}')  # fmt: skip
    yield make('attended: over', f'{{}} of a half side off the middle of {meant}',
               lambda v: (v.offset('attended').abs() / (v.attended_size / 2)).amax(dim=-1),
               unit=RATIO, keeps=_NO_TURN)  # fmt: skip
    for name, words, needs in (('attended', 'of what is meant', 1), ('others', 'others', 0)):
        yield make(f'{name}: number under', f'with {{}} {words} right under it',
                   partial(_number_under, name), needs, COUNT, False)  # fmt: skip
    yield make('table: height', 'with its lower face {} above the table', _bottom, 0)
    yield make(WITHIN, f'{{}} out of {meant}, an open box', _out_of_box, is_signed=False)
    yield make('start: height', '{} higher than it was',
               lambda v: _bottom(v) - _of(v, 'subjects', 'bottoms_before'), 0,
               opposite='{} lower than it was')  # fmt: skip
    for side, word in ((-1, 'lower'), (1, 'higher')):
        yield make(f'others: number {word}', f'with {{}} things {word} than it',
                   partial(_number_beyond, side), 0, COUNT, False)  # fmt: skip


def _of(view: SceneView, whose: str, what: str) -> torch.Tensor:
    """Return the mean (R,) of `bottoms`, `tops` or `bottoms_before` over subjects or attended."""

    def compute() -> torch.Tensor:
        gate = getattr(view, whose)
        total = (getattr(view.scene, what) * gate).sum(dim=-1)
        return total / gate.sum(dim=-1).clamp(min=1e-6)

    return view.once(f'{whose} {what}', compute)


def _bottom(view: SceneView) -> torch.Tensor:
    return _of(view, 'subjects', 'bottoms')


def _middle(view: SceneView, whose: str) -> torch.Tensor:
    return (_of(view, whose, 'bottoms') + _of(view, whose, 'tops')) / 2


def _out_of_box(view: SceneView) -> torch.Tensor:
    """Return how far (R,) the subject is in the walls around it, or beyond; 0 within."""
    pair = view.subjects.unsqueeze(-1) * view.attended.unsqueeze(-2)
    out = torch.where(below_rim(view.scene), torch.relu(-wall_gaps(view.scene)), _APART)
    return (out * pair).sum(dim=(1, 2)) / pair.sum(dim=(1, 2)).clamp(min=1e-6)


@once
def _resting(view: SceneView) -> torch.Tensor:
    """Return (R, N, N) 1 where the first rests on the second."""
    return rests_on(view.scene).to(view.scene.after)


def _number_under(whose: str, view: SceneView) -> torch.Tensor:
    gate = view.subjects.unsqueeze(-1) * getattr(view, whose).unsqueeze(-2)
    return (_resting(view) * gate).sum(dim=(1, 2))


def _number_beyond(side: int, view: SceneView) -> torch.Tensor:
    middles = (view.scene.bottoms + view.scene.tops) / 2
    beyond = side * (middles - _middle(view, 'subjects').unsqueeze(-1)) > 1e-3
    return (beyond * (view.others + view.attended)).sum(dim=-1)


def _piles() -> Iterator[Measurement]:
    make = partial(of_set, PILE, needs=2)
    yield make('face gap', 'one on the next, with a gap of {} between their faces', _face_gap,
               is_signed=True)  # fmt: skip
    yield make('off middle', 'one over the other, {} of its half side off the middle of what '
               'carries it', _off_carrier, is_signed=True, unit=RATIO, keeps=_NO_TURN)  # fmt: skip
    yield make('carrier gap', 'one on two others, with {} of their side between these',
               _carrier_gap, is_signed=True, unit=RATIO, keeps=_NO_TURN)  # fmt: skip
    yield make('not on another', '{} beside the lowest that stand on none of the others',
               _not_on_another, is_signed=True, unit=COUNT)  # fmt: skip
    yield make('height/sum', 'a height of {} of that of all of them one on the other',
               _height_share, is_signed=False, unit=RATIO)  # fmt: skip
    yield make('lowest face', 'the lowest {} above the table',
               lambda v: _ordered(v)[0][:, 0], is_signed=True)  # fmt: skip
    yield make('unsorted size up', '{} of all pairs not the larger one below', _unsorted_upward,
               is_signed=True, unit=RATIO, cost=1.0)  # fmt: skip


@once
def _ordered(view: SceneView) -> torch.Tensor:
    """Return the sorted heights (2, R, N) of the lower and of the upper faces; infinite last."""
    faces = torch.stack([view.scene.bottoms, view.scene.tops])
    return torch.where(view.meant > 0.5, faces, torch.inf).sort(dim=-1).values


def _face_gap(view: SceneView) -> torch.Tensor:
    """Return the gap (R,) of the largest size between one of the meant and the next."""
    lower, upper = _ordered(view)
    is_next = ~lower[:, 1:].isinf()
    gaps = torch.where(is_next, lower[:, 1:], 0.0) - torch.where(is_next, upper[:, :-1], 0.0)
    return gaps.gather(-1, gaps.abs().argmax(dim=-1, keepdim=True))[:, 0]


@once
def _carried(view: SceneView) -> torch.Tensor:
    """Return (R, N, N) 1 where the first of two that are meant rests on the second."""
    return _resting(view) * (view.meant.unsqueeze(-1) * view.meant.unsqueeze(-2))


def _off_carrier(view: SceneView) -> torch.Tensor:
    """Return how far (R,) the worst of the carried is off the middle of its carriers."""
    carried, places, halves = _carried(view), view.scene.after, view.scene.sides / 2
    number = carried.sum(dim=-1)
    share = carried / number.clamp(min=1.0).unsqueeze(-1)
    off = ((places - share @ places).abs() / (share @ halves + 1e-6)).amax(dim=-1)
    worst = torch.where(number > 0, off, 0.0).amax(dim=-1)
    return torch.where(number.sum(dim=-1) > 0, worst, _APART)


def _carrier_gap(view: SceneView) -> torch.Tensor:
    """Return the largest gap (R,) between two that carry one of the meant, in their sides."""
    carried, places, sides = _carried(view), view.scene.after, view.scene.sides
    is_other = 1 - torch.eye(carried.shape[-1], device=carried.device, dtype=carried.dtype)
    together = (carried.transpose(1, 2) @ carried) * is_other > 0.5
    side = (sides.unsqueeze(1) + sides.unsqueeze(2)) / 2
    gap = ((places.unsqueeze(1) - places.unsqueeze(2)).abs() - side).amax(dim=-1)
    gaps = torch.where(together, gap / (side.mean(dim=-1) + 1e-6), -torch.inf).flatten(1)
    return torch.where(together.flatten(1).any(dim=-1), gaps.amax(dim=-1), _APART)


def _not_on_another(view: SceneView) -> torch.Tensor:
    is_carried = (_carried(view).sum(dim=-1) > 0).to(view.meant)
    return (view.meant.sum(dim=-1) - 1).clamp(min=0.0) - is_carried.sum(dim=-1)


def _height_share(view: SceneView) -> torch.Tensor:
    lower = _ordered(view)[0]
    top = torch.where(view.meant > 0.5, view.scene.tops, 0.0).amax(dim=-1)
    total = (view.scene.heights * view.meant).sum(dim=-1)
    lowest = torch.where(lower[:, 0].isinf(), 0.0, lower[:, 0])
    return (top - lowest) / total.clamp(min=1e-3)


def _unsorted_upward(view: SceneView) -> torch.Tensor:
    sizes, bottoms = view.scene.sizes, view.scene.bottoms
    both = view.meant.unsqueeze(-1) * view.meant.unsqueeze(-2)
    is_larger = sizes.unsqueeze(-1) > sizes.unsqueeze(-2) + 1e-4
    wrong = is_larger & (bottoms.unsqueeze(-1) > bottoms.unsqueeze(-2) + 1e-3)
    number = view.meant.sum(dim=-1)
    return (wrong * both).sum(dim=(1, 2)) / (number * (number - 1) / 2).clamp(min=1.0)
