"""The simulated world: physics of arm and blocks, the tool, and a hand that moves blocks."""

from __future__ import annotations

import mujoco
import numpy as np

from concept_control.simulation.finger_drive import FingerDrive
from concept_control.simulation.scene import Scene, SceneError
from concept_control.world.entity import TOOL_ID, EntityState, EntityStatus, tool_state
from concept_control.world.tabletop import Tabletop

SUCTION_REACH = 0.006
"""Largest distance below the cup of a face that is sucked on [m]."""

SUCTION_TILT = np.radians(15.0)
"""Largest angle between the cup's axis and the face's normal [rad]."""

SUCTION_EDGE = 0.006
"""Least distance of the cup's centre from the face's border to seal [m]."""


class SimulatedWorld:
    """Steps a scene and answers what sensors and people could see of it.

    Not thread-safe: one thread owns it. Blocks have the ids 1 … N. Positions are in the world
    frame [m]; efforts, positions and velocities of joints are in the order of `scene.arm.joints`.

    Attributes:
        suction: Whether the vacuum is on.
        fingers: Fingers of a parallel gripper; None for other tools.
    """

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.model = scene.model
        self.data = scene.new_data()
        self._sucked: int | None = None
        self.suction = False
        arm, model = scene.arm, scene.model
        self.fingers = None if arm.fingers is None else FingerDrive(model, self.data, arm.fingers)
        self._qpos = np.array([model.joint(name).qposadr[0] for name in arm.joints])
        self._dof = np.array([model.joint(name).dofadr[0] for name in arm.joints])
        self._ctrl = np.array([model.actuator(name).id for name in arm.joints])
        self._site = model.site(arm.tool_site).id
        self._tool_body = int(model.site_bodyid[self._site])
        self._blocks = np.array([model.body(n).id for n in scene.block_names], dtype=int)
        self._geom_bodies = model.geom_bodyid
        self._block_qpos = [model.joint(n).qposadr[0] for n in scene.block_names]
        self._block_dof = [model.joint(n).dofadr[0] for n in scene.block_names]

    @property
    def time(self) -> float:
        """Simulated time [s]."""
        return float(self.data.time)

    @property
    def held(self) -> int | None:
        """Id of the block under the cup, or between the fingers; None where there is none."""
        if self.fingers is None:
            return self._sucked
        touched = self._geom_bodies[list(self.fingers.pinched())]
        found = np.flatnonzero(np.isin(self._blocks, touched))
        return int(found[0]) + 1 if len(found) else None

    @property
    def num_blocks(self) -> int:
        """Number of blocks N."""
        return len(self._blocks)

    def joint_state(self) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (n,) [rad] and velocities (n,) [rad/s] of the arm."""
        return self.data.qpos[self._qpos].copy(), self.data.qvel[self._dof].copy()

    def applied_effort(self) -> np.ndarray:
        """Return (n,) the torques of the motors in the last step [N m]."""
        return self.data.actuator_force[self._ctrl].copy()

    def tool_pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return position (3,) and rotation (3, 3) of the tool's tip."""
        return (
            self.data.site_xpos[self._site].copy(),
            self.data.site_xmat[self._site].reshape(3, 3).copy(),
        )

    def block_positions(self) -> np.ndarray:
        """Return (N, 3) true centres of the blocks."""
        return self.data.xpos[self._blocks].copy()

    def block_yaws(self) -> np.ndarray:
        """Return (N,) true angles of the blocks about the vertical [rad]."""
        matrices = self.data.xmat[self._blocks].reshape(-1, 3, 3)
        # Of a cube that has rolled over, the first axis may point up; another lies level then.
        level = np.abs(matrices[:, 2]).argmin(axis=1)
        level = np.where(np.abs(matrices[:, 2, 0]) < 0.5, 0, level)
        axes = np.take_along_axis(matrices, level[:, None, None], axis=2)[..., 0]
        return np.arctan2(axes[:, 1], axes[:, 0])

    def entities(self) -> dict[int, EntityState]:
        """Return the true state of every block by id."""
        positions, yaws, scene = self.block_positions(), self.block_yaws(), self.scene
        return {
            i + 1: EntityState(
                position=positions[i],
                size=np.array([scene.sizes[i], scene.sizes[i], scene.heights[i]]),
                color=scene.colors[i],
                status=EntityStatus.HELD if self.held == i + 1 else EntityStatus.SEEN,
                yaw=float(yaws[i]),
                rim=float(scene.rims[i]),
            )
            for i in range(self.num_blocks)
        }

    def tabletop(self, with_tool: bool = False) -> Tabletop:
        """Return the true scene in workspace units, the tool in it where asked for."""
        tool = {TOOL_ID: tool_state(self.tool_pose()[0])} if with_tool else {}
        return Tabletop.from_entities({**tool, **self.entities()}, self.scene.arm.workspace)

    def step(self, effort: np.ndarray) -> None:
        """Advance by one timestep under joint torques (n,) [N m]; motors clamp to their limits.

        Raises:
            SceneError: For efforts of a wrong shape or that are not finite.
        """
        effort = np.asarray(effort, dtype=float)
        if effort.shape != self._ctrl.shape or not np.isfinite(effort).all():
            raise SceneError(f'effort {effort} is not {len(self._ctrl)} finite torques')
        self.data.ctrl[self._ctrl] = effort
        mujoco.mj_step(self.model, self.data)
        if self.suction and self._sucked is None:
            self.attach()

    def set_suction(self, on: bool) -> None:
        """Switch the vacuum; while on, `step` seizes the first block that comes under the cup."""
        if on and not self.scene.arm.suction:
            raise SceneError(f'the tool of {self.scene.arm.name} has no suction')
        self.suction = bool(on)
        if not on:
            self.release()

    def set_opening(self, opening: float) -> None:
        """Move the fingers apart or together, to a distance [m]."""
        if self.fingers is None:
            raise SceneError(f'the tool of {self.scene.arm.name} has no fingers')
        self.fingers.move(opening)

    def attach(self) -> int | None:
        """Weld the block whose face is under the cup, where it is now.

        Returns:
            the id of the held block, None where no face is within reach.
        """
        if self._sucked is not None:
            return self._sucked
        position, rotation = self.tool_pose()
        for index, body in enumerate(self._blocks):
            is_open = self.scene.rims[index] > 0  # it has no face that seals
            if not is_open and self._is_under_cup(position, rotation[:, 2], int(body), index):
                self._weld(index, int(body))
                self._sucked = index + 1
                return self._sucked
        return None

    def release(self) -> None:
        """Let go of the block under the cup."""
        if self._sucked is not None:
            self.data.eq_active[self._weld_id(self._sucked - 1)] = 0
            self._sucked = None

    def disturb(self, block: int, xy: np.ndarray, yaw: float | None = None) -> None:
        """Put a block at rest elsewhere, as a person's hand would.

        Args:
            block: Id of the block, 1 … N.
            xy: (2,) new world position [m], or (3,) with the height of the lower face.
            yaw: New angle about the vertical [rad]; None keeps it.

        Raises:
            SceneError: For an id that does not exist.
        """
        if not 1 <= block <= self.num_blocks:
            raise SceneError(f'no block {block}; blocks are 1 … {self.num_blocks}')
        if self._sucked == block:
            self.release()
        index = block - 1
        yaw = float(self.block_yaws()[index]) if yaw is None else yaw
        at, dof = self._block_qpos[index], self._block_dof[index]
        self.data.qpos[at : at + 2] = xy[:2]
        self.data.qpos[at + 2] = self.scene.heights[index] / 2 + sum(xy[2:])
        self.data.qpos[at + 3 : at + 7] = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        self.data.qvel[dof : dof + 6] = 0.0
        mujoco.mj_forward(self.model, self.data)

    def _is_under_cup(self, tip: np.ndarray, axis: np.ndarray, body: int, index: int) -> bool:
        rotation = self.data.xmat[body].reshape(3, 3)
        local_axis = rotation.T @ axis
        face = int(np.argmax(np.abs(local_axis)))
        if np.abs(local_axis[face]) < np.cos(SUCTION_TILT):
            return False
        local = rotation.T @ (tip - self.data.xpos[body])
        half = self.scene.sizes[index] / 2
        height = -np.sign(local_axis[face]) * local[face] - half
        lateral = np.abs(np.delete(local, face)).max()
        return bool(-0.003 <= height <= SUCTION_REACH and lateral <= half - SUCTION_EDGE)

    def _weld_id(self, index: int) -> int:
        return self.model.equality(f'suction_{self.scene.block_names[index]}').id

    def _weld(self, index: int, body: int) -> None:
        """Activate the weld at the present relative pose: an old one would yank the block."""
        data, tool = self.data, self._tool_body
        rotation = data.xmat[tool].reshape(3, 3)
        inverse, relative = np.zeros(4), np.zeros(4)
        mujoco.mju_negQuat(inverse, data.xquat[tool])
        mujoco.mju_mulQuat(relative, inverse, data.xquat[body])
        weld = self._weld_id(index)
        # eq_data of a weld: anchor (3), relative position (3), relative quaternion (4), torque
        # scale (1).
        self.model.eq_data[weld, 0:3] = 0.0
        self.model.eq_data[weld, 3:6] = rotation.T @ (data.xpos[body] - data.xpos[tool])
        self.model.eq_data[weld, 6:10] = relative
        self.model.eq_data[weld, 10] = 1.0
        data.eq_active[weld] = 1


class Replica:
    """Poses a model from its generalised positions; owned by the thread that reads it."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self._model = model
        self._data = mujoco.MjData(model)

    def at(self, qpos: np.ndarray) -> mujoco.MjData:
        """Return the state at positions (nq,) with the poses of bodies, cameras and lights."""
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        return self._data
