"""Small drawings for the page: an example seen from above, and a curve of the energy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_control.studio.lesson import Example
from concept_control.studio.scene_view import hex_of
from concept_control.studio.table import Table
from concept_control.world.colors import NAMED_COLORS

CURVE_COLORS = ('#1971c2', '#e8590c')
"""Colours of the curves, in their order."""

ENERGY_FLOOR = 1e-5
"""Smallest energy that the logarithmic axis of the curve shows."""

_RIM, _FLOOR = 0.04, 0.35
"""Width of the rim of an open box in a picture, and opacity of its floor."""

_SHRINKAGE = 0.7
"""Side of a thing in a picture from above, in that of what it stands on."""


def draw_example(example: Example, side: int = 132) -> str:
    """Return an example as SVG: things after it, where they came from, and what it is about."""
    parts = [_square(example.before, i, 0.3) for i in example.moved]
    for i in example.moved:
        (x0, y0), (x1, y1) = example.before.thing(i).position, example.after.thing(i).position
        parts.append(
            f'<line x1="{x0:.3f}" y1="{-y0:.3f}" x2="{x1:.3f}" y2="{-y1:.3f}" stroke="#495057" '
            'stroke-width="0.03" stroke-dasharray="0.06 0.04"/>'
        )
    upwards = sorted(example.after.things, key=lambda thing: (thing.bottom, not thing.is_open))
    parts += [_square(example.after, thing.id, 1.0) for thing in upwards]
    for i in example.meant:
        thing = example.after.thing(i)
        x, y = thing.position
        parts.append(
            f'<circle cx="{x:.3f}" cy="{-y:.3f}" r="{0.9 * thing.size:.3f}" fill="none" '
            'stroke="#f08c00" stroke-width="0.045"/>'
        )
    return (
        f'<svg viewBox="-1 -1 2 2" width="{side}" height="{side}" role="img" '
        f'aria-label="{example.sentence}"><rect x="-1" y="-1" width="2" height="2" '
        f'fill="#f4f4f2"/>{"".join(parts)}</svg>'
    )


def draw_curves(
    curves: Sequence[Sequence[tuple[float, float]]], width: int = 420, height: int = 110
) -> str:
    """Return curves of pairs of time [s] and energy as SVG, the energy on a logarithmic axis."""
    arrays = [np.array(points) for points in curves if len(points) > 1]
    size = f'width="{width}" height="{height}"'
    if not arrays:
        return f'<svg {size}></svg>'
    levels = [np.log10(np.maximum(points[:, 1], ENERGY_FLOOR)) for points in arrays]
    top, floor = max(1.0, *(float(level.max()) for level in levels)), np.log10(ENERGY_FLOOR)
    length = max(1e-6, *(float(np.ptp(points[:, 0])) for points in arrays))
    scale = (height - 26) / (top - floor)
    lines = ''
    for points, level, color in zip(arrays, levels, CURVE_COLORS):
        step = max(1, len(points) // 300)
        x = 34 + (width - 44) * (points[::step, 0] - points[0, 0]) / length
        y = 8 + scale * (top - level[::step])
        path = ' '.join(f'{a:.1f},{b:.1f}' for a, b in zip(x, y))
        lines += f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>'
    labels = ''.join(
        f'<text x="2" y="{12 + scale * (top - power):.0f}">1e{power}</text>'
        for power in range(int(floor), int(top) + 1, 2)
    )
    return (
        f'<svg {size} fill="currentColor" font-size="10" role="img" '
        f'aria-label="energy over time">{labels}'
        f'<text x="{width - 70}" y="{height - 4}">{length:.1f} s</text>{lines}</svg>'
    )


def _square(table: Table, thing_id: int, opacity: float) -> str:
    thing = table.thing(thing_id)
    # What stands on something is drawn smaller, or it would hide that.
    (x, y), half = thing.position, thing.size / 2 * _SHRINKAGE ** (thing.bottom / thing.size)
    color, rim = hex_of(NAMED_COLORS[thing.color]), ''
    if thing.is_open:
        half -= _RIM / 2
        rim = f' stroke="{color}" stroke-opacity="{opacity}" stroke-width="{_RIM}"'
        opacity *= _FLOOR
    return (
        f'<rect x="{x - half:.3f}" y="{-y - half:.3f}" width="{2 * half:.3f}" '
        f'height="{2 * half:.3f}" fill="{color}" fill-opacity="{opacity:.2g}"{rim}/>'
    )
