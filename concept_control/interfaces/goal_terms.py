"""A goal's terms, as messages carry them, to the program of a `GoalEnergy`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.errors import CommandError
from concept_control.interfaces.constants import TermOperation, allowed


def program_of(
    messages: Sequence[Any],
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
        if message.operation == TermOperation.CONCEPT:
            program.append(_grounded_term(message, ids, codes or {}))
            depth += 1
            continue
        if message.operation not in list(TermOperation):
            raise CommandError(
                f'term {number} has operation {message.operation}; allowed: '
                f'{allowed(TermOperation)}'
            )
        operation = TermOperation(message.operation)
        name = operation.name.lower()
        arity = 1 if operation is TermOperation.NOT else message.arity
        if not 1 <= arity <= depth:
            raise CommandError(
                f'term {number} ({name}) takes {arity} energies, but '
                f'{depth} stand before it; terms must be in postfix order'
            )
        program.append(Operator(name, arity))
        depth += 1 - arity
    if depth != 1:
        raise CommandError(
            f'the terms leave {depth} energies instead of one; join them with an operator '
            '(postfix order)'
        )
    return program


def _grounded_term(
    message: Any, ids: Sequence[int], codes: dict[str, ConceptCode]
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
        code = ConceptCode.from_array(np.array(message.code, dtype=np.float32))
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


Roles = list[tuple[tuple[int, ...], tuple[int, ...]]]
"""Ids of the subjects and arguments of each term, sorted; in shapes no arguments."""


def recorded_roles(goal: Any) -> Roles:
    """Return the roles of the terms of a goal's message."""
    roles = []
    for term in goal.terms:
        if term.operation == TermOperation.CONCEPT:
            subjects = tuple(sorted(map(int, term.subjects)))
            arguments = tuple(sorted(map(int, term.arguments)))
            roles.append((subjects, () if arguments == subjects else arguments))
    return roles
