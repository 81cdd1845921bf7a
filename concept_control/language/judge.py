"""The judge: whether an expression holds in a scene, by geometry and true colours alone.

Nothing here looks at the network. Selectors are resolved with the predicates of the vocabulary
(what is truly red), terms are judged with the predicates of their families.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from concept_control.concepts.vocabulary import NamedConcept, vocabulary
from concept_control.errors import GroundingError, UnknownConceptError
from concept_control.language.expression import (
    And,
    Expression,
    Not,
    Or,
    Term,
    TermRoles,
    argument_alternatives,
    terms,
)
from concept_control.language.roles import Ids, RoleFinder
from concept_control.world.entity import TOOL_ID
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop

CONTACT_SHIFT = 0.02
"""Largest distance that a thing may be pushed by what is put on it [workspace units]: 5 mm."""


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


class Judge(RoleFinder):
    """Judges one expression; the roles are fixed by the scene as it was before.

    Args:
        expression: Expression to judge.
        before: Scene as it was before.
        tolerance: Tolerance of the predicates, workspace units.
        words: Words with predicates; None for those of the vocabulary.

    Raises:
        UnknownConceptError: if a name has no predicate.
    """

    def __init__(
        self,
        expression: Expression,
        before: Tabletop,
        tolerance: float,
        words: Mapping[str, NamedConcept] | None = None,
    ) -> None:
        super().__init__(before)
        self._words = vocabulary() if words is None else words
        self._tolerance = tolerance
        self._expression = expression
        # By term: ids of the subjects, and the alternatives of the arguments.
        self._roles: dict[int, tuple[Ids, tuple[Ids, ...]]] = {}
        for term in terms(expression):
            word = self._word(term.name)
            subjects, arguments = self.roles_of(term)
            if word.is_mirrored:
                subjects, arguments = arguments, subjects
            alternatives = argument_alternatives(term, arguments, word.arguments[1])
            self._roles[id(term)] = subjects, alternatives

    def __call__(self, after: Tabletop) -> Verdict:
        """Judge a scene with the same ids as the one before.

        Raises:
            GroundingError: if the ids differ.
        """
        if after.ids != self.scene.ids:
            raise GroundingError(
                f'the scene has the ids {list(after.ids)}; it had {list(self.scene.ids)} before'
            )
        holds, error = self._judge(self._expression, after)
        named = ((term, *self._roles[id(term)]) for term in terms(self._expression))
        roles = ((term, ids, arguments) for term, ids, several in named for arguments in several)
        return Verdict(holds, error, self._tolerance, tuple(roles))

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
            case And(parts) | Or(parts):
                each, errors = zip(*(self._judge(part, after) for part in parts))
                if isinstance(expression, And):
                    return all(each), float(np.max(errors))
                return any(each), float(np.min(errors))

    def _judge_term(
        self, term: Term, subjects: Ids, arguments: Ids, after: Tabletop
    ) -> tuple[bool, float]:
        word = self._word(term.name)
        attended = arguments or (subjects if word.arguments[1] == 0 else ())
        before = self.scene
        # What another term was to move may have moved; to this term it is where it is.
        others = {i for s, _ in self._roles.values() for i in s} - set(subjects)
        # So may what lay on or in something: it was cleared away, or went along.
        lay = (before.bottoms > 0) | before.is_in().any(axis=1)
        is_free = before.mask(sorted(others)) | (lay & ~before.mask(subjects))
        # And what carries something now, and was hardly pushed by it.
        shift = np.linalg.norm(after.positions - before.positions, axis=-1)
        is_touched = after.rests_on().any(axis=0) & (shift <= CONTACT_SHIFT)
        is_free |= is_touched & ~before.mask(subjects)
        start = np.where(is_free[:, None], after.positions, before.positions)
        events = Events(
            positions=np.stack([start, after.positions])[None].astype(np.float32),
            **before.bodies(),
            bottoms=np.stack([np.where(is_free, after.bottoms, before.bottoms), after.bottoms])[
                None
            ],
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

    def selects(self, name: str) -> bool:
        """See `RoleFinder.selects`."""
        return self._word(name).selects

    def identified(self, name: str, marker: Ids) -> Ids:
        """Return the ids that a word truly picks."""
        scene = self.scene
        attention = self._word(name).true_attention(scene.events(scene.mask(marker)))[0]
        return tuple(
            i
            for i, a in zip(scene.ids, np.asarray(attention))
            if a > 0.5 and i != TOOL_ID and i not in marker
        )
