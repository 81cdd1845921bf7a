"""Blocks between the walls of open boxes: how much room they need there, and where they may be."""

from __future__ import annotations

import numpy as np

from concept_control.control.goal import GroundedGoal
from concept_control.control.skills.finger_grasp import DEPTH, LEAST_HEIGHT, RELEASE_ROOM, ROOM
from concept_control.control.skills.refusals import names
from concept_control.control.skills.support import Bodies
from concept_control.control.skills.task_view import TaskView
from concept_control.world.workspace import Workspace

WALL_GAP = 0.004
"""Free space between the walls and what comes down between them [m]."""

LEAST_FENCE = 0.001
"""Half side of the square for a block that just fits into a box [m]."""


def room_needed(
    view: TaskView, bodies: Bodies, row: int, box: int, bottom: float, room: float = RELEASE_ROOM
) -> float:
    """Return the distance of walls between which a block is seized or let go of [m].

    Args:
        view: View of the arm.
        bodies: Block and box among others.
        row: Row of the block; how a cup has turned it is left open.
        box: Row of the box.
        bottom: Height of the block's lower face there [m].
        room: Free space at each finger beside the block [m].
    """
    fingers, width = view.arm.fingers, float(bodies.widths[row])
    if fingers is None:
        return float(np.sqrt(2.0) * width)
    tip = bottom + max(bodies.heights[row] / 2 - DEPTH, LEAST_HEIGHT)
    # Between high walls the palm, as wide as fingers open, must go down, too.
    is_deep = bodies.tops[box] > tip + fingers.length
    opening = fingers.opening if is_deep else min(width + 2 * room, fingers.opening)
    return opening + 2 * fingers.thickness


def fence_at(view: TaskView, bodies: Bodies, row: int, place: np.ndarray) -> Workspace:
    """Return the square for the middle of a block that is to be at a place (3,) [m].

    It is the workspace, or what an open box around the place leaves of its inside.
    """
    boxes = np.flatnonzero(bodies.around(place))
    if not len(boxes):
        return view.arm.workspace
    box = int(boxes[0])
    room = bodies.openings[box] - room_needed(view, bodies, row, box, place[2])
    x, y = bodies.places[box, :2]
    return Workspace((x, y), max(room / 2 - WALL_GAP, LEAST_FENCE), float(bodies.yaws[box]))


def too_narrow(
    goal: GroundedGoal, view: TaskView, now: Bodies, planned: Bodies, moved: list[int]
) -> str:
    """Name an open box between whose walls fingers cannot seize a block, or let go of it."""
    has_fingers = view.arm.fingers is not None and not view.must_push
    for bodies, room, act in ((now, ROOM, 'seize'), (planned, RELEASE_ROOM, 'let go of')):
        for row in moved if has_fingers else ():
            place = bodies.places[row]
            for box in np.flatnonzero(bodies.around(place)).tolist():
                needed = room_needed(view, bodies, row, box, place[2], room) + 2 * WALL_GAP
                if needed > bodies.openings[box]:
                    return (
                        f'between the walls of {names(goal, [box])} there are '
                        f'{1000 * bodies.openings[box]:.0f} mm; to {act} {names(goal, [row])} '
                        f'there the fingers of {view.arm.name} need {1000 * needed:.0f} mm'
                    )
    return ''
