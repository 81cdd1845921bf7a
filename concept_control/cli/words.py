"""`concept_control words`: what may be said now, what it means, and changes of what was taught."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from concept_control.cli.options import add_arm, add_json, add_library, add_model
from concept_control.control.arm.description import ArmDescription
from concept_control.energy.model import ConceptModel
from concept_control.errors import ConceptControlError
from concept_control.language.library import words_of
from concept_control.language.library_changes import undo
from concept_control.language.library_store import (
    default_folder,
    delete,
    read,
    rename,
    taught_names,
)
from concept_control.language.words import Word, find_word, shipped_word, taught_word, word_table
from concept_control.reports.json_file import write_json
from concept_control.world.workspace import Workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control words`."""
    parser.epilog = (
        'A running concept_model takes changes in within a second. Words shipped with the package '
        'can be neither renamed nor deleted.'
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument('name', nargs='?', metavar='NAME', help='tell everything about this word')
    what.add_argument('--rename', nargs=2, metavar=('OLD', 'NEW'), help='rename a taught word')
    what.add_argument('--delete', metavar='NAME', help='forget a taught word')
    what.add_argument(
        '--undo', action='store_true', help='take the last teaching, renaming or deleting back'
    )
    add_library(parser)
    add_model(parser)
    add_arm(parser, 'the lengths are on the table of this arm (default: %(default)s)')
    add_json(parser, 'write the words to this file')


def main(args: argparse.Namespace) -> int:
    """Print or change the words."""
    folder = args.library or default_folder()
    if args.rename:
        rename(folder, *args.rename)
        print(f'{args.rename[0]} is called {args.rename[1]} now (--undo takes it back)')
    elif args.delete:
        delete(folder, args.delete)
        print(f'{args.delete} is forgotten (--undo brings it back)')
    elif args.undo:
        print(f'undid {undo(folder)}')
    else:
        words = _words(args.model, folder, ArmDescription.load(args.arm).workspace)
        shown = [find_word(words, args.name)] if args.name else list(words.values())
        print(shown[0].describe() if args.name else word_table(shown))
        if args.json:
            write_json(
                args.json,
                [{**asdict(w), 'usage': w.usage, 'example': w.example} for w in shown],
            )
    return 0


def _words(model: Path | None, folder: Path, workspace: Workspace) -> dict[str, Word]:
    """Return what may be said with a model and a folder of taught words, by name."""
    known = words_of(ConceptModel.load(model).card)
    words = {name: shipped_word(word, workspace) for name, word in known.items()}
    for name in taught_names(folder):
        try:
            words[name] = taught_word(read(folder / f'{name}.npz'))
        except ConceptControlError as error:
            print(f'concept_control: {error}', file=sys.stderr)
    return words
