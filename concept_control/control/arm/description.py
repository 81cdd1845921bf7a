"""What a controller must know of an arm: an MJCF for its dynamics and a YAML for the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import mujoco
import numpy as np
from pydantic import Field

from concept_control.errors import ArmError
from concept_control.input_files import check_fields, one_line, open_regular, read_yaml
from concept_control.world.workspace import Workspace

ARMS_FOLDER = Path(__file__).resolve().parent.parent / 'arms'
"""Folder of the arms shipped with the package, one folder each."""

_LISTS = ('velocity_limits', 'acceleration_limits', 'effort_limits', 'stiffness', 'damping')


def arm_names() -> list[str]:
    """List the names of the arms shipped with the package."""
    return sorted(p.parent.name for p in ARMS_FOLDER.glob('*/*.yaml'))


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
    stiffness: Numbers
    damping: Numbers
    name: str = ''
    suction: bool = False


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
        stiffness: (n,) proportional gains of the tracker [N m/rad].
        damping: (n,) derivative gains of the tracker [N m s/rad].
        workspace: Square of the table in front of the arm.
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
        for key, values in lists.items():
            if len(values) != len(joints):
                raise ArmError(f'{path}: {key} must be {len(joints)} numbers, one a joint')
            if key in _LISTS and (values <= 0).any():
                raise ArmError(f'{path}: {key} must be positive, got {values.tolist()}')
        model_path = path.parent / fields.model
        limits = _position_limits(model_path, joints, fields.tool_site)
        home = lists['home']
        outside = [j for j, q, lim in zip(joints, home, limits) if not lim[0] <= q <= lim[1]]
        if outside:
            raise ArmError(f'{path}: home is outside the position limits of {", ".join(outside)}')
        return cls(
            name=fields.name or path.stem,
            model_path=model_path,
            joints=joints,
            tool_site=fields.tool_site,
            suction=fields.suction,
            position_limits=limits,
            workspace=Workspace(
                fields.workspace.center,
                fields.workspace.half_extent,
                math.radians(fields.workspace.yaw_degrees),
            ),
            **lists,
        )

    def spec(self) -> mujoco.MjSpec:
        """Read the MJCF and give every joint one torque motor that carries its name.

        Whatever actuators the file has are replaced, so that an arm modelled with position servos
        can be planned for and simulated at torque level.
        """
        spec = mujoco.MjSpec.from_file(str(self.model_path))
        for actuator in list(spec.actuators):
            spec.delete(actuator)
        for joint, limit in zip(self.joints, self.effort_limits):
            spec.joint(joint).actfrcrange = [-limit, limit]
            actuator = spec.add_actuator(name=joint, target=joint)
            actuator.trntype = mujoco.mjtTrn.mjTRN_JOINT
            actuator.set_to_motor()
            actuator.ctrllimited = mujoco.mjtLimited.mjLIMITED_TRUE
            actuator.ctrlrange = [-limit, limit]
        for key in list(spec.keys):
            spec.delete(key)
        return spec


def _position_limits(model_path: Path, joints: tuple[str, ...], site: str) -> np.ndarray:
    """Read (n, 2) joint ranges and check that joints and the tool's site are as described."""
    open_regular(model_path, ArmError).close()
    try:
        model = mujoco.MjModel.from_xml_path(str(model_path))
    except ValueError as error:
        raise ArmError(f'{model_path}: MuJoCo refuses it: {one_line(error)}') from error
    names = [model.joint(i).name for i in range(model.njnt)]
    if sorted(names) != sorted(joints):
        raise ArmError(
            f'{model_path}: has the joints {names}; the YAML names {list(joints)}; every joint '
            'of the MJCF must be controlled'
        )
    sites = [model.site(i).name for i in range(model.nsite)]
    if site not in sites:
        raise ArmError(f'{model_path}: has no site {site!r}; its sites: {sites}')
    limits = []
    for name in joints:
        joint = model.joint(name)
        if joint.type[0] != mujoco.mjtJoint.mjJNT_HINGE:
            raise ArmError(f'{model_path}: joint {name!r} is not a hinge')
        if not model.jnt_limited[joint.id]:
            raise ArmError(f'{model_path}: joint {name!r} has no range')
        limits.append(joint.range)
    return np.array(limits, dtype=float)
