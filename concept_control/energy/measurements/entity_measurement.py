"""One measurement of each entity of a scene: how it is computed and said, and what it is about."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from concept_control.energy.measurements.entity_view import EntityView
from concept_control.energy.measurements.measurement import EVERYTHING, MIRROR, TURN

FLAGS = (
    'marker',
    'motion',
    'colour',
    'size',
    'place',
    'peers',
    'signed',
    'oblique',
    'axis',
    'anchored',
    'before',
    'channel',
    'seldom',
    'fitted',
)
"""What a measurement may be about, for a scorer: the marker; motion; colour; size; place; the
other entities; a difference with a natural zero; a direction other than x and y; the distance
along one axis; an entity singled out by its looks; the first state; one colour channel; what is
seldom meant, as places in the frame of the marker and the robot; parameters fitted to
demonstrations."""

LOWEST, HIGHEST, BELOW, ABOVE, BELOW_ZERO, ABOVE_ZERO = range(6)
"""Words of a measurement: for the entity with the least or the largest number; for entities below
or above a bound, `{}` in its place; for a negative or a positive number."""

_DEFAULT_WORDS = ('lowest in {}', 'highest in {}', '{} below {{}}', '{} above {{}}',
                  'negative {}', 'positive {}')  # fmt: skip

Value = Callable[[EntityView], torch.Tensor]
Keeps = frozenset[str]

EVERY, TURNS = EVERYTHING, frozenset({TURN, MIRROR})
"""All changes of a scene, and those about the middle of the table."""


@dataclass(frozen=True)
class EntityMeasurement:
    """One measurement: how it is computed and said, and facts for a scorer.

    Lengths are in workspace units.

    Attributes:
        name: Stable identifier.
        label: Words for the number, such as "distance to the marker"; `{}` for fitted parameters.
        value: Function of a view of R scenes to the numbers (R, N), or, where parameters are
            fitted, to the vectors (R, N, `width`) that they are compared with.
        about: Flags out of `FLAGS`.
        keeps: Changes of the whole scene (a turn by 90°) that leave the number as it is.
        words: Words of its own, from `LOWEST` on; '' for those made from the label.
        border: Number that parts what is meant from what is not, whatever else there is, as two
            colours from one; NaN for none. Of a difference, flagged as signed, it is zero.
        width: Number of fitted parameters, 0 for a plain measurement.
        is_direction: Whether fitted parameters are a direction; otherwise a point.
    """

    name: str
    label: str
    value: Value
    about: Keeps = frozenset()
    keeps: Keeps = frozenset()
    words: tuple[str, ...] = ()
    border: float = math.nan
    width: int = 0
    is_direction: bool = False

    def __post_init__(self) -> None:
        if 'signed' in self.about:
            object.__setattr__(self, 'border', 0.0)

    def said(self, which: int) -> str:
        """Return the words from `LOWEST` to `ABOVE_ZERO`."""
        own = self.words[which] if which < len(self.words) else ''
        return own or _DEFAULT_WORDS[which].format(self.label)


def row(
    about: str,
    name: str,
    label: str,
    value: Value,
    *words: str,
    keeps: Keeps = EVERY,
    border: float = math.nan,
) -> EntityMeasurement:
    """Return a measurement, its flags given as words."""
    return EntityMeasurement(name, label, value, frozenset(about.split()), keeps, words, border)
