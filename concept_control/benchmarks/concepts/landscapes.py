"""Pictures of the energy over the workspace and of its minima, family by family."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from concept_control.concepts.family import MAX_ENTITIES, Family
from concept_control.concepts.pictures import draw_event
from concept_control.energy.inference.code_inference import InferenceConfig, infer_codes
from concept_control.energy.model import ConceptModel
from concept_control.energy.networks.energy_network import ACTION
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
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
    rngs = [np.random.default_rng([seed, *name.encode()]) for name in acting]
    params = [family.sample_concepts(rng, 1) for family, rng in zip(acting.values(), rngs)]
    shown = [
        scene_batch_from_events(family.sample(rng, param, 5).pad(MAX_ENTITIES))
        for family, rng, param in zip(acting.values(), rngs, params)
    ]
    codes, _ = infer_codes(
        model.network,
        model.encoder,
        SceneBatch.concatenate(shown),
        5,
        InferenceConfig(),
        np.random.default_rng(seed),
        model.steps,
    )
    actions = codes[:, : model.network.config.code_width].split(1)
    rows = math.ceil(len(acting) / COLUMNS)
    figure = Figure(figsize=(2.2 * COLUMNS, 2.45 * rows), layout='constrained')
    axes = np.atleast_1d(figure.subplots(rows, COLUMNS)).ravel()
    for axis in axes[len(acting) :]:
        axis.axis('off')
    for axis, (name, family), rng, param, code in zip(axes, acting.items(), rngs, params, actions):
        _draw(axis, model, family, param, code, rng, grid)
        axis.set_title(name + (' (held out)' if family.held_out else ''), fontsize=9)
    return figure


def _draw(
    axis: Axes,
    model: ConceptModel,
    family: Family,
    params: np.ndarray,
    code: torch.Tensor,
    rng: np.random.Generator,
    grid: int,
) -> None:
    event = _acting_event(family, params, rng)
    mover = int(np.flatnonzero(event.subjects[0].numpy())[-1])
    side = np.linspace(-1, 1, grid)
    places = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    many = event.repeat(len(places))
    last = many.positions[:, -1].clone()
    last[:, mover] = torch.from_numpy(places).float()
    moved = many.with_outcome(last)
    with torch.no_grad():
        parts = [
            model.network.energy(scene_batch_from_events(moved[rows]), code, ACTION)
            for rows in torch.arange(len(moved)).split(128)
        ]
    norm = torch.cat(parts).sqrt().reshape(grid, grid).numpy()
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
