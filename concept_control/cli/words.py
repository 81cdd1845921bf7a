"""`concept_control words`: what may be said now, what it means, and changes of what was taught."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from concept_control.cli.known_words import known_words
from concept_control.cli.options import add_shared
from concept_control.language.library_store import delete, rename, undo
from concept_control.language.words import find_word, word_table
from concept_control.reports.json_file import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control words`."""
    parser.epilog = (
        'How far off still counts is what --tolerance of the commands that judge says, else '
        '15 mm. A running concept_model takes changes in within a second. Words shipped with the '
        'package can be neither renamed nor deleted.'
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument('name', nargs='?', metavar='NAME', help='tell everything about this word')
    what.add_argument('--rename', nargs=2, metavar=('OLD', 'NEW'), help='rename a taught word')
    what.add_argument('--delete', metavar='NAME', help='forget a taught word')
    what.add_argument(
        '--undo', action='store_true', help='take the last teaching, renaming or deleting back'
    )
    table = 'the lengths are on the table of this arm (default: %(default)s)'
    add_shared(parser, 'library', 'model', arm=table, json='write the words to this file')


def main(args: argparse.Namespace) -> int:
    """Print or change the words."""
    folder = args.library
    if args.rename:
        rename(folder, *args.rename)
        print(f'{args.rename[0]} is called {args.rename[1]} now (--undo takes it back)')
    elif args.delete:
        delete(folder, args.delete)
        print(f'{args.delete} is forgotten (--undo brings it back)')
    elif args.undo:
        print(f'undid {undo(folder)}')
    else:
        words = known_words(args.model, folder, args.arm)
        shown = [find_word(words, args.name)] if args.name else list(words.values())
        print(shown[0].describe() if args.name else word_table(shown))
        told = [{**asdict(w), 'usage': w.usage, 'example': w.example} for w in shown]
        write_json(args.json, told)
    return 0
