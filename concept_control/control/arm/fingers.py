"""A parallel gripper: two fingers at an arm's tool, and what their opening says."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from concept_control.control.arm.arm_model import OWN
from concept_control.errors import ArmError

FINGERS = (f'{OWN}finger_0', f'{OWN}finger_1')
"""Names of the fingers' bodies; in simulation their slides have the same names."""

PALM_DEPTH, PALM_HEIGHT = 0.05, 0.04
"""Sides of the palm across the opening and along the tool [m]; it is as wide as fingers open."""

PALM_MASS, FINGER_MASS = 0.25, 0.03
"""Masses [kg]."""

SIDE_ROOM = 0.005
"""Least free space beside a block on the way down, at each finger [m]."""

CLOSED_GAP = 0.003
"""Difference of two openings that count as one [m]."""

SETTLED_TIME = 0.15
"""Time without motion after which closing fingers have met something [s]."""


@dataclass(frozen=True)
class Fingers:
    """Two fingers that move along the x axis of the tool's site and end at the tool's tip.

    Attributes:
        opening: Largest distance between them [m].
        thickness: Side of a finger along the opening [m].
        width: Side of a finger across it [m].
        length: Length from the palm to the tips [m].
        force: Force of each when they squeeze [N].
    """

    opening: float = 0.08
    thickness: float = 0.008
    width: float = 0.02
    length: float = 0.055
    force: float = 15.0

    def __post_init__(self) -> None:
        lengths = (self.opening, self.thickness, self.width, self.length, self.force)
        if not (np.isfinite(lengths).all() and min(lengths) > 0):
            raise ArmError(f'fingers: expected positive lengths and force, got {lengths}')

    @property
    def reach(self) -> float:
        """Length of the whole gripper, from where it is mounted to its tips [m]."""
        return self.length + PALM_HEIGHT

    @property
    def widest(self) -> float:
        """Width of the widest block that they can be put around [m]."""
        return self.opening - 2 * SIDE_ROOM

    def add_to(self, spec: mujoco.MjSpec, site: str) -> None:
        """Put palm and fingers, wide open, at the site of a tool's tip."""
        tip, parent = spec.compile().site(site), spec.site(site).parent
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, tip.quat)

        def at(x: float, z: float) -> np.ndarray:
            return tip.pos + turn.reshape(3, 3) @ [x, 0.0, z]

        shared = {'type': mujoco.mjtGeom.mjGEOM_BOX, 'contype': 2, 'conaffinity': 1}
        spread = self.opening / 2 + self.thickness
        parent.add_geom(
            name=f'{OWN}palm',
            size=[spread, PALM_DEPTH / 2, PALM_HEIGHT / 2],
            pos=at(0.0, -self.length - PALM_HEIGHT / 2),
            quat=tip.quat,
            mass=PALM_MASS,
            rgba=[0.2, 0.2, 0.2, 1.0],
            **shared,
        )
        for name, side in zip(FINGERS, (1.0, -1.0)):
            place = at(side * (spread - self.thickness / 2), 0.0)
            parent.add_body(name=name, pos=place, quat=tip.quat).add_geom(
                name=name,
                size=[self.thickness / 2, self.width / 2, self.length / 2],
                pos=[0.0, 0.0, -self.length / 2],
                mass=FINGER_MASS,
                rgba=[0.12, 0.12, 0.12, 1.0],
                condim=4,
                friction=[1.0, 0.02, 0.001],
                # MuJoCo's friction gives way where pads move on a curve, the more the longer this
                # time: at 10 ms what is held slid by 3 mm in a carry.
                solref=[0.004, 1.0],
                priority=1,
                **shared,
            )


class GripSensor:
    """Tells from the opening of fingers whether something is between them.

    Closing fingers that rest before they have met hold something, until they go on closing, for
    it has slipped out, or have opened.
    """

    def __init__(self) -> None:
        self._wanted = self._last = self._width = np.nan
        self._since = np.inf
        self._is_holding = False

    def update(self, time: float, opening: float, wanted: float) -> bool:
        """Tell whether something is held.

        Args:
            time: Present time [s].
            opening: Distance between the fingers that is measured [m].
            wanted: Distance that is asked for [m]; NaN for none yet.
        """
        has_moved = not abs(opening - self._last) < CLOSED_GAP / 6
        if has_moved or wanted != self._wanted or time < self._since:
            self._last, self._wanted, self._since = opening, wanted, time
        if self._is_holding:
            has_opened = opening > self._width + CLOSED_GAP
            self._is_holding = not (has_opened or opening < self._width - 2 * CLOSED_GAP)
        elif opening > wanted + CLOSED_GAP and time - self._since >= SETTLED_TIME:
            self._is_holding, self._width = True, opening
        return self._is_holding
