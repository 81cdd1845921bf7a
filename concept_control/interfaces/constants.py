"""The constants of the package's messages and of its action; `EntityStatus` stands in `world`."""

from __future__ import annotations

from enum import IntEnum


class GoalStatus(IntEnum):
    """How a goal stands; values of `msg/ConceptStatus`."""

    IDLE = 0
    ACTIVE = 1
    PAUSED = 2
    SATISFIED = 3
    FAILED = 4
    REFUSED = 5
    CANCELLED = 6
    REPLACED = 7


PURSUED = frozenset({GoalStatus.ACTIVE, GoalStatus.PAUSED})
"""Statuses of a goal that is being worked on."""

ENDED = frozenset({GoalStatus.SATISFIED, GoalStatus.FAILED, GoalStatus.CANCELLED})
"""Statuses that end a goal that was begun."""

REPLAYABLE = PURSUED | ENDED
"""Statuses of goals that were accepted: a bag tells what became of them."""


class CommandKind(IntEnum):
    """What a command asks for; values of `msg/ConceptCommand`."""

    ACHIEVE = 0
    CANCEL = 1
    PAUSE = 2
    RESUME = 3


class GoalKind(IntEnum):
    """What a goal's message says: a command's kind, or the end; values of `msg/ConceptGoal`."""

    ACHIEVE = CommandKind.ACHIEVE
    CANCEL = CommandKind.CANCEL
    PAUSE = CommandKind.PAUSE
    RESUME = CommandKind.RESUME
    ENDED = 100


class TermOperation(IntEnum):
    """A concept applied to entities, or the operator that joins energies; `msg/ConceptTerm`."""

    CONCEPT = 0
    AND = 1
    OR = 2
    NOT = 3


class Outcome(IntEnum):
    """How a command ended; values of `action/AchieveConcept`."""

    SATISFIED = 0
    REFUSED = 1
    FAILED = 2
    CANCELLED = 3
    TIMED_OUT = 4
    REPLACED = 5
    SHUT_DOWN = 6


OUTCOMES = {
    status: Outcome[status.name]
    for status in (*sorted(ENDED), GoalStatus.REFUSED, GoalStatus.REPLACED)
}
"""Outcome of a command by the status that ends it; the other outcomes are known elsewhere."""

ANY_NUMBER = 255
"""Value of `max_subjects` and `max_arguments` in `msg/Concept` where there is no limit."""

CONCEPT_FIELDS = (
    *('name', 'description', 'selects', 'acts', 'num_demonstrations', 'energy', 'source'),
    *('model', 'demonstrations_hash', 'self_test'),
)
"""Fields of `msg/Concept` that are attributes of a `LibraryConcept` as they are."""

TEACH_PHASE = 'teach'
"""Phase of the statuses that answer demonstrations and markers."""

ACHIEVE_ACTION = 'achieve_concept'
"""Name of the action."""


def allowed(constants: type[IntEnum]) -> dict[int, str]:
    """Return values and names as error messages list them."""
    return {int(constant): constant.name.lower() for constant in constants}
