"""The judge: whether an expression holds in a scene, by geometry and true colours alone.

Nothing here looks at the network. Selectors are resolved with the predicates of the vocabulary
(what is truly red), terms are judged with the predicates of their families.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from concept_control.concepts.vocabulary import NamedConcept, vocabulary
from concept_control.errors import GroundingError, UnknownConceptError
from concept_control.language.expression import (
    All,
    And,
    ById,
    Expression,
    Named,
    Not,
    Or,
    Selector,
    Term,
    TermRoles,
    Tool,
    argument_alternatives,
    mentions,
)
from concept_control.world.entity import TOOL_ID
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop

_Bound = tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]
"""Ids of a term's subjects, and the alternatives of its arguments."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one expression.

    Attributes:
        holds: Whether the predicate holds.
        error: Distance to satisfaction in workspace units of the worst term that counts; NaN where
            no distance is defined.
        tolerance: Tolerance of the predicates, workspace units.
        roles: Subjects and arguments of each term, and of each of its alternatives.
    """

    holds: bool
    error: float
    tolerance: float
    roles: tuple[TermRoles, ...]


class Judge:
    """Judges one expression; the roles are fixed by the scene as it was before.

    Args:
        expression: Expression to judge.
        before: Scene as it was before.
        tolerance: Tolerance of the predicates, workspace units.

    Raises:
        UnknownConceptError: if a name has no predicate.
    """

    def __init__(self, expression: Expression, before: Tabletop, tolerance: float) -> None:
        self._words = vocabulary()
        self._before = before
        self._tolerance = tolerance
        self._expression = expression
        self._roles: dict[int, _Bound] = {}
        self._bind(expression)

    def __call__(self, after: Tabletop) -> Verdict:
        """Judge a scene with the same ids as the one before.

        Raises:
            GroundingError: if the ids differ.
        """
        if after.ids != self._before.ids:
            raise GroundingError(
                f'the scene has the ids {list(after.ids)}; it had {list(self._before.ids)} before'
            )
        holds, error = self._judge(self._expression, after)
        return Verdict(holds, error, self._tolerance, tuple(self._listed(self._expression)))

    def _listed(self, expression: Expression) -> list[TermRoles]:
        match expression:
            case Term():
                subjects, alternatives = self._roles[id(expression)]
                return [(expression, subjects, arguments) for arguments in alternatives]
            case Not(part):
                return self._listed(part)
            case And(parts) | Or(parts):
                return [role for part in parts for role in self._listed(part)]

    def _judge(self, expression: Expression, after: Tabletop) -> tuple[bool, float]:
        match expression:
            case Term():
                subjects, alternatives = self._roles[id(expression)]
                verdicts = [
                    self._judge_term(expression, subjects, arguments, after)
                    for arguments in alternatives
                ]
                return any(h for h, _ in verdicts), float(np.min([e for _, e in verdicts]))
            case Not(part):
                holds, _ = self._judge(part, after)
                return not holds, float('nan')
            case And(parts):
                verdicts = [self._judge(part, after) for part in parts]
                return all(h for h, _ in verdicts), float(np.max([e for _, e in verdicts]))
            case Or(parts):
                verdicts = [self._judge(part, after) for part in parts]
                return any(h for h, _ in verdicts), float(np.min([e for _, e in verdicts]))

    def _judge_term(
        self, term: Term, subjects: tuple[int, ...], arguments: tuple[int, ...], after: Tabletop
    ) -> tuple[bool, float]:
        word = self._word(term.name)
        attended = arguments or (subjects if word.max_arguments == 0 else ())
        before = self._before
        # What another term was to move may have moved; to this term it is where it is.
        others = {i for s, _ in self._roles.values() for i in s} - set(subjects)
        start = np.where(before.mask(sorted(others))[:, None], after.positions, before.positions)
        events = Events(
            positions=np.stack([start, after.positions])[None].astype(np.float32),
            colors=before.colors[None],
            sizes=before.sizes[None],
            subjects=before.mask(subjects)[None],
            attention=before.mask(attended)[None].astype(np.float32),
        )
        return bool(word.holds(events, self._tolerance)[0]), float(word.error(events)[0])

    def _word(self, name: str) -> NamedConcept:
        if name not in self._words:
            raise UnknownConceptError(
                f'no predicate for {name!r}; there are predicates for {", ".join(self._words)}'
            )
        return self._words[name]

    def _bind(self, expression: Expression) -> None:
        match expression:
            case Term():
                word = self._word(expression.name)
                elsewhere: set[int] = set()
                for selector in (*expression.subjects, *expression.arguments):
                    if not mentions(selector, All):
                        elsewhere |= set(self._select(selector, set()))
                arguments = self._group(expression.arguments, elsewhere)
                self._roles[id(expression)] = (
                    self._group(expression.subjects, elsewhere),
                    argument_alternatives(expression, arguments, word.max_arguments),
                )
            case Not(part):
                self._bind(part)
            case And(parts) | Or(parts):
                for part in parts:
                    self._bind(part)

    def _group(self, selectors: Sequence[Selector], elsewhere: set[int]) -> tuple[int, ...]:
        chosen: list[int] = []
        for selector in selectors:
            chosen += [i for i in self._select(selector, elsewhere) if i not in chosen]
        return tuple(chosen)

    def _select(self, selector: Selector, elsewhere: set[int]) -> tuple[int, ...]:
        match selector:
            case Tool():
                return (TOOL_ID,)
            case ById(number):
                return (number,)
            case All():
                apart = {TOOL_ID, *elsewhere}
                return tuple(i for i in self._before.ids if i not in apart)
            case Named(name):
                return self._true_members(name, ())
            case Term(name, subjects, _):
                named = self._group(subjects, elsewhere)
                return self._true_members(name, named) if self._word(name).selects else named

    def _true_members(self, name: str, marker: tuple[int, ...]) -> tuple[int, ...]:
        scene = self._before
        attention = self._word(name).true_attention(scene.events(scene.mask(marker)))[0]
        return tuple(
            i
            for i, a in zip(scene.ids, np.asarray(attention))
            if a > 0.5 and i != TOOL_ID and i not in marker
        )
