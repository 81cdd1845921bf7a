"""Where an arm without a word about it works: a workspace that its tool reaches, and its home.

The workspace follows from where the tool reaches the table pointing down, the posture at rest from
inverse kinematics above the workspace's edge.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from concept_control.control.arm.arm_model import ArmModel, Mount
from concept_control.control.arm.clearance import LinkClearance
from concept_control.control.arm.derivation import sample_postures
from concept_control.control.arm.inverse_kinematics import descend, reach_all
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.errors import ArmError
from concept_control.world.workspace import Workspace

HALF_EXTENTS = (0.24, 0.2, 0.16, 0.13, 0.1)
"""Halves of the workspace's side that are tried [m]; blocks look alike in the largest."""

BASE_GAP = 0.14
"""Distance of the workspace to the axis that the arm turns about [m]."""

COVERED = 0.95
"""Share of the workspace's side that must be reached."""

LOW_HEIGHT, TOP_HEIGHT = 0.03, 0.15
"""Heights of the tip above the table at a block, and with a block above others [m]."""

HOME_HEIGHT, LOW_HOME_HEIGHT = 0.35, 0.2
"""Heights of the tool at home above the table that are tried [m]."""

NUM_STARTS = 48
"""Random postures from which that at home is searched."""

NUM_RADII, NUM_TRIES = 16, 3
"""Number of distances from the base at which the tool is held down, and of postures tried."""

NUM_POSTURES, OTHER_POSTURE = 4, 0.8
"""Number of postures at home from which the workspace is tried, and least distance of the farthest
joint between two of them [rad]: an elbow's side decides what is reached."""

TWIST_COST = 0.1
"""Cost of the joint that is turned most at home, beside lengths in the search for it [m/rad]."""


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
    found = _place(arm, kinematics, base, reach, workspace, home)
    if found is None:
        raise ArmError(
            f'{arm.file.path}: no '
            f'{"posture at rest" if workspace else f"workspace {2 * HALF_EXTENTS[-1]:g} m wide"} '
            f'was found that the tool {arm.tool_site!r} reaches pointing down; '
            + _way_out(arm, kinematics, base, reach)
        )
    return found


def _place(
    arm: ArmModel,
    kinematics: ArmKinematics,
    base: np.ndarray,
    reach: float,
    workspace: Workspace | None,
    home: np.ndarray | None,
) -> tuple[Workspace, np.ndarray] | None:
    """Return what `find_place` does; None if nothing is found."""
    if workspace is None:
        squares = _squares(base, reach)
        farthest = min(_tool_down(arm, kinematics, base, reach, LOW_HEIGHT, TOP_HEIGHT))
    else:
        squares, farthest = iter([workspace]), math.inf
    for square in squares:
        distance = float(np.linalg.norm(base - np.array(square.center)))
        half = COVERED * square.half_extent
        if math.hypot(distance + half, half) > farthest:
            continue
        inward = base - np.array(square.center)
        inward /= max(float(np.linalg.norm(inward)), 1e-9)
        point = np.array([*(np.array(square.center) + square.half_extent * inward), 0.0])
        for height in (HOME_HEIGHT, LOW_HOME_HEIGHT):
            point[2] = height
            postures = [home] if home is not None else _rest(kinematics, arm, point, base)
            for posture in postures:
                posed = replace(arm, home=posture)
                if workspace is not None or _covers(posed, kinematics, square):
                    return square, posture
            if postures:
                break
    return None


def _way_out(arm: ArmModel, kinematics: ArmKinematics, base: np.ndarray, reach: float) -> str:
    """Say how high the tip comes pointing down, and how high the arm would have to stand."""
    heights = np.arange(-0.3, HOME_HEIGHT, 0.05)
    found = _tool_down(arm, kinematics, base, reach, *heights)
    able = [height for height, farthest in zip(heights, found) if farthest > 0]
    ways = 'a YAML may say `tool`, `base`, `workspace` and `home`'
    if not able:
        return (
            f'within its {reach:.2f} m of reach it cannot hold the tool down at all: is the axis '
            f'of the tool right? Where it is, take an arm with another joint in the wrist; {ways}'
        )
    said = f'so held, the tip comes {able[0]:.2f} to {able[-1]:.2f} m above the table'
    ways = f' (reach {reach:.2f} m): {ways}'
    missing = TOP_HEIGHT - able[-1]
    if missing > 0.01:
        ways = f', and blocks are carried at {TOP_HEIGHT:g} m: take a shorter tool (`tool`)'
        x, y, z = (0.0, 0.0, 0.0) if arm.base is None else arm.base.position
        yaw = 0.0 if arm.base is None else arm.base.yaw_degrees
        for rise in np.round(missing + np.array([0.0, 0.05, 0.1]), 2):
            raised = replace(arm, base=Mount((x, y, float(z + rise)), yaw))
            if _place(raised, ArmKinematics(raised), base, reach, None, None) is not None:
                ways += (
                    f' or stand the arm {rise:.2f} m higher, `base: {{position: [{x:g}, {y:g}, '
                    f'{z + rise:.2f}]}}` in a YAML'
                )
                break
        else:
            ways += f' or another arm; one that stands up to {rise:.2f} m higher does not help'
    return said + ways


def base_axis(kinematics: ArmKinematics, arm: ArmModel) -> np.ndarray:
    """Return (2,) where the axis is that the whole arm turns about [m]."""
    frames = kinematics.frames(arm.home)
    upright = np.abs(kinematics.axes(frames)[:, 2]) > 0.99
    upright &= ~kinematics.is_slide
    first = int(np.argmax(upright)) if upright.any() else 0
    return frames.anchors[first, :2].copy()


def horizontal_reach(kinematics: ArmKinematics, arm: ArmModel, base: np.ndarray) -> float:
    """Return how far the tip comes from the base, horizontally [m]."""
    tips = kinematics.tool(sample_postures(arm, 4000)).position[:, :2]
    return float(np.percentile(np.linalg.norm(tips - base, axis=1), 99.5))


def _squares(base: np.ndarray, reach: float) -> Iterator[Workspace]:
    """Yield squares in front of the arm, then beside and behind it, the largest first."""
    for half in HALF_EXTENTS:
        for turn in (0.0, math.pi, math.pi / 2, -math.pi / 2):
            ahead = np.array([math.cos(turn), math.sin(turn)])
            nearest, farthest = half + BASE_GAP, math.sqrt(max(reach**2 - half**2, 0.0)) - half
            for share in (0.4, 0.7, 0.1, 0.25):
                distance = nearest + share * (farthest - nearest)
                if farthest > nearest:
                    x, y = np.round(base + distance * ahead, 2)
                    yield Workspace((float(x), float(y)), half, turn - math.pi / 2)


def _tool_down(
    arm: ArmModel, kinematics: ArmKinematics, base: np.ndarray, reach: float, *heights: float
) -> list[float]:
    """Return how far from its base an arm may hold its tool down at heights [m], -inf: nowhere.

    The answer is generous by the step between distances, for few postures are tried.
    """
    radii, turns = np.linspace(0.05, max(reach, 0.1), NUM_RADII), np.arange(4) * math.pi / 2
    rings = radii[:, None, None] * np.stack([np.cos(turns), np.sin(turns)], axis=-1) + base
    points = np.array([[*xy, h] for h in heights for xy in rings.reshape(-1, 2)])
    starts = np.tile(sample_postures(arm, NUM_TRIES), (len(points), 1))
    _, is_reached = descend(
        starts, kinematics, np.repeat(points, NUM_TRIES, axis=0), arm.position_limits
    )
    able = is_reached.reshape(len(heights), NUM_RADII, -1).any(axis=-1)
    return list(np.where(able, radii + radii[1] - radii[0], -math.inf).max(axis=1))


def _covers(arm: ArmModel, kinematics: ArmKinematics, square: Workspace) -> bool:
    """Tell whether the tool reaches a square from home, low and above blocks, links clear."""
    grid = np.array([[x, y] for x in (-COVERED, 0.0, COVERED) for y in (-COVERED, 0.0, COVERED)])
    heights = LOW_HEIGHT, TOP_HEIGHT
    places = [[*xy, height] for xy in square.to_world(grid) for height in heights]
    q, is_reached = reach_all(arm, kinematics, np.array(places))
    if not is_reached.all():
        return False
    return bool((LinkClearance(kinematics).value(kinematics.frames(q)) < 1e-4).all())


def _rest(
    kinematics: ArmKinematics, arm: ArmModel, point: np.ndarray, base: np.ndarray
) -> list[np.ndarray]:
    """Return different joint positions (n,) with the tip at a point, elbow up, the best first."""
    links = LinkClearance(kinematics)
    ahead = point[:2] - base
    across = np.array([-ahead[1], ahead[0]]) / max(float(np.linalg.norm(ahead)), 1e-9)
    starts = sample_postures(arm, NUM_STARTS)
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
    found: list[np.ndarray] = []
    for each in q[is_reached][np.argsort(cost[is_reached])]:
        if all(np.abs(each - other).max() > OTHER_POSTURE for other in found):
            found.append(each)
    return found[:NUM_POSTURES]
