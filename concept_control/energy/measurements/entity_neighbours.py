"""Measurements of each entity among those around it: neighbours, pairs, rows, lines of sight."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch

from concept_control.energy.measurements.entity_measurement import TURNS, EntityMeasurement, row
from concept_control.energy.measurements.entity_view import (
    NEIGHBOURHOOD,
    EntityView,
    least,
)
from concept_control.energy.measurements.geometry import angle_gaps, off_way
from concept_control.energy.measurements.groups import ALIKE
from concept_control.energy.measurements.measurement import MIRROR, SHIFT
from concept_control.energy.measurements.scene_view import ROBOT

_SAME_SIZE = 0.03
"""Difference of sizes that says as much as one of colour up to `ALIKE`."""

_LANE = 0.2
"""Distance to the side up to which things are in one row [workspace units]."""


def _beyond_kin(sign: float, view: EntityView) -> torch.Tensor:
    """Return by how much (R, N) each is larger, or smaller, than all of its colour.

    Zero where there are none.
    """
    sizes = sign * view.scene.sizes
    others = sizes.unsqueeze(1).masked_fill(~view.alike, -1.0).amax(dim=-1)
    return torch.where(view.alike.any(dim=-1), sizes - others, 0.0)


def _number(near: torch.Tensor, view: EntityView) -> torch.Tensor:
    return ((view.apart < NEIGHBOURHOOD) & near).sum(dim=-1).to(view.at)


def _larger(sign: float, view: EntityView) -> torch.Tensor:
    sizes = sign * view.scene.sizes
    return least(view.apart, view.peers & (sizes.unsqueeze(1) > sizes.unsqueeze(2)))


def _between(view: EntityView) -> torch.Tensor:
    """Return the least detours (R, N) by way of each between two others."""
    apart = view.apart.masked_fill(~view.anyone, torch.inf)
    detour = apart.unsqueeze(3) + apart.unsqueeze(2) - view.apart.unsqueeze(1)
    other = ~torch.eye(detour.shape[2], dtype=torch.bool, device=detour.device)
    return least(detour.nan_to_num(torch.inf), other).amin(dim=-1).clamp(max=3.0)


def _open_side(view: EntityView) -> torch.Tensor:
    """Return the largest angles (R, N) in which there is nothing, less half a turn [rad]."""
    offset = view.at.unsqueeze(1) - view.at.unsqueeze(2)
    angles = torch.atan2(offset[..., 1], offset[..., 0])
    return angle_gaps(angles, view.anyone)[0].amax(dim=-1) - math.pi


def _sight_gaps(view: EntityView) -> torch.Tensor:
    """Return how far (R, N, N) the line from the robot to the first passes by the second.

    Less half the size of the second, which is nearer to the robot; 3 for what is not.
    """
    seen = view.at - view.at.new_tensor(ROBOT)
    away = seen.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    line, theirs = (seen / away).unsqueeze(2), seen.unsqueeze(1)
    along = (line * theirs).sum(dim=-1)
    across = (line[..., 0] * theirs[..., 1] - line[..., 1] * theirs[..., 0]).abs()
    is_before = (along > 0) & (along < away) & view.anyone
    is_before &= (view.scene.present > 0.5).unsqueeze(2)
    return (across - view.scene.sizes.unsqueeze(1) / 2).masked_fill(~is_before, 3.0)


def _sight(view: EntityView) -> torch.Tensor:
    return view.once('sight', lambda: _sight_gaps(view))


def _free(axis: int, sign: float, view: EntityView) -> torch.Tensor:
    offset = view.at.unsqueeze(1) - view.at.unsqueeze(2)
    along, across = sign * offset[..., axis], offset[..., 1 - axis].abs()
    return least(along, (along > 0) & (across < _LANE) & view.anyone)


def _mutual(view: EntityView) -> torch.Tensor:
    nearest = least(view.apart, view.anyone)
    return nearest - nearest.gather(1, view.nearest)


def _chosen(view: EntityView) -> torch.Tensor:
    chosen = torch.nn.functional.one_hot(view.nearest, view.at.shape[1]) * view.scene.present[
        ..., None]  # fmt: skip
    return chosen.sum(dim=1).to(view.at)


def _sizes_apart(view: EntityView) -> torch.Tensor:
    return (view.scene.sizes.unsqueeze(2) - view.scene.sizes.unsqueeze(1)).abs()


def _from_way(view: EntityView) -> torch.Tensor:
    robot = view.at.new_tensor(ROBOT)
    return off_way(view.at - robot, view.marker(view.at) - robot).norm(dim=-1)


def _marker_first(view: EntityView) -> torch.Tensor:
    """Return by how much (R, N) each is further from the marker than from all others."""
    return view.from_marker(view.at).norm(dim=-1) - least(view.apart, view.peers)


AMONG = (
    row('peers colour place', 'tone_neighbour', 'difference of colour to its nearest neighbour',
         lambda v: v.tones_apart.gather(2, v.nearest.unsqueeze(-1))[..., 0],
         'one most like its nearest neighbour in colour',
         'one least like its nearest neighbour in colour',
         'of the colour of its nearest neighbour to within {}',
         'of another colour than its nearest neighbour by more than {}', border=ALIKE),
    row('peers size place', 'size_difference_neighbour', 'difference of size to its nearest '
         'neighbour', lambda v: (v.scene.sizes - v.scene.sizes.gather(1, v.nearest)).abs()),
    row('peers size colour signed', 'largest_kin', 'size beyond all others of its colour',
         partial(_beyond_kin, 1.0), '', '', '', '', 'not the largest of its colour',
         'the largest of its colour'),
    row('peers size colour signed', 'smallest_kin', 'size below all others of its colour',
         partial(_beyond_kin, -1.0), '', '', '', '', 'not the smallest of its colour',
         'the smallest of its colour'),
    row('peers colour place signed', 'stranger', 'distance to the nearest of its colour beyond '
         'that to the nearest of another', lambda v: least(v.apart, v.alike)
         - least(v.apart, v.peers & ~v.alike), '', '', '', '',
         'nearer to its own colour than to another', 'nearer to another colour than to its own'),
    row('peers colour place', 'near_alike', f'number of its colour within {NEIGHBOURHOOD}',
         lambda v: _number(v.alike, v)),
    row('peers colour place seldom', 'near_unlike',
         f'number of another colour within {NEIGHBOURHOOD}',
         lambda v: _number(v.peers & ~v.alike, v)),
    row('peers size place seldom', 'nearest_larger', 'distance to the nearest larger',
         partial(_larger, 1.0)),
    row('peers size place seldom', 'nearest_smaller', 'distance to the nearest smaller',
         partial(_larger, -1.0)),
    row('peers place', 'between', 'detour by way of it between two others', _between,
         'one most between two others', '', 'between two others with a detour within {}'),
    row('peers place signed', 'open_side', 'angle in which there is nothing beyond half a turn',
         _open_side, 'one most surrounded', 'one most on the outside', '', '',
         'within the outline of the others', 'on the outline of all'),
    row('peers place signed', 'hidden', 'gap of the line of sight from the robot to what is '
         'nearer', lambda v: _sight(v).amin(dim=-1), '', '', '', '',
         'hidden from the robot by another', 'in sight of the robot', keeps=frozenset({MIRROR})),
    row('peers place signed seldom', 'hides', 'gap to the lines of sight from the robot to what '
         'is further', lambda v: _sight_gaps(v).amin(dim=1), '', '', '', '',
         'in the sight of the robot to another', 'in the sight to no other',
         keeps=frozenset({MIRROR})),
    row('peers place seldom', 'mutual', "distance to its nearest neighbour beyond that one's own",
         _mutual, '', '', 'the nearest to its nearest neighbour to within {}'),
    row('peers place seldom', 'chosen', 'number of others whose nearest neighbour it is', _chosen),
    row('marker peers place signed seldom', 'marker_first', 'distance to the marker beyond that '
         'to the nearest other', _marker_first, '', '', '', '',
         'nearer to the marker than to any other', 'nearer to another than to the marker'),
    row('peers size colour', 'twin', 'difference in size and colour to the most similar',
         lambda v: least(v.tones_apart / ALIKE + (_sizes_apart(v) / _SAME_SIZE), v.peers),
         'one with the most similar twin in size and colour'),
    row('marker place', 'in_the_way', 'distance to the way from the robot to the marker',
         _from_way, keeps=frozenset({MIRROR})),
    row('marker place size signed seldom', 'gap_marker', 'gap to the marker',
         lambda v: v.from_marker(v.at).norm(dim=-1)
         - (v.scene.sizes + v.marker(v.scene.sizes.unsqueeze(-1))[..., 0]) / 2),
)  # fmt: skip
"""Comparisons with the nearest, with its colour, with pairs, and along the robot's sight."""


def _lanes() -> Iterator[EntityMeasurement]:
    """Yield the rows and columns that entities share, and what is next in each."""
    for axis, name in enumerate('xy'):
        yield row('peers place axis', f'lane_{name}', f'least difference in {name} to another',
                   partial(_lane, axis), keeps=frozenset({SHIFT, MIRROR}))  # fmt: skip
        for sign, way in zip(
            (-1.0, 1.0), (('left of', 'right of'), ('in front of', 'behind'))[axis]
        ):
            yield row('peers place axis', f'next_{way.split()[0]}', f'distance to what is next '
                       f'{way} it', partial(_free, axis, sign),
                       keeps=frozenset({SHIFT, MIRROR} if axis else {SHIFT}))  # fmt: skip


def _lane(axis: int, view: EntityView) -> torch.Tensor:
    coordinate = view.at[..., axis]
    return least((coordinate.unsqueeze(2) - coordinate.unsqueeze(1)).abs(), view.anyone)


def _to_corner(view: EntityView) -> torch.Tensor:
    return (1 - view.at.abs()).norm(dim=-1)


TABLE = (
    row('place', 'edge', 'distance to the nearest edge', lambda v: 1 - v.at.abs().amax(dim=-1),
         'nearest to an edge', 'furthest from all edges', keeps=TURNS),
    row('place', 'corner', 'distance to the nearest corner', _to_corner, 'nearest to a corner',
         'furthest from all corners', keeps=TURNS),
    row('place seldom', 'cross', 'distance to the nearer axis of the table',
         lambda v: v.at.abs().amin(dim=-1), keeps=TURNS),
    row('place seldom', 'diagonal', 'distance to the nearer diagonal of the table',
         lambda v: (v.at[..., 0].abs() - v.at[..., 1].abs()).abs() / math.sqrt(2), keeps=TURNS),
    row('place', 'distance_robot', 'distance to the robot', lambda v: v.from_robot(v.at),
         'closest to the robot', 'furthest from the robot', 'within {} of the robot',
         'further than {} from the robot', keeps=frozenset({MIRROR})),
    row('place signed seldom', 'bearing_robot', 'bearing from the robot, to the left', lambda v:
         torch.atan2(-v.at[..., 0], v.at[..., 1] - ROBOT[1]), 'rightmost as the robot sees it',
         'leftmost as the robot sees it', keeps=frozenset()),
)  # fmt: skip
"""Places relative to the edges, corners, axes and diagonals of the table, and the robot's view."""

NEIGHBOURS = (*AMONG, *_lanes(), *TABLE)
"""All of these."""
