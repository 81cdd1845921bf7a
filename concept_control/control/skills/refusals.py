"""Why a goal cannot be pursued, in words for people; each answer is empty where it can."""

from __future__ import annotations

import numpy as np

from concept_control.control.arm.inverse_kinematics import solve_ik
from concept_control.control.goal import GroundedGoal
from concept_control.control.guard import GuardConfig
from concept_control.control.skills.support import LEVEL_TOLERANCE, Bodies
from concept_control.control.skills.task_view import TaskView
from concept_control.world.entity import TOOL_ID
from concept_control.world.workspace import Workspace

FENCE_TOLERANCE = 0.02
"""Largest distance outside the workspace at which a target is accepted [m]."""


def names(goal: GroundedGoal, rows: list[int]) -> str:
    """Name the entities of some rows for people."""
    ids = [goal.entity_ids[row] for row in rows]
    return ', '.join('the tool' if i == TOOL_ID else f'#{i}' for i in ids)


def unseen(goal: GroundedGoal, view: TaskView) -> str:
    """Name the goal's entities that are not perceived."""
    known = {*view.entities, TOOL_ID, view.held}
    missing = [row for row, i in enumerate(goal.entity_ids) if i not in known]
    return f'not seen: {names(goal, missing)}' if missing else ''


def burdened(goal: GroundedGoal, now: Bodies, remaining: list[int], moved: list[int]) -> str:
    """Name what rests on something that must move, and has no place of its own to go to."""
    burden = [i for i in now.with_carried(remaining) if i not in moved]
    if not burden:
        return ''
    below = np.flatnonzero(now.rests_on()[burden].any(axis=0)).tolist()
    return (
        f'{names(goal, burden)} lies on {names(goal, below)}, which must move, and has no place '
        'in the goal; clear it away first'
    )


def floating(goal: GroundedGoal, planned: Bodies, moved: list[int]) -> str:
    """Name what nothing carries in the solution."""
    held = planned.is_held()
    loose = [i for i in moved if not held[i]]
    if not loose:
        return ''
    return (
        f'{names(goal, loose[:1])} would float {1000 * planned.places[loose[0], 2]:.0f} mm above '
        'the table: nothing that ends at this height stands under its middle'
    )


def open_box(goal: GroundedGoal, view: TaskView, moved: list[int]) -> str:
    """Name an open box that would have to be lifted."""
    entities = (view.entities.get(goal.entity_ids[row]) for row in moved)
    boxes = [row for row, entity in zip(moved, entities) if entity is not None and entity.rim > 0]
    if not boxes or view.must_push:
        return ''
    return (
        f'{names(goal, boxes)} would have to move, and is an open box: no arm lifts it, as it has '
        'no upper face to be held by'
    )


def too_wide(goal: GroundedGoal, view: TaskView, moved: list[int]) -> str:
    """Name what the fingers cannot be put around."""
    fingers = view.arm.fingers
    if fingers is None or view.must_push:
        return ''
    for row in moved:
        entity = view.entities.get(goal.entity_ids[row])
        if entity is not None and entity.width > fingers.widest:
            return (
                f'{names(goal, [row])} is {1000 * entity.width:.0f} mm wide; the fingers of '
                f'{view.arm.name} go around at most {1000 * fingers.widest:.0f} mm'
            )
    return ''


def unreachable(
    goal: GroundedGoal,
    view: TaskView,
    workspace: Workspace,
    now: Bodies,
    planned: Bodies,
    moved: list[int],
) -> str:
    """Name a place the arm cannot reach and why."""
    for index in moved:
        is_tool = goal.entity_ids[index] == TOOL_ID
        for name, bodies in (('target', planned), ('present place', now))[: 1 if is_tool else 2]:
            x, y, bottom = bodies.places[index]
            height = view.config.tool_height if is_tool else bodies.tops[index]
            tip = np.array([x, y, height])
            where = f'the {name} of {names(goal, [index])} at ({x:.3f}, {y:.3f}) m'
            if not workspace.contains(tip[:2], margin=-FENCE_TOLERANCE):
                return f'{where} is outside the workspace'
            if bottom > LEVEL_TOLERANCE:
                where = f'{where}, {bottom:.3f} m above the table,'
                tip[2] += view.config.travel_clearance  # It comes and goes from above.
                if tip[2] > GuardConfig.ceiling:
                    return f'{where} is above the fence, {GuardConfig.ceiling:g} m above the table'
                if view.must_push:
                    return f'{where} is out of reach of an arm that pushes'
            if solve_ik(view.arm, view.kinematics, tip) is None:
                return f'{where} is out of reach of the arm'
    return ''
