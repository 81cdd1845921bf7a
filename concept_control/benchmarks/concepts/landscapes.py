"""Pictures of the energy over the workspace and of its minima, family by family."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from concept_control.concepts.family import Family
from concept_control.concepts.pictures import draw_event, sheet_of
from concept_control.energy.model import ConceptModel

GRID = 49
"""Places along each side of the workspace."""

QUICK_GRID = 15
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
    return sheet_of(acting, lambda axis, family: _draw(axis, model, family, seed, grid))


def _draw(axis: Axes, model: ConceptModel, family: Family, seed: int, grid: int) -> None:
    rng = np.random.default_rng([seed, *family.name.encode()])
    params = family.sample_concepts(rng, 1)
    shown = family.sample(rng, params, 5)
    code = model.infer(shown, seed)
    event = family.sample(rng, params, 1, 6)
    while not bool(event.subjects.any()):
        event = family.sample(rng, params, 1, 6)
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
