"""Layouts of blocks that leave room for a drawing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.demos.drawing_config import DrawConfig
from concept_control.errors import CommandError
from concept_control.policy.drawing import DrawingStroke
from concept_control.simulation.scene import SceneConfig, SceneError, random_layout

CLEARANCE = 0.07
"""Distance from the blocks to the line [m]."""

NUM_SEEDS = 500
"""Number of layouts that are tried."""


def clear_layout(
    config: DrawConfig, parts: Sequence[DrawingStroke], colors: Sequence[str], min_gap: float
) -> SceneConfig:
    """Return the first layout from the drawing's seed on in which no block is in the way.

    Args:
        config: Configuration of the drawing.
        parts: Strokes of the figure.
        colors: Colours of the blocks.
        min_gap: Smallest gap between the blocks [m].

    Raises:
        CommandError: If there is none, as the drawing is too big or lies outside the workspace.
    """
    workspace = ArmDescription.load(config.arm).workspace
    figure = np.concatenate([s.path for s in config.strokes(parts, workspace)])
    for seed in range(config.seed, config.seed + NUM_SEEDS):
        scene = SceneConfig(
            num_blocks=len(colors), colors=colors, seed=seed, min_gap=min_gap, arm=config.arm
        )
        try:
            # The first that `build_scene` draws, which takes far longer.
            rng = np.random.default_rng(seed)
            blocks = random_layout(rng, workspace, scene.block_sizes(), min_gap)
        except SceneError:
            continue
        path = figure
        if config.around:
            middle = workspace.center if config.center is None else config.center
            path = figure - middle + blocks[colors.index(config.around)]
        gaps = np.linalg.norm(path[:, None] - blocks, axis=-1)
        if workspace.contains(path).all() and gaps.min(initial=np.inf) > CLEARANCE:
            return scene
    where = f'around the {config.around} block' if config.around else 'there'
    raise CommandError(
        f'a drawing of {1000 * config.size:g} mm has no room {where}: draw smaller or elsewhere'
    )
