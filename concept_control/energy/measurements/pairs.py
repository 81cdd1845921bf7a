"""Measurements of where the subject is in the frame of a pair of points."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from concept_control.energy.measurements.measurement import (
    ANGLE,
    LENGTH,
    MIRROR,
    RATIO,
    SHIFT,
    TURN,
    Measurement,
)
from concept_control.energy.measurements.scene_view import FRAMES, SMALL, PairFrames


def _upward(frame: PairFrames) -> torch.Tensor:
    return torch.where(frame.axis[0] >= 0, frame.across, -frame.across)


def _cosine(frame: PairFrames) -> torch.Tensor:
    """Return the cosines (F, R) of the angle under which the two are seen."""
    product = (frame.to_first * frame.to_second).sum(dim=0)
    return product / (frame.first_distance * frame.second_distance + 0.01)


def _log_ratio(frame: PairFrames) -> torch.Tensor:
    return torch.log((frame.first_distance + 0.03) / (frame.second_distance + 0.03))


def _difference(frame: PairFrames) -> torch.Tensor:
    return frame.first_distance - frame.second_distance


def _off_between(frame: PairFrames) -> torch.Tensor:
    beyond = (frame.along.abs() - frame.length / 2).clamp(min=0.0)
    return (frame.across.square() + beyond.square() + SMALL).sqrt()


def _off_beyond(frame: PairFrames) -> torch.Tensor:
    short = (frame.length / 2 - frame.along).clamp(min=0.0)
    return (frame.across.square() + short.square() + SMALL).sqrt()


_PAIR_SCALARS: tuple[tuple[str, Callable[[PairFrames], torch.Tensor], str, bool, str], ...] = (
    ('along', lambda f: f.along, '{} along the line of {}, from its middle', True, LENGTH),
    ('across', lambda f: f.across, '{} beside the line of {}', True, LENGTH),
    ('|along|', lambda f: f.along.abs(),
     '{} along the line of {}, either way from its middle', False, LENGTH),
    ('|across|', lambda f: f.across.abs(), '{} from the line of {}', False, LENGTH),
    ('upward', _upward, '{} above the line of {}', True, LENGTH),
    ('along/span', lambda f: f.along / f.span, '{} spans along the line of {}', True, RATIO),
    ('across/span', lambda f: f.across / f.span, '{} spans beside the line of {}', True, RATIO),
    ('|along|/span', lambda f: f.along.abs() / f.span,
     '{} spans along the line of {}, either way', False, RATIO),
    ('|across|/span', lambda f: f.across.abs() / f.span, '{} spans from the line of {}', False,
     RATIO),
    ('upward/span', lambda f: _upward(f) / f.span, '{} spans above the line of {}', True, RATIO),
    ('past first', lambda f: f.along + f.length / 2, '{} past the first of {}', True, LENGTH),
    ('past last', lambda f: f.along - f.length / 2, '{} past the last of {}', True, LENGTH),
    ('beyond either', lambda f: f.along.abs() - f.length / 2, '{} beyond either end of {}', True,
     LENGTH),
    ('first distance', lambda f: f.first_distance, '{} from the first of {}', False, LENGTH),
    ('last distance', lambda f: f.second_distance, '{} from the last of {}', False, LENGTH),
    ('difference', _difference, '{} further from the first than from the last of {}', True,
     LENGTH),
    ('|difference|', lambda f: _difference(f).abs(),
     'distances to the two of {1} that differ by {0}', False, LENGTH),
    ('sum', lambda f: f.first_distance + f.second_distance, '{} from the two of {} together',
     False, LENGTH),
    ('detour', lambda f: f.first_distance + f.second_distance - f.length,
     'a detour of {} on the way between {}', False, LENGTH),
    ('off between', _off_between, '{} from the straight way between {}', False, LENGTH),
    ('off beyond', _off_beyond, '{} off the straight way on past the last of {}', False, LENGTH),
    ('first - span', lambda f: f.first_distance - f.length,
     '{} further from the first than the two of {} are apart', True, LENGTH),
    ('last - span', lambda f: f.second_distance - f.length,
     '{} further from the last than the two of {} are apart', True, LENGTH),
    ('cosine', _cosine, 'seeing {1} under an angle of cosine {0}', True, RATIO),
    ('bearing', lambda f: f.bearing, 'turned by {} about the first of {}', True, ANGLE),
    ('|bearing|', lambda f: f.bearing.abs(), 'turned by {} either way about the first of {}',
     False, ANGLE),
    ('log ratio', _log_ratio, '{} times (log) as far from the first as from the last of {}', True,
     RATIO),
)  # fmt: skip
"""Scalars of a frame: name, value, words, whether zero is special, unit."""

_SYMMETRIC = ('|along|', '|across|', 'upward', '|along|/span', '|across|/span', 'upward/span',
              'beyond either', '|difference|', 'sum', 'detour', 'off between',
              'cosine')  # fmt: skip
"""Scalars to which it is the same which of the two is the first: one frame of two things has
them."""

_PLAINEST = ('along', '|along|', '|across|', 'past last', 'difference', '|difference|', 'detour',
             'off between', 'off beyond', 'along/span', '|across|/span')  # fmt: skip
"""Scalars of frames of which less is measured than of others."""

_PAIR_WORDS = {
    'x': 'the leftmost and the rightmost of what is meant',
    'y': 'the lowest and the highest of what is meant',
    'start': 'the one meant closest to and the one furthest from where it was',
    'size': 'the smallest and the largest of what is meant',
    'brightness': 'the darkest and the brightest of what is meant',
    'subject': 'the closest and the furthest of what is meant',
    'middle': 'the one meant closest to and the one furthest from the middle of the table',
    'robot': 'the one meant closest to and the one furthest from the robot',
    'way': 'where it was and what is meant',
    'radial': 'the middle of the table and what is meant',
    'sight': 'the robot and what is meant',
    'home': 'the middle of the table and where it was',
    'reach': 'the robot and where it was',
    'edge': 'what is meant and the edge nearest to that',
    'own edge': 'where it was and the edge nearest to that',
    'own neighbour': 'where it was and the thing closest to that',
    'neighbours': 'the two closest others',
    'other x': 'the leftmost and the rightmost of all others',
    'other y': 'the lowest and the highest of all others',
    'other size': 'the smallest and the largest of all others',
    'queue': 'the robot and what is furthest from it',
}

_ALIKE = ('y', 'start', 'size', 'brightness', 'middle', 'robot')
"""Frames of what is meant that are those of `x` turned round, where two things are meant."""

_STILL = ('x', 'y', 'other x', 'other y')
"""Frames that do not turn with the scene, as another thing is the leftmost then."""

_UPRIGHT = ('middle', 'robot', 'sight', 'reach', 'queue', 'edge', 'own edge')
"""Frames about what stands where it is on the table, whose sides alone are alike."""

_OF_KINDS, _OF_LIKE = ('way', 'radial', 'home', *_UPRIGHT), ('upward', 'upward/span', 'sum')
"""Frames of two points of different kinds, and scalars that mean something of like ones alone."""

_ENDS = {'first distance': 0, 'last distance': 1}
_ANCHORS = ('table', 'robot', 'start', 'attended')
"""Distances to the ends of a frame, and ends to which the distance is measured without one."""


def measurements_in_frame(
    frame: str, topic: str, needs: int, is_short: bool = False
) -> Iterator[Measurement]:
    """Yield measurements of the subject's place in the frame of a pair of points."""
    is_still, is_upright = frame in _STILL, frame in _UPRIGHT
    for scalar, compute, phrase, is_signed, unit in _PAIR_SCALARS:
        if (is_short and scalar not in _PLAINEST) or (frame in _ALIKE and scalar in _SYMMETRIC):
            continue
        if frame in _OF_KINDS and scalar in _OF_LIKE:
            continue
        if scalar in _ENDS and frame in FRAMES and FRAMES[frame][_ENDS[scalar]] in _ANCHORS:
            continue
        keeps = set() if is_upright or frame in ('radial', 'home') else {SHIFT}
        is_upward, is_sided = 'upward' in scalar, scalar in ('across', 'across/span', 'bearing')
        if not is_still and not is_upright and not is_upward:
            keeps |= {TURN}
        if not is_still and not is_sided and (is_upright or not is_upward):
            keeps |= {MIRROR}
        name, words = f'pair {frame}: {scalar}', phrase.format('{}', _PAIR_WORDS[frame])
        yield Measurement(name, words, unit, topic, compute, is_signed, needs, frozenset(keeps),
                          of=PairFrames, at=frame)  # fmt: skip
