"""The grounded arguments of a command: as recorded, as identified again, and by the predicate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from concept_control.errors import ConceptControlError, GroundingError
from concept_control.interfaces.constants import TermOperation
from concept_control.interfaces.goal_terms import Roles, recorded_roles
from concept_control.language.expression import concept_names, parse
from concept_control.language.grounding import ground
from concept_control.language.judge import Verdict
from concept_control.replay.concepts import ReplayLibrary
from concept_control.world.tabletop import Tabletop


def compare_attention(
    goal: Any,
    scenes: Sequence[Tabletop],
    reported: dict[int, float],
    verdict: Verdict | None,
    library: ReplayLibrary,
) -> dict[str, Any]:
    """Identify again in some scenes and compare.

    Args:
        goal: Message of the goal.
        scenes: Scenes; the first one as it was when the command was given, others along the way.
        reported: Attention by entity as the controller reported it.
        verdict: Verdict of the predicate, which knows the true arguments.
        library: Library that finds codes for names.
    """
    recorded = recorded_roles(goal)
    tries = [_identify(goal, scene, library) for scene in scenes]
    true = None if verdict is None else [_sorted(s, a) for _, s, a in verdict.roles]
    grounded = {
        int(i) for t in goal.terms if t.operation == TermOperation.CONCEPT for i in t.arguments
    }
    attended = {i for i, a in reported.items() if a > 0.5}
    return {
        'recorded': _plain(recorded),
        'recomputed': _plain(tries[0]),
        'predicate': _plain(true),
        'recorded_is_true': None if true is None else recorded == true,
        'recomputed_is_recorded': tries[0] == recorded,
        'agreement_along': float(np.mean([found == recorded for found in tries])),
        'reported_attention_agrees': attended == grounded if reported else None,
    }


def _identify(goal: Any, scene: Tabletop, library: ReplayLibrary) -> Roles | None:
    """Return the roles found in a scene; None where none, or too many, were found."""
    try:
        expression = parse(goal.expression)
        concepts = library.having(concept_names(expression))
        grounded = ground(expression, scene, library.model, concepts, seed=int(goal.seed))
    except GroundingError:
        return None
    except ConceptControlError as error:
        note = f'not identified again: {error}'
        if note not in library.notes:
            library.notes.append(note)
        return None
    return [_sorted(subjects, arguments) for _, subjects, arguments in grounded.roles]


def _sorted(subjects: Sequence[int], arguments: Sequence[int]) -> tuple[Any, Any]:
    return tuple(sorted(subjects)), tuple(sorted(arguments))


def _plain(roles: Roles | None) -> list[dict[str, list[int]]] | None:
    if roles is None:
        return None
    return [{'subjects': list(s), 'arguments': list(a)} for s, a in roles]
