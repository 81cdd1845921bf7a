"""The entities of a scene: what is known of each thing on the table, and the tool's id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

TOOL_ID = 0
"""Entity id of the robot's tool; blocks count from 1."""

TOOL_SIZE = 0.03
"""Side of the cube that stands for the tool [m]: the diameter of the suction cup."""

TABLE_NOISE = 0.04
"""Height of a lower face up to which a thing stands on the table [workspace units]: the errors of
perception, 10 mm on the default table."""

TOUCHING = 0.02
"""Gap between two faces up to which one thing rests on the other [workspace units], 5 mm on the
default table."""

RIM = 0.004
"""Thickness of the walls and of the floor of an open box [m]: a camera hardly tells it."""

OPEN_BOX = 'open box'
"""Shape of a box without a lid, into which things can be put, as `msg/Entity` names it."""

TOOL_COLOR = (0.2, 0.2, 0.2)
"""RGB of the tool in [0, 1]."""


class EntityStatus(IntEnum):
    """How an entity's position is known; values of `msg/Entity`."""

    SEEN = 0
    OCCLUDED = 1
    HELD = 2


@dataclass(frozen=True)
class EntityState:
    """One entity as perceived now, world frame.

    Attributes:
        position: (3,) centre of the body [m].
        size: (3,) sides of its box [m].
        color: (3,) RGB in [0, 1].
        status: How the position is known.
        yaw: Angle about the vertical axis [rad].
        rim: Thickness of the walls and of the floor of an open box [m]; 0 for what is solid.
    """

    position: np.ndarray
    size: np.ndarray
    color: np.ndarray = field(default_factory=lambda: np.full(3, 0.5))
    status: EntityStatus = EntityStatus.SEEN
    yaw: float = 0.0
    rim: float = 0.0

    @property
    def xy(self) -> np.ndarray:
        """(2,) position on the table [m]."""
        return np.asarray(self.position, dtype=float)[:2]

    @property
    def width(self) -> float:
        """Side of the smallest square seen from above [m]."""
        return float(max(self.size[0], self.size[1]))

    @property
    def top(self) -> float:
        """Height of its upper face [m]."""
        return float(self.position[2] + self.size[2] / 2)


def tool_state(position: Sequence[float] | np.ndarray = (0.0, 0.0, 0.0)) -> EntityState:
    """Return the tool as an entity, its tip at (3,) [m] in the world frame."""
    return EntityState(
        position=np.asarray(position, dtype=float),
        size=np.full(3, TOOL_SIZE),
        color=np.array(TOOL_COLOR),
    )
