"""Measurements of the set of things that are meant: how many, in what shape, where.

The shape is measured by its sorted distances, which determine nearly every set of points up to
rotation, translation, reflection and order (Boutin and Kemper, "On reconstructing n-point
configurations from the distribution of distances", 2004).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial

import torch

from concept_control.energy.measurements.geometry import bearing_gaps, least
from concept_control.energy.measurements.heights import PILE, pile_measurements
from concept_control.energy.measurements.measurement import (
    COUNT,
    EVERYTHING,
    MIRROR,
    RATIO,
    SHIFT,
    Measurement,
    of_set,
)
from concept_control.energy.measurements.scene_view import SMALL, SceneView, length_of, once
from concept_control.energy.measurements.set_forms import form_measurements
from concept_control.energy.measurements.set_orders import LOOKS, order_measurements
from concept_control.energy.measurements.set_places import (
    place_measurements,
    surrounding_measurements,
)
from concept_control.energy.measurements.set_points import (
    FAR,
    along_axis,
    column,
    covariance,
    number,
    offsets,
    pairs,
    radius,
)

SET_TOPICS = ('count', 'shape', 'set place', LOOKS, PILE)
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
    return (*plain_set_measurements(), *form_measurements(), *order_measurements(),
            *surrounding_measurements(), *piles)  # fmt: skip


@cache
def plain_set_measurements() -> tuple[Measurement, ...]:
    """Return those by which sets of any things are told apart: how many, how far, where."""
    return (*_counts(), *_shapes(), *place_measurements())


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
                   column(_pair_levels, level), 3, False, RATIO, cost=1.0)  # fmt: skip
    for level in range(_CENTER_LEVELS):
        share = f'{100 * level / (_CENTER_LEVELS - 1):.0f} % quantile'
        yield make(f'center distance {level}', f'{{}} radii as the {share} of their distances '
                   'to their middle', column(_center_levels, level), 3, False, RATIO,
                   cost=1.0)  # fmt: skip
    yield make('radius', 'a mean radius of {}', radius, 2, False, cost=1.0)
    yield make('closest two', 'at least two of them {} apart, the others further',
               lambda v: _ends(v)[:, 0], 2, False)  # fmt: skip
    yield make('furthest two', 'a length of {} over all', lambda v: _ends(v)[:, 1], 2, False,
               cost=1.0)  # fmt: skip
    yield make('width', 'a width of {} across their line', lambda v: _axes(v)[:, 1], 3, True)
    yield make('width/length', 'a width of {} of their length',
               lambda v: _axes(v)[:, 1] / (_axes(v)[:, 0] + 1e-3), 3, True, RATIO)  # fmt: skip
    yield make('ring', 'distances to their middle that differ by {}', _ring, 3, True)
    yield make('ring/radius', 'distances to their middle that differ by {} of them',
               lambda v: _ring(v) / (radius(v) + 1e-3), 3, True, RATIO)  # fmt: skip
    for row, name in enumerate(('largest', 'smallest')):
        yield make(f'{name} turn', f'a {name} turn of {{}} of an even one, from one to the next '
                   'around their middle', column(_turns, row), 3, False,
                   RATIO)  # fmt: skip
    yield make('uneven turns', 'turns from one to the next that differ by {} of an even one',
               lambda v: _turns(v)[:, 0] - _turns(v)[:, 1], 3, True, RATIO)  # fmt: skip
    for name, degrees in (('rising', 45), ('falling', 135)):
        yield make(f'spread {name}', f'a spread of {{}} in direction {degrees}°',
                   partial(_slanted_spread, degrees == 45), 2, True, keeps=frozenset({SHIFT}),
                   cost=2.0)  # fmt: skip
    yield make('uneven gaps', 'gaps along their line that differ by {}', _uneven_gaps, 3, True,
               cost=1.0)  # fmt: skip
    for axis, words in enumerate(('x', 'y')):
        yield make(f'spread {words}', f'a spread of {{}} in {words}', partial(_spread, axis), 2,
                   True, keeps=frozenset({SHIFT, MIRROR}), cost=1.0)  # fmt: skip


def _spread(axis: int, view: SceneView) -> torch.Tensor:
    return (covariance(view)[:, axis, axis] + SMALL).sqrt()


def _slanted_spread(is_rising: bool, view: SceneView) -> torch.Tensor:
    spread = covariance(view)
    sign = 1.0 if is_rising else -1.0
    square = (spread[:, 0, 0] + spread[:, 1, 1]) / 2 + sign * spread[:, 0, 1]
    return (square.clamp(min=0.0) + SMALL).sqrt()


@once
def _uneven_gaps(view: SceneView) -> torch.Tensor:
    """Return the largest less the smallest gaps (R,) along the main axis of the set."""
    ordered = torch.where(view.meant > 0.5, along_axis(view), torch.inf).sort(dim=-1).values
    is_gap = ~ordered[:, 1:].isinf()
    gaps = torch.where(is_gap, ordered[:, 1:], 0.0) - torch.where(is_gap, ordered[:, :-1], 0.0)
    smallest = torch.where(is_gap, gaps, 3.0).amin(dim=-1)
    return (gaps.amax(dim=-1) - smallest).clamp(min=0.0)


@once
def _axes(view: SceneView) -> torch.Tensor:
    """Return the standard deviations (R, 2) along and across the main axis of the set."""
    spread = covariance(view)
    xx, yy, xy = spread[:, 0, 0], spread[:, 1, 1], spread[:, 0, 1]
    middle = (xx + yy) / 2
    apart = (((xx - yy) / 2).square() + xy.square() + SMALL**2).sqrt()
    both = torch.stack([middle + apart, middle - apart], dim=-1)
    return (both.clamp(min=0.0) + SMALL).sqrt()


@once
def _ring(view: SceneView) -> torch.Tensor:
    """Return the standard deviations (R,) of the distances to the middle."""
    away = length_of(offsets(view))
    mean = (away * view.meant).sum(dim=-1) / number(view)
    square = (away - mean.unsqueeze(-1)).square() * view.meant
    return (square.sum(dim=-1) / number(view) + SMALL).sqrt()


@once
def _turns(view: SceneView) -> torch.Tensor:
    """Return the largest and smallest turns (R, 2) between neighbours, 1 where all are even."""
    gaps, gate = bearing_gaps(offsets(view), view.meant)
    smallest = least(gaps, gate, 2 * torch.pi)
    both = torch.stack([gaps.amax(dim=-1), smallest], dim=-1)
    return both * number(view).unsqueeze(-1) / (2 * torch.pi)


@once
def _pair_levels(view: SceneView) -> torch.Tensor:
    return quantiles(*pairs(view)[2:], _PAIR_LEVELS) / radius(view).unsqueeze(-1)


@once
def _ends(view: SceneView) -> torch.Tensor:
    """Return the distances (R, 2) of the closest and of the furthest two."""
    _, _, apart, gate = pairs(view)
    return torch.stack([least(apart, gate, FAR), (apart * gate).amax(dim=-1)], dim=-1)


@once
def _center_levels(view: SceneView) -> torch.Tensor:
    away = quantiles(length_of(offsets(view)), view.meant, _CENTER_LEVELS)
    return away / radius(view).unsqueeze(-1)


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
