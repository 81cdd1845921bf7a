"""What a controller must know of an arm: its file for its dynamics, a YAML for what that lacks."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import mujoco
import numpy as np
from pydantic import Field, Strict

from concept_control.control.arm import derivation
from concept_control.control.arm.arm_file import (
    MENAGERIE,
    SUFFIXES,
    is_arm_file,
    read_arm_file,
)
from concept_control.control.arm.arm_model import OWN, ArmModel, Mount, Tool, compiled
from concept_control.control.arm.fingers import Fingers
from concept_control.control.arm.workspace_search import find_place
from concept_control.errors import ArmError
from concept_control.input_files import check_fields, read_yaml
from concept_control.world.workspace import Workspace

__all__ = ['ARMS_FOLDER', 'INTERFACES', 'OWN', 'ArmDescription', 'arm_names']

ARMS_FOLDER = Path(__file__).resolve().parent.parent / 'arms'
"""Folder of the arms shipped with the package, one folder each."""

_GAINS = ('stiffness', 'damping')
_LIMITS = ('velocity_limits', 'acceleration_limits', 'effort_limits')

EFFORT_PERIOD = 0.002
"""Period of torque commands that gains must bear without shaking [s]."""

LEAST_DOWN = 0.9
"""Smallest downward part of the tool's axis at home, 25 degrees off the vertical."""

INTERFACES = ('joint_trajectory', 'position', 'effort')
"""Kinds of commands to an arm: plans, or a position or a torque of each joint at a time."""

Numbers = tuple[float, ...]
Gripper = Literal['parallel', 'suction', 'none']


def arm_names() -> list[str]:
    """List the names of the arms shipped with the package."""
    return sorted(p.parent.name for p in ARMS_FOLDER.glob('*/*.yaml'))


@dataclass(frozen=True)
class _WorkspaceFields:
    center: tuple[float, float]
    half_extent: float
    yaw_degrees: float = -90.0


@dataclass(frozen=True)
class _ArmFields:
    """Fields of the YAML, of which `ArmDescription` tells more; what is left out is derived."""

    model: str
    joints: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    tool_site: str = ''
    home: Numbers = ()
    workspace: _WorkspaceFields | None = None
    velocity_limits: Numbers = ()
    acceleration_limits: Numbers = ()
    effort_limits: Numbers = ()
    stiffness: Numbers = ()
    damping: Numbers = ()
    name: str = ''
    gripper: Gripper | None = None
    fingers: Fingers | None = None
    suction: Annotated[bool, Strict()] | None = None
    left_out: tuple[str, ...] = ()
    locked: dict[str, float] = field(default_factory=dict)
    tool: Tool | None = None
    base: Mount | None = None


@dataclass(frozen=True, kw_only=True)
class ArmDescription(ArmModel):
    """An arm as the controller sees it; n is its number of joints.

    Attributes:
        name: Name for people.
        gripper: Kind of tool that holds blocks: parallel, suction or none.
        fingers: Fingers of a parallel gripper; None for every other tool.
        velocity_limits: (n,) largest joint speeds [rad/s, m/s].
        acceleration_limits: (n,) largest joint accelerations [rad/s², m/s²].
        effort_limits: (n,) largest joint torques, or forces of slides [N m, N].
        stiffness: (n,) proportional gains of the tracker [N m/rad, N/m]; from inertia and friction
            where the file gives neither these nor `damping`.
        damping: (n,) derivative gains of the tracker [N m s/rad, N s/m].
        workspace: Square of the table in front of the arm.
        slides: (n,) bool, which joints move along their axis instead of turning.
        derived: Names of the fields that no file says.
    """

    name: str
    gripper: Gripper
    fingers: Fingers | None = None
    velocity_limits: np.ndarray
    acceleration_limits: np.ndarray
    effort_limits: np.ndarray
    stiffness: np.ndarray
    damping: np.ndarray
    workspace: Workspace
    slides: np.ndarray
    derived: tuple[str, ...] = ()

    @property
    def suction(self) -> bool:
        """Whether the tool holds blocks by suction."""
        return self.gripper == 'suction'

    @classmethod
    def load(cls, source: str | Path = 'franka') -> ArmDescription:
        """Read an arm.

        Args:
            source: Name among `arm_names()`, path of a YAML file, path of an MJCF (.xml), URDF or
                xacro, or `menagerie:NAME` for an arm of MuJoCo Menagerie. What the file does not
                say is derived; `derived` lists it.

        Raises:
            ArmError: If a file is missing, incomplete or contradictory; the text names the file
                and what is wrong.
            MissingDependencyError: If it needs a package that is not installed.
        """
        text, path = str(source), Path(source)
        if is_arm_file(text):
            # A path in the file is relative to it, that of the file to where we are.
            path = Path() if text.startswith(MENAGERIE) else path.parent
            name = text.removeprefix(MENAGERIE) if text.startswith(MENAGERIE) else Path(text).stem
            model = text if text.startswith(MENAGERIE) else Path(text).name
            return _load(path / f'{name}.yaml', _ArmFields(model, name=name))
        if path.suffix not in ('.yaml', '.yml'):
            path = ARMS_FOLDER / text / f'{text}.yaml'
            if text not in arm_names():
                raise ArmError(
                    f'no arm named {text!r:.100}; shipped arms: {", ".join(arm_names())}; '
                    f'or give the path of a .yaml file, of a description ({", ".join(SUFFIXES)}), '
                    f'or {MENAGERIE}NAME'
                )
        found = check_fields(_ArmFields, read_yaml(path, ArmError), path, ArmError)
        return _load(path, found)

    def spec(self) -> mujoco.MjSpec:
        """Read the model and give every joint one torque motor that carries its name.

        Whatever actuators the file has are replaced, so that an arm modelled with position servos
        can be planned for and simulated at torque level.
        """
        spec = super().spec()
        if self.fingers is not None:
            self.fingers.add_to(spec, self.tool_site)
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


def _load(path: Path, found: _ArmFields) -> ArmDescription:
    file = read_arm_file(found.model, path.parent)
    return _completed(path, json.dumps(asdict(found)), file.path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _completed(path: Path, text: str, modified: int) -> ArmDescription:
    """Complete what is written of an arm, and check it; kept, for to derive takes seconds.

    Args:
        path: YAML, for people and for paths relative to it.
        text: Fields, as JSON.
        modified: Time of the arm's file, so that a changed one is read again.
    """
    found = check_fields(_ArmFields, json.loads(text), path, ArmError)
    chain, derived = _chain(path, found)
    given = _numbers(path, found, chain.num_joints)
    model = compiled(chain.spec(), chain.file.path)
    slides, workspace, home = derivation.is_slide(model, chain.joints), None, given.get('home')
    if (square := found.workspace) is not None:
        yaw = math.radians(square.yaw_degrees)
        workspace = Workspace(square.center, square.half_extent, yaw)
    if home is None or workspace is None:
        workspace, home = find_place(chain, workspace, home)
    chain = replace(chain, home=home)
    efforts = given.get('effort_limits')
    if efforts is None:
        efforts = derivation.effort_limits(model, chain)
    inertia = derivation.inertia(model, home)
    stiffness, damping = derivation.gains(model, inertia, slides, EFFORT_PERIOD)
    values: dict[str, Any] = {
        'velocity_limits': derivation.velocity_limits(chain.joints, chain.file.velocities, slides),
        'acceleration_limits': derivation.acceleration_limits(model, home, efforts, slides),
        'stiffness': stiffness,
        'damping': damping,
    } | {name: value for name, value in given.items() if name in (*_LIMITS, *_GAINS)}
    gripper = _gripper(path, found, chain.tool)
    said = {'velocity_limits': set(chain.joints) <= set(chain.file.velocities)}
    said['effort_limits'] = bool(model.jnt_actfrclimited.all())
    names = ('home', 'workspace', *_LIMITS, *_GAINS)
    derived += [name for name in names if not getattr(found, name) and not said.get(name)]
    arm = ArmDescription(
        **{part.name: getattr(chain, part.name) for part in fields(ArmModel)},
        name=found.name or path.stem,
        gripper=gripper,
        fingers=_fingers(path, found, gripper),
        workspace=workspace,
        slides=slides,
        derived=tuple(derived),
        **{'effort_limits': efforts, **values},
    )
    _check_home(path, arm, model)
    # Damping makes a velocity grow from one command to the next beyond 2 M / dt; it couples with
    # other joints, and inertia is less in other places, so half is allowed.
    for joint, value, allowed in zip(arm.joints, arm.damping, inertia / EFFORT_PERIOD):
        if value > allowed:
            warnings.warn(
                f'{path}: damping {value:g} will shake {joint}, whose inertia at home is '
                f'{allowed * EFFORT_PERIOD:.3g} kg m^2; up to {allowed:.3g} will do, or leave '
                'out stiffness and damping for gains from the inertia',
                stacklevel=4,
            )
    return arm


def _gripper(path: Path, found: _ArmFields, tool: Tool | None) -> Gripper:
    """Return the kind of tool: what is said, or suction where there is a cup."""
    if found.gripper is not None:
        if found.suction not in (None, found.gripper == 'suction'):
            raise ArmError(
                f'{path}: gripper is {found.gripper}, suction {found.suction}; leave one out'
            )
        return found.gripper
    has_cup = tool is not None and tool.cup > 0
    return 'suction' if (has_cup if found.suction is None else found.suction) else 'none'


def _fingers(path: Path, found: _ArmFields, gripper: Gripper) -> Fingers | None:
    if gripper == 'parallel':
        return found.fingers or Fingers()
    if found.fingers is not None:
        raise ArmError(f'{path}: names fingers, but gripper is {gripper}; expected parallel')
    return None


def _numbers(path: Path, found: _ArmFields, count: int) -> dict[str, np.ndarray]:
    """Return the lists of numbers that are given, one a joint each."""
    lists = {name: np.array(getattr(found, name)) for name in ('home', *_LIMITS, *_GAINS)}
    has_gains = bool(found.stiffness or found.damping)
    given = {n: v for n, v in lists.items() if len(v) or (n in _GAINS and has_gains)}
    for name, values in given.items():
        if len(values) != count:
            raise ArmError(f'{path}: {name} must be {count} numbers, one a joint')
        if name != 'home' and (values <= 0).any():
            raise ArmError(f'{path}: {name} must be positive, got {values.tolist()}')
    return given


def _chain(path: Path, found: _ArmFields) -> tuple[ArmModel, list[str]]:
    """Return the arm's chain with its tool, its home unchecked; and what of it was derived."""
    file = read_arm_file(found.model, path.parent)
    derived = []
    bare = ArmModel(
        file=file,
        joints=found.joints,
        tool_site=found.tool_site,
        home=np.zeros(0),
        position_limits=np.zeros((0, 2)),
        locked=found.locked,
        left_out=found.left_out,
        base=found.base,
    )
    if not found.joints:
        whole = compiled(replace(bare, locked={}).spec(), file.path)
        joints = derivation.joint_chain(whole, file.path, tuple(found.locked))
        bare = replace(bare, joints=joints, locked=derivation.others(whole, joints, found.locked))
        derived += ['joints', *(['locked'] if bare.locked != found.locked else [])]
    _check_names(path, bare)
    model = compiled(bare.spec(), file.path)
    limits = derivation.joint_limits(model, bare.joints, file.path)
    tool, site = found.tool, found.tool_site
    if tool is not None and site:
        raise ArmError(
            f'{path}: names both `tool` and `tool_site`; the tool has a site of its own'
        )
    if tool is None and not site:
        hand = (found.fingers or Fingers()).reach if found.gripper == 'parallel' else 0.0
        tool = derivation.find_tool(model, bare.joints, hand)
        derived.append('tool')
    middle = np.clip(0.0, *limits.T)
    return replace(
        bare,
        tool=tool,
        tool_site=site or f'{OWN}tip',
        home=np.array(found.home) if len(found.home) == len(middle) else middle,
        position_limits=limits,
    ), derived


def _check_names(path: Path, arm: ArmModel) -> None:
    spec, file = arm.mounted(), arm.file.path
    names = [joint.name for joint in spec.joints]
    wanted = [*arm.joints, *arm.locked]
    if sorted(names) != sorted(wanted):
        raise ArmError(
            f'{file}: has the joints {names}; the YAML names {wanted}; every joint '
            'of the file is either under `joints` or fixed, as in `locked: {finger: 0.04}`'
        )
    order = [name for name in names if name not in arm.locked]
    if order != list(arm.joints):
        raise ArmError(
            f'{file}: its joints come as {order}, the YAML lists '
            f'{list(arm.joints)}; list them in the order of the file'
        )
    sites = [site.name for site in spec.sites]
    if arm.tool_site and arm.tool_site not in sites:
        raise ArmError(f'{file}: has no site {arm.tool_site!r}; its sites: {sites}')


def _check_home(path: Path, arm: ArmDescription, model: mujoco.MjModel) -> None:
    """Refuse a posture at rest beyond limits, with the tool pointing elsewhere or too low."""
    outside = [name for name, excess in zip(arm.joints, arm.beyond_limits(arm.home)) if excess > 0]
    if outside:
        raise ArmError(f'{path}: home is outside the position limits of {", ".join(outside)}')
    data = derivation.at_rest(model, arm.home)
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
            'whose top is at height 0; say in `base` how high the arm stands above it'
        )
