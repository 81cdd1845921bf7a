"""What is drawn, with and without ROS: its configuration, and where blocks leave room for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, StrokeError
from concept_control.language.goals import request_tool_goal
from concept_control.language.grounding import GoalRequest
from concept_control.language.library import ConceptLibrary
from concept_control.policy.drawing import DrawingStroke, place_strokes
from concept_control.policy.step_energy import PolicyStroke
from concept_control.simulation.scene import SceneConfig, SceneError, random_layout
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

BLOCKS = ('red', 'blue', 'green', 'yellow')
"""Colours of the blocks that lie there where a drawing speaks of one; their ids count from 1."""

CLEARANCE = 0.07
"""Distance from the blocks to the line [m]."""

NUM_SEEDS = 500
"""Number of layouts that are tried."""


@dataclass(frozen=True)
class DrawConfig:
    """Configuration of a drawing.

    Attributes:
        figure: Name of a shipped policy, or path of a policy's card or of a file of strokes.
        size: Longer side of the drawing [m].
        height: Height of the tip above the table [m].
        speed: Speed of the tip [m/s].
        arm: Name of an arm, or path of its description.
        seed: Seed of the blocks and of the modes.
        is_trained: Whether each stroke of a file gets a network of its own, instead of a code.
        tolerance: Largest distance between the line and the policy's path [m].
        output: Folder for pictures and the line.
        center: Middle of the drawing from the robot's base [m]; None for that of the workspace.
        around: Colour of the block that the middle stays on; None for none.
        extra_energy: Expression of a concept of the tool whose energy is added; None for none.
    """

    figure: str
    size: float
    height: float
    speed: float
    arm: str
    seed: int
    is_trained: bool
    tolerance: float
    output: Path
    center: tuple[float, float] | None = None
    around: str | None = None
    extra_energy: str | None = None

    def strokes(
        self, parts: Sequence[DrawingStroke], workspace: Workspace, block: np.ndarray | None = None
    ) -> tuple[PolicyStroke, ...]:
        """Return the strokes where they are wanted.

        Args:
            parts: Strokes of the figure.
            workspace: Workspace of the arm.
            block: (2,) place of the block that is drawn around [m]; None for none.
        """
        center = np.array(workspace.center if self.center is None else self.center)
        if block is not None:
            center = block
        return place_strokes(parts, center, self.size, workspace.rotation, self.seed)

    def around_id(self) -> int | None:
        """Return the id of the block that is drawn around, None for none.

        Raises:
            StrokeError: If no block has that colour.
        """
        if self.around is None:
            return None
        if self.around not in BLOCKS:
            raise StrokeError(f'no block is {self.around!r}; there are {", ".join(BLOCKS)}')
        return BLOCKS.index(self.around) + 1

    def extra_request(self, scene: Tabletop) -> tuple[GoalRequest, ConceptModel]:
        """Ground the concept whose energy is added, in a scene with the tool; with its model.

        Raises:
            GroundingError: If it is not about the tool.
        """
        model = ConceptModel.load()
        expression, library = self.extra_energy or '', ConceptLibrary.learn(model)
        return request_tool_goal(expression, scene, model, library, self.seed), model


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
            blocks = random_layout(rng, workspace, scene.block_sizes(workspace), min_gap)
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
