"""Named concepts: the code behind a name in expressions, and where it came from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from concept_control.concepts.registry import stacking_families
from concept_control.concepts.vocabulary import NamedConcept, vocabulary
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.errors import LibraryError, UnknownConceptError
from concept_control.language.appearance import identifies_by_appearance
from concept_control.language.expression import RESERVED
from concept_control.world.events import Events

Range = tuple[int, int | None]
"""Fewest and most entities; None for any number."""

SHIPPED = 'shipped'
"""Source of the words of the vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How expressions may use a word.

    Attributes:
        acts: Whether it moves subjects (usable as a goal).
        selects: Whether it identifies entities (usable as a selector).
        subjects: Fewest and most subjects.
        arguments: Fewest and most arguments.
    """

    acts: bool
    selects: bool
    subjects: Range
    arguments: Range


@dataclass(frozen=True, kw_only=True)
class WordEntry(Usage):
    """A word of the language: its name, its use and its origin.

    Attributes:
        name: Name in expressions.
        description: One sentence for people.
        source: Origin: `SHIPPED`, "taught" or a file.
        self_test: Verdict of the leave-one-out cross-validation; '' for shipped words.
        sentences: What it was understood to mean, most certain first; empty where nothing can say.
    """

    name: str
    description: str
    source: str = SHIPPED
    self_test: str = ''
    sentences: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        """How the concept is written, e.g. `between(subject; argument, argument)`."""
        return signature(self.name, self.subjects, self.arguments)

    def entry_fields(self) -> dict[str, Any]:
        """Return the values of the attributes of every word, by name."""
        return {field.name: getattr(self, field.name) for field in fields(WordEntry)}


@dataclass(frozen=True, kw_only=True)
class LibraryConcept(WordEntry):
    """A concept that expressions may use.

    Attributes:
        code: Concept code, inferred from demonstrations.
        num_demonstrations: Number of demonstrations that the code was inferred from.
        energy: Mean energy of those demonstrations under the code.
        model: Fingerprint of the model the code belongs to.
        demonstrations_hash: SHA-256 of the demonstrations, hex.
        demonstrations: Demonstrations it was inferred from; None where only the code is known.
        by_appearance: Whether it identifies entities by their appearance, wherever they are.
        is_mirrored: Whether what it moves comes after the semicolon, as in "under".
    """

    code: ConceptCode
    num_demonstrations: int
    energy: float
    model: str
    demonstrations_hash: str
    demonstrations: Events | None
    by_appearance: bool
    is_mirrored: bool = False


class ConceptLibrary:
    """Concepts by name, in the order they were added."""

    def __init__(self, concepts: Iterable[LibraryConcept] = ()) -> None:
        self._concepts = {concept.name: concept for concept in concepts}

    def __iter__(self) -> Iterator[LibraryConcept]:
        return iter(self._concepts.values())

    def __len__(self) -> int:
        return len(self._concepts)

    def __contains__(self, name: str) -> bool:
        return name in self._concepts

    def add(self, concept: LibraryConcept) -> None:
        """Add a concept, replacing one of the same name.

        Others may be reading: they see the library as it was, or as it is then.
        """
        self._concepts = {**self._concepts, concept.name: concept}

    def remove(self, name: str) -> None:
        """Remove a concept that is there; who is reading is not disturbed, as in `add`."""
        self._concepts = {key: c for key, c in self._concepts.items() if key != name}

    def get(self, name: str) -> LibraryConcept:
        """Return the concept called `name`.

        Raises:
            UnknownConceptError: naming all that exist.
        """
        try:
            return self._concepts[name]
        except KeyError:
            raise unknown_concept(name, self._concepts) from None

    @classmethod
    def learn(
        cls,
        model: ConceptModel,
        names: Iterable[str] | None = None,
        num_demonstrations: int = 5,
        seed: int = 0,
        progress: Callable[[LibraryConcept], None] | None = None,
        learn: Callable[[NamedConcept], LibraryConcept] | None = None,
    ) -> ConceptLibrary:
        """Learn the shipped vocabulary: infer each code from particle demonstrations.

        Args:
            model: Model that infers the codes.
            names: Names of the vocabulary; None for all.
            num_demonstrations: Number of demonstrations of each concept.
            seed: Seed of the demonstrations and of the inference.
            progress: Callback for each concept as it is learned.
            learn: Function that learns a word; None to infer each code now. `learn_words`
                (`kept_words.py`) has those that were kept.
        """
        words = vocabulary()
        library = cls()
        for name in words_of(model.card, model.energy_function.name) if names is None else names:
            if name not in words:
                raise unknown_concept(name, words)
            if learn is None:
                concept = learn_concept(model, words[name], num_demonstrations, seed)
            else:
                concept = learn(words[name])
            library.add(concept)
            if progress is not None:
                progress(concept)
        return library


def unknown_concept(name: str, known: Collection[str]) -> UnknownConceptError:
    """Return the error of a name that no concept has, with those that are alike first."""
    alike = get_close_matches(name, known, n=3)
    hint = f': did you mean {" or ".join(alike)}? Known' if alike else '; known'
    return UnknownConceptError(f'unknown concept {name!r}{hint}: {", ".join(known)}')


def words_of(card: Mapping[str, Any], energy: str = 'agreement') -> dict[str, NamedConcept]:
    """Return the words of the vocabulary that a model knows.

    Args:
        card: Card of the model, which says what the network was trained for.
        energy: Name of the energy; the network sees no heights.
    """
    trained = [*card.get('families', [])]
    if energy != 'network':
        trained += stacking_families()
    return {name: word for name, word in vocabulary().items() if word.family.name in trained}


def learn_concept(
    model: ConceptModel, word: NamedConcept, num_demonstrations: int, seed: int
) -> LibraryConcept:
    """Infer the code of one word of the vocabulary from demonstrations in the particle world."""
    demonstrations = word.demonstrations(seed, num_demonstrations)
    code = model.infer(demonstrations, seed)
    return concept_of_word(
        model,
        word,
        demonstrations,
        code=code,
        energy=float(model.energy(demonstrations, code).mean()),
        by_appearance=word.selects and identifies_by_appearance(model, code, demonstrations, seed),
        sentences=sentences_of(model, code),
    )


def concept_of_word(
    model: ConceptModel, word: NamedConcept, demonstrations: Events, **known: Any
) -> LibraryConcept:
    """Return a word of the vocabulary with its code and what is known of that.

    Args:
        model: Model that inferred the code.
        word: Word of the vocabulary.
        demonstrations: Demonstrations it was inferred from.
        known: Attributes that follow from these: code, energy, by_appearance, sentences.
    """
    return LibraryConcept(
        name=word.name,
        description=word.description,
        selects=word.selects,
        acts=word.acts,
        subjects=word.subjects,
        arguments=word.arguments,
        num_demonstrations=len(demonstrations),
        model=model.fingerprint,
        demonstrations_hash=hash_events(demonstrations),
        demonstrations=demonstrations,
        is_mirrored=word.is_mirrored,
        **known,
    )


def sentences_of(model: ConceptModel, code: ConceptCode) -> tuple[str, ...]:
    """Return what a code says in sentences; none where codes cannot be put in words."""
    if isinstance(model.energy_function, AgreementEnergy):
        return tuple(model.explain(code))
    return ()


def hash_events(events: Events) -> str:
    """Return the SHA-256 of everything in `events`, hex."""
    digest = hashlib.sha256()
    names = ['positions', 'colors', 'sizes', 'present', 'subjects', 'attention']
    if events.is_stacked:
        names += ['heights', 'bottoms']
    if events.has_open_boxes:
        names += ['heights', 'rims']
    for name in names:
        value = getattr(events, name).cpu().contiguous().numpy()
        digest.update(f'{name}{value.shape}'.encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def signature(name: str, subjects: Range, arguments: Range) -> str:
    """Return how a concept is written that takes so many subjects and arguments."""
    return f'{name}({_placeholders(subjects, "subject")}' + (
        f'; {_placeholders(arguments, "argument")})' if arguments[1] != 0 else ')'
    )


def _placeholders(count: Range, word: str) -> str:
    """Describe a fewest and most number of entities: `argument, argument` or `subject, ...`."""
    low, high = count
    text = ', '.join([word] * max(low, 1))
    return text if high == max(low, 1) else f'{text}, ...'


MAX_NAME = 40
"""Most characters of a name."""


def check_name(name: str, taken: Collection[str] = (), replace: bool = False) -> None:
    """Refuse a name that expressions could not use, or that is taken.

    Args:
        name: Name that is wanted.
        taken: Names that were taught before.
        replace: Whether a shipped or taught concept of that name may be replaced.

    Raises:
        LibraryError: saying what a name may be.
    """
    if not re.fullmatch(r'[a-z_][a-z0-9_]*', name, re.ASCII) or len(name) > MAX_NAME:
        raise LibraryError(
            f'{name!r} cannot be a name; expected a lower-case word of letters, digits and _ that '
            f'starts with no digit and has at most {MAX_NAME} characters, e.g. tower_of_two'
        )
    if name in RESERVED:
        raise LibraryError(
            f'{name!r} is a word of the command language ({", ".join(RESERVED)}); choose another'
        )
    if replace:
        return
    if name in vocabulary():
        raise LibraryError(
            f'{name!r} is a concept shipped with the package; choose another name, or replace it '
            'on purpose (--replace)'
        )
    if name in taken:
        raise LibraryError(f'{name!r} was taught before; replace it on purpose (--replace)')
