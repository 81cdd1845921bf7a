"""Words that a command may use, and the refusal of others before anything is started."""

from __future__ import annotations

import sys
from pathlib import Path

from concept_control.concepts.vocabulary import vocabulary
from concept_control.control.arm.description import ArmDescription
from concept_control.energy.model import ConceptModel
from concept_control.errors import CommandError
from concept_control.language import word_list
from concept_control.language.expression import Expression, concept_names
from concept_control.language.words import Word, check_usage
from concept_control.paths import library_folder


def known_words(model: Path | None, folder: Path, arm: str) -> dict[str, Word]:
    """Return what may be said, by name; files that are no words are named on stderr.

    Args:
        model: Folder of a trained model; None for the shipped one.
        folder: Folder of taught words.
        arm: Arm whose table the lengths are on.
    """
    card = ConceptModel.load(model).card
    words: dict[str, Word] = {}
    for found in word_list.known_words(card, folder, ArmDescription.load(arm).workspace):
        if isinstance(found, Word):
            words[found.name] = found
        else:
            print(f'concept_control: {found}', file=sys.stderr)
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
