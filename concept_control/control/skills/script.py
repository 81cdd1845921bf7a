"""What scripts are made of: setpoints while they run, and how they end.

A script is a generator. It reads the world through `TaskView`, which the controller refreshes
before every tick, and answers with a `Setpoint`; `yield from` strings scripts together. That way
the whole of pick and place, with its retries, reads from top to bottom.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum

from concept_control.control.costs.arm_cost import ArmCost


@dataclass(frozen=True)
class Setpoint:
    """What one tick of a script asks for.

    Attributes:
        phase: Word for people and logs that says what the arm is doing.
        cost: Cost to plan for.
        grips: Whether the tool shall hold: the vacuum be on, or the fingers squeeze.
        opening: Distance of fingers that do not squeeze [m]; NaN: as it was.
        active: Id of the entity being moved, -1 for none.
    """

    phase: str
    cost: ArmCost
    grips: bool = False
    opening: float = float('nan')
    active: int = -1


class SkillOutcome(Enum):
    """How the script of a skill ended; the value is a clause for people."""

    DONE = 'done'
    TIMEOUT = 'took too long'
    MOVED = 'the block was moved away'
    MISSED = 'the tool did not seize the block (its state says that nothing is held)'
    DROPPED = 'the block was dropped (the state of the tool says that nothing is held)'
    LEFT_BEHIND = 'the state of the tool says that the block is held, but it is seen where it was'
    NO_ROOM = 'another stands where the fingers would come down beside it'
    LOST = 'the block is no longer seen'
    OUTSIDE = 'it could not be brought between the walls of its box'


@dataclass(frozen=True)
class TaskResult:
    """How the script of a whole task ended.

    Attributes:
        is_satisfied: Whether the goal was reached.
        text: One sentence for people on how, or why not.
    """

    is_satisfied: bool
    text: str


Script = Generator[Setpoint, None, SkillOutcome]
TaskScript = Generator[Setpoint, None, TaskResult]
