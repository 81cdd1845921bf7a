"""Grounding: the codes and entities that an expression stands for in a scene.

Selectors are resolved by identification with the learned energy; ids, `tool` and `all` are taken
as they are. The result is a postfix program that `GoalEnergy` turns into one energy.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.model import ConceptModel
from concept_control.errors import GroundingError
from concept_control.language.appearance import appearance_match
from concept_control.language.expression import (
    And,
    ById,
    Expression,
    Not,
    Or,
    Selector,
    Term,
    TermRoles,
    Tool,
    argument_alternatives,
)
from concept_control.language.library import ConceptLibrary, LibraryConcept
from concept_control.language.roles import Ids, RoleFinder
from concept_control.language.words import check_selectors, check_usage, wanted
from concept_control.world.entity import TOOL_ID
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop

SELECTION_THRESHOLD = 0.5
"""Attention above which an entity is selected."""

MIN_CONFIDENCE = 0.05
"""Confidence below which a word is not acted on, nor what it finds in a scene. Of what is done
right with validation families, from 1, 2 or 5 demonstrations, nothing is below it; of what is done
after demonstrations that show nothing, a quarter."""


@dataclass(frozen=True)
class GoalRequest:
    """Concepts bound to the entities of a scene; nothing is solved yet.

    Attributes:
        expression: The command as people wrote it.
        program: Postfix sequence of terms and operators for `GoalEnergy`.
        scene: The N entities that the terms' masks are over, as they are now.
        movable: Ids of the subjects of all terms.
        roles: Subjects and arguments of each term, for the predicate and for people; none where
            the terms came in a message.
        seed: Seed of the solver.
    """

    expression: str
    program: tuple[GroundedTerm | Operator, ...]
    scene: Tabletop
    movable: tuple[int, ...]
    roles: tuple[TermRoles, ...] = ()
    seed: int = 0

    @property
    def attention(self) -> tuple[int, ...]:
        """Ids of the arguments of all terms."""
        meant = {i for _, _, arguments in self.roles for i in arguments}
        return tuple(i for i in self.scene.ids if i in meant)


def ground(
    expression: Expression,
    scene: Tabletop,
    model: ConceptModel,
    library: ConceptLibrary,
    seed: int = 0,
) -> GoalRequest:
    """Find the entities that an expression names and bind its concepts' codes to them.

    Raises:
        UnknownConceptError: a name that is not in the library.
        GroundingError: a selector that finds nothing or too many, an id that does not exist, a
            concept with the wrong number of things, a name that cannot act.
    """
    if len(set(scene.ids)) != len(scene.ids):
        raise GroundingError(f'entity ids are not distinct: {list(scene.ids)}')
    return _Grounding(scene, model, library, seed).run(expression)


def roles_of(
    term: Term, scene: Tabletop, model: ConceptModel, library: ConceptLibrary
) -> tuple[Ids, Ids]:
    """Find the ids that a term's selectors name, before and after the semicolon.

    The term's own name need not be known: it may be about to be taught.

    Raises:
        UnknownConceptError: a selector that is not in the library.
        GroundingError: a selector that finds nothing, or a thing on both sides.
    """
    grounding = _Grounding(scene, model, library, seed=0)
    check_selectors(term, grounding.words)
    return grounding.roles_of(term)


class _Grounding(RoleFinder):
    def __init__(
        self, scene: Tabletop, model: ConceptModel, library: ConceptLibrary, seed: int
    ) -> None:
        super().__init__(scene)
        self.model, self.library, self.seed = model, library, seed
        self.words = {concept.name: concept for concept in library}
        self.program: list[GroundedTerm | Operator] = []
        self.roles: list[TermRoles] = []
        # By name and marker: a thing that is named twice is looked for once.
        self._identified: dict[tuple[str, Ids], Ids] = {}

    def run(self, expression: Expression) -> GoalRequest:
        check_usage(expression, self.words)
        self._emit(expression)
        movable = {i for _, subjects, _ in self.roles for i in subjects}
        return GoalRequest(
            expression=str(expression),
            program=tuple(self.program),
            scene=self.scene,
            movable=tuple(i for i in self.scene.ids if i in movable),
            roles=tuple(self.roles),
            seed=self.seed,
        )

    def _emit(self, expression: Expression) -> None:
        match expression:
            case Term():
                self._emit_term(expression)
            case Not(part):
                self._emit(part)
                self.program.append(Operator('not', 1))
            case And(parts) | Or(parts):
                for part in parts:
                    self._emit(part)
                word = 'and' if isinstance(expression, And) else 'or'
                self.program.append(Operator(word, len(parts)))

    def _emit_term(self, term: Term) -> None:
        concept = self._understood(term.name)
        subjects, arguments = self.roles_of(term)
        self._check_count(term, concept, 'subject', subjects)
        alternatives = argument_alternatives(term, arguments, concept.arguments[1])
        is_shape = concept.arguments[1] == 0 and concept.subjects[1] != 1
        for chosen in alternatives:
            self._check_count(term, concept, 'argument', chosen)
            # In shapes, where nothing stands after the semicolon, every member is what it is
            # about.
            attended = chosen or (subjects if is_shape else ())
            acting, meant = subjects, chosen
            if concept.is_mirrored:
                acting, meant, attended = chosen, subjects, subjects
            self.program.append(
                GroundedTerm(
                    name=term.name,
                    code=concept.code,
                    subjects=torch.as_tensor(self.scene.mask(acting)),
                    attention=torch.as_tensor(self.scene.mask(attended)),
                    weight=term.weight,
                )
            )
            self.roles.append((term, tuple(acting), tuple(meant)))
        if len(alternatives) > 1:
            self.program.append(Operator('or', len(alternatives)))

    def roles_of(self, term: Term) -> tuple[Ids, Ids]:
        subjects, arguments = super().roles_of(term)
        both = sorted(set(subjects) & set(arguments))
        if both:
            raise GroundingError(
                f'{term}: {_ids(both)} is both subject and argument; name different things'
            )
        return subjects, arguments

    def select(self, selector: Selector, elsewhere: Collection[int] = ()) -> Ids:
        match selector:
            case Tool() if TOOL_ID not in self.scene.ids:
                raise GroundingError('the tool is not known yet: no joint states were heard')
            case ById(number) if number not in self.scene.ids:
                raise GroundingError(
                    f'there is no entity #{number}; there are: {self.scene.describe()}'
                )
        return super().select(selector, elsewhere)

    def selects(self, name: str) -> bool:
        return self.library.get(name).selects

    def _understood(self, name: str) -> LibraryConcept:
        concept = self.library.get(name)
        agreement = concept.code.agreement
        if agreement is not None and agreement.confidence < MIN_CONFIDENCE:
            raise GroundingError(
                f'what {name} means is not sure enough to act on ({agreement.confidence:.0%} by '
                f'its examples; {MIN_CONFIDENCE:.0%} is asked for): show more examples, and see '
                f'what was understood with "concept_control explain {name}"'
            )
        return concept

    def _check_count(self, term: Term, concept: LibraryConcept, role: str, ids: Ids) -> None:
        low, high = allowed = getattr(concept, f'{role}s')
        if low <= len(ids) and (high is None or len(ids) <= high):
            return
        selectors = ', '.join(map(str, getattr(term, f'{role}s')))
        found = f'{selectors or "nothing"} is {len(ids)}'
        if ids:
            found += f' ({_ids(ids)})'
        raise GroundingError(
            f'{wanted(concept.name, role, allowed)}, but {found}; write {concept.signature} and '
            'use ids such as #1 to choose'
        )

    def identified(self, name: str, marker: Ids) -> Ids:
        """Identify among the blocks (and the marker), with the learned energy."""
        if (name, marker) in self._identified:
            return self._identified[name, marker]
        concept = self._understood(name)
        ids = [i for i in self.scene.ids if i != TOOL_ID or i in marker]
        if not [i for i in ids if i not in marker]:
            raise GroundingError(f'nothing is on the table for {name} to choose from')
        part = self.scene.only(ids)
        events = part.events(subjects=part.mask(marker)).without_attention()
        self._check_confidence(name, events, concept.code)
        attention = self.model.identify(events, concept.code, seed=self.seed)[0].cpu().numpy()
        chosen = tuple(
            i for i, a in zip(part.ids, attention) if a > SELECTION_THRESHOLD and i not in marker
        )
        if concept.by_appearance:
            chosen = self._check_appearance(concept, chosen)
        if not chosen:
            raise GroundingError(f'nothing here is {name}; there are: {self.scene.describe()}')
        self._identified[name, marker] = chosen
        return chosen

    def _check_confidence(self, name: str, scene: Events, code: ConceptCode) -> None:
        """Refuse what is found where other things are about as likely to be meant."""
        if code.agreement is None:
            return
        confidence = float(self.model.confidence(scene, code)[0])
        if confidence < MIN_CONFIDENCE:
            raise GroundingError(
                f'which things are {name} here is not sure enough to act on ({confidence:.0%}; '
                f'{MIN_CONFIDENCE:.0%} is asked for); there are: {self.scene.describe()}: show '
                'more examples of it, or use ids such as #1 to choose'
            )

    def _check_appearance(self, concept: LibraryConcept, ids: Ids) -> Ids:
        """Drop entities that are only more similar than the rest, see `appearance`."""
        if not ids or concept.demonstrations is None:
            return ids
        part = self.scene.only(ids)
        share = appearance_match(
            self.model, concept.code, concept.demonstrations, part.colors, part.sizes, self.seed
        )
        return tuple(i for i, s in zip(part.ids, share) if s > SELECTION_THRESHOLD)


def _ids(ids: Sequence[int]) -> str:
    return ', '.join(f'#{i}' for i in ids)
