"""`DrawCommand` messages to goals the controller can pursue. Everything is checked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.goal import GroundedGoal
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError
from concept_control.interfaces.goal_terms import program_of
from concept_control.language.goals import tool_goal
from concept_control.language.grounding import GoalRequest
from concept_control.msg import ConceptCommand, ConceptGoal, ConceptStatus, DrawCommand
from concept_control.policy.drawing import load_strokes, place_strokes
from concept_control.world.entity import TOOL_ID, EntityState, tool_state
from concept_control.world.tabletop import Tabletop

SIZE, HEIGHT, SPEED = 0.2, 0.005, 0.08
"""Defaults that zeros in the message stand for [m, m, m/s]."""

MAX_SIZE, MAX_HEIGHT, MAX_SPEED = 0.5, 0.3, 0.25
"""Largest values that are accepted [m, m, m/s]."""

FIRST_ID = 1 << 32
"""First id of a drawing, beyond those of goals."""

READING = 'read'
"""Phase of a drawing that is not begun yet."""


def announced(message: DrawCommand, number: int) -> ConceptGoal:
    """Return the goal that statuses of a drawing speak of."""
    return ConceptGoal(
        header=message.header,
        goal_id=FIRST_ID + number,
        command_id=message.command_id,
        command=ConceptCommand.ACHIEVE,
        expression=f'draw {message.figure}',
    )


def is_drawn(status: ConceptStatus) -> bool:
    """Tell from a status whether a drawing is in progress, in the place of any other goal."""
    is_active = status.status == ConceptStatus.ACTIVE and status.phase != READING
    return bool(is_active and status.goal_id >= FIRST_ID)


def drawing_goal(
    message: DrawCommand,
    arm: ArmDescription,
    entities: Mapping[int, EntityState],
    model: ConceptModel,
    check: Callable[[], None] = lambda: None,
) -> DrawingGoal:
    """Turn a command into strokes on the table; a code takes a second, a file has many.

    Args:
        message: Command to read.
        arm: Arm that draws.
        entities: Entities that are perceived now, by id.
        model: Model whose codes the terms beside hold.
        check: Callable that is called after each stroke; raises where the drawing is no longer
            wanted.

    Raises:
        CommandError: for values that are not finite or out of range, an unknown entity, or terms
            beside that are no program about the tool alone.
        StrokeError: for a file that holds no strokes.
        ModelError: for a figure that is not known.
    """
    size = _number('size', message.size, SIZE, MAX_SIZE)
    height = _number('height', message.height, HEIGHT, MAX_HEIGHT)
    speed = _number('speed', message.speed, SPEED, MAX_SPEED)
    center = np.array([message.center.x, message.center.y])
    if not np.isfinite(center).all():
        raise CommandError(f'the middle of the drawing is {center}, not finite')
    if not center.any():
        center = np.array(arm.workspace.center)
    around = int(message.around) or None
    if around is not None:
        if around not in entities:
            raise CommandError(f'no entity #{around} is seen; there are {sorted(entities)}')
        center = entities[around].xy
    parts = []
    for part in load_strokes(message.figure, seed=int(message.seed)):
        check()
        parts.append(part)
    strokes = place_strokes(parts, center, size, arm.workspace.rotation, int(message.seed))
    return DrawingGoal(
        strokes=strokes,
        height=height,
        speed=speed,
        around=around,
        extra_energy=_extra_goal(message, arm, entities, model) if message.beside else None,
        expression=f'draw {message.figure}',
    )


def _extra_goal(
    message: DrawCommand,
    arm: ArmDescription,
    entities: Mapping[int, EntityState],
    model: ConceptModel,
) -> GroundedGoal:
    movable = {int(i) for term in message.beside for i in term.subjects}
    if movable != {TOOL_ID}:
        raise CommandError(
            f'the terms beside a drawing move {sorted(movable)}, not the tool (#{TOOL_ID}) alone'
        )
    scene = Tabletop.from_entities({TOOL_ID: tool_state(), **entities}, arm.workspace)
    request = GoalRequest(
        expression=f'draw {message.figure}',
        program=tuple(program_of(message.beside, scene.ids)),
        scene=scene,
        movable=(TOOL_ID,),
    )
    return tool_goal(request, model)


def _number(name: str, value: float, default: float, largest: float) -> float:
    if value == 0:
        return default
    if not 0 < value <= largest:
        raise CommandError(f'{name} {value} is not between 0 and {largest}')
    return float(value)
