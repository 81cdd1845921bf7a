"""What an arm's file does not say, derived from the arm itself: a start that works, to be changed.

Chain and tool follow from the tree of bodies, limits from weight and inertia; where it works, see
`workspace_search`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import mujoco
import numpy as np

from concept_control.control.arm.arm_model import TURNS, ArmModel, Tool
from concept_control.errors import ArmError

HINGE_SPEED, SLIDE_SPEED = 2.0, 0.25
"""Speed limits of joints whose file has none [rad/s, m/s]."""

HINGE_ACCELERATION, SLIDE_ACCELERATION = 8.0, 1.5
"""Acceleration limits, for no file has any [rad/s², m/s²]; less where the torque is too little."""

TORQUE_SHARE = 0.5
"""Share of the torque that weight leaves which those accelerations may take."""

GAIN_BANDWIDTH = 30.0
"""Bandwidth of the tracker with gains from the arm's inertia, where friction is low [rad/s]."""

HINGE_LAG, SLIDE_LAG = 0.005, 0.0005
"""Distance to where it is told to be at which friction may hold a joint [rad, m]."""

WEIGHT_FACTOR = 3.0
"""Torque limit of joints whose file has none, in terms of what the arm's weight may need."""

CUP_SHARE, LONGEST_CUP = 0.12, 0.1
"""Length of the assumed suction cup, as a share of the arm's reach and at most [m]."""

_FINGERS = re.compile('finger|gripper|jaw|knuckle|thumb', re.IGNORECASE)
_TIPS = re.compile('suction|tcp|tool|attach|flange|ee_|eef|grasp|pinch|gripper_?frame', re.I)

_MOVING = tuple(map(int, (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)))


def joint_chain(
    model: mujoco.MjModel, path: Path, locked: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the names of the joints from the base to the tool, without a gripper's.

    Those among `locked` are left out. The chain ends where the bodies branch into fingers.

    Raises:
        ArmError: If no chain can be told from the rest.
    """
    counts = np.zeros(model.nbody, dtype=int)
    for body in range(model.nbody - 1, 0, -1):
        counts[body] += model.body_jntnum[body]
        counts[model.body_parentid[body]] += counts[body]
    names: list[str] = []
    body = 0
    while True:
        first = int(model.body_jntadr[body])
        for joint in range(first, first + int(model.body_jntnum[body])):
            if model.jnt_type[joint] not in _MOVING:
                raise ArmError(
                    f'{path}: its joint {model.joint(joint).name!r} is neither a hinge nor a '
                    'slide; fix the base of the arm to the world'
                )
            if (name := model.joint(joint).name) not in locked:
                names.append(name)
        branches = [b for b in _children(model, body) if counts[b]]
        if len(branches) > 1:
            branches = [b for b in branches if counts[b] >= 3 and counts[b] * 2 > counts[body]]
        if len(branches) != 1:
            break
        body = branches[0]
    while names and _FINGERS.search(names[-1]):
        names.pop()
    if len(names) < 3:
        raise ArmError(
            f'{path}: no chain of three joints or more leads from its base to a tool, found '
            f'{names} of {[model.joint(i).name for i in range(model.njnt)]}; list `joints` in a '
            'YAML'
        )
    return tuple(names)


def others(
    model: mujoco.MjModel, joints: tuple[str, ...], locked: Mapping[str, float]
) -> dict[str, float]:
    """Return where joints that are not the arm's are fixed [rad, m]: at zero, or nearest to it."""
    found = {}
    for number in range(model.njnt):
        name = model.joint(number).name
        if name not in joints:
            lower, upper = model.jnt_range[number]
            nearest = float(np.clip(0.0, lower, upper)) if model.jnt_limited[number] else 0.0
            found[name] = locked.get(name, nearest)
    return found


def _children(model: mujoco.MjModel, body: int) -> list[int]:
    return [b for b in range(1, model.nbody) if model.body_parentid[b] == body]


def joint_limits(model: mujoco.MjModel, joints: tuple[str, ...], path: Path) -> np.ndarray:
    """Return (n, 2) smallest and largest positions [rad, m].

    Raises:
        ArmError: For a joint that is neither a hinge nor a slide, or a slide without a range.
    """
    limits = np.tile([-TURNS, TURNS], (len(joints), 1))
    for i, name in enumerate(joints):
        joint = model.joint(name)
        if joint.type[0] not in _MOVING:
            raise ArmError(f'{path}: joint {name!r} is neither a hinge nor a slide')
        if model.jnt_limited[joint.id]:
            limits[i] = joint.range
        elif joint.type[0] == mujoco.mjtJoint.mjJNT_SLIDE:
            raise ArmError(f'{path}: the slide {name!r} has no range; give it one [m]')
    return limits


def is_slide(model: mujoco.MjModel, joints: tuple[str, ...]) -> np.ndarray:
    """Return (n,) bool: which joints move along their axis instead of turning."""
    return np.array([model.joint(j).type[0] == mujoco.mjtJoint.mjJNT_SLIDE for j in joints])


def find_tool(model: mujoco.MjModel, joints: tuple[str, ...], hand: float = 0.0) -> Tool:
    """Return a suction cup at the end of the arm, along the axis that leads out of it.

    It begins at what is named as a flange or a tip, or where the geoms of a gripper end. Where
    there is to be a hand instead, of that length [m], the tool has no cup.
    """
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    last = int(model.joint(joints[-1]).bodyid[0])
    group = [last, *_below(model, last)]
    axis = data.xaxis[model.joint(joints[-1]).id]
    before = data.xanchor[model.joint(joints[-2]).id]
    carrier = max(
        (b for b in group if b == last or _TIPS.search(model.body(b).name)),
        key=lambda b: (model.body_weldid[b] == last, _depth(model, b)),
    )
    origin, rotation = data.xpos[carrier].copy(), data.xmat[carrier].reshape(3, 3)
    for site in range(model.nsite):
        if model.site_bodyid[site] in group and _TIPS.search(model.site(site).name):
            origin = data.site_xpos[site].copy()
    points = [origin, *(_corner for b in group for _corner in _corners(model, data, b))]
    # The direction out of the tool: along the last axis, away from the wrist.
    out = np.mean(points, axis=0) - before
    choices = np.concatenate([rotation.T, -rotation.T])
    best = choices[np.argmax(2 * np.abs(choices @ axis) + np.sign(choices @ out))]
    extent = max(float((point - origin) @ best) for point in points)
    reach = float(np.linalg.norm(np.diff(data.xanchor, axis=0), axis=1).sum())
    cup = 0.0 if hand else round(min(CUP_SHARE * max(reach, 0.2), LONGEST_CUP), 3)
    tip = rotation.T @ (origin + (extent + cup + hand) * best - data.xpos[carrier])
    out_local = rotation.T @ best
    return Tool(
        model.body(carrier).name,
        _rounded(tip, 5),
        _rounded(out_local, 6),
        cup,
    )


def _rounded(values: np.ndarray, digits: int) -> tuple[float, float, float]:
    x, y, z = (round(float(v), digits) + 0.0 for v in values)
    return x, y, z


def _below(model: mujoco.MjModel, body: int) -> Iterator[int]:
    for child in _children(model, body):
        yield child
        yield from _below(model, child)


def _depth(model: mujoco.MjModel, body: int) -> int:
    return 0 if body == 0 else 1 + _depth(model, int(model.body_parentid[body]))


def _corners(model: mujoco.MjModel, data: mujoco.MjData, body: int) -> np.ndarray:
    """Return (8 G, 3) corners of the boxes around a body's geoms [m]."""
    first = int(model.body_geomadr[body])
    found = []
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).T.reshape(-1, 3)
    for geom in range(first, first + int(model.body_geomnum[body])):
        box = model.geom_aabb[geom]
        corners = box[:3] + signs * box[3:]
        found.append(data.geom_xpos[geom] + corners @ data.geom_xmat[geom].reshape(3, 3).T)
    return np.concatenate(found) if found else np.zeros((0, 3))


def sample_postures(arm: ArmModel, count: int) -> np.ndarray:
    """Return (count, n) random joint positions within the limits [rad, m]."""
    lower, upper = arm.position_limits.T
    rng = np.random.default_rng(0)
    return rng.uniform(
        np.maximum(lower, -math.pi), np.minimum(upper, math.pi), (count, len(lower))
    )


def at_rest(model: mujoco.MjModel, q: np.ndarray) -> mujoco.MjData:
    """Return the state of an arm at rest at joint positions (n,) [rad, m]."""
    data = mujoco.MjData(model)
    data.qpos[:] = q
    mujoco.mj_forward(model, data)
    return data


def effort_limits(model: mujoco.MjModel, arm: ArmModel) -> np.ndarray:
    """Return (n,) torque limits [N m, N]: the file's, or some that bear the arm's weight."""
    postures = [arm.home, *sample_postures(arm, 50)]
    needed = np.max([np.abs(at_rest(model, q).qfrc_bias) for q in postures], axis=0)
    limits = np.where(
        model.jnt_actfrclimited.astype(bool),
        np.abs(model.jnt_actfrcrange).max(axis=1),
        np.maximum(WEIGHT_FACTOR * needed, 1.0),
    )
    return np.round(limits, 3)


def inertia(model: mujoco.MjModel, home: np.ndarray) -> np.ndarray:
    """Return (n,) the inertia about each joint at home [kg m², kg]."""
    matrix = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, at_rest(model, home), matrix)
    return np.diag(matrix).copy()


def gains(
    model: mujoco.MjModel, inertia: np.ndarray, slides: np.ndarray, period: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) stiffness and damping for an inertia [kg m², kg], critically damped.

    They are no stiffer than commands at a period [s] can bear without shaking.
    """
    lags = np.where(slides, SLIDE_LAG, HINGE_LAG)
    stiffness = np.clip(
        model.dof_frictionloss / lags, inertia * GAIN_BANDWIDTH**2, inertia / (4 * period) ** 2
    )
    return stiffness, 2 * np.sqrt(stiffness * inertia)


def acceleration_limits(
    model: mujoco.MjModel, home: np.ndarray, efforts: np.ndarray, slides: np.ndarray
) -> np.ndarray:
    """Return (n,) acceleration limits that the torques (n,) allow at home [rad/s², m/s²]."""
    data = at_rest(model, home)
    able = TORQUE_SHARE * (efforts - np.abs(data.qfrc_bias)) / inertia(model, home)
    usual = np.where(slides, SLIDE_ACCELERATION, HINGE_ACCELERATION)
    return np.round(np.clip(able, 0.25 * usual, usual), 2)


def velocity_limits(
    joints: tuple[str, ...], known: Mapping[str, float], slides: np.ndarray
) -> np.ndarray:
    """Return (n,) speed limits [rad/s, m/s]: the file's, or cautious ones."""
    usual = np.where(slides, SLIDE_SPEED, HINGE_SPEED)
    return np.array([known.get(name, speed) for name, speed in zip(joints, usual)])
