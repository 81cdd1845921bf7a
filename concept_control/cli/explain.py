"""`concept_control explain`: what a word was understood to mean, in sentences."""

from __future__ import annotations

import argparse
from pathlib import Path

from concept_control.cli.options import add_shared
from concept_control.concepts.vocabulary import vocabulary
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.language.grounding import MIN_CONFIDENCE
from concept_control.language.kept_words import learn_words
from concept_control.language.library import unknown_concept
from concept_control.language.library_store import load, taught_names
from concept_control.paths import library_folder
from concept_control.reports.json_file import write_json
from concept_control.world.demonstrations import read_npz


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control explain`."""
    parser.epilog = (
        'Bounds come from the demonstrations alone, lengths are in workspace units. Sentences '
        'with a percentage are readings that the demonstrations leave open.'
    )
    parser.add_argument('word', metavar='WORD', help='word, or an NPZ file of demonstrations')
    add_shared(parser, 'library', 'model', json='write the sentences to this file')


def main(args: argparse.Namespace) -> int:
    """Print what a word was understood to mean."""
    model = ConceptModel.load(args.model)
    code = _code(model, args.word, args.library or library_folder())
    sentences = model.explain(code)
    print('\n'.join(sentences))
    print(f'confidence {code.confidence:.0%}; below {MIN_CONFIDENCE:.0%} it is not acted on')
    if args.json:
        found = {'word': args.word, 'sentences': sentences, 'confidence': code.confidence}
        write_json(args.json, found)
    return 0


def _code(model: ConceptModel, word: str, folder: Path) -> ConceptCode:
    """Return the code of a taught or shipped word, or of the demonstrations in a file."""
    words = vocabulary()
    if Path(word).suffix == '.npz':
        return model.infer(read_npz(Path(word), []))
    taught = taught_names(folder)
    if word in taught:
        return load(folder / f'{word}.npz', model).code
    if word not in words:
        raise unknown_concept(word, (*words, *taught))
    return learn_words(model, folder, [word]).get(word).code
