"""One measurement of a scene: how it is computed, said and what leaves it as it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from concept_control.energy.measurements.scene_view import SceneView

LENGTH, ANGLE, RATIO, COUNT = 'length', 'angle', 'ratio', 'count'

WORKSPACE_LENGTH = {LENGTH: 1.0, ANGLE: 0.4, RATIO: 0.4, COUNT: 0.4}
"""Displacement that changes a measurement by about one unit, at usual distances [workspace
units]; so the root of an energy reads as a distance."""

SHIFT, TURN, MIRROR = 'shift', 'turn', 'mirror'
"""Changes of a whole scene, the table's frame apart: moved, turned, mirrored in x."""


@dataclass(frozen=True)
class Measurement:
    """A number that is read off a scene.

    Attributes:
        name: Name, unique in the vocabulary and stable: codes refer to it.
        phrase: Words for a value, `{}` in the place of the number: "{} right of where it was".
        unit: One of `LENGTH`, `ANGLE`, `RATIO` and `COUNT`; lengths in workspace units, angles in
            radians.
        topic: What it is about, the kind that priors tell apart.
        value: Function of a view of R scenes to the values (R,).
        is_signed: Whether zero is special: equality, or the border between two sides.
        needs: Fewest attended for which it is defined.
        keeps: Changes of the whole scene that leave its value as it is.
        cost: Logarithm by which it is less likely to matter than the others of its topic.
        opposite: Words for a negative value; '' where `phrase` takes the sign.
    """

    name: str
    phrase: str
    unit: str
    topic: str
    value: Callable[[SceneView], torch.Tensor]
    is_signed: bool = False
    needs: int = 0
    keeps: frozenset[str] = frozenset()
    cost: float = 0.0
    opposite: str = ''

    def sentence(self, lower: float, upper: float) -> str:
        """Return words for "between lower and upper"; bounds may be infinite."""
        phrase = self.phrase
        if upper <= 0 and self.opposite:
            phrase, lower, upper = self.opposite, -upper, -lower
        if self.unit == ANGLE:
            lower, upper = math.degrees(lower), math.degrees(upper)
        digits = {ANGLE: 0, COUNT: 1}.get(self.unit, 2)
        mark = '°' if self.unit == ANGLE else ''
        low, high = (f'{bound:.{digits}f}{mark}' for bound in (lower, upper))
        if lower == -torch.inf:
            return phrase.format(f'at most {high}')
        if upper == torch.inf:
            return phrase.format(f'at least {low}')
        if self.is_signed and abs(lower + upper) < 1e-6:
            return phrase.format(f'0 ± {high}')
        middle = f'{(lower + upper) / 2:.{digits}f}{mark}'
        if low == high:
            return phrase.format(middle)
        return f'{phrase.format(middle)}, between {low} and {high}'


def evaluate(measurements: Sequence[Measurement], view: SceneView) -> torch.Tensor:
    """Return the values (R, K) of K measurements in R scenes."""
    return torch.stack([each.value(view) for each in measurements], dim=-1)
