"""Scripted pick-and-place sequences to try tracking on: the arm hides, holds and releases blocks.

Nothing is planned and nothing moves by physics: the arm follows the tool's path by inverse
kinematics, a held block moves with the tool, and the truth is known at every frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import mujoco
import numpy as np

from concept_control.perception.tracking.track import rotate_about_vertical
from concept_control.simulation.scene import Scene, SceneConfig, SceneError, build_scene
from concept_control.world.colors import NAMED_COLORS

TRAVEL_HEIGHT = 0.20
"""Height of the tool's tip above the table between grasps [m]."""

REST = np.array([0.32, 0.0, 0.35])
"""Place where the tool starts and ends, world frame [m]."""


NUM_BLOCKS = (3, 6)
"""Smallest and largest number of blocks."""

NUM_CARRIES = 2
"""Number of blocks picked up and put elsewhere, one after the other."""

SAME_COLOR = 0.3
"""Probability that a block has an earlier one's colour."""

SPEED = 0.4
"""Speed of the tool [m/s]."""

FRAME_RATE = 15.0
"""Frame rate of the camera [Hz]."""


@dataclass(frozen=True)
class CarryFrame:
    """The truth at one moment; N blocks.

    Attributes:
        stamp: Time of the frame [s].
        positions: (N, 3) centres of the blocks, world frame [m].
        tool_position: (3,) tip of the tool, world frame [m].
        tool_yaw: Heading of the tool about the vertical axis [rad].
        held: Index of the block at the tool, -1 for none.
    """

    stamp: float
    positions: np.ndarray
    tool_position: np.ndarray
    tool_yaw: float
    held: int


class CarrySequence:
    """One sequence: iterate over it and render `data` after each step.

    Attributes:
        scene: Scene with the table and the cameras `top` and `oblique`.
        data: State of the scene at the last frame, positions computed.
    """

    def __init__(self, seed: int) -> None:
        """Draw a table and what will be carried.

        Raises:
            SceneError: If the blocks do not fit.
        """
        self._rng = np.random.default_rng(seed)
        num = int(self._rng.integers(NUM_BLOCKS[0], NUM_BLOCKS[1] + 1))
        names = list(NAMED_COLORS)
        colors: list[str] = []
        for _ in range(num):
            repeat = colors and self._rng.random() < SAME_COLOR
            colors.append(str(self._rng.choice(colors if repeat else names)))
        self.scene: Scene = build_scene(SceneConfig(num_blocks=num, colors=colors, seed=seed))
        self.data = self.scene.new_data()
        model = self.scene.model
        self._site = model.site(self.scene.arm.tool_site).id
        joints = [model.joint(name) for name in self.scene.arm.joints]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dof = np.array([joint.dofadr[0] for joint in joints])
        self._blocks = [model.joint(name).qposadr[0] for name in self.scene.block_names]
        self._bodies = [model.body(name).id for name in self.scene.block_names]

    def __iter__(self) -> Iterator[CarryFrame]:
        """Move through the sequence; the yielded truth belongs to `data` as it is then."""
        step = SPEED / FRAME_RATE
        stamp, held, grip, turn = 0.0, -1, np.zeros(3), 0.0
        last = REST
        for target, action in self._script():
            num = max(int(np.ceil(np.linalg.norm(target - last) / step)), 1)
            for share in np.arange(1, num + 1) / num:
                tip = self._reach(last + share * (target - last))
                heading = self._heading()
                if held >= 0:
                    self._put(held, tip + rotate_about_vertical(grip, heading), turn + heading)
                places = self.data.xpos[self._bodies].copy()
                yield CarryFrame(stamp, places, tip, self._heading(), held)
                stamp += 1.0 / FRAME_RATE
            last = target
            if action >= 0:
                held = action
                grip = rotate_about_vertical(self.data.xpos[self._bodies[held]] - tip, -heading)
                turn = _yaw(self.data.xmat[self._bodies[held]]) - heading
            elif action == _RELEASE and held >= 0:
                side = self.scene.sizes[held]
                place = np.array([*self.data.xpos[self._bodies[held]][:2], 0.5 * side])
                self._put(held, place, turn + heading)
                held = -1

    @property
    def joint_positions(self) -> np.ndarray:
        """(J,) of the arm now, in the order of its description [rad]."""
        return self.data.qpos[self._qpos].copy()

    def _script(self) -> list[tuple[np.ndarray, int]]:
        """Return way points of the tool's tip, each with what happens there."""
        places = self.scene.initial_positions.copy()
        sides = self.scene.sizes
        script: list[tuple[np.ndarray, int]] = [(REST, _NOTHING), (REST + 1e-3, _NOTHING)]
        for block in self._rng.permutation(len(places))[:NUM_CARRIES]:
            source, goal = places[block], self._free_place(places, int(block))
            top = np.array([0.0, 0.0, 0.5 * sides[block] + 0.001])
            up = np.array([0.0, 0.0, TRAVEL_HEIGHT])
            script += [
                (source * (1, 1, 0) + up, _NOTHING),
                (source + top, int(block)),
                (source * (1, 1, 0) + up, _NOTHING),
                (goal * (1, 1, 0) + up, _NOTHING),
                (goal + top + (0.0, 0.0, 0.002), _RELEASE),
                (goal * (1, 1, 0) + up, _NOTHING),
            ]
            places[block] = goal
        return [*script, (REST, _NOTHING), (REST + 1e-3, _NOTHING)]

    def _free_place(self, places: np.ndarray, block: int) -> np.ndarray:
        """Draw a place for a block, free of all others."""
        workspace = self.scene.arm.workspace
        others = np.delete(places, block, axis=0)
        for _ in range(1000):
            xy = workspace.to_world(self._rng.uniform(-0.85, 0.85, 2))
            gaps = np.linalg.norm(others[:, :2] - xy, axis=1)
            if (gaps > 0.07).all() and np.linalg.norm(places[block, :2] - xy) > 0.08:
                return np.array([*xy, places[block, 2]])
        raise SceneError('no free place for the carried block')

    def _reach(self, target: np.ndarray) -> np.ndarray:
        """Bend the arm until the tool's tip is at a place, pointing down; return where it is."""
        model, data = self.scene.model, self.data
        jac_position, jac_rotation = np.zeros((2, 3, model.nv))
        for _ in range(30):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            axis = data.site_xmat[self._site].reshape(3, 3)[:, 2]
            error = np.concatenate(
                [target - data.site_xpos[self._site], np.cross(axis, [0.0, 0.0, -1.0])]
            )
            if np.abs(error).max() < 1e-4:
                break
            mujoco.mj_jacSite(model, data, jac_position, jac_rotation, self._site)
            jacobian = np.vstack([jac_position, jac_rotation])[:, self._dof]
            # Damped least squares, drawn towards home in what the tool leaves free.
            damped = jacobian @ jacobian.T + 1e-4 * np.eye(6)
            home = 0.05 * (self.scene.arm.home - data.qpos[self._qpos])
            step = jacobian.T @ np.linalg.solve(damped, error - jacobian @ home) + home
            limits = self.scene.arm.position_limits
            data.qpos[self._qpos] = np.clip(
                data.qpos[self._qpos] + step, limits[:, 0], limits[:, 1]
            )
        mujoco.mj_forward(model, data)
        return data.site_xpos[self._site].copy()

    def _heading(self) -> float:
        """Return the tool's angle about the vertical axis [rad]."""
        return _yaw(self.data.site_xmat[self._site])

    def _put(self, block: int, position: np.ndarray, yaw: float) -> None:
        start = self._blocks[block]
        self.data.qpos[start : start + 3] = position
        self.data.qpos[start + 3 : start + 7] = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        mujoco.mj_forward(self.scene.model, self.data)


def _yaw(matrix: np.ndarray) -> float:
    """Return the angle about the vertical [rad] of a rotation matrix (9,)."""
    return float(np.arctan2(matrix[3], matrix[0]))


_NOTHING, _RELEASE = -1, -2
"""Actions at a way point; a block's index means that it is grasped there."""
