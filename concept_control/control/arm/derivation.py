"""What an arm's file does not say, derived from the arm itself: a start that works, to be changed.

Chain and tool follow from the tree of bodies, the workspace from where the tool reaches the table
pointing down, the posture at rest from inverse kinematics above the workspace's edge.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np

from concept_control.control.arm.arm_model import TURNS, ArmModel, Tool
from concept_control.control.arm.clearance import LinkClearance
from concept_control.control.arm.inverse_kinematics import descend, reach_all
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.errors import ArmError
from concept_control.world.workspace import Workspace

HINGE_SPEED, SLIDE_SPEED = 2.0, 0.25
"""Speed limits of joints whose file has none [rad/s, m/s]."""

HINGE_ACCELERATION, SLIDE_ACCELERATION = 8.0, 1.5
"""Acceleration limits, for no file has any [rad/s², m/s²]; less where the torque is too little."""

TORQUE_SHARE = 0.5
"""Share of the torque that weight leaves which those accelerations may take."""

WEIGHT_FACTOR = 3.0
"""Torque limit of joints whose file has none, in terms of what the arm's weight may need."""

HALF_EXTENTS = (0.24, 0.2, 0.16, 0.13, 0.1)
"""Halves of the workspace's side that are tried [m]; blocks look alike in the largest."""

BASE_GAP = 0.14
"""Distance of the workspace to the axis that the arm turns about [m]."""

HOME_HEIGHT, LOW_HOME_HEIGHT = 0.35, 0.2
"""Heights of the tool at home above the table that are tried [m]."""

NUM_STARTS = 48
"""Random postures from which that at home is searched."""

TWIST_COST = 0.1
"""Cost of the joint that is turned most at home, beside lengths in the search for it [m/rad]."""

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
        for joint in _joints_of(model, body):
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


def _joints_of(model: mujoco.MjModel, body: int) -> range:
    first = int(model.body_jntadr[body])
    return range(first, first + int(model.body_jntnum[body]))


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


def find_tool(model: mujoco.MjModel, joints: tuple[str, ...]) -> Tool:
    """Return a suction cup at the end of the arm, along the axis that leads out of it.

    It begins at what is named as a flange or a tip, or where the geoms of a gripper end.
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
    cup = round(min(CUP_SHARE * max(reach, 0.2), LONGEST_CUP), 3)
    tip = rotation.T @ (origin + (extent + cup) * best - data.xpos[carrier])
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


def find_place(
    arm: ArmModel, workspace: Workspace | None, home: np.ndarray | None
) -> tuple[Workspace, np.ndarray]:
    """Find a workspace, and a posture at rest above its edge, where they are not given.

    Args:
        arm: Arm with joints, limits and tool; its home is not used.
        workspace: Workspace; None for the largest square in front of the arm of which the tool,
            pointing down, reaches everything.
        home: (n,) posture at rest [rad, m]; None for one with the tool above the near edge of the
            workspace, elbow up, so that a camera above the table sees the workspace.

    Raises:
        ArmError: If nothing is found.
    """
    kinematics = ArmKinematics(arm)
    base = base_axis(kinematics, arm)
    reach = horizontal_reach(kinematics, arm, base)
    squares = [workspace] if workspace is not None else _squares(base, reach)
    for square in squares:
        inward = base - np.array(square.center)
        inward /= max(float(np.linalg.norm(inward)), 1e-9)
        point = np.array([*(np.array(square.center) + square.half_extent * inward), 0.0])
        for height in (HOME_HEIGHT, LOW_HOME_HEIGHT):
            point[2] = height
            posture = home if home is not None else _rest(kinematics, arm, point, base)
            if posture is not None:
                posed = replace(arm, home=posture)
                if workspace is not None or _covers(posed, kinematics, square):
                    return square, posture
                break
    raise ArmError(
        f'{arm.file.path}: no {"posture at rest" if workspace else "workspace"} was found that '
        f'the tool {arm.tool_site!r} reaches pointing down (reach {reach:.2f} m): are the axis of '
        'the tool and the height of the base right? A YAML may say `tool`, `base`, `workspace` '
        'and `home`'
    )


def base_axis(kinematics: ArmKinematics, arm: ArmModel) -> np.ndarray:
    """Return (2,) where the axis is that the whole arm turns about [m]."""
    frames = kinematics.frames(arm.home)
    upright = np.abs(kinematics.axes(frames)[:, 2]) > 0.99
    upright &= ~kinematics.is_slide
    first = int(np.argmax(upright)) if upright.any() else 0
    return frames.anchors[first, :2].copy()


def _samples(arm: ArmModel, count: int) -> np.ndarray:
    lower, upper = arm.position_limits.T
    rng = np.random.default_rng(0)
    return rng.uniform(
        np.maximum(lower, -math.pi), np.minimum(upper, math.pi), (count, len(lower))
    )


def horizontal_reach(kinematics: ArmKinematics, arm: ArmModel, base: np.ndarray) -> float:
    """Return how far the tip comes from the base, horizontally [m]."""
    tips = kinematics.tool(_samples(arm, 4000)).position[:, :2]
    return float(np.percentile(np.linalg.norm(tips - base, axis=1), 99.5))


def _squares(base: np.ndarray, reach: float) -> Iterator[Workspace]:
    """Yield squares in front of the arm, then beside and behind it, the largest first."""
    for half in HALF_EXTENTS:
        for turn in (0.0, math.pi, math.pi / 2, -math.pi / 2):
            ahead = np.array([math.cos(turn), math.sin(turn)])
            nearest, farthest = half + BASE_GAP, math.sqrt(max(reach**2 - half**2, 0.0)) - half
            for share in (0.4, 0.7, 0.1):
                distance = nearest + share * (farthest - nearest)
                if farthest > nearest:
                    x, y = np.round(base + distance * ahead, 2)
                    yield Workspace((float(x), float(y)), half, turn - math.pi / 2)


def _covers(arm: ArmModel, kinematics: ArmKinematics, square: Workspace) -> bool:
    """Tell whether the tool reaches a square from home, low and above blocks, links clear."""
    grid = np.array([[x, y] for x in (-0.95, 0.0, 0.95) for y in (-0.95, 0.0, 0.95)])
    places = [[*xy, height] for xy in square.to_world(grid) for height in (0.03, 0.15)]
    q, is_reached = reach_all(arm, kinematics, np.array(places))
    if not is_reached.all():
        return False
    return bool((LinkClearance(kinematics).value(kinematics.frames(q)) < 1e-4).all())


def _rest(
    kinematics: ArmKinematics, arm: ArmModel, point: np.ndarray, base: np.ndarray
) -> np.ndarray | None:
    """Return joint positions (n,) with the tip at a point, elbow up; None where there are none."""
    links = LinkClearance(kinematics)
    ahead = point[:2] - base
    across = np.array([-ahead[1], ahead[0]]) / max(float(np.linalg.norm(ahead)), 1e-9)
    starts = _samples(arm, NUM_STARTS)
    q, is_reached = descend(
        starts, kinematics, np.tile(point, (NUM_STARTS, 1)), arm.position_limits
    )
    frames = kinematics.frames(q)
    is_reached &= links.value(frames) < 1e-6
    # High, in the plane of base and tool, facing the table, and far from limits.
    heights = frames.anchors[..., 2].mean(axis=-1)
    aside = np.abs((frames.anchors[..., :2] - base) @ across).mean(axis=-1)
    lower, upper = arm.position_limits.T
    edge = np.minimum(q - lower, upper - q).clip(0.0, 0.4).min(axis=-1)
    cost = 3 * aside - heights - edge + TWIST_COST * np.abs(q).max(axis=-1)
    best = int(np.argmin(np.where(is_reached, cost, math.inf)))
    return q[best] if is_reached[best] else None


def effort_limits(model: mujoco.MjModel, arm: ArmModel) -> np.ndarray:
    """Return (n,) torque limits [N m, N]: the file's, or some that bear the arm's weight."""
    data, needed = mujoco.MjData(model), np.zeros(model.nv)
    for q in np.concatenate([arm.home[None], _samples(arm, 50)]):
        data.qpos[:] = q
        mujoco.mj_forward(model, data)
        needed = np.maximum(needed, np.abs(data.qfrc_bias))
    limits = np.where(
        model.jnt_actfrclimited.astype(bool),
        np.abs(model.jnt_actfrcrange).max(axis=1),
        np.maximum(WEIGHT_FACTOR * needed, 1.0),
    )
    return np.round(limits, 3)


def inertia(model: mujoco.MjModel, home: np.ndarray) -> np.ndarray:
    """Return (n,) the inertia about each joint at home [kg m², kg]."""
    data, matrix = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    data.qpos[:] = home
    mujoco.mj_forward(model, data)
    mujoco.mj_fullM(model, data, matrix)
    return np.diag(matrix).copy()


def acceleration_limits(
    model: mujoco.MjModel, home: np.ndarray, efforts: np.ndarray, slides: np.ndarray
) -> np.ndarray:
    """Return (n,) acceleration limits that the torques (n,) allow at home [rad/s², m/s²]."""
    data = mujoco.MjData(model)
    data.qpos[:] = home
    mujoco.mj_forward(model, data)
    able = TORQUE_SHARE * (efforts - np.abs(data.qfrc_bias)) / inertia(model, home)
    usual = np.where(slides, SLIDE_ACCELERATION, HINGE_ACCELERATION)
    return np.round(np.clip(able, 0.25 * usual, usual), 2)


def velocity_limits(
    joints: tuple[str, ...], known: Mapping[str, float], slides: np.ndarray
) -> np.ndarray:
    """Return (n,) speed limits [rad/s, m/s]: the file's, or cautious ones."""
    usual = np.where(slides, SLIDE_SPEED, HINGE_SPEED)
    return np.array([known.get(name, speed) for name, speed in zip(joints, usual)])
