"""Tool kinematics of a serial arm for whole batches of joint positions at once."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from concept_control.control.arm.arm_model import ArmModel, compiled
from concept_control.errors import ArmError

TOOL_LENGTH = 0.06
"""Length of the part of a tool, from its tip, that touches blocks and is kept off none [m]."""


@dataclass(frozen=True)
class Frames:
    """Where the joints of a chain are, first joint first.

    Attributes:
        anchors: (..., J, 3) points on the joints' axes [m], which move along with a slide.
        rotations: (..., J, 3, 3) rotations of the frames behind the joints.
    """

    anchors: np.ndarray
    rotations: np.ndarray


@dataclass(frozen=True)
class ToolMotion:
    """Where a point fixed to the tool is and how it moves with the joints.

    Attributes:
        position: (..., 3) world position of the point [m].
        rotation: (..., 3, 3) rotation of the tool's frame.
        position_jacobian: (..., 3, n) derivative of the position [m/rad, or 1 for a slide]; None
            where not asked.
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

    def __init__(self, arm: ArmModel) -> None:
        model = compiled(arm.spec(), arm.file.path)
        self._order = [arm.joints.index(model.joint(i).name) for i in range(model.njnt)]
        site = model.site(arm.tool_site).id
        chain: list[int] = []
        body = int(model.site_bodyid[site])
        while body != 0:
            chain.append(body)
            body = int(model.body_parentid[body])
        translations, constants, sines, cosines, axes, columns = [], [], [], [], [], []
        zeros, slides = [], []
        spheres: list[tuple[int, np.ndarray]] = []
        position, rotation = np.zeros(3), np.eye(3)
        for body in reversed(chain):
            position = position + rotation @ model.body_pos[body]
            rotation = rotation @ _matrix(model.body_quat[body])
            first = int(model.body_jntadr[body])
            for joint in range(first, first + int(model.body_jntnum[body])):
                axis, anchor = model.jnt_axis[joint], model.jnt_pos[joint]
                slides.append(model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE)
                # Rodrigues: R(q) = (I + S²) + sin(q) S - cos(q) S²; a slide does not turn.
                skew = np.cross(np.eye(3), axis) * (not slides[-1])
                translations.append(position + rotation @ anchor)
                constants.append(rotation @ (np.eye(3) + skew @ skew))
                sines.append(rotation @ skew)
                cosines.append(-rotation @ skew @ skew)
                axes.append(axis)
                columns.append(self._order[joint])
                zeros.append(model.qpos0[model.jnt_qposadr[joint]])
                position, rotation = -anchor, np.eye(3)
            # What is before the second hinge cannot come near anything.
            if len(columns) - sum(slides) > 1:
                found = _spheres(model, body, position, rotation)
                if body == chain[0]:
                    # The tool must, but not what of it is well above a block that it handles.
                    tip = position + rotation @ model.site_pos[site]
                    out = (rotation @ _matrix(model.site_quat[site]))[:, 2]
                    found = [s for s in found if (s[:3] - tip) @ out + s[3] < -TOOL_LENGTH]
                spheres += [(len(columns) - 1, sphere) for sphere in found]
        self.sphere_joints = np.array([joint for joint, _ in spheres], dtype=int)
        """(P,) the last joint before each of the spheres that cover the arm's links."""
        self.spheres = np.array([sphere for _, sphere in spheres]).reshape(-1, 4)
        """(P, 4) their centres, relative to that joint's anchor in the frame behind it, and radii
        [m]."""
        self._translations = np.array(translations)
        self._constants, self._sines = np.array(constants), np.array(sines)
        self._cosines, self._axes = np.array(cosines), np.array(axes)
        self.columns = np.array(columns)
        """(J,) of each joint of the chain, its place among the arm's joints."""
        self._zeros = np.array(zeros)
        self.is_slide = np.array(slides)
        """(J,) whether each joint of the chain moves along its axis instead of turning."""
        self._tip = position + rotation @ model.site_pos[site]
        self._tip_rotation = rotation @ _matrix(model.site_quat[site])
        self.num_joints = arm.num_joints
        self._compare(arm, model)

    def _compare(self, arm: ArmModel, model: mujoco.MjModel) -> None:
        """Raise an ArmError where the chain places the tool elsewhere than MuJoCo does."""
        data = mujoco.MjData(model)
        rng = np.random.default_rng(0)
        for q in (arm.home, *(arm.home + rng.uniform(-1, 1, (3, arm.num_joints)))):
            data.qpos[:] = q
            mujoco.mj_kinematics(model, data)
            off = float(np.linalg.norm(self.tool(q).position - data.site(arm.tool_site).xpos))
            if off > 1e-6:
                raise ArmError(
                    f'{arm.file.path}: the chain of joints to {arm.tool_site!r} places the tool '
                    f'{1e3 * off:.3g} mm from where MuJoCo does; report this file'
                )

    def frames(self, q: np.ndarray) -> Frames:
        """Locate the joints of the chain at joint positions (..., n) [rad, m]."""
        angles = np.asarray(q, dtype=float)[..., self.columns] - self._zeros
        shifts = (angles * self.is_slide)[..., None] * self._axes
        s, c = np.sin(angles)[..., None, None], np.cos(angles)[..., None, None]
        local = self._constants + s * self._sines + c * self._cosines
        rotation = np.broadcast_to(np.eye(3), (*angles.shape[:-1], 3, 3))
        position = np.zeros((*angles.shape[:-1], 3))
        anchors, rotations = [], []
        for joint in range(len(self.columns)):
            position = position + rotation @ self._translations[joint]
            rotation = rotation @ local[..., joint, :, :]
            if self.is_slide[joint]:
                position = position + (rotation @ shifts[..., joint, :, None])[..., 0]
            anchors.append(position)
            rotations.append(rotation)
        return Frames(np.stack(anchors, axis=-2), np.stack(rotations, axis=-3))

    def axes(self, frames: Frames) -> np.ndarray:
        """Return (..., J, 3) unit vectors of the joints' axes, world frame."""
        # A joint does not turn its own axis.
        return (frames.rotations @ self._axes[:, :, None])[..., 0]

    def sphere_centres(
        self, frames: Frames, which: np.ndarray | slice = slice(None)
    ) -> np.ndarray:
        """Return (..., P, 3) centres of the links' spheres, or of some of them [m]."""
        joints, local = self.sphere_joints[which], self.spheres[which, :3]
        turned = frames.rotations[..., joints, :, :] @ local[:, :, None]
        return frames.anchors[..., joints, :] + turned[..., 0]

    def tool(
        self,
        q: np.ndarray,
        offset: np.ndarray | None = None,
        jacobians: bool = False,
        frames: Frames | None = None,
    ) -> ToolMotion:
        """Locate a point of the tool.

        Args:
            q: (..., n) joint positions [rad, m].
            offset: (3,) point in the frame of the tool's tip [m]; None: the tip itself.
            jacobians: Whether to compute derivatives as well.
            frames: Frames of these joint positions, where they are known already.
        """
        frames = self.frames(q) if frames is None else frames
        rotation = frames.rotations[..., -1, :, :]
        tip = self._tip if offset is None else self._tip + self._tip_rotation @ offset
        point = frames.anchors[..., -1, :] + rotation @ tip
        rotation = rotation @ self._tip_rotation
        if not jacobians:
            return ToolMotion(point, rotation)
        axis = np.swapaxes(self.axes(frames), -1, -2)
        arm = point[..., None] - np.swapaxes(frames.anchors, -1, -2)
        position_jacobian = np.zeros((*point.shape[:-1], 3, self.num_joints))
        rotation_jacobian = np.zeros_like(position_jacobian)
        position_jacobian[..., self.columns] = np.where(self.is_slide, axis, _cross(axis, arm))
        rotation_jacobian[..., self.columns] = np.where(self.is_slide, 0.0, axis)
        return ToolMotion(point, rotation, position_jacobian, rotation_jacobian)


def _spheres(
    model: mujoco.MjModel, body: int, position: np.ndarray, rotation: np.ndarray
) -> list[np.ndarray]:
    """Return spheres (4,), centre and radius [m], that cover a body's geoms lengthwise.

    Position (3,) and rotation (3, 3) are those of the body in the frame wanted.
    """
    spheres = []
    first = int(model.body_geomadr[body])
    for geom in range(first, first + int(model.body_geomnum[body])):
        center, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
        longest = int(half.argmax())
        radius = float(np.delete(half, longest).max())
        reach = max(half[longest] - radius, 0.0)
        turn = rotation @ _matrix(model.geom_quat[geom])
        middle = position + rotation @ model.geom_pos[geom] + turn @ center
        # Spheres one and a half radii apart leave two thirds of the rod's radius covered.
        for along in np.linspace(-reach, reach, 1 + int(np.ceil(2 * reach / (1.5 * radius)))):
            spheres.append(np.array([*(middle + along * turn[:, longest]), radius]))
    return spheres


def _matrix(quat: np.ndarray) -> np.ndarray:
    flat = np.zeros(9)
    mujoco.mju_quat2Mat(flat, quat)
    return flat.reshape(3, 3)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cross product along the second-last axis; `np.cross` costs several times as much."""
    ax, ay, az = a[..., 0, :], a[..., 1, :], a[..., 2, :]
    bx, by, bz = b[..., 0, :], b[..., 1, :], b[..., 2, :]
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-2)


DOWN = np.array([0.0, 0.0, -1.0])
