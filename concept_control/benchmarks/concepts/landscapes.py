"""Pictures of the energy over the workspace and of its minima, family by family."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from concept_control.concepts.family import Family
from concept_control.concepts.pictures import draw_event
from concept_control.energy.model import ConceptModel
from concept_control.world.events import Events

GRID = 49
"""Places along each side of the workspace."""

QUICK_GRID = 15
COLUMNS = 6
LARGEST = 1.0
"""sqrt(E), in workspace units, from which on the colour stays the same."""


def draw_landscapes(
    model: ConceptModel, families: Mapping[str, Family], seed: int, grid: int = GRID
) -> Figure:
    """Draw sqrt(E) over the place of one subject, and where the predicate holds.

    Codes come from five demonstrations. In shapes the last member is the one that moves, the
    others stand as demonstrated. A thin dark curve outside the white line would be a false
    minimum.
    """
    acting = {name: family for name, family in families.items() if family.generates}
    rows = math.ceil(len(acting) / COLUMNS)
    figure = Figure(figsize=(2.2 * COLUMNS, 2.45 * rows), layout='constrained')
    axes = np.atleast_1d(figure.subplots(rows, COLUMNS)).ravel()
    for axis in axes[len(acting) :]:
        axis.axis('off')
    for axis, (name, family) in zip(axes, acting.items()):
        _draw(axis, model, family, seed, grid)
        axis.set_title(name + (' (held out)' if family.held_out else ''), fontsize=9)
    return figure


def _draw(axis: Axes, model: ConceptModel, family: Family, seed: int, grid: int) -> None:
    rng = np.random.default_rng([seed, *family.name.encode()])
    params = family.sample_concepts(rng, 1)
    shown = family.sample(rng, params, 5)
    code = model.infer(shown, seed)
    event = _acting_event(family, params, rng)
    mover = int(np.flatnonzero(event.subjects[0].numpy())[-1])
    side = np.linspace(-1, 1, grid)
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    many = event.repeat(len(places))
    last = many.positions[:, -1].clone()
    last[:, mover] = torch.from_numpy(places).float()
    moved = many.with_outcome(last)
    norm = model.action_energy(moved, code).sqrt().reshape(grid, grid).numpy()
    holds = np.asarray(family.holds(moved, params), dtype=float).reshape(grid, grid)
    axis.imshow(norm, origin='lower', extent=(-1, 1, -1, 1), cmap='magma', vmin=0.0, vmax=LARGEST)
    if 0 < holds.mean() < 1:
        axis.contour(side, side, holds, levels=[0.5], colors='w', linewidths=1.0)
    draw_event(axis, event)


def _acting_event(family: Family, params: np.ndarray, rng: np.random.Generator) -> Events:
    while True:
        event = family.sample(rng, params, 1, 6)
        if bool(event.subjects.any()):
            return event
