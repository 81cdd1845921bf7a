"""`concept_control explain`: what a word was understood to mean, in sentences."""

from __future__ import annotations

import argparse
from pathlib import Path

from concept_control.cli.options import add_shared
from concept_control.energy.model import ConceptModel
from concept_control.language.grounding import MIN_CONFIDENCE
from concept_control.language.spoken_words import said_word
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
    if Path(args.word).suffix == '.npz':
        code = model.infer(read_npz(Path(args.word), []))
    else:
        code = said_word(args.word, model, args.library).code
    sentences = model.explain(code)
    print('\n'.join(sentences))
    print(f'confidence {code.confidence:.0%}; below {MIN_CONFIDENCE:.0%} it is not acted on')
    found = {'word': args.word, 'sentences': sentences, 'confidence': code.confidence}
    write_json(args.json, found)
    return 0
