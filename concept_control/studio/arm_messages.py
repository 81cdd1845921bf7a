"""What the studio and the process of its simulated arm tell each other; plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from concept_control.simulation.arm_shapes import ArmShape
from concept_control.studio.table import Place, Table
from concept_control.world.workspace import Workspace


@dataclass(frozen=True)
class ArmLook:
    """What an arm looks like, and where its table is.

    Attributes:
        name: Name of the arm.
        shapes: Parts to draw.
        workspace: Square of its table, in the frame of the parts.
    """

    name: str
    shapes: tuple[ArmShape, ...]
    workspace: Workspace


@dataclass(frozen=True)
class ArmState:
    """What the arm and the things do now.

    Attributes:
        time: Simulated time [s].
        bodies: (B, 1 + 3, 3) position and rotation of each of the arm's bodies, world frame.
        places: Place of each thing by id.
        status: Status of the command, as in `control.controller.Status`.
        phase: What the arm is doing.
        text: Reason, for people.
        expression: Expression that is pursued; '' for none.
        energy: Energy of the scene; NaN without a goal.
        targets: Places at which the things should end up, by id.
        path: Places (x, y, z) of the tool at 4 even moments of the newest plan [workspace units];
            empty for none.
        plan_ms: Median time of a plan so far [ms]; NaN before the first.
        late: Number of control periods whose computation took longer than they last.
        periods: Number of control periods since the command was given.
    """

    time: float
    bodies: np.ndarray
    places: dict[int, Place]
    status: str
    phase: str
    text: str
    expression: str
    energy: float
    targets: dict[int, Place] = field(default_factory=dict)
    path: tuple[tuple[float, float, float], ...] = ()
    plan_ms: float = float('nan')
    late: int = 0
    periods: int = 0


@dataclass(frozen=True)
class Command:
    """Make an expression hold."""

    expression: str
    seed: int = 0


@dataclass(frozen=True)
class Push:
    """Move a thing by hand to a place."""

    thing_id: int
    place: Place


Word = Literal['cancel', 'pause', 'resume', 'end']
"""Cancel, pause or resume what the arm does, or end the process."""

Request = Table | Command | Push | Word
"""A table is one to begin anew with, the arm at home."""
