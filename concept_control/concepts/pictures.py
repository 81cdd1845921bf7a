"""Pictures of demonstrations as particles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from concept_control.concepts.family import Family
from concept_control.output_files import replacing
from concept_control.world.events import Events

COLUMNS = 6


def draw_event(axis: Axes, event: Events) -> None:
    """Draw the last state of one event: squares of the entities' sizes and colours.

    Attended entities are ringed, subjects have a dark border, arrows show motions.

    Args:
        axis: Axis to draw on.
        event: The event, B = 1.
    """
    first, last = event.positions[0, 0].numpy(), event.positions[0, -1].numpy()
    # Large things first, so that what lies inside them is seen.
    order = np.argsort(-event.sizes[0].numpy(), kind='stable')
    for entity in order[event.present[0].numpy()[order]]:
        (x0, y0), (x, y) = first[entity], last[entity]
        size = float(event.sizes[0, entity])
        if math.hypot(x - x0, y - y0) > 0.01:
            axis.annotate(
                '', (x, y), (x0, y0), arrowprops={'arrowstyle': '->', 'color': '0.6', 'lw': 1}
            )
        color, edge = event.colors[0, entity].tolist(), 'k' if event.subjects[0, entity] else '0.7'
        corner = (x - size / 2, y - size / 2)
        axis.add_patch(Rectangle(corner, size, size, fc=color, ec=edge, lw=1.2))
        if event.attention[0, entity] > 0.5:
            axis.add_patch(Circle((x, y), 0.85 * size, fill=False, ec='tab:orange', lw=1.5))
    axis.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xticks=[], yticks=[], aspect='equal')


def sheet_of(families: Mapping[str, Family], draw: Callable[[Axes, Family], None]) -> Figure:
    """Return a sheet with a panel for each family, which a function draws."""
    rows = math.ceil(len(families) / COLUMNS)
    figure = Figure(figsize=(2.2 * COLUMNS, 2.45 * rows), layout='constrained')
    for index, (name, family) in enumerate(families.items(), start=1):
        axis = figure.add_subplot(rows, COLUMNS, index)
        draw(axis, family)
        axis.set_title(name + (' (held out)' if family.held_out else ''), fontsize=9)
    return figure


def draw_families(families: dict[str, Family], path: Path) -> None:
    """Draw one demonstration of every family on one sheet.

    Args:
        families: Families by name.
        path: PNG file to write; its folder is created.
    """
    rng = np.random.default_rng(0)

    def draw(axis: Axes, family: Family) -> None:
        draw_event(axis, family.sample(rng, family.sample_concepts(rng, 1), 1, 6))

    figure = sheet_of(families, draw)
    with replacing(path) as file:
        figure.savefig(file, dpi=110)
