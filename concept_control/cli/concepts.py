"""`concept_control concepts`: the families of concepts in the particle world."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import new_file
from concept_control.concepts.pictures import draw_families
from concept_control.concepts.registry import families


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        '--pictures',
        type=new_file('.png'),
        metavar='FILE',
        help='draw a demonstration of each family (PNG)',
    )


def main(args: argparse.Namespace) -> int:
    """Print the families."""
    known = families()
    print(f'{len(known)} families of concepts in the particle world:')
    for name, family in known.items():
        does = '/'.join(
            word
            for word, can in (('generate', family.generates), ('identify', family.identifies))
            if can
        )
        held_out = ' (held out of training)' if family.held_out else ''
        print(f'  {name:20} {does:18} {family.description}{held_out}')
    if args.pictures:
        draw_families(known, args.pictures)
        print(f'\npictures: {args.pictures}')
    return 0
