"""Goal programs as messages: `ConceptTerm[]` in postfix order to a `GoalEnergy`'s and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.composition import GroundedTerm, Operator
from concept_control.errors import CommandError
from concept_control.library import LibraryConcept
from concept_control.msg import Concept, ConceptTerm

OPERATIONS = {'and': ConceptTerm.AND, 'or': ConceptTerm.OR, 'not': ConceptTerm.NOT}
WORDS = {number: word for word, number in OPERATIONS.items()}

ANY_NUMBER = 255
"""What `Concept.max_subjects` says where there is no limit."""


def term_messages(
    program: Sequence[GroundedTerm | Operator], ids: Sequence[int]
) -> list[ConceptTerm]:
    """Write a program whose masks are over `ids`."""
    messages = []
    order = np.array(list(ids), dtype=np.int32)
    for element in program:
        if isinstance(element, Operator):
            messages.append(ConceptTerm(operation=OPERATIONS[element.name], arity=element.arity))
            continue
        messages.append(
            ConceptTerm(
                operation=ConceptTerm.CONCEPT,
                name=element.name,
                weight=float(element.weight),
                subjects=order[np.asarray(element.subjects, dtype=bool)],
                arguments=order[np.asarray(element.attention) > 0.5],
                code=element.code.to_array(),
            )
        )
    return messages


def program_of(
    messages: Sequence[ConceptTerm],
    ids: Sequence[int],
    codes: dict[str, ConceptCode] | None = None,
) -> list[GroundedTerm | Operator]:
    """Read a program; codes left out are looked up by name in `codes`.

    Raises:
        CommandError: for an unknown operation or id, a weight that is not positive, a missing
            code, or terms that are no postfix program of one energy.
    """
    program: list[GroundedTerm | Operator] = []
    depth = 0
    for number, message in enumerate(messages):
        if message.operation == ConceptTerm.CONCEPT:
            program.append(_grounded_term(message, ids, codes or {}))
            depth += 1
            continue
        if message.operation not in WORDS:
            raise CommandError(
                f'term {number} has operation {message.operation}; allowed: {ConceptTerm.CONCEPT} '
                f'(concept) and {WORDS}'
            )
        arity = 1 if message.operation == ConceptTerm.NOT else message.arity
        if not 1 <= arity <= depth:
            raise CommandError(
                f'term {number} ({WORDS[message.operation]}) takes {arity} energies, but '
                f'{depth} stand before it; terms must be in postfix order'
            )
        program.append(Operator(WORDS[message.operation], arity))
        depth += 1 - arity
    if depth != 1:
        raise CommandError(
            f'the terms leave {depth} energies instead of one; join them with an operator '
            '(postfix order)'
        )
    return program


def _grounded_term(
    message: ConceptTerm, ids: Sequence[int], codes: dict[str, ConceptCode]
) -> GroundedTerm:
    unknown = sorted(({*message.subjects} | {*message.arguments}) - {*ids})
    if unknown:
        raise CommandError(
            f'{message.name} names the entities {[int(i) for i in unknown]}, which do not exist; '
            f'there are: {[int(i) for i in ids]}'
        )
    weight = message.weight if message.weight != 0.0 else 1.0
    if not 0.0 < weight < float('inf'):
        raise CommandError(f'{message.name} has weight {message.weight}; expected a finite > 0')
    if len(message.code):
        code = ConceptCode.from_array(np.asarray(message.code, dtype=np.float32))
    elif message.name in codes:
        code = codes[message.name]
    else:
        raise CommandError(
            f'unknown concept {message.name!r} without a code; known: {", ".join(codes) or "none"}'
        )
    order = np.array(list(ids))
    return GroundedTerm(
        name=message.name,
        code=code,
        subjects=torch.as_tensor(np.isin(order, np.asarray(message.subjects))),
        attention=torch.as_tensor(np.isin(order, np.asarray(message.arguments))),
        weight=weight,
    )


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
    )


def _limit(number: int | None) -> int:
    return ANY_NUMBER if number is None else number
