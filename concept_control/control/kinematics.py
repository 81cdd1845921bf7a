"""Tool kinematics of a serial arm for whole batches of joint positions at once."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from concept_control.control.arm import ArmDescription


@dataclass(frozen=True)
class ToolMotion:
    """Where a point fixed to the tool is and how it moves with the joints.

    Attributes:
        position: (..., 3) world position of the point [m].
        rotation: (..., 3, 3) rotation of the tool's frame.
        position_jacobian: (..., 3, n) derivative of the position [m/rad]; None where not asked.
        rotation_jacobian: (..., 3, n) angular velocity by joint velocities; None where not asked.
    """

    position: np.ndarray
    rotation: np.ndarray
    position_jacobian: np.ndarray | None = None
    rotation_jacobian: np.ndarray | None = None

    @property
    def axis(self) -> np.ndarray:
        """(..., 3) the tool's z axis, out of its tip."""
        return self.rotation[..., 2]

    @property
    def heading(self) -> np.ndarray:
        """(...,) angle of the tool's x axis about the vertical [rad]."""
        return np.arctan2(self.rotation[..., 1, 0], self.rotation[..., 0, 0])

    def direction_jacobian(self, column: int) -> np.ndarray:
        """Return the (..., 3, n) derivative of one axis of the tool's frame [1/rad]."""
        assert self.rotation_jacobian is not None
        return _cross(self.rotation_jacobian, self.rotation[..., column][..., None])


class ArmKinematics:
    """Forward kinematics of the chain from an arm's base to its tool.

    The chain is read from the MJCF once; evaluation is plain array arithmetic over any batch, so
    that a horizon or a population of rollouts costs one pass over the joints.
    """

    def __init__(self, arm: ArmDescription) -> None:
        model = arm.spec().compile()
        self._order = [arm.joints.index(model.joint(i).name) for i in range(model.njnt)]
        site = model.site(arm.tool_site).id
        chain: list[int] = []
        body = int(model.site_bodyid[site])
        while body != 0:
            chain.append(body)
            body = int(model.body_parentid[body])
        translations, constants, sines, cosines, axes, columns = [], [], [], [], [], []
        position, rotation = np.zeros(3), np.eye(3)
        for body in reversed(chain):
            position = position + rotation @ model.body_pos[body]
            rotation = rotation @ _matrix(model.body_quat[body])
            first = int(model.body_jntadr[body])
            for joint in range(first, first + int(model.body_jntnum[body])):
                axis, anchor = model.jnt_axis[joint], model.jnt_pos[joint]
                skew = _skew(axis)
                # Rodrigues: R(q) = (I + S²) + sin(q) S - cos(q) S²
                translations.append(position + rotation @ anchor)
                constants.append(rotation @ (np.eye(3) + skew @ skew))
                sines.append(rotation @ skew)
                cosines.append(-rotation @ skew @ skew)
                axes.append(rotation @ axis)
                columns.append(self._order[joint])
                position, rotation = -anchor, np.eye(3)
        self._translations = np.array(translations)
        self._constants, self._sines = np.array(constants), np.array(sines)
        self._cosines, self._axes = np.array(cosines), np.array(axes)
        self._columns = np.array(columns)
        self._tip = position + rotation @ model.site_pos[site]
        self._tip_rotation = rotation @ _matrix(model.site_quat[site])
        self.num_joints = arm.num_joints

    def tool(
        self, q: np.ndarray, offset: np.ndarray | None = None, jacobians: bool = False
    ) -> ToolMotion:
        """Locate a point of the tool.

        Args:
            q: (..., n) joint positions [rad].
            offset: (3,) the point in the frame of the tool's tip [m]; None: the tip itself.
            jacobians: whether to compute derivatives as well.
        """
        q = np.asarray(q, dtype=float)
        angles = q[..., self._columns]
        s, c = np.sin(angles)[..., None, None], np.cos(angles)[..., None, None]
        local = self._constants + s * self._sines + c * self._cosines
        rotation = np.broadcast_to(np.eye(3), (*q.shape[:-1], 3, 3))
        position = np.zeros((*q.shape[:-1], 3))
        anchors, axes = [], []
        for joint in range(len(self._columns)):
            position = position + rotation @ self._translations[joint]
            if jacobians:
                anchors.append(position)
                axes.append(rotation @ self._axes[joint])
            rotation = rotation @ local[..., joint, :, :]
        tip = self._tip if offset is None else self._tip + self._tip_rotation @ offset
        point = position + rotation @ tip
        rotation = rotation @ self._tip_rotation
        if not jacobians:
            return ToolMotion(point, rotation)
        axis = np.stack(axes, axis=-1)
        arm = point[..., None] - np.stack(anchors, axis=-1)
        position_jacobian = np.zeros((*q.shape[:-1], 3, self.num_joints))
        rotation_jacobian = np.zeros_like(position_jacobian)
        position_jacobian[..., self._columns] = _cross(axis, arm)
        rotation_jacobian[..., self._columns] = axis
        return ToolMotion(point, rotation, position_jacobian, rotation_jacobian)


def _matrix(quat: np.ndarray) -> np.ndarray:
    flat = np.zeros(9)
    mujoco.mju_quat2Mat(flat, quat)
    return flat.reshape(3, 3)


def _skew(v: np.ndarray) -> np.ndarray:
    return np.array([[0.0, -v[2], v[1]], [v[2], 0.0, -v[0]], [-v[1], v[0], 0.0]])


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product along the second-last axis; `np.cross` costs several times as much."""
    ax, ay, az = a[..., 0, :], a[..., 1, :], a[..., 2, :]
    bx, by, bz = b[..., 0, :], b[..., 1, :], b[..., 2, :]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-2)
