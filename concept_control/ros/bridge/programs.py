"""Goal programs as messages: the terms of a `GoalEnergy` to `ConceptTerm[]`, in postfix order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.interfaces.constants import ANY_NUMBER, TermOperation
from concept_control.language.library import LibraryConcept
from concept_control.msg import Concept, ConceptTerm


def term_messages(
    program: Sequence[GroundedTerm | Operator], ids: Sequence[int]
) -> list[ConceptTerm]:
    """Write a program whose masks are over `ids`."""
    messages = []
    order = np.array(list(ids), dtype=np.int32)
    for element in program:
        if isinstance(element, Operator):
            messages.append(
                ConceptTerm(operation=TermOperation[element.name.upper()], arity=element.arity)
            )
            continue
        messages.append(
            ConceptTerm(
                operation=TermOperation.CONCEPT,
                name=element.name,
                weight=float(element.weight),
                subjects=order[np.asarray(element.subjects, dtype=bool)],
                arguments=order[np.asarray(element.attention) > 0.5],
                code=element.code.to_array(),
            )
        )
    return messages


def concept_message(concept: LibraryConcept) -> Concept:
    """Describe a concept of the library."""
    return Concept(
        name=concept.name,
        description=concept.description,
        code=concept.code.to_array(),
        selects=concept.selects,
        acts=concept.acts,
        min_subjects=concept.subjects[0],
        max_subjects=_limit(concept.subjects[1]),
        min_arguments=concept.arguments[0],
        max_arguments=_limit(concept.arguments[1]),
        num_demonstrations=concept.num_demonstrations,
        energy=concept.energy,
        source=concept.source,
        model=concept.model,
        demonstrations_hash=concept.demonstrations_hash,
        self_test=concept.self_test,
    )


def _limit(number: int | None) -> int:
    return ANY_NUMBER if number is None else number
