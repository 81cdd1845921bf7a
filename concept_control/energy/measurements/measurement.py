"""One measurement of a scene: how it is computed, said and what leaves it as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Any

import torch

from concept_control.energy.measurements.scene_view import SceneView

LENGTH, ANGLE, RATIO, COUNT = 'length', 'angle', 'ratio', 'count'

WORKSPACE_LENGTH = {LENGTH: 1.0, ANGLE: 0.4, RATIO: 0.4, COUNT: 0.4}
"""Displacement that changes a measurement by about one unit, at usual distances [workspace
units]; so the root of an energy reads as a distance."""

SHIFT, TURN, MIRROR = 'shift', 'turn', 'mirror'
"""Changes of a whole scene, the table's frame apart: moved, turned, mirrored in x."""

EVERYTHING = frozenset({SHIFT, TURN, MIRROR})
"""All of these changes."""

_SINGLE = re.compile(r'(?<![\d.])1 (thing|other)s\b')
"""Where words for several follow the number one."""

Source = Callable[[SceneView, Sequence[Any]], Any]
"""What a measurement reads of a view and of several places in it, such as `Offsets`: A rows."""


@dataclass(frozen=True, eq=False)
class Measurement:
    """A number that is read off a scene.

    Attributes:
        name: Name, unique in the vocabulary and stable: codes refer to it.
        phrase: Words for a value, `{}` in the place of the number: "{} right of where it was".
        unit: One of `LENGTH`, `ANGLE`, `RATIO` and `COUNT`; lengths in workspace units, angles in
            radians.
        topic: What it is about, the kind that priors tell apart.
        value: Function of a view of R scenes to the values (R,), or of a source of A places in
            them to (A, R).
        is_signed: Whether zero is special: equality, or the border between two sides.
        needs: Fewest attended for which it is defined.
        keeps: Changes of the whole scene that leave its value as it is.
        cost: Logarithm by which it is less likely to matter than the others of its topic.
        opposite: Words for a negative value; '' where `phrase` takes the sign.
        heading: Direction that a value of zero stands for [degrees], 0 for +x; None for what is
            no direction on the table.
        of: Source of what is read; None for the view itself.
        at: Place that is read there, such as the name of an anchor.
        group: Group of the things around that it is about, where it is about any, see `groups`.
        fewest: Fewest of them for which it is defined.
    """

    name: str
    phrase: str
    unit: str
    topic: str
    value: Callable[[Any], torch.Tensor]
    is_signed: bool = False
    needs: int = 0
    keeps: frozenset[str] = frozenset()
    cost: float = 0.0
    opposite: str = ''
    heading: float | None = None
    of: Source | None = None
    at: Any = None
    group: str = ''
    fewest: int = 1

    def sentence(self, lower: float, upper: float) -> str:
        """Return words for "between lower and upper"; bounds may be infinite."""
        return _SINGLE.sub(r'1 \1', self._sentence(lower, upper))

    def _sentence(self, lower: float, upper: float) -> str:
        phrase = self.phrase
        if self.heading is not None:
            return phrase.format(*_direction(self.heading, lower, upper))
        if upper <= 0 and self.opposite:
            phrase, lower, upper = self.opposite, 0.0 - upper, 0.0 - lower
        if self.unit == ANGLE:
            lower, upper = math.degrees(lower), math.degrees(upper)
        is_whole = all(math.isinf(bound) or bound == round(bound) for bound in (lower, upper))
        digits = {ANGLE: 0, COUNT: 0 if is_whole else 1}.get(self.unit, 2)
        mark = '°' if self.unit == ANGLE else ''
        low, high = (f'{bound:.{digits}f}{mark}' for bound in (lower, upper))
        if lower == -torch.inf:
            return phrase.format(_at_most(upper, digits, mark))
        if upper == torch.inf:
            return phrase.format(f'at least {low}')
        is_even = self.is_signed and abs(lower + upper) < 1e-6
        if is_even and (either := _either(self.phrase, self.opposite)):
            return either.format(_at_most(upper, digits, mark))
        if self.unit != COUNT and max(abs(lower), abs(upper)) < 0.5 * 10**-digits:
            return phrase.format(_at_most(0.0, digits, mark))
        if is_even:
            return phrase.format(f'0 ± {high}')
        middle = f'{(lower + upper) / 2:.{digits}f}{mark}'
        if low == high:
            return phrase.format(middle)
        return f'{phrase.format(middle)}, between {low} and {high}'


def of_set(
    topic: str,
    name: str,
    phrase: str,
    value: Callable[[SceneView], torch.Tensor],
    needs: int,
    is_signed: bool,
    unit: str = LENGTH,
    keeps: frozenset[str] = EVERYTHING,
    cost: float = 0.0,
    opposite: str = '',
) -> Measurement:
    """Return a measurement of the set of things that are meant."""
    name = f'set: {name}'
    return Measurement(name, phrase, unit, topic, value, is_signed, needs, keeps, cost, opposite)


WAYS = ('right of', 'above and right of', 'above', 'above and left of', 'left of',
         'below and left of', 'below', 'below and right of')  # fmt: skip
"""Words for directions, from +x on anticlockwise."""


def _direction(heading: float, lower: float, upper: float) -> tuple[str, str]:
    """Return the word for a range of directions, and its middle and half width in degrees."""
    low, high = max(math.degrees(lower), -180.0), min(math.degrees(upper), 180.0)
    middle = (heading + (low + high) / 2) % 360
    return WAYS[round(middle / 45) % 8], f'{round(middle) % 360}° ± {(high - low) / 2:.0f}°'


def _at_most(bound: float, digits: int, mark: str) -> str:
    least = 10.0**-digits
    if 0 <= bound < least / 2:
        return f'less than {least:.{digits}f}{mark}'
    return f'at most {bound:.{digits}f}{mark}'


def _either(phrase: str, opposite: str) -> str:
    """Return words for one or the other, "{} right or left of it"; '' where it takes too many."""
    one, other = phrase.split(), opposite.split()
    start, end = _shared(one, other), _shared(one[::-1], other[::-1])
    ways = [words[start : len(words) - end] for words in (one, other)]
    if not opposite or max(map(len, ways)) > 1:
        return ''
    return ' '.join([*one[:start], *ways[0], 'or', *ways[1], *one[len(one) - end :]])


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))


_Read = Callable[[Any], torch.Tensor]


def evaluate(measurements: Sequence[Measurement], view: SceneView) -> torch.Tensor:
    """Return the values (R, K) of K measurements in R scenes."""
    groups, order = _plan(tuple(measurements))
    found = []
    for of, places, functions in groups:
        read = view if of is None else of(view, places)
        found += [torch.atleast_2d(function(read)) for function in functions]
    # Rows are taken whole, which is quicker than by an index of numbers.
    return torch.cat(found).index_select(0, torch.tensor(order, device=found[0].device)).T


@lru_cache(maxsize=256)
def _plan(
    measurements: tuple[Measurement, ...],
) -> tuple[list[tuple[Source | None, tuple[Any, ...], tuple[_Read, ...]]], list[int]]:
    """Return what is read of which places by which functions, and where each measurement is.

    Every function reads all places of its source: each is computed for all of them at once.
    """
    places: dict[Source | None, dict[Any, int]] = {}
    functions: dict[Source | None, dict[_Read, int]] = {}
    for each in measurements:
        at, values = places.setdefault(each.of, {}), functions.setdefault(each.of, {})
        at.setdefault(each.at, len(at))
        values.setdefault(each.value, len(values))
    starts: dict[Source | None, int] = {}
    start = 0
    for of, at in places.items():
        starts[of] = start
        start += len(at) * len(functions[of])
    order = [
        starts[m.of] + functions[m.of][m.value] * len(places[m.of]) + places[m.of][m.at]
        for m in measurements
    ]
    groups = [(of, tuple(at), tuple(functions[of])) for of, at in places.items()]
    return groups, order
