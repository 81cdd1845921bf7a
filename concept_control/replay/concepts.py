"""The concepts of a recording, for the model it is replayed with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.interfaces.constants import ANY_NUMBER, CONCEPT_FIELDS
from concept_control.language.library import ConceptLibrary, LibraryConcept, learn_concept


class ReplayLibrary:
    """Finds codes for names: the recorded ones where the model is the same, inferred ones else.

    Shipped words are learned again from the same demonstrations, which are drawn from a seed. A
    taught concept comes from `taught`, or from the recording alone, which has its code but not
    its demonstrations.

    Args:
        model: Model that codes are wanted for; kept as an attribute.
        taught: Taught concepts with their demonstrations.

    Attributes:
        notes: Sentences on unavailable concepts.
    """

    def __init__(self, model: ConceptModel, taught: ConceptLibrary | None = None) -> None:
        self.notes: list[str] = []
        self.model = model
        self._taught = taught or ConceptLibrary()
        self._recorded: dict[str, Any] = {}
        self._known: dict[str, LibraryConcept] = {}

    def add(self, message: Any) -> None:
        """Take in a recorded library message."""
        for concept in message.concepts:
            old = self._recorded.get(concept.name)
            if old is None or old.demonstrations_hash != concept.demonstrations_hash:
                self._known.pop(concept.name, None)
            self._recorded[concept.name] = concept

    def having(self, names: tuple[str, ...]) -> ConceptLibrary:
        """Return a library with (at least) the names that are available."""
        for name in names:
            if name not in self._known:
                found = self._find(name)
                if found is not None:
                    self._known[name] = found
        return ConceptLibrary(self._known.values())

    def _find(self, name: str) -> LibraryConcept | None:
        recorded = self._recorded.get(name)
        words = vocabulary()
        is_same_model = recorded is not None and recorded.model == self.model.fingerprint
        if name in words and (recorded is None or recorded.source == 'shipped'):
            count = int(recorded.num_demonstrations) if recorded is not None else 5
            concept = learn_concept(self.model, words[name], max(1, min(count, 50)), seed=0)
            if recorded is None or recorded.demonstrations_hash == concept.demonstrations_hash:
                return concept
            self.notes.append(f'{name} was learned from other demonstrations than seed 0 gives')
            return replace(concept, code=_code(recorded)) if is_same_model else concept
        if recorded is None:
            return self._taught.get(name) if name in self._taught else None
        if name in self._taught:
            concept = self._taught.get(name)
            if concept.demonstrations_hash == recorded.demonstrations_hash:
                return concept
        if not is_same_model:
            self.notes.append(
                f'{name} was taught to the model {recorded.model}, and its demonstrations are not '
                'in this library: it cannot be evaluated with another model'
            )
            return None
        try:
            return concept_of_message(recorded)
        except ConceptControlError as error:
            self.notes.append(f'{name} as recorded cannot be used: {error}')
            return None


def _code(message: Any) -> ConceptCode:
    return ConceptCode.from_array(np.array(message.code, dtype=np.float32))


def concept_of_message(message: Any) -> LibraryConcept:
    """Return the concept that a `Concept` message describes, without its demonstrations.

    Raises:
        CodeError: if it has no code.
    """

    def limit(number: int) -> int | None:
        return None if number == ANY_NUMBER else int(number)

    return LibraryConcept(
        **{name: getattr(message, name) for name in CONCEPT_FIELDS},
        code=_code(message),
        subjects=(int(message.min_subjects), limit(message.max_subjects)),
        arguments=(int(message.min_arguments), limit(message.max_arguments)),
        demonstrations=None,
        by_appearance=False,
        sentences=tuple(getattr(message, 'sentences', ())),  # bags from before have none
    )
