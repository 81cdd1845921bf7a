"""The words of an expression, each learned when it is first said."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from concept_control.energy.model import ConceptModel
from concept_control.language.expression import Expression, concept_names
from concept_control.language.kept_words import learn_words
from concept_control.language.library import (
    ConceptLibrary,
    LibraryConcept,
    learn_concept,
    unknown_concept,
    words_of,
)
from concept_control.language.library_store import load, taught_names

NUM_DEMONSTRATIONS = 5
"""Number of particle demonstrations that a shipped word is learned from."""


def add_words(
    expression: Expression,
    model: ConceptModel,
    library: ConceptLibrary,
    folder: Path | None = None,
) -> None:
    """Add the words of an expression that a library lacks; taught ones are read anew.

    Args:
        expression: Expression, as it was parsed.
        model: Model that infers.
        library: Library that gets the words.
        folder: Folder of taught concepts, where codes of shipped ones are kept; None for none.

    Raises:
        UnknownConceptError: for a name that is no word.
        LibraryError: if the file of a taught word cannot be read.
    """
    taught = taught_names(folder) if folder is not None else []
    for name in concept_names(expression):
        if name in taught or name not in library:
            library.add(said_word(name, model, folder, [word.name for word in library]))


def said_word(
    name: str, model: ConceptModel, folder: Path | None = None, others: Collection[str] = ()
) -> LibraryConcept:
    """Return a word, taught or shipped.

    Args:
        name: Its name.
        model: Model that infers.
        folder: Folder of taught concepts, where codes of shipped ones are kept; None for none.
        others: Names of further words, for those who meant one of them.

    Raises:
        UnknownConceptError: for a name that is no word.
        LibraryError: if the file of a taught word cannot be read.
    """
    known = words_of(model.card, model.energy_function.name)
    taught = taught_names(folder) if folder is not None else []
    if folder is not None and name in taught:
        return load(folder / f'{name}.npz', model)
    if name not in known:
        raise unknown_concept(name, list(dict.fromkeys([*known, *taught, *others])))
    if folder is None:
        return learn_concept(model, known[name], NUM_DEMONSTRATIONS, seed=0)
    return learn_words(model, folder, [name], NUM_DEMONSTRATIONS).get(name)
