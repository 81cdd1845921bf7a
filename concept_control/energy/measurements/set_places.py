"""Measurements of where a set is: on the table, around something, apart from all else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from concept_control.energy.measurements.geometry import bearing_gaps, least, most
from concept_control.energy.measurements.measurement import (
    ANGLE,
    COUNT,
    EVERYTHING,
    LENGTH,
    MIRROR,
    TURN,
    Measurement,
    of_set,
)
from concept_control.energy.measurements.scene_view import (
    TIE,
    SceneView,
    length_of,
    mean_under,
    once,
)
from concept_control.energy.measurements.set_points import FAR, center, column

_SIDES = (('leftmost', 'rightmost'), ('lowest', 'highest'))
_HALVES = ('left and right', 'front and back')
_ANCHORS = {'table': ('the middle of the table', frozenset({TURN, MIRROR})),
            'robot': ('the robot', frozenset({MIRROR})),
            'largest': ('the largest other thing', EVERYTHING),
            'inside': ('the other thing next to their middle', EVERYTHING)}  # fmt: skip
"""What a set may be around, in words, and what leaves distances to it as they are."""


_BEARINGS = {'nearest': 'the nearest {} from', 'furthest': 'the furthest {} from',
             'unequal': 'distances that differ by {} to', 'gap': 'the widest gap {} as seen from',
             'off': 'their middle {} from'}  # fmt: skip
"""What is told of how a set is around an anchor, see `_bearings`."""


def place_measurements() -> Iterator[Measurement]:
    """Yield what is measured of where a set is as a whole."""
    make = partial(of_set, 'set place', cost=2.0)
    for axis, (word, words) in enumerate((('x', 'right of'), ('y', 'above'))):
        yield make(f'middle {word}', f'their middle {{}} {words} the middle of the table',
                   column(center, axis), 1, False, keeps=frozenset())  # fmt: skip
    for axis, names in enumerate(_SIDES):
        for side, name in zip((-1, 1), names):
            yield make(name, f'the {name} at {{}} in {"xy"[axis]}',
                       partial(_extreme, axis, side), 1, True, keeps=frozenset())  # fmt: skip
    yield make('middle distance', 'their middle {} from the middle of the table',
               lambda v: length_of(center(v)), 1, False,
               keeps=frozenset({TURN, MIRROR}))  # fmt: skip


def surrounding_measurements() -> Iterator[Measurement]:
    """Yield what is measured of a set against parts of the table, anchors and all else."""
    yield from _parts()
    for number, (name, (words, keeps)) in enumerate(_ANCHORS.items()):
        yield from _around(number, name, words, keeps)
    make = partial(of_set, 'set place', needs=1, is_signed=False)
    yield make('from others', 'at least {} from everything else',
               lambda v: least(_to_others(v), v.meant))  # fmt: skip
    yield make('beside others', 'each within {} of something else',
               lambda v: most(_to_others(v), v.meant))  # fmt: skip


def _parts() -> Iterator[Measurement]:
    make = partial(of_set, 'set place', keeps=frozenset({MIRROR}), cost=1.0)
    for axis, halves in enumerate(_HALVES):
        yield make(f'both halves {"xy"[axis]}', f'on both halves, {halves}, {{}} inside',
                   partial(_halves, axis, True), 2, True)  # fmt: skip
        yield make(f'one half {"xy"[axis]}', f'on one of both halves, {halves}, {{}} inside',
                   partial(_halves, axis, False), 2, True)  # fmt: skip
    for axis, halves in enumerate(_HALVES):
        yield make(f'unequal halves {"xy"[axis]}', f'numbers on the halves, {halves}, that differ '
                   'by {}', partial(_unequal_halves, axis), 2, True, unit=COUNT)  # fmt: skip
    yield make('each quarter', 'in each quarter of the table, {} inside',
               lambda v: _quarters(v).amax(dim=1).amin(dim=-1), 4, True)  # fmt: skip
    yield make('one quarter', 'in one quarter of the table, {} inside', _same_quarter, 2,
               True)  # fmt: skip
    yield make('furthest from edges', 'each within {} of an edge',
               lambda v: most(_to_edges(v), v.meant), 1, False)  # fmt: skip
    yield make('nearest to edges', 'at least {} from every edge',
               lambda v: least(_to_edges(v), v.meant), 1, False)  # fmt: skip
    yield make('furthest from corners', 'each within {} of a corner',
               lambda v: most(_to_corners(v), v.meant), 1, False)  # fmt: skip


def _around(number: int, name: str, words: str, keeps: frozenset[str]) -> Iterator[Measurement]:
    make = partial(of_set, 'set place', keeps=keeps, cost=1.0)
    for row, (which, phrase) in enumerate(_BEARINGS.items()):
        if (name, which) == ('table', 'off'):
            continue
        value = column(_bearings, number * len(_BEARINGS) + row)
        unit = ANGLE if which == 'gap' else LENGTH
        yield make(f'{which} {name}', f'{phrase} {words}', value, 2, which == 'unequal', unit)


def _extreme(axis: int, side: int, view: SceneView) -> torch.Tensor:
    coordinate = side * view.scene.after[..., axis]
    return side * torch.where(view.meant > 0.5, coordinate, -FAR).amax(dim=-1)


def _halves(axis: int, is_both: bool, view: SceneView) -> torch.Tensor:
    """Return how deep (R,) the deepest of each half are, or all in one of them."""
    high, low = _extreme(axis, 1, view), _extreme(axis, -1, view)
    return torch.minimum(high, -low) if is_both else torch.maximum(low, -high)


def _unequal_halves(axis: int, view: SceneView) -> torch.Tensor:
    return (view.scene.after[..., axis].sign() * view.meant).sum(dim=-1).abs()


@once
def _quarters(view: SceneView) -> torch.Tensor:
    """Return how deep (R, N, 4) each of the meant is in the quarters; far out what is not."""
    after = view.scene.after
    corners = after.new_tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])
    deep = (after.unsqueeze(2) * corners).amin(dim=-1)
    return torch.where(view.meant.unsqueeze(-1) > 0.5, deep, -FAR)


def _same_quarter(view: SceneView) -> torch.Tensor:
    deep = _quarters(view).transpose(1, 2)
    return least(deep, view.meant.unsqueeze(1).expand_as(deep)).amax(dim=-1)


def _to_edges(view: SceneView) -> torch.Tensor:
    return 1 - view.scene.after.abs().amax(dim=-1)


def _to_corners(view: SceneView) -> torch.Tensor:
    return length_of(1 - view.scene.after.abs())


def _anchor(name: str, view: SceneView) -> torch.Tensor:
    if name in ('table', 'robot'):
        return view.anchor(name)
    if name == 'largest':
        score = -view.scene.sizes
    else:
        score = length_of(view.scene.after - center(view).unsqueeze(1)).detach()
    rest = view.scene.present * (1 - view.meant)
    score = torch.where(rest > 0.5, score, FAR)
    is_first = (score <= score.amin(dim=-1, keepdim=True) + TIE).to(rest) * rest
    return mean_under(view.scene.after, is_first)


@once
def _bearings(view: SceneView) -> torch.Tensor:
    """Return how the sets are around the anchors (R, A * 5), see `_ANCHORS` and `_BEARINGS`."""
    anchors = torch.stack([_anchor(name, view) for name in _ANCHORS])
    way = view.scene.after - anchors.unsqueeze(2)
    away = length_of(way)
    near, far = least(away, view.meant), most(away, view.meant)
    gaps = bearing_gaps(way, view.meant)[0].amax(dim=-1)
    off = length_of(center(view) - anchors)
    return torch.stack([near, far, far - near, gaps, off]).transpose(0, 1).flatten(0, 1).T


@once
def _to_others(view: SceneView) -> torch.Tensor:
    """Return the distances (R, N) of things to the nearest other that is not meant."""
    after, rest = view.scene.after, view.scene.present * (1 - view.meant)
    apart = length_of(after.unsqueeze(2) - after.unsqueeze(1))
    return least(apart, rest.unsqueeze(1).expand_as(apart), FAR)
