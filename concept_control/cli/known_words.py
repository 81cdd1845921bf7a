"""Words that a command may use, and the refusal of others before anything is started."""

from __future__ import annotations

import sys
from pathlib import Path

from concept_control.concepts.vocabulary import vocabulary
from concept_control.control.arm.description import ArmDescription
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError, ConceptControlError
from concept_control.language.expression import Expression, concept_names
from concept_control.language.library import words_of
from concept_control.language.library_store import read, taught_names
from concept_control.language.usage import check_usage
from concept_control.language.words import Word, shipped_word, taught_word
from concept_control.paths import library_folder


def known_words(model: Path | None, folder: Path, arm: str) -> dict[str, Word]:
    """Return what may be said, by name; files that are no words are named on stderr.

    Args:
        model: Folder of a trained model; None for the shipped one.
        folder: Folder of taught words.
        arm: Arm whose table the lengths are on.
    """
    workspace = ArmDescription.load(arm).workspace
    known = words_of(ConceptModel.load(model).card)
    words = {name: shipped_word(word, workspace) for name, word in known.items()}
    for name in taught_names(folder):
        try:
            words[name] = taught_word(read(folder / f'{name}.npz'))
        except ConceptControlError as error:
            print(f'concept_control: {error}', file=sys.stderr)
    return words


def check_command(
    command: Expression, model: Path | None, arm: str, judged: Expression | None = None
) -> None:
    """Refuse what no scene can make sense of, with the words that a graph would know.

    Args:
        command: Command that will be given.
        model: Folder of a trained model; None for the shipped one.
        arm: Name of an arm, or path of its description.
        judged: Expression that geometry shall judge; None where that is left open.

    Raises:
        ConceptControlError: naming the word that is unknown, or used as it cannot be.
    """
    words = known_words(model, library_folder(), arm)
    check_usage(command, words)
    if judged is not None:
        taught = [n for n in concept_names(judged) if n in words and n not in vocabulary()]
        if taught:
            raise CommandError(
                f'--judge: no predicate for {", ".join(taught)}, which was taught; geometry '
                'judges shipped words only'
            )
        check_usage(judged, words)
