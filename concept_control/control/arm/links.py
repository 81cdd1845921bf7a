"""An arm as a tree of links and joints, as URDF and TF have it."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from concept_control.control.arm.arm_model import OWN, ArmModel, compiled
from concept_control.errors import ArmError

TOOL_FRAME = f'{OWN}tool'
"""Frame of the tool's tip, its z axis pointing out of the tool."""

NEGLIGIBLE = 1e-9
"""Offset between two frames that are one [m]."""


@dataclass(frozen=True)
class Pose:
    """Pose of a frame in its parent's.

    Attributes:
        parent: Name of the frame it is given in.
        child: Name of the frame.
        position: (3,) origin [m].
        rotation: Rotation to the parent's frame.
    """

    parent: str
    child: str
    position: np.ndarray
    rotation: Rotation


@dataclass(frozen=True)
class Connection(Pose):
    """What joins a link to its parent; the pose is that at joint position 0.

    Attributes:
        column: Place of its joint among the arm's; -1 where it is fixed.
        axis: (3,) axis of the joint, which turns about its frame's origin or moves along it.
        is_slide: Whether the joint moves along its axis.
    """

    column: int = -1
    axis: tuple[float, ...] = (0.0, 0.0, 1.0)
    is_slide: bool = False


class ArmLinks:
    """The links of an arm from the fixed frame to the tool, and where they are.

    A link's frame is that of the body in the arm's file. Where an MJCF has a joint away from its
    body's origin, or several at a body, a link of the joint's name stands between.

    Attributes:
        frame: Name of the fixed frame, the root of the tree.
        model: Compiled model of the arm.
        bodies: Names of the links of the model's bodies, the fixed frame first.
        connections: What joins each other link to its parent, parents first.
    """

    def __init__(self, arm: ArmModel, frame: str = 'world') -> None:
        """Read the tree.

        Raises:
            ArmError: Where a link that does not stand in the fixed frame has its name.
        """
        self.frame = frame
        self.model = model = compiled(arm.spec(), arm.file.path)
        self.bodies = [frame]
        self.connections: list[Connection] = []
        for body in range(1, model.nbody):
            self.bodies.append(model.body(body).name or f'{OWN}body_{body}')
            self._connect(arm, body)
        site = model.site(arm.tool_site)
        if TOOL_FRAME not in self.bodies:
            parent = self.bodies[int(site.bodyid[0])]
            self.connections.append(
                Connection(parent, TOOL_FRAME, site.pos.copy(), _rotation(site.quat))
            )
        if frame != 'world' and '<link name="world"' in arm.file.urdf:
            # MuJoCo takes this link for its own world.
            self.connections.append(Connection(frame, 'world', np.zeros(3), Rotation.identity()))
        moving = [each for each in self.connections if each.column >= 0]
        self._moving = moving
        self._columns = [each.column for each in moving]
        self._slides = np.array([each.is_slide for each in moving])[:, None]
        self._axes = np.array([each.axis for each in moving])
        self._positions = np.array([each.position for each in moving])
        self._rotations = Rotation.concatenate([each.rotation for each in moving])

    @property
    def fixed(self) -> list[Pose]:
        """Poses that never change."""
        return [each for each in self.connections if each.column < 0]

    def moving(self, q: np.ndarray) -> list[Pose]:
        """Return the poses of what a joint moves, at joint positions (n,) [rad, m]."""
        along = self._axes * np.asarray(q, dtype=float)[self._columns, None]
        rotations = self._rotations * Rotation.from_rotvec(np.where(self._slides, 0.0, along))
        positions = self._positions + self._rotations.apply(np.where(self._slides, along, 0.0))
        return [
            Pose(each.parent, each.child, position, rotation)
            for each, position, rotation in zip(self._moving, positions, rotations)
        ]

    def _connect(self, arm: ArmModel, body: int) -> None:
        """Add what joins a body to its parent: a joint, several, or none."""
        model, name = self.model, self.bodies[body]
        parent = self.bodies[int(model.body_parentid[body])]
        position, rotation = model.body_pos[body].copy(), _rotation(model.body_quat[body])
        offset = np.zeros(3)  # of the last joint's frame to the body's
        first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
        for number in range(first, first + count):
            joint = model.joint(number)
            is_slide = joint.type[0] == mujoco.mjtJoint.mjJNT_SLIDE
            position = position + rotation.apply(joint.pos - offset)
            offset = joint.pos.copy()
            shift = -float(joint.qpos0[0]) * joint.axis
            if is_slide:
                position = position + rotation.apply(shift)
            else:
                rotation = rotation * Rotation.from_rotvec(shift)
            is_last = number == first + count - 1
            is_body = is_last and np.linalg.norm(offset) < NEGLIGIBLE and name != self.frame
            child = name if is_body else f'{OWN}{joint.name}'
            column, axis = arm.joints.index(joint.name), tuple(map(float, joint.axis))
            self.connections.append(
                Connection(parent, child, position, rotation, column, axis, is_slide)
            )
            if is_body:
                return
            parent, position, rotation = child, np.zeros(3), Rotation.identity()
        position = position - rotation.apply(offset)
        if name == self.frame:
            if parent != name or np.linalg.norm(position) + rotation.magnitude() > NEGLIGIBLE:
                raise ArmError(
                    f'{arm.file.path}: its link {name!r} is not where the fixed frame of that '
                    'name is; choose another name as `frame`'
                )
            return
        self.connections.append(Connection(parent, name, position, rotation))


def _rotation(quat: np.ndarray) -> Rotation:
    """Return the rotation of a quaternion (w, x, y, z)."""
    return Rotation.from_quat(quat, scalar_first=True)
