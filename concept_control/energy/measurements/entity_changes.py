"""Measurements of how each entity moved: alone, past the marker, and compared with the others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from concept_control.energy.measurements.entity_measurement import TURNS, EntityMeasurement, row
from concept_control.energy.measurements.entity_view import FAR, MOVED, EntityView, least
from concept_control.energy.measurements.geometry import off_way
from concept_control.energy.measurements.measurement import MIRROR, SHIFT, TURN


def _cross(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _turn(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return the angles (...) from vectors (..., 2) to others [rad], anticlockwise."""
    return torch.atan2(_cross(first, second), (first * second).sum(dim=-1))


def _time(feature: int, view: EntityView) -> torch.Tensor:
    return view.scene.motion[..., feature].masked_fill(~view.has_time, torch.nan)


def _later_than_marker(view: EntityView) -> torch.Tensor:
    later = view.from_marker(view.scene.motion)[..., 1]
    # What did not move was neither before nor after.
    both = view.has_time & (view.marker(view.has_time.unsqueeze(-1).to(later))[..., 0] > 0.5)
    return later.masked_fill(~both, torch.nan)


def _marker_stays(view: EntityView) -> torch.Tensor:
    return view.marker(view.step).norm(dim=-1) < MOVED


def _unlike_marker(view: EntityView) -> torch.Tensor:
    different = view.from_marker(view.step).norm(dim=-1)
    # Beside a marker that stays, how it moves says nothing but how far each goes.
    return different.masked_fill(_marker_stays(view), torch.nan)


def _turned_from_marker(view: EntityView) -> torch.Tensor:
    turn = _turn(view.marker(view.step), view.step).abs()
    return turn.masked_fill(_marker_stays(view) | ~view.has_moved, torch.nan)


def _off_marker(view: EntityView) -> torch.Tensor:
    turn = _turn(view.marker(view.was) - view.was, view.step).abs()
    return turn.masked_fill(~view.has_moved, torch.nan)


ALONE = (
    row('motion place signed', 'gain_middle', 'approach to the middle of the table',
         lambda v: v.was.norm(dim=-1) - v.at.norm(dim=-1), '', '', '', '',
         'moved away from the middle of the table', 'came closer to the middle of the table',
         keeps=TURNS),
    row('motion place signed', 'gain_robot', 'approach to the robot',
         lambda v: v.from_robot(v.was) - v.from_robot(v.at), '', '', '', '',
         'moved away from the robot', 'came closer to the robot', keeps=frozenset({MIRROR})),
    row('motion place signed seldom', 'turn_middle', 'turn about the middle of the table',
         lambda v: _turn(v.was, v.at), '', '', '', '', 'turned clockwise about the middle',
         'turned anticlockwise about the middle', keeps=frozenset({TURN})),
    row('motion', 'detour', 'detour beyond the straight way', lambda v: v.scene.motion[..., 0]),
    row('motion', 'time', 'time of its motion', partial(_time, 1),
         'first to move', 'last to move'),
    row('motion', 'onset', 'time at which it set off', partial(_time, 2),
         'first to set off', 'last to set off'),
)  # fmt: skip
"""What has changed since the first state, whatever the others did."""

BESIDE_MARKER = (
    row('motion marker signed', 'gain_marker', 'approach to the marker',
         lambda v: v.from_marker(v.was).norm(dim=-1) - v.from_marker(v.at).norm(dim=-1), '', '',
         'came less than {} closer to the marker', 'came more than {} closer to the marker',
         'moved away from the marker', 'came closer to the marker'),
    row('motion marker signed seldom', 'turn_marker', 'turn about the marker',
         lambda v: _turn(v.was - v.marker(v.at), v.at - v.marker(v.at)), '', '', '', '',
         'turned clockwise about the marker', 'turned anticlockwise about the marker',
         keeps=frozenset({SHIFT, TURN})),
    row('motion marker', 'off_marker', 'angle of its motion to the direction of the marker',
         _off_marker, 'one that moved most straightly to the marker'),
    row('motion marker seldom', 'passing_marker', 'distance of its way to the marker',
         lambda v: _from_ways(v, v.marker(v.at))[..., 0],
         'one that passed closest to the marker', '', 'passed within {} of the marker'),
    row('motion marker', 'into_marker', 'distance to where the marker was',
         lambda v: (v.at - v.marker(v.was)).norm(dim=-1), 'closest to where the marker was', '',
         'within {} of where the marker was'),
    row('motion marker signed', 'time_marker', "time of its motion after the marker's",
         _later_than_marker, '', '', '', '', 'moved before the marker', 'moved after the marker'),
    row('motion marker signed', 'way_marker', "distance moved beyond the marker's",
         lambda v: v.step.norm(dim=-1) - v.marker(v.step).norm(dim=-1), '', '', '', '',
         'moved less far than the marker', 'moved further than the marker'),
    row('motion marker', 'difference_motion', "difference of its motion to the marker's",
         _unlike_marker, 'one that moved most like the marker',
         'one that moved least like the marker'),
    row('motion marker', 'direction_motion', "angle of its motion to the marker's",
         _turned_from_marker, 'one that moved most in the direction of the marker',
         'one that moved most against the direction of the marker'),
)  # fmt: skip
"""Motion relative to the marker."""


# ------------------------------------------------------------------ from one side to another


def _passes() -> Iterator[EntityMeasurement]:
    """Yield by how much each went from one side to the other, of the table and of the marker."""
    for origin, words in (('middle', 'the middle of the table'), ('marker', 'the marker')):
        about = f'motion place {"marker" if origin == "marker" else ""} signed'
        keeps = frozenset({SHIFT}) if origin == 'marker' else frozenset()
        for axis, (name, ways) in enumerate((('x', ('left', 'right')), ('y', ('down', 'up')))):
            for sign, way in zip((-1.0, 1.0), ways):
                yield row(about, f'passed_{way}_{origin}', f'way {way} past {words}',
                           partial(_passed, origin, axis, sign), '', '', '', '',
                           f'did not move {way} past {words}', f'moved {way} past {words}',
                           keeps=keeps | {MIRROR} if axis else keeps)  # fmt: skip
            yield row(about, f'passed_{name}_{origin}', f'way in {name} past {words}',
                       partial(_passed, origin, axis, 0.0), '', '', '', '',
                       f'stayed on its side of {words} in {name}',
                       f'changed sides of {words} in {name}', keeps=keeps | {MIRROR})  # fmt: skip


def _passed(origin: str, axis: int, sign: float, view: EntityView) -> torch.Tensor:
    """Return how far (R, N) both states are beyond an origin, on the sides that are asked for.

    A sign is that of the last state; with none, it is either.
    """
    before, after = (
        (view.from_marker(places) if origin == 'marker' else places)[..., axis]
        for places in (view.was, view.at)
    )
    if sign:
        return torch.minimum(-sign * before, sign * after)
    return -(before * after).sign() * torch.minimum(before.abs(), after.abs())


# ------------------------------------------------------------------ the others


def _both_moved(view: EntityView) -> torch.Tensor:
    return view.anyone & view.has_moved.unsqueeze(1) & view.has_moved.unsqueeze(2)


def _least_moved(values: torch.Tensor, view: EntityView) -> torch.Tensor:
    return least(values, _both_moved(view))


def _gone(view: EntityView) -> torch.Tensor:
    """Return the distances (R, N, N) from where the first is to where the second was."""
    return view.once('gone', lambda: torch.cdist(view.at, view.was))


def _from_ways(view: EntityView, points: torch.Tensor) -> torch.Tensor:
    """Return the distances (R, N, M) of points (R, M, 2) to the straight ways of all."""
    way, offset = view.step.unsqueeze(2), points.unsqueeze(1) - view.was.unsqueeze(2)
    return off_way(offset, way).norm(dim=-1)


def _ways_apart(view: EntityView) -> torch.Tensor:
    """Return how far (R, N, N) two ways are apart, negative where they cross."""
    ends = torch.minimum(_from_ways(view, view.was), _from_ways(view, view.at))
    apart = torch.minimum(ends, ends.transpose(1, 2))
    way, start = view.step.unsqueeze(2), view.was.unsqueeze(2)
    sides = [_cross(way, p.unsqueeze(1) - start).sign() for p in (view.was, view.at)]
    parted = sides[0] * sides[1] < 0
    return torch.where(parted & parted.transpose(1, 2), -apart, apart)


def _past_others(axis: int, view: EntityView) -> torch.Tensor:
    before, after = (p[..., axis] for p in (view.was, view.at))
    sides = [(p.unsqueeze(2) - p.unsqueeze(1)).sign() for p in (before, after)]
    return ((sides[0] * sides[1] < 0) & view.anyone).sum(dim=-1).to(view.at)


def _same_time(view: EntityView) -> torch.Tensor:
    time = view.scene.motion[..., 1]
    both = view.has_time.unsqueeze(1) & view.has_time.unsqueeze(2) & view.anyone
    apart = least((time.unsqueeze(2) - time.unsqueeze(1)).abs(), both)
    return apart.masked_fill(~view.has_time, torch.nan)


BESIDE_OTHERS = (
    row('motion peers signed', 'gain_nearest', 'approach to the nearest other',
         lambda v: least(torch.cdist(v.was, v.was), v.anyone).clamp(max=FAR)
         - least(v.apart, v.anyone)),
    row('motion peers signed seldom', 'gain_others', 'approach to all others',
         lambda v: v.peers_mean(torch.cdist(v.was, v.was)) - v.peers_mean(v.apart)),
    row('motion peers', 'moved_alike', 'least difference of its motion to that of another',
         lambda v: _least_moved(torch.cdist(v.step, v.step), v), '', '',
         'moved like another to within {}', 'moved like no other to within {}'),
    row('motion peers seldom', 'moved_against', 'least difference of its motion to the reverse of '
         "another's", lambda v: _least_moved(torch.cdist(v.step, -v.step), v), '', '',
         'moved against another to within {}'),
    row('motion peers', 'exchanged', 'distance from having changed places with another',
         lambda v: _least_moved(torch.maximum(_gone(v), _gone(v).transpose(1, 2)), v), '', '',
         'changed places with another to within {}'),
    row('motion peers', 'into_another', 'distance to where another was',
         lambda v: _least_moved(_gone(v), v), '', '', 'within {} of where another was'),
    row('motion peers seldom', 'followed', 'distance of another to where it was',
         lambda v: _least_moved(_gone(v).transpose(1, 2), v), '', '',
         'followed by another to within {}'),
    row('motion peers signed', 'crossed', "distance of its way to that of another",
         lambda v: _least_moved(_ways_apart(v), v), '', '', '', '',
         'crossed the way of another', 'crossed no way of another'),
    row('motion peers seldom', 'passing', 'least distance of its way to another',
         lambda v: least(_from_ways(v, v.at), v.anyone), 'one that passed closest to another', '',
         'passed within {} of another'),
    row('motion peers seldom', 'past_x', 'number of others with which it changed order in x',
         partial(_past_others, 0), keeps=frozenset({SHIFT, MIRROR})),
    row('motion peers seldom', 'past_y', 'number of others with which it changed order in y',
         partial(_past_others, 1), keeps=frozenset({SHIFT, MIRROR})),
    row('motion peers seldom', 'same_time', 'time between its motion and the nearest other motion',
         _same_time),
)  # fmt: skip
"""Motion relative to the others."""

CHANGES = (*ALONE, *BESIDE_MARKER, *_passes(), *BESIDE_OTHERS)
"""What has changed since the first state."""
