"""`concept_control recognise`: name what happened in recorded bags."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from concept_control.bags.demonstrated_events import recorded_events
from concept_control.bags.setup import read_setup
from concept_control.cli.options import add_shared
from concept_control.cli.process import use_one_thread
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.language.library_store import whole_library
from concept_control.recognition.recogniser import Recogniser, names_of
from concept_control.reports.json_file import write_json

SHOWN = 4
"""Statements printed of each event."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control recognise`."""
    parser.description = (
        'Name what happened in recorded bags, or in .npz files of demonstrations, with the words '
        'that are known, shipped and taught. '
        'An event is what a command did, what markers cut out, or the whole bag.'
    )
    parser.epilog = (
        'A score is the probability that the concept holds now and did not before. It comes from '
        'the energy by a logistic curve for each word, fitted in the particle world to what the '
        'geometric predicate says. Likely statements come first, the rarest of them leading: '
        '"between" says more than "left of".'
    )
    parser.add_argument('bags', nargs='+', type=Path, metavar='BAG_OR_NPZ', help='recordings')
    parser.add_argument(
        '--any-arguments',
        action='store_true',
        help='do not believe the recording about what an event is about: try everything',
    )
    add_shared(parser, 'json', 'model', 'library', 'params', 'namespace')


def main(args: argparse.Namespace) -> int:
    """Recognise; 0 if every bag could be read."""
    use_one_thread()
    model = ConceptModel.load(args.model)
    library = whole_library(model, args.library)
    recogniser = Recogniser(model, library)
    setup = read_setup(args.params)
    report: list[dict[str, Any]] = []
    is_good = True
    for path in args.bags:
        try:
            events = recorded_events(path, setup, args.namespace)
        except ConceptControlError as error:
            print(f'concept_control: {error}', file=sys.stderr)
            is_good = False
            continue
        for event in events:
            known = () if args.any_arguments else event.arguments
            when = f'{event.start:.1f} to {event.end:.1f} s'
            when = f'{path.name}, {event.label if event.source == "arrays" else when}'
            if not event.subjects:
                print(f'{when}: nothing moved')
                continue
            statements = recogniser.recognise(event.before, event.after, event.subjects, known)
            names = names_of(event.before, model, library)
            told = '; '.join(f'{s.text(names)} {s.score:.2f}' for s in statements[:SHOWN])
            print(f'{when}: {told}')
            report.append(
                {
                    'bag': path.name,
                    'start_s': event.start,
                    'end_s': event.end,
                    'recorded_as': event.label,
                    'statements': [
                        {'expression': s.text(names), 'concept': s.name, 'score': s.score}
                        | {key: value for key, value in asdict(s).items() if key != 'name'}
                        for s in statements
                    ],
                }
            )
    write_json(args.json, {'events': report})
    return 0 if is_good else 1
