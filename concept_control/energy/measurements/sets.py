"""Measurements of the set of things that are meant: how many, in what shape, where.

The shape is measured by its sorted distances, which determine nearly every set of points up to
rotation, translation, reflection and order (Boutin and Kemper, "On reconstructing n-point
configurations from the distribution of distances", 2004).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial

import torch

from concept_control.energy.measurements.heights import PILE, pile_measurements
from concept_control.energy.measurements.measurement import (
    COUNT,
    EVERYTHING,
    MIRROR,
    RATIO,
    SHIFT,
    TURN,
    Measurement,
    of_set,
)
from concept_control.energy.measurements.scene_view import (
    SMALL,
    SceneView,
    length_of,
    mean_under,
    once,
)

SET_TOPICS = ('count', 'shape', 'set place', PILE)
"""Topics of these measurements, which need a number of meant things, not of attended ones."""

_PAIR_LEVELS = 10
"""Number of quantiles of the pair distances, the number of pairs of five things."""

_CENTER_LEVELS = 5


def is_form(measurement: Measurement, topic: str = 'shape') -> bool:
    """Return whether it is of a shape, or a pile, however large that is and however turned."""
    is_free_of_scale = measurement.unit == RATIO and measurement.keeps == EVERYTHING
    return measurement.topic == topic and is_free_of_scale


@cache
def set_measurements(has_heights: bool = False) -> tuple[Measurement, ...]:
    """Return every measurement of the meant set alone, with those of piles or without."""
    piles = pile_measurements() if has_heights else ()
    return (*_counts(), *_shapes(), *_places(), *piles)


def _column(of: Callable[[SceneView], torch.Tensor], index: int, view: SceneView) -> torch.Tensor:
    return of(view)[:, index]


def _counts() -> Iterator[Measurement]:
    yield of_set('count', 'count', '{} things', lambda v: v.meant.sum(dim=-1), 0, False, COUNT)
    yield of_set('count', 'others less meant', '{} more others than are meant',
                 lambda v: v.others.sum(dim=-1) - v.meant.sum(dim=-1), 0, True, COUNT,
                 cost=1.0, opposite='{} fewer others than are meant')  # fmt: skip


def _shapes() -> Iterator[Measurement]:
    make = partial(of_set, 'shape')
    for level in range(_PAIR_LEVELS):
        share = f'{100 * level / (_PAIR_LEVELS - 1):.0f} % quantile'
        yield make(f'pair distance {level}', f'{{}} radii as the {share} of their distances',
                   partial(_column, _pair_levels, level), 3, False, RATIO, cost=1.0)  # fmt: skip
    for level in range(_CENTER_LEVELS):
        share = f'{100 * level / (_CENTER_LEVELS - 1):.0f} % quantile'
        yield make(f'center distance {level}', f'{{}} radii as the {share} of their distances '
                   'to their middle', partial(_column, _center_levels, level), 3, False, RATIO,
                   cost=1.0)  # fmt: skip
    yield make('radius', 'a mean radius of {}', _radius, 2, False, cost=1.0)
    yield make('closest two', 'at least two of them {} apart, the others further',
               lambda v: _ends(v)[:, 0], 2, False)  # fmt: skip
    yield make('furthest two', 'a length of {} over all', lambda v: _ends(v)[:, 1], 2, False,
               cost=1.0)  # fmt: skip
    yield make('width', 'a width of {} across their line', lambda v: _axes(v)[:, 1], 3, True)
    yield make('width/length', 'a width of {} of their length',
               lambda v: _axes(v)[:, 1] / (_axes(v)[:, 0] + 1e-3), 3, True, RATIO)  # fmt: skip
    yield make('ring', 'distances to their middle that differ by {}', _ring, 3, True)
    yield make('ring/radius', 'distances to their middle that differ by {} of them',
               lambda v: _ring(v) / (_radius(v) + 1e-3), 3, True, RATIO)  # fmt: skip
    for row, name in enumerate(('largest', 'smallest')):
        yield make(f'{name} turn', f'a {name} turn of {{}} of an even one, from one to the next '
                   'around their middle', partial(_column, _turns, row), 3, False,
                   RATIO)  # fmt: skip
    yield make('uneven turns', 'turns from one to the next that differ by {} of an even one',
               lambda v: _turns(v)[:, 0] - _turns(v)[:, 1], 3, True, RATIO)  # fmt: skip
    for name, degrees in (('rising', 45), ('falling', 135)):
        yield make(f'spread {name}', f'a spread of {{}} in direction {degrees}°',
                   partial(_slanted_spread, degrees == 45), 2, True, keeps=frozenset({SHIFT}),
                   cost=2.0)  # fmt: skip
    yield make('uneven gaps', 'gaps along their line that differ by {}', _uneven_gaps, 3, True,
               cost=1.0)  # fmt: skip
    for look in ('size', 'brightness'):
        for order, words in (('x', 'to the right'), ('y', 'upward')):
            yield make(f'unsorted {look} {order}', f'{{}} of all pairs not in order of {look} '
                       f'{words}', partial(_unsorted, look, order), 3, True, RATIO,
                       frozenset({SHIFT}), 1.0)  # fmt: skip
    for axis, words in enumerate(('x', 'y')):
        yield make(f'spread {words}', f'a spread of {{}} in {words}', partial(_spread, axis), 2,
                   True, keeps=frozenset({SHIFT, MIRROR}), cost=1.0)  # fmt: skip


def _places() -> Iterator[Measurement]:
    make = partial(of_set, 'set place', cost=2.0)
    for axis, (word, words) in enumerate((('x', 'right of'), ('y', 'above'))):
        yield make(f'middle {word}', f'their middle {{}} {words} the middle of the table',
                   partial(_column, _center, axis), 1, False, keeps=frozenset())  # fmt: skip
    for axis, names in enumerate((('leftmost', 'rightmost'), ('lowest', 'highest'))):
        for side, name in zip((-1, 1), names):
            yield make(name, f'the {name} at {{}} in {"xy"[axis]}',
                       partial(_extreme, axis, side), 1, True, keeps=frozenset())  # fmt: skip
    yield make('middle distance', 'their middle {} from the middle of the table',
               lambda v: length_of(_center(v)), 1, False,
               keeps=frozenset({TURN, MIRROR}))  # fmt: skip


@once
def _center(view: SceneView) -> torch.Tensor:
    return mean_under(view.scene.after, view.meant)


@once
def _offsets(view: SceneView) -> torch.Tensor:
    return (view.scene.after - _center(view).unsqueeze(1)) * view.meant.unsqueeze(-1)


@once
def _number(view: SceneView) -> torch.Tensor:
    return view.meant.sum(dim=-1).clamp(min=1e-3)


@once
def _radius(view: SceneView) -> torch.Tensor:
    """Return the root mean square distances (R,) to the middle."""
    square = _offsets(view).square().sum(dim=(1, 2)) / _number(view)
    return (square + 1e-4).sqrt()


@once
def _covariance(view: SceneView) -> torch.Tensor:
    offsets = _offsets(view)
    return offsets.transpose(1, 2) @ offsets / _number(view)[:, None, None]


def _spread(axis: int, view: SceneView) -> torch.Tensor:
    return (_covariance(view)[:, axis, axis] + SMALL).sqrt()


def _slanted_spread(is_rising: bool, view: SceneView) -> torch.Tensor:
    covariance = _covariance(view)
    sign = 1.0 if is_rising else -1.0
    square = (covariance[:, 0, 0] + covariance[:, 1, 1]) / 2 + sign * covariance[:, 0, 1]
    return (square.clamp(min=0.0) + SMALL).sqrt()


def _extreme(axis: int, side: int, view: SceneView) -> torch.Tensor:
    coordinate = side * view.scene.after[..., axis]
    return side * torch.where(view.meant > 0.5, coordinate, -3.0).amax(dim=-1)


@once
def _uneven_gaps(view: SceneView) -> torch.Tensor:
    """Return the largest less the smallest gaps (R,) along the main axis of the set."""
    covariance = _covariance(view)
    angle = torch.atan2(2 * covariance[:, 0, 1], covariance[:, 0, 0] - covariance[:, 1, 1] + SMALL)
    axis = torch.stack([(angle / 2).cos(), (angle / 2).sin()], dim=-1)
    along = (_offsets(view) * axis.unsqueeze(1)).sum(dim=-1)
    ordered = torch.where(view.meant > 0.5, along, torch.inf).sort(dim=-1).values
    is_gap = ~ordered[:, 1:].isinf()
    gaps = torch.where(is_gap, ordered[:, 1:], 0.0) - torch.where(is_gap, ordered[:, :-1], 0.0)
    smallest = torch.where(is_gap, gaps, 3.0).amin(dim=-1)
    return (gaps.amax(dim=-1) - smallest).clamp(min=0.0)


def _unsorted(look: str, order: str, view: SceneView) -> torch.Tensor:
    """Return the shares (R,) of pairs of the set whose order in place is not that of a look."""
    scene = view.scene
    looks = scene.sizes if look == 'size' else scene.colors.amax(dim=-1)
    place = scene.after[..., 0 if order == 'x' else 1]
    both = view.meant.unsqueeze(-1) * view.meant.unsqueeze(-2)
    wrong = (looks.unsqueeze(-1) < looks.unsqueeze(-2)) & (
        place.unsqueeze(-1) > place.unsqueeze(-2)
    )
    pairs = (view.meant.sum(dim=-1) * (view.meant.sum(dim=-1) - 1) / 2).clamp(min=1.0)
    return (wrong * both).sum(dim=(1, 2)) / pairs


@once
def _axes(view: SceneView) -> torch.Tensor:
    """Return the standard deviations (R, 2) along and across the main axis of the set."""
    covariance = _covariance(view)
    xx, yy, xy = covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]
    middle = (xx + yy) / 2
    apart = (((xx - yy) / 2).square() + xy.square() + SMALL**2).sqrt()
    both = torch.stack([middle + apart, middle - apart], dim=-1)
    return (both.clamp(min=0.0) + SMALL).sqrt()


@once
def _ring(view: SceneView) -> torch.Tensor:
    """Return the standard deviations (R,) of the distances to the middle."""
    away = length_of(_offsets(view))
    mean = (away * view.meant).sum(dim=-1) / _number(view)
    square = (away - mean.unsqueeze(-1)).square() * view.meant
    return (square.sum(dim=-1) / _number(view) + SMALL).sqrt()


@once
def _turns(view: SceneView) -> torch.Tensor:
    """Return the largest and smallest turns (R, 2) between neighbours, 1 where all are even."""
    offsets = _offsets(view) + 1e-7
    angle = torch.atan2(offsets[..., 1], offsets[..., 0])
    angle = torch.where(view.meant > 0.5, angle, torch.inf).sort(dim=-1).values
    first = angle[:, :1]
    # What is not meant stands at the end, where it closes the circle.
    closed = torch.where(angle.isinf(), first + 2 * torch.pi, angle)
    turns = torch.cat([closed, first + 2 * torch.pi], dim=-1).diff(dim=-1)
    number = _number(view)
    smallest = torch.where(angle.isinf(), torch.inf, turns).amin(dim=-1)
    both = torch.stack([turns.amax(dim=-1), smallest.clamp(max=2 * torch.pi)], dim=-1)
    return both * number.unsqueeze(-1) / (2 * torch.pi)


def _pairs(view: SceneView) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the distances (R, P) of all pairs and whether both are meant (R, P)."""
    places, number = view.scene.after, view.scene.after.shape[1]
    # `triu_indices` would be a constant of a recording.
    i, j = torch.ones(number, number, device=places.device).triu(1).nonzero().unbind(dim=1)
    return length_of(places[:, i] - places[:, j]), view.meant[:, i] * view.meant[:, j]


@once
def _pair_levels(view: SceneView) -> torch.Tensor:
    return quantiles(*_pairs(view), _PAIR_LEVELS) / _radius(view).unsqueeze(-1)


@once
def _ends(view: SceneView) -> torch.Tensor:
    """Return the distances (R, 2) of the closest and of the furthest two."""
    apart, gate = _pairs(view)
    closest = torch.where(gate > 0.5, apart, 3.0).amin(dim=-1)
    return torch.stack([closest, (apart * gate).amax(dim=-1)], dim=-1)


@once
def _center_levels(view: SceneView) -> torch.Tensor:
    away = quantiles(length_of(_offsets(view)), view.meant, _CENTER_LEVELS)
    return away / _radius(view).unsqueeze(-1)


def quantiles(values: torch.Tensor, gate: torch.Tensor, levels: int) -> torch.Tensor:
    """Return (R, levels) evenly spaced quantiles of the values (R, M) whose gate (R, M) is 1.

    The first is the smallest, the last the largest, those between are interpolated; all are zero
    where there is no value.
    """
    ordered = torch.where(gate > 0.5, values, torch.inf).sort(dim=-1).values
    # Nothing may stay infinite: a place to look at, even one of weight zero, has a gradient.
    ordered = torch.where(ordered.isinf(), 0.0, ordered)
    ordered = torch.cat([ordered, ordered.new_zeros(ordered.shape[0], 1)], dim=-1)
    last = (gate.sum(dim=-1, keepdim=True) - 1).clamp(min=0.0)
    place = last * torch.linspace(0.0, 1.0, levels, dtype=gate.dtype, device=gate.device)
    lower = place.floor()
    upper = torch.minimum(lower + 1, last)
    below, above = ordered.gather(-1, lower.long()), ordered.gather(-1, upper.long())
    return below + (place - lower) * (above - below)
