"""Configuration of a drawing, with and without ROS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from concept_control.errors import StrokeError
from concept_control.policy.drawing import DrawingStroke, place_strokes
from concept_control.policy.step_energy import PolicyStroke
from concept_control.world.workspace import Workspace

BLOCKS = ('red', 'blue', 'green', 'yellow')
"""Colours of the blocks that lie there where a drawing speaks of one; their ids count from 1."""


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
