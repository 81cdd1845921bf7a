"""The kinematic part of an arm's description: its file, and what is changed of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import mujoco
import numpy as np

from concept_control.control.arm.arm_file import ArmFile
from concept_control.errors import ArmError
from concept_control.input_files import one_line

OWN = 'concept/'
"""Prefix of the names of what is put beside an arm's own bodies and geoms."""

TURNS = 4 * math.pi
"""Position limits of joints without a range: two turns either way [rad]."""

ROTOR_INERTIA = 1e-3
"""Inertia of a motor behind its gears, by the torque limit of its joint [s²], where the file has
none: a URDF cannot say it, and links alone would be much too light for their motors."""

LEAST_ROTOR_INERTIA = 0.01
"""The same of joints without a torque limit, or a small one [kg m², kg]."""

CUP_RADIUS, STEM_RADIUS, CUP_HEIGHT = 0.014, 0.009, 0.012
"""Suction cup that is put at a tool: radii of cup and stem, and height of the cup [m]."""

CUP_MASS = 0.1
"""Mass of that tool [kg]."""


@dataclass(frozen=True)
class Tool:
    """A tool's tip at a body of an arm whose file has no site there.

    Attributes:
        body: Name of the body, or link, that carries it.
        position: (3,) place of the tip in the body's frame [m].
        axis: (3,) direction out of the tool, in the body's frame.
        cup: Length of a suction cup that ends at the tip [m]; 0 where the file has one.
    """

    body: str
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    cup: float = 0.0


@dataclass(frozen=True)
class Mount:
    """Where an arm stands, if its file has the base elsewhere than it is.

    Attributes:
        position: (3,) place of the file's origin in the world frame [m]; the table's top is at
            height 0.
        yaw_degrees: Angle of the file's x axis about the vertical.
    """

    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    yaw_degrees: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ArmModel:
    """An arm's chain of joints; n is its number of joints.

    Attributes:
        file: MJCF or URDF of the arm alone.
        joints: Names of the n joints, hinges and slides, in the order of every array below.
        tool_site: Name of the site at the tool's tip, its +z axis pointing out of the tool.
        home: (n,) joint positions to rest at [rad, m].
        position_limits: (n, 2) smallest and largest joint positions [rad, m].
        left_out: Names of bodies of the file that are left out, with all that they carry: a tool
            that is not mounted.
        locked: Positions at which joints of the file that are not the arm's are fixed [rad, m].
        tool: Tool that is put at the arm; None where the file has the site.
        base: Place of the file's origin; None for the world's.
    """

    file: ArmFile
    joints: tuple[str, ...]
    tool_site: str
    home: np.ndarray
    position_limits: np.ndarray
    left_out: tuple[str, ...] = ()
    locked: Mapping[str, float] = field(default_factory=dict)
    tool: Tool | None = None
    base: Mount | None = None

    @property
    def num_joints(self) -> int:
        """Number of controlled joints n."""
        return len(self.joints)

    def beyond_limits(self, q: np.ndarray) -> np.ndarray:
        """Return (..., n) distances of positions beyond their limits [rad, m], negative inside."""
        lower, upper = self.position_limits.T
        return np.maximum(q - upper, lower - q)

    def mounted(self) -> mujoco.MjSpec:
        """Read the file without what is left out."""
        spec = self.file.spec()
        for name in self.left_out:
            spec.delete(_body(spec, name, 'left_out', self.file.path))
        return spec

    def spec(self) -> mujoco.MjSpec:
        """Read the file and change where the arm stands, what of it is fixed, and its tool.

        What an arm's file says of contacts, solver and bodies as a whole must not reach what
        stands beside the arm, so that is left out; links do not collide with one another.
        """
        spec = self.mounted()
        spec.option = mujoco.MjSpec().option
        spec.compiler.autolimits = True
        spec.compiler.fusestatic = False
        spec.compiler.alignfree = False
        for each in (
            *spec.actuators,
            *spec.sensors,
            *spec.keys,
            *spec.cameras,
            *spec.lights,
            *spec.pairs,
        ):
            spec.delete(each)
        for joint in spec.joints:
            if joint.armature == 0:
                rotor = ROTOR_INERTIA * float(np.abs(joint.actfrcrange).max())
                joint.armature = max(rotor, LEAST_ROTOR_INERTIA)
        for geom in spec.geoms:
            if geom.contype or geom.conaffinity:
                geom.contype, geom.conaffinity = 2, 1
        if self.base is not None:
            _stand(spec, self.base)
        if self.locked:
            _lock(spec, self.locked, self.file.path)
        if self.tool is not None:
            _add_tool(spec, self.tool, self.tool_site, self.file.path)
        return spec


def compiled(spec: mujoco.MjSpec, path: Path) -> mujoco.MjModel:
    """Compile a specification.

    Raises:
        ArmError: Where MuJoCo refuses it; the text names the file.
    """
    try:
        return spec.compile()
    except ValueError as error:
        raise ArmError(f'{path}: MuJoCo refuses it: {one_line(error)}') from error


def _stand(spec: mujoco.MjSpec, base: Mount) -> None:
    """Put everything of the file into a frame that stands elsewhere."""
    half = math.radians(base.yaw_degrees) / 2
    frame = spec.worldbody.add_frame(
        pos=base.position, quat=[math.cos(half), 0.0, 0.0, math.sin(half)]
    )
    world = spec.worldbody
    for each in (*world.bodies, *world.geoms, *world.sites):
        each.set_frame(frame)


def _body(spec: mujoco.MjSpec, name: str, purpose: str, path: Path) -> mujoco.MjsBody:
    body = spec.body(name)
    if body is None:
        names = [body.name for body in spec.bodies]
        raise ArmError(f'{path}: has no body {name!r} for {purpose}; its bodies: {names}')
    return body


def _add_tool(spec: mujoco.MjSpec, tool: Tool, site: str, path: Path) -> None:
    parent = _body(spec, tool.body, 'the tool', path)
    axis = np.array(tool.axis) / np.linalg.norm(tool.axis)
    quat = np.zeros(4)
    mujoco.mju_quatZ2Vec(quat, axis)
    body = parent.add_body(name=f'{OWN}tool', pos=tool.position, quat=quat)
    body.add_site(name=site, size=[0.004] * 3)
    if tool.cup <= 0:
        return
    pieces = (
        (STEM_RADIUS, -tool.cup, -CUP_HEIGHT),
        (CUP_RADIUS, -min(CUP_HEIGHT, tool.cup), 0.0),
    )
    for i, (radius, start, end) in enumerate(pieces):
        if end > start:
            body.add_geom(
                name=f'{OWN}tool_{i}',
                type=mujoco.mjtGeom.mjGEOM_CYLINDER,
                fromto=[0.0, 0.0, start, 0.0, 0.0, end],
                size=[radius, 0.0, 0.0],
                mass=CUP_MASS / 2,
                rgba=[0.15, 0.15, 0.15, 1.0],
                contype=2,
                conaffinity=1,
            )


def _lock(spec: mujoco.MjSpec, locked: Mapping[str, float], path: Path) -> None:
    """Fix joints at positions: their bodies are moved there, and what refers to them goes."""
    model = compiled(spec, path)
    data = mujoco.MjData(model)
    for name, position in locked.items():
        data.joint(name).qpos[0] = position
    mujoco.mj_kinematics(model, data)
    for equality in spec.equalities:
        if equality.name1 in locked or equality.name2 in locked:
            spec.delete(equality)
    for tendon in spec.tendons:
        if any(wrap.target.name in locked for wrap in tendon.path):
            spec.delete(tendon)
    for name in locked:
        number = int(model.joint(name).bodyid[0])
        above = int(model.body_parentid[number])
        offset, quat, inverse = np.zeros(3), np.zeros(4), np.zeros(4)
        mujoco.mju_negQuat(inverse, data.xquat[above])
        mujoco.mju_mulQuat(quat, inverse, data.xquat[number])
        mujoco.mju_rotVecQuat(offset, data.xpos[number] - data.xpos[above], inverse)
        body = spec.joint(name).parent
        spec.delete(spec.joint(name))
        body.pos, body.quat = offset, quat
        body.alt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
