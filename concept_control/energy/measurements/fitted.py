"""Measurements with parameters that are fitted to demonstrations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

import torch

from concept_control.energy.measurements.measurement import LENGTH, Measurement
from concept_control.energy.measurements.scene_view import (
    Offsets,
    SceneView,
    anchor_names,
    length_of,
)

DIRECTION, DISC, POINT = 'direction', 'disc', 'point'

_NO_FACTOR = 0.005
"""Numbers below which nothing is said of a factor, or of a difference."""

_DISTANCE, _ALONG = attrgetter('distance'), attrgetter('along')


class _PlaceOffsets(Offsets):
    """Vectors from places of the table, given by x and y."""

    def __init__(self, view: SceneView, places: Sequence[tuple[float, float]]) -> None:
        self.x, self.y = view.xy - view.xy.new_tensor(places).T.unsqueeze(-1)


class _Directions(Offsets):
    """Vectors from anchors, each with an angle of its own [rad].

    Attributes:
        along: (A, R) components at the angles.
    """

    def __init__(self, view: SceneView, directions: Sequence[tuple[str, float]]) -> None:
        super().__init__(view, [anchor for anchor, _ in directions])
        angles = view.xy.new_tensor([angle for _, angle in directions]).unsqueeze(-1)
        self.along = self.x * angles.cos() + self.y * angles.sin()


@dataclass(frozen=True)
class Fitted:
    """A measurement made of anchors and numbers.

    Attributes:
        kind: `DIRECTION` (component of the vector from an anchor at an angle), `DISC` (distance to
            a place of the table) or `POINT` (distance to an affine combination of anchors).
        anchors: Names of the anchors; a trailing `'` swaps a point's coordinates.
        parameters: Angle [rad]; or x and y; or a factor of x and of y for each anchor, and x and y
            that are added.
    """

    kind: str
    anchors: tuple[str, ...]
    parameters: tuple[float, ...]

    def measurement(self) -> Measurement:
        """Return what it measures."""
        if self.kind == DIRECTION:
            (angle,), (anchor,) = self.parameters, self.anchors
            name = f'{self.kind} {anchor} {angle:.4f}'
            phrase = f'{{}} in direction {math.degrees(angle):.0f}° of {anchor_names()[anchor]}'
            return Measurement(
                name, phrase, LENGTH, 'fitted', _ALONG, True, of=_Directions, at=(anchor, angle)
            )
        if self.kind == DISC:
            x, y = self.parameters
            name, phrase = f'{self.kind} {x:.3f} {y:.3f}', f'from the place ({x:.2f}, {y:.2f})'
            return Measurement(
                name, f'{{}} {phrase}', LENGTH, 'fitted', _DISTANCE, of=_PlaceOffsets, at=(x, y)
            )
        name = f'{self.kind} {self.anchors} {self.parameters}'
        return Measurement(
            name,
            f'{{}} from {self.point_words()}',
            LENGTH,
            'fitted',
            lambda view: length_of(view.place - self.point(view)),
        )

    def point(self, view: SceneView) -> torch.Tensor:
        """Return the point (R, 2) that a `POINT` measures from."""
        total = view.place.new_tensor(self.parameters[-2:]).expand_as(view.place)
        for number, name in enumerate(self.anchors):
            factors = view.place.new_tensor(self.parameters[2 * number : 2 * number + 2])
            total = total + factors * anchor_point(view, name)
        return total

    def point_words(self) -> str:
        """Return words for the point that a `POINT` measures from."""
        words = anchor_names()
        x, y = self.parameters[-2:]
        terms = []
        for number, name in enumerate(self.anchors):
            factors = self.parameters[2 * number : 2 * number + 2]
            if max(map(abs, factors)) < _NO_FACTOR:
                continue
            swapped = ' with x and y swapped' if name.endswith("'") else ''
            terms.append((factors, words[name.rstrip("'")] + swapped))
        if not terms:
            return f'the place ({x:.2f}, {y:.2f})'
        if len(terms) == 1 and max(abs(factor - 1) for factor in terms[0][0]) < _NO_FACTOR:
            return _beside(x, y, terms[0][1])
        parts = [
            f'{f"{u:.2f}" if abs(u - v) < _NO_FACTOR else f"({u:.2f}, {v:.2f})"} × {word}'
            for (u, v), word in terms
        ]
        offset = [f'({x:.2f}, {y:.2f})'] if max(abs(x), abs(y)) > _NO_FACTOR else []
        return 'the point ' + ' + '.join([*parts, *offset])


def _beside(x: float, y: float, words: str) -> str:
    """Return words for a place at a vector from something."""
    parts = [
        f'{abs(value):.2f} {after if value > 0 else before}'
        for value, before, after in ((x, 'left of', 'right of'), (y, 'below', 'above'))
        if abs(value) > _NO_FACTOR
    ]
    return f'{" and ".join(parts)} {words}' if parts else words


def anchor_point(view: SceneView, name: str) -> torch.Tensor:
    """Return an anchor's point (R, 2), its coordinates swapped for a name with a trailing `'`."""
    if name.endswith("'"):
        return view.anchor(name[:-1]).flip(-1)
    return view.anchor(name)
