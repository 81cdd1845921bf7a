"""Measurements with parameters that are fitted to demonstrations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from concept_control.energy.measurements.measurement import LENGTH, Measurement
from concept_control.energy.measurements.scene_view import SceneView, anchor_names, length_of

DIRECTION, DISC, POINT = 'direction', 'disc', 'point'


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
        words = anchor_names()
        if self.kind == DIRECTION:
            (angle,) = self.parameters
            return Measurement(
                name=f'{self.kind} {self.anchors[0]} {angle:.4f}',
                phrase=f'{{}} in direction {math.degrees(angle):.0f}° of {words[self.anchors[0]]}',
                unit=LENGTH,
                topic='fitted',
                value=self._along,
                is_signed=True,
            )
        if self.kind == DISC:
            x, y = self.parameters
            return Measurement(
                name=f'{self.kind} {x:.3f} {y:.3f}',
                phrase=f'{{}} from the place ({x:.2f}, {y:.2f})',
                unit=LENGTH,
                topic='fitted',
                value=lambda view: length_of(view.place - view.place.new_tensor([x, y])),
            )
        return Measurement(
            name=f'{self.kind} {self.anchors} {self.parameters}',
            phrase=f'{{}} from {self._point_words()}',
            unit=LENGTH,
            topic='fitted',
            value=lambda view: length_of(view.place - self.point(view)),
        )

    def _along(self, view: SceneView) -> torch.Tensor:
        (angle,) = self.parameters
        axis = view.place.new_tensor([math.cos(angle), math.sin(angle)])
        return view.offset(self.anchors[0]) @ axis

    def point(self, view: SceneView) -> torch.Tensor:
        """Return the point (R, 2) that a `POINT` measures from."""
        total = view.place.new_tensor(self.parameters[-2:]).expand_as(view.place)
        for number, name in enumerate(self.anchors):
            factors = view.place.new_tensor(self.parameters[2 * number : 2 * number + 2])
            total = total + factors * anchor_point(view, name)
        return total

    def _point_words(self) -> str:
        words = anchor_names()
        parts = []
        for number, name in enumerate(self.anchors):
            x, y = self.parameters[2 * number : 2 * number + 2]
            factor = f'{x:.2f}' if abs(x - y) < 0.005 else f'({x:.2f}, {y:.2f})'
            swapped = ' with x and y swapped' if name.endswith("'") else ''
            parts.append(f'{factor} × {words[name.rstrip(chr(39))]}{swapped}')
        x, y = self.parameters[-2:]
        if abs(x) > 0.005 or abs(y) > 0.005 or not parts:
            parts.append(f'({x:.2f}, {y:.2f})')
        return 'the point ' + ' + '.join(parts)


def anchor_point(view: SceneView, name: str) -> torch.Tensor:
    """Return an anchor's point (R, 2), its coordinates swapped for a name with a trailing `'`."""
    if name.endswith("'"):
        return view.anchor(name[:-1]).flip(-1)
    return view.anchor(name)
