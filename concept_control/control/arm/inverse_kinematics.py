"""Inverse kinematics by damped least squares: joint positions that bring the tool to a point."""

from __future__ import annotations

import numpy as np

from concept_control.control.arm.arm_model import ArmModel
from concept_control.control.arm.kinematics import DOWN, ArmKinematics

TILT_WEIGHT = 0.1
"""Lever [m] that turns a tilt of the tool into a length beside the position's error."""

TOLERANCE, MAX_TILT = 0.003, 0.1
"""Largest error of the position [m] and largest angle to straight down [rad]."""

DAMPING = 1e-4
MAX_ITERATIONS = 150
MAX_STEP, LEAST_STEP = 0.2, 1e-4
"""Largest change of a joint in an iteration, and the one at which it gives up [rad, m]."""

UPRIGHT = 0.99
"""Smallest share of the vertical in the axis of a joint that turns the whole arm."""


def solve_ik(
    arm: ArmModel,
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
    q, is_reached = reach_all(arm, kinematics, np.asarray(position)[None])
    return q[0] if is_reached[0] else None


def reach_all(
    arm: ArmModel, kinematics: ArmKinematics, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Solve for many points (B, 3) [m] at once; see `descend` for what is returned."""
    straight = np.tile(arm.home, (len(positions), 1))
    turned = np.array([_turned(arm.home, kinematics, position) for position in positions])
    starts, points = np.concatenate([straight, turned]), np.tile(positions, (2, 1))
    q, is_reached = descend(starts, kinematics, points, arm.position_limits)
    first, second = q[: len(positions)], q[len(positions) :]
    by_first, by_second = is_reached[: len(positions)], is_reached[len(positions) :]
    return np.where(by_first[:, None], first, second), by_first | by_second


def descend(
    starts: np.ndarray,
    kinematics: ArmKinematics,
    positions: np.ndarray,
    limits: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Go from joint positions to some that put the tip at points, pointing down, all at once.

    Args:
        starts: (B, n) joint positions to start from [rad, m].
        kinematics: Kinematics of the arm.
        positions: (B, 3) world positions for the tip [m].
        limits: (n, 2) smallest and largest joint positions [rad, m].

    Returns:
        (B, n) joint positions within the limits, and (B,) bool, whether the tip is there.
    """
    q = np.clip(starts, *limits.T)
    is_reached, is_stuck = np.zeros((2, len(q)), dtype=bool)
    for _ in range(MAX_ITERATIONS):
        todo = np.flatnonzero(~(is_reached | is_stuck))
        if not len(todo):
            break
        motion = kinematics.tool(q[todo], jacobians=True)
        away = motion.position - positions[todo]
        error = np.concatenate([away, TILT_WEIGHT * (motion.axis - DOWN)], axis=-1)
        is_there = np.linalg.norm(away, axis=-1) < TOLERANCE
        is_there &= motion.axis[:, 2] < -np.cos(MAX_TILT)
        is_reached[todo] = is_there
        assert motion.position_jacobian is not None
        tilting = TILT_WEIGHT * motion.direction_jacobian(2)
        jacobian = np.concatenate([motion.position_jacobian, tilting], axis=-2)
        transposed = np.swapaxes(jacobian, -1, -2)
        normal = transposed @ jacobian + DAMPING * np.eye(q.shape[-1])
        step = -np.linalg.solve(normal, transposed @ error[..., None])[..., 0]
        step *= np.minimum(1.0, MAX_STEP / np.abs(step).max(axis=-1, initial=1e-12))[:, None]
        changed = np.where(is_there[:, None], q[todo], np.clip(q[todo] + step, *limits.T))
        is_stuck[todo] = ~is_there & (np.abs(changed - q[todo]).max(axis=-1) < LEAST_STEP)
        q[todo] = changed
    return q, is_reached


def _turned(q: np.ndarray, kinematics: ArmKinematics, position: np.ndarray) -> np.ndarray:
    """Return joint positions (n,) whose first upright hinge turns the tool towards a point."""
    frames, turned = kinematics.frames(q), q.copy()
    axes = kinematics.axes(frames)
    upright = np.flatnonzero(~kinematics.is_slide & (np.abs(axes[:, 2]) > UPRIGHT))
    if len(upright):
        first = upright[0]
        tip = kinematics.tool(q, frames=frames).position
        before, after = (place[:2] - frames.anchors[first, :2] for place in (tip, position))
        turn = np.arctan2(after[1], after[0]) - np.arctan2(before[1], before[0])
        turn = (turn + np.pi) % (2 * np.pi) - np.pi
        turned[kinematics.columns[first]] += np.sign(axes[first, 2]) * turn
    return turned
