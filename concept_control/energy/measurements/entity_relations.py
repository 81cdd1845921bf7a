"""Measurements of each entity that compare it: with all others, with the marker, with before."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from concept_control.energy.measurements.entity_measurement import TURNS, EntityMeasurement, row
from concept_control.energy.measurements.entity_view import (
    FAR,
    NEIGHBOURHOOD,
    EntityView,
    least,
    most,
)
from concept_control.energy.measurements.groups import ALIKE
from concept_control.energy.measurements.measurement import MIRROR, TURN
from concept_control.energy.measurements.scene_view import ROBOT


def _sizes(view: EntityView) -> tuple[torch.Tensor, torch.Tensor]:
    return view.scene.sizes.unsqueeze(2), view.scene.sizes.unsqueeze(1)


def _beyond_mean(look: int, view: EntityView) -> torch.Tensor:
    own = view.looks[..., look]
    return own - view.peers_mean(own.unsqueeze(1))


OTHERS = (
    row('peers place', 'nearest', 'distance to the nearest other',
         lambda v: least(v.apart, v.anyone), 'one with the nearest neighbour', 'loneliest',
         'within {} of another', 'further than {} from all others'),
    row('peers place size', 'gap', 'gap to the nearest other',
         lambda v: least(v.apart - torch.add(*_sizes(v)) / 2, v.anyone)),
    row('peers place', 'crowd', 'mean distance to the others', lambda v: v.peers_mean(v.apart),
         'most central among all', 'most remote from all'),
    row('peers place', 'furthest', 'distance to the furthest other',
         lambda v: most(v.apart, v.anyone)),
    row('peers place', 'neighbours', f'number of others within {NEIGHBOURHOOD}',
         lambda v: ((v.apart < NEIGHBOURHOOD) & v.anyone).sum(dim=-1).to(v.at)),
    row('peers colour', 'tone_mean', "mean difference of colour to the others'",
         lambda v: v.peers_mean(v.tones_apart), 'most typical in colour',
         'least typical in colour'),
    row('peers colour', 'tone_nearest', 'difference to the most similar colour',
         lambda v: least(v.tones_apart, v.peers), 'one with the most similar twin in colour',
         'one whose colour is the oddest', 'of a colour that another shares to within {}',
         'of a colour that no other shares to within {}', border=ALIKE),
    row('peers colour', 'tone_furthest', 'difference to the least similar colour',
         lambda v: most(v.tones_apart, v.peers)),
    row('peers colour', 'alike', 'number of others of the same colour',
         lambda v: v.alike.sum(dim=-1).to(v.at)),
    row('peers colour place', 'nearest_alike', 'distance to the nearest of its colour',
         lambda v: least(v.apart, v.alike)),
    row('peers colour place', 'nearest_unlike', 'distance to the nearest of another colour',
         lambda v: least(v.apart, v.peers & ~v.alike)),
    row('peers size', 'size_deviation', "difference of size to the others' mean",
         lambda v: _beyond_mean(0, v).abs(), 'most typical in size', 'least typical in size'),
    row('peers size', 'size_nearest', 'difference to the most similar size',
         lambda v: least(torch.sub(*_sizes(v)).abs(), v.peers)),
    row('peers colour signed', 'brightness_others', "brightness minus the others' mean",
         partial(_beyond_mean, 1)),
    row('peers size signed', 'size_others', "size minus the others' mean",
         partial(_beyond_mean, 0)),
)  # fmt: skip
"""Comparisons of an entity with all others of its scene."""


def _kth_nearest(k: int, view: EntityView) -> torch.Tensor:
    away = torch.nn.functional.pad(view.apart.masked_fill(~view.anyone, FAR), (0, k), value=FAR)
    return away.topk(k, largest=False).values[..., -1]


COMPANY = tuple(
    row('peers place', f'nearest_{k}', f'distance to the {words} nearest other',
         partial(_kth_nearest, k), '', '', f'within {{}} of {k} others')
    for k, words in ((2, 'second'), (3, 'third'))
)  # fmt: skip
"""Distances within which an entity has so many others."""


# ------------------------------------------------------------------ frames of the marker


def _about_marker() -> Iterator[EntityMeasurement]:
    """Yield places in the frames from the table's middle, or the robot, to the marker."""
    about = 'marker seldom place signed'
    for axis, name in enumerate('xy'):
        yield row(about, f'half_{name}', f"{name} towards the marker's side of the table",
                   partial(_marker_half, axis), '', '', '', '', "not on the marker's half",
                   "on the marker's half", keeps=frozenset({MIRROR}))  # fmt: skip
    yield row(about, 'radius_marker', "distance to the middle beyond the marker's",
               lambda v: v.at.norm(dim=-1) - v.marker(v.at).norm(dim=-1), keeps=TURNS)  # fmt: skip
    yield row(about, 'bearing_marker', 'turn about the middle from the marker on',
               _marker_bearing, keeps=frozenset({TURN}))  # fmt: skip
    for origin, words, keeps in ((0.0, 'middle', TURNS), (ROBOT, 'robot', frozenset({MIRROR}))):
        yield row(about, f'beyond_{words}', f'way beyond the marker, seen from the {words}',
                   partial(_beyond_marker, origin, 0), keeps=keeps)  # fmt: skip
        yield row('marker seldom place', f'beside_{words}',
                   f'distance beside the line of the {words} and the marker',
                   partial(_beyond_marker, origin, 1), keeps=keeps)  # fmt: skip


def _marker_half(axis: int, view: EntityView) -> torch.Tensor:
    marker = view.marker(view.at)
    return (view.at * marker / marker.abs().clamp(min=1e-9))[..., axis]


def _marker_bearing(view: EntityView) -> torch.Tensor:
    marker = view.marker(view.at)
    across = marker[..., 0] * view.at[..., 1] - marker[..., 1] * view.at[..., 0]
    return torch.atan2(across, (marker * view.at).sum(dim=-1))


def _beyond_marker(
    origin: float | tuple[float, float], axis: int, view: EntityView
) -> torch.Tensor:
    """Return how far (R, N) each is beyond the marker, or beside the line to it."""
    marker = view.marker(view.at)
    line = marker - view.at.new_tensor(origin)
    line = line / line.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    offset = view.at - marker
    if axis == 0:
        return (offset * line).sum(dim=-1)
    return (offset[..., 0] * line[..., 1] - offset[..., 1] * line[..., 0]).abs()


MARKER_FRAMES = tuple(_about_marker())
"""Places relative to the marker, as seen from the table's middle and the robot."""
