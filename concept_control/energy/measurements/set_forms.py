"""Measurements of the form of a set: where it points, how it mirrors, its lines and columns."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from concept_control.energy.measurements.geometry import least, most
from concept_control.energy.measurements.measurement import (
    EVERYTHING,
    MIRROR,
    RATIO,
    SHIFT,
    Measurement,
    of_set,
)
from concept_control.energy.measurements.scene_view import SMALL, SceneView, once
from concept_control.energy.measurements.set_points import (
    FAR,
    center,
    column,
    main_axis,
    number,
    offsets,
    pairs,
    radius,
)

_MOMENTS = (
    ('reach x', 'reaching {} further to the right than to the left',
     'reaching {} further to the left than to the right'),
    ('reach y', 'reaching {} further up than down', 'reaching {} further down than up'),
    ('wide', '{} wider than high', '{} higher than wide'),
    ('rising', '{} longer where it rises', '{} longer where it falls'),
    ('wedge x', 'pointing {} to the right like a wedge', 'pointing {} to the left like a wedge'),
    ('wedge y', 'pointing {} up like a wedge', 'pointing {} down like a wedge'),
    ('diamond', 'corners {} like a diamond', 'corners {} like an upright square'),
    ('pinwheel', 'corners turned {} to the left', 'corners turned {} to the right'),
)  # fmt: skip
"""Name, words and words for the opposite of what tells how a form is turned, see `_moments`."""

_MIRRORED_IN_X = ('reach y', 'wide', 'wedge y', 'diamond')

_MIRRORS = {
    'table x': ('at the line that parts left from right', frozenset({MIRROR})),
    'table y': ('at the line that parts front from back', frozenset({MIRROR})),
    'upright': ('at the upright line through their middle', frozenset({SHIFT, MIRROR})),
    'level': ('at the level line through their middle', frozenset({SHIFT, MIRROR})),
    'point': ('through their middle', EVERYTHING),
    'along': ('at the line along them', EVERYTHING),
    'across': ('at the line across them', EVERYTHING),
}
"""What a set is mirrored at, in words, and what leaves the mirroring as it is."""

_LINES = 2


def form_measurements() -> Iterator[Measurement]:
    """Yield what is measured of the form of a set beside its distances."""
    make = partial(of_set, 'shape', cost=1.0)
    for row, (name, phrase, opposite) in enumerate(_MOMENTS):
        keeps = frozenset({SHIFT, MIRROR} if name in _MIRRORED_IN_X else {SHIFT})
        yield make(name, phrase, column(_moments, row), 3, True, RATIO, keeps, opposite=opposite)
    for row, (name, (words, keeps)) in enumerate(_MIRRORS.items()):
        yield make(f'mirror {name}', f'mirror images {words} off by {{}}',
                   column(_unmirrored, row), 2, True, keeps=keeps)  # fmt: skip
    for level in range(_LINES):
        ways = ('', 'another ')[level]
        yield make(f'in line {level}', f'{ways}one on the straight line between two, {{}} off it',
                   column(_thirds, level), 3, True)  # fmt: skip
        yield make(f'midway {level}', f'{ways}one midway between two, {{}} off',
                   column(_thirds, _LINES + level), 3, True)  # fmt: skip
    keeps = frozenset({SHIFT, MIRROR})
    yield make('apart', 'gaps between their faces of at least {}',
               lambda v: least(_neighbour_gaps(v), v.meant), 2, True, keeps=keeps)  # fmt: skip
    yield make('beside', 'each with a gap of at most {} to the next',
               lambda v: most(_neighbour_gaps(v), v.meant), 2, True, keeps=keeps)  # fmt: skip
    for axis, lines in enumerate(('column', 'row')):
        yield make(f'shared {lines}', f'each in the {lines} of another one, {{}} off',
                   partial(_shared, axis), 2, True, keeps=keeps)  # fmt: skip
        yield make(f'own {lines}', f'each at least {{}} out of the {lines} of any other',
                   partial(_own, axis), 2, True, keeps=keeps)  # fmt: skip


def _neighbour_gaps(view: SceneView) -> torch.Tensor:
    """Return how far (R, N) each of the meant is from the next of them, from face to face."""
    after, half = view.scene.after, view.scene.sides / 2
    apart = (after.unsqueeze(2) - after.unsqueeze(1)).abs()
    gap = (apart - half.unsqueeze(2) - half.unsqueeze(1)).amax(dim=-1)
    other = 1 - torch.eye(after.shape[1], dtype=after.dtype, device=after.device)
    return least(gap, view.meant.unsqueeze(1) * other, FAR)


@once
def _moments(view: SceneView) -> torch.Tensor:
    """Return moments (R, 8) of the places, of unit radius, as complex numbers: z|z|² to z⁴.

    The order tells after which turn a form would look the same: none, a half, a third, a quarter.
    """
    x, y = (offsets(view) / radius(view)[:, None, None]).unbind(dim=-1)
    square = x.square() + y.square()
    x2, y2 = x.square() - y.square(), 2 * x * y
    parts = [x * square, y * square, x2, y2, x2 * x - y2 * y, -(x2 * y + y2 * x),
             x2.square() - y2.square(), 2 * x2 * y2]  # fmt: skip
    return torch.stack(parts, dim=-1).sum(dim=1) / number(view).unsqueeze(-1)


@once
def _unmirrored(view: SceneView) -> torch.Tensor:
    """Return the root mean square distances (R, 7) of mirror images to the nearest thing."""
    away = offsets(view)
    x, y = away.unbind(dim=-1)
    axis = main_axis(view)
    along = (away * axis.unsqueeze(1)).sum(dim=-1)
    across = y * axis[:, :1] - x * axis[:, 1:]
    # Of what two differ by in a coordinate, and in that of the mirror image of one.
    differ = [each.unsqueeze(-1) - each.unsqueeze(-2) for each in (x, y, along, across)]
    add = [each.unsqueeze(-1) + each.unsqueeze(-2) for each in (x, y, along, across)]
    table = [each + 2 * c[:, None, None] for each, c in zip(add, center(view).unbind(dim=-1))]
    dx, dy, du, dv = (each.square() for each in differ)
    sx, sy, su, sv, tx, ty = (each.square() for each in (*add, *table))
    square = torch.stack([tx + dy, dx + ty, sx + dy, dx + sy, sx + sy, du + sv, su + dv], dim=1)
    nearest = torch.where(view.meant[:, None, None] > 0.5, square, FAR).amin(dim=-1)
    total = (nearest * view.meant.unsqueeze(1)).sum(dim=-1) / number(view).unsqueeze(-1)
    return (total + SMALL).sqrt()


@once
def _thirds(view: SceneView) -> torch.Tensor:
    """Return how far the two best of them are off the segment, and the middle, of two (R, 4)."""
    first, second, _, gate = pairs(view)
    slot = torch.arange(view.meant.shape[1], device=first.device)
    is_third = (slot != first.unsqueeze(-1)) & (slot != second.unsqueeze(-1))
    is_meant = (gate.unsqueeze(-1) * view.meant.unsqueeze(1) * is_third) > 0.5
    middles, halves, ways = [], [], []
    for places in view.scene.after.unbind(dim=-1):
        one, other = places[:, first], places[:, second]
        middles.append((one + other) / 2)
        halves.append(((other - one) / 2).unsqueeze(-1))
        ways.append(places.unsqueeze(1) - middles[-1].unsqueeze(-1))
    reach = halves[0].square() + halves[1].square() + SMALL
    share = ((ways[0] * halves[0] + ways[1] * halves[1]) / reach).clamp(-1.0, 1.0)
    off = (ways[0] - share * halves[0]).square() + (ways[1] - share * halves[1]).square()
    midway = ways[0].square() + ways[1].square()
    found = torch.where(is_meant.unsqueeze(1), torch.stack([off, midway], dim=1), FAR).flatten(2)
    best = found.topk(min(_LINES, found.shape[-1]), dim=-1, largest=False).values
    # Of three things only one is between two.
    is_three = view.meant.sum(dim=-1)[:, None, None] < 3.5
    best = torch.where(is_three, best[..., :1], best)
    return (best + SMALL).sqrt().flatten(1)


def _sides(axis: int, view: SceneView) -> tuple[torch.Tensor, torch.Tensor]:
    """Return differences (R, N, N) in one coordinate and 1 where both are meant, not the same."""
    places = view.scene.after[..., axis]
    other = 1 - torch.eye(places.shape[1], dtype=places.dtype, device=places.device)
    gate = view.meant.unsqueeze(-1) * view.meant.unsqueeze(-2) * other
    return (places.unsqueeze(-1) - places.unsqueeze(-2)).abs(), gate


def _shared(axis: int, view: SceneView) -> torch.Tensor:
    return most(least(*_sides(axis, view), FAR), view.meant)


def _own(axis: int, view: SceneView) -> torch.Tensor:
    return least(least(*_sides(axis, view), FAR), view.meant)
