"""What a controller must know of an arm: an MJCF for its dynamics and a YAML for the rest."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import mujoco
import numpy as np
from pydantic import Field, Strict

from concept_control.errors import ArmError
from concept_control.input_files import check_fields, one_line, open_regular, read_yaml
from concept_control.world.workspace import Workspace

ARMS_FOLDER = Path(__file__).resolve().parent.parent / 'arms'
"""Folder of the arms shipped with the package, one folder each."""

_GAINS = ('stiffness', 'damping')
_LISTS = ('velocity_limits', 'acceleration_limits', 'effort_limits', *_GAINS)

GAIN_BANDWIDTH = 30.0
"""Bandwidth of the tracker with gains from the arm's inertia, critically damped [rad/s]."""

EFFORT_PERIOD = 0.002
"""Period of torque commands that gains must bear without shaking [s]."""


def arm_names() -> list[str]:
    """List the names of the arms shipped with the package."""
    return sorted(p.parent.name for p in ARMS_FOLDER.glob('*/*.yaml'))


OWN = 'concept/'
"""Prefix of the names of what is put beside an arm's own bodies and geoms."""

TURNS = 4 * math.pi
"""Position limits of joints without a range: two turns either way [rad]."""

LEAST_DOWN = 0.9
"""Smallest downward part of the tool's axis at home, 25 degrees off the vertical."""

INTERFACES = ('joint_trajectory', 'position', 'effort')
"""Kinds of commands to an arm: plans, or a position or a torque of each joint at a time."""

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class _WorkspaceFields:
    center: tuple[float, float]
    half_extent: float
    yaw_degrees: float


@dataclass(frozen=True)
class _ArmFields:
    """Fields of the YAML, of which `ArmDescription` tells more."""

    model: str
    joints: Annotated[tuple[str, ...], Field(min_length=1, max_length=64)]
    tool_site: str
    home: Numbers
    workspace: _WorkspaceFields
    velocity_limits: Numbers
    acceleration_limits: Numbers
    effort_limits: Numbers
    stiffness: Numbers = ()
    damping: Numbers = ()
    name: str = ''
    suction: Annotated[bool, Strict()] = False
    locked: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ArmDescription:
    """An arm as the controller sees it; n is its number of joints.

    Attributes:
        name: Name for people.
        model_path: MJCF of the arm alone, its base at the origin.
        joints: Names of the n hinge joints, in the order of every array below.
        tool_site: Name of the site at the tool's tip, its +z axis pointing out of the tool.
        suction: Whether the tool can hold a block.
        home: (n,) joint positions to rest at [rad].
        position_limits: (n, 2) smallest and largest joint positions [rad].
        velocity_limits: (n,) largest joint speeds [rad/s].
        acceleration_limits: (n,) largest joint accelerations [rad/s²].
        effort_limits: (n,) largest joint torques [N m].
        stiffness: (n,) proportional gains of the tracker [N m/rad]; from the inertia where the
            file gives neither these nor `damping`.
        damping: (n,) derivative gains of the tracker [N m s/rad].
        workspace: Square of the table in front of the arm.
        locked: Positions at which joints of the MJCF that are not the arm's are fixed [rad, m].
    """

    name: str
    model_path: Path
    joints: tuple[str, ...]
    tool_site: str
    suction: bool
    home: np.ndarray
    position_limits: np.ndarray
    velocity_limits: np.ndarray
    acceleration_limits: np.ndarray
    effort_limits: np.ndarray
    stiffness: np.ndarray
    damping: np.ndarray
    workspace: Workspace
    locked: Mapping[str, float] = field(default_factory=dict)

    @property
    def num_joints(self) -> int:
        """Number of controlled joints n."""
        return len(self.joints)

    def beyond_limits(self, q: np.ndarray) -> np.ndarray:
        """Return (..., n) distances of positions beyond their limits [rad, m], negative inside."""
        lower, upper = self.position_limits.T
        return np.maximum(q - upper, lower - q)

    @classmethod
    def load(cls, source: str | Path = 'franka') -> ArmDescription:
        """Read an arm from its YAML file, or by the name of a shipped one.

        Args:
            source: Name among `arm_names()`, or the path of a YAML file.

        Raises:
            ArmError: if the file or its MJCF is missing, incomplete or contradictory; the text
                names the file and what is wrong.
        """
        path = Path(source)
        if path.suffix not in ('.yaml', '.yml'):
            path = ARMS_FOLDER / str(source) / f'{source}.yaml'
            if str(source) not in arm_names():
                raise ArmError(
                    f'no arm named {str(source)!r:.100}; shipped arms: {", ".join(arm_names())}; '
                    'or give the path of a .yaml file'
                )
        fields = check_fields(_ArmFields, read_yaml(path, ArmError), path, ArmError)
        return cls._from_fields(path, fields)

    @classmethod
    def _from_fields(cls, path: Path, fields: _ArmFields) -> ArmDescription:
        joints = fields.joints
        lists = {key: np.array(getattr(fields, key)) for key in ('home', *_LISTS)}
        has_gains = bool(fields.stiffness or fields.damping)
        for key, values in lists.items():
            if key in _GAINS and not has_gains:
                continue
            if len(values) != len(joints):
                raise ArmError(f'{path}: {key} must be {len(joints)} numbers, one a joint')
            if key in _LISTS and (values <= 0).any():
                raise ArmError(f'{path}: {key} must be positive, got {values.tolist()}')
        arm = cls(
            name=fields.name or path.stem,
            model_path=path.parent / fields.model,
            joints=joints,
            tool_site=fields.tool_site,
            suction=fields.suction,
            position_limits=np.tile([-TURNS, TURNS], (len(joints), 1)),
            workspace=Workspace(
                fields.workspace.center,
                fields.workspace.half_extent,
                math.radians(fields.workspace.yaw_degrees),
            ),
            locked=fields.locked,
            **lists,
        )
        limits, inertia = _compile_and_check(path, arm)
        if not has_gains:
            damping = 2 * inertia * GAIN_BANDWIDTH
            arm = replace(arm, stiffness=inertia * GAIN_BANDWIDTH**2, damping=damping)
        # Damping beyond 2 M / dt makes each joint's velocity grow from one command to the next; it
        # couples with other joints, and inertia is less in other places, so half is allowed.
        most = inertia / EFFORT_PERIOD
        for name, value, allowed in zip(joints, arm.damping, most):
            if value > allowed:
                warnings.warn(
                    f'{path}: damping {value:g} will shake {name}, whose inertia at home is '
                    f'{allowed * EFFORT_PERIOD:.3g} kg m^2; up to {allowed:.3g} will do, or leave '
                    'out stiffness and damping for gains from the inertia',
                    stacklevel=3,
                )
        return replace(arm, position_limits=limits)

    def spec(self) -> mujoco.MjSpec:
        """Read the MJCF and give every joint one torque motor that carries its name.

        Whatever actuators the file has are replaced, so that an arm modelled with position servos
        can be planned for and simulated at torque level.
        """
        open_regular(self.model_path, ArmError).close()
        try:
            spec = mujoco.MjSpec.from_file(str(self.model_path))
        except ValueError as error:
            raise ArmError(f'{self.model_path}: MuJoCo refuses it: {one_line(error)}') from error
        self._check_names(spec)
        # What an arm's file says of contacts, solver and bodies as a whole must not reach what
        # stands beside the arm.
        spec.option = mujoco.MjSpec().option
        spec.compiler.fusestatic = False
        spec.compiler.alignfree = False
        for each in (*spec.actuators, *spec.sensors, *spec.keys, *spec.cameras, *spec.lights):
            spec.delete(each)
        if self.locked:
            _lock(spec, self.locked, self.model_path)
        for name, limit in zip(self.joints, self.effort_limits):
            joint = spec.joint(name)
            joint.actfrcrange = [-limit, limit]
            joint.actfrclimited = mujoco.mjtLimited.mjLIMITED_TRUE
            actuator = spec.add_actuator(name=name, target=name)
            actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
            actuator.set_to_motor()
            actuator.ctrllimited = mujoco.mjtLimited.mjLIMITED_TRUE
            actuator.ctrlrange = [-limit, limit]
        return spec

    def _check_names(self, spec: mujoco.MjSpec) -> None:
        names = [joint.name for joint in spec.joints]
        wanted = [*self.joints, *self.locked]
        if sorted(names) != sorted(wanted):
            raise ArmError(
                f'{self.model_path}: has the joints {names}; the YAML names {wanted}; every joint '
                'of the MJCF is either under `joints` or fixed, as in `locked: {finger: 0.04}`'
            )
        order = [name for name in names if name not in self.locked]
        if order != list(self.joints):
            raise ArmError(
                f'{self.model_path}: its joints come as {order}, the YAML lists '
                f'{list(self.joints)}; list them in the order of the MJCF'
            )
        sites = [site.name for site in spec.sites]
        if self.tool_site not in sites:
            raise ArmError(
                f'{self.model_path}: has no site {self.tool_site!r}; its sites: {sites}'
            )


def _compiled(spec: mujoco.MjSpec, path: Path) -> mujoco.MjModel:
    try:
        return spec.compile()
    except ValueError as error:
        raise ArmError(f'{path}: MuJoCo refuses it: {one_line(error)}') from error


def _lock(spec: mujoco.MjSpec, locked: Mapping[str, float], path: Path) -> None:
    """Fix joints at positions: their bodies are moved there, and what refers to them goes."""
    model = _compiled(spec, path)
    data = mujoco.MjData(model)
    for name, position in locked.items():
        data.joint(name).qpos[0] = position
    mujoco.mj_kinematics(model, data)
    for each in (*spec.equalities, *spec.tendons):
        if not locked.keys().isdisjoint(_references(each)):
            spec.delete(each)
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


def _references(element: mujoco.MjsEquality | mujoco.MjsTendon) -> set[str]:
    if isinstance(element, mujoco.MjsTendon):
        return {wrap.target.name for wrap in element.path}
    return {element.name1, element.name2}


def _compile_and_check(path: Path, arm: ArmDescription) -> tuple[np.ndarray, np.ndarray]:
    """Compile what will be used and check it.

    Returns:
        (n, 2) joint ranges [rad], and (n,) inertia about each joint at home [kg m²].
    """
    model = _compiled(arm.spec(), arm.model_path)
    limits = arm.position_limits.copy()
    for i, name in enumerate(arm.joints):
        joint = model.joint(name)
        if joint.type[0] != mujoco.mjtJoint.mjJNT_HINGE:
            raise ArmError(f'{arm.model_path}: joint {name!r} is not a hinge')
        if model.jnt_limited[joint.id]:
            limits[i] = joint.range
    outside = [j for j, q, lim in zip(arm.joints, arm.home, limits) if not lim[0] <= q <= lim[1]]
    if outside:
        raise ArmError(f'{path}: home is outside the position limits of {", ".join(outside)}')
    data = mujoco.MjData(model)
    data.qpos[:] = arm.home
    mujoco.mj_forward(model, data)
    tool = data.site(arm.tool_site)
    down = -float(tool.xmat.reshape(3, 3)[2, 2])
    if down < LEAST_DOWN:
        raise ArmError(
            f"{path}: at home the tool's axis, the z axis of the site {arm.tool_site!r}, points "
            f'{math.degrees(math.acos(np.clip(down, -1, 1))):.0f} degrees away from straight '
            'down; choose another home, or turn the site so that its z axis points out of the tool'
        )
    if float(tool.xpos[2]) <= 0.0:
        raise ArmError(
            f'{path}: at home the tool is {-1e3 * float(tool.xpos[2]):.0f} mm under the table, '
            'whose top is at the height of the base'
        )
    inertia = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, inertia)
    return limits, np.diag(inertia).copy()
