"""All words that may be said: those of the vocabulary, and those in a folder of taught ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from concept_control.errors import ConceptControlError
from concept_control.language.library import words_of
from concept_control.language.library_store import read, taught_names
from concept_control.language.words import Word, shipped_word, taught_word
from concept_control.world.workspace import Workspace


def known_words(card: Mapping[str, Any], folder: Path, workspace: Workspace) -> list[Word | str]:
    """Return what may be said, the newer of one name last; a sentence for each file that is none.

    Args:
        card: Card of the model.
        folder: Folder of taught words.
        workspace: Workspace of the table, which the lengths are on.
    """
    words: list[Word | str] = [shipped_word(w, workspace) for w in words_of(card).values()]
    for name in taught_names(folder):
        try:
            words.append(taught_word(read(folder / f'{name}.npz')))
        except ConceptControlError as error:
            words.append(str(error))
    return words
