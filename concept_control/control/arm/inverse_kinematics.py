"""Inverse kinematics by damped least squares: joint positions that bring the tool to a point."""

from __future__ import annotations

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import DOWN, ArmKinematics

TILT_WEIGHT = 0.1
"""Lever [m] that turns a tilt of the tool into a length beside the position's error."""

TOLERANCE, MAX_TILT = 0.003, 0.1
"""Largest error of the position [m] and largest angle to straight down [rad]."""

DAMPING = 1e-4
MAX_ITERATIONS = 150
MAX_STEP = 0.2
"""Largest change of a joint in an iteration [rad]."""


def solve_ik(
    arm: ArmDescription,
    kinematics: ArmKinematics,
    position: np.ndarray,
) -> np.ndarray | None:
    """Find joint positions that put the tool's tip at a point, pointing down.

    Args:
        arm: Arm with its limits and home, where the search starts.
        kinematics: Kinematics of the same arm.
        position: (3,) world position for the tip [m].

    Returns:
        (n,) joint positions within their limits, None where none was found.
    """
    lower, upper = arm.position_limits.T
    turned = arm.home.copy()
    turned[0] += np.arctan2(position[1], position[0])
    for start in (arm.home, turned):
        q = np.clip(start, lower, upper)
        for _ in range(MAX_ITERATIONS):
            motion = kinematics.tool(q, jacobians=True)
            error = np.concatenate(
                [motion.position - position, TILT_WEIGHT * (motion.axis - DOWN)]
            )
            if np.linalg.norm(error[:3]) < TOLERANCE and motion.axis[2] < -np.cos(MAX_TILT):
                return q
            assert motion.position_jacobian is not None
            tilting = TILT_WEIGHT * motion.direction_jacobian(2)
            jacobian = np.vstack([motion.position_jacobian, tilting])
            normal = jacobian.T @ jacobian + DAMPING * np.eye(len(q))
            step = -np.linalg.solve(normal, jacobian.T @ error)
            step *= min(1.0, MAX_STEP / max(np.abs(step).max(), 1e-12))
            q = np.clip(q + step, lower, upper)
    return None
