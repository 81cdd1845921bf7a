"""`concept_control teach`: a concept out of recordings, into the library on disk."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from concept_control.bags.reader import Bag
from concept_control.bags.setup import RecordedSetup, read_setup
from concept_control.cli.options import add_shared
from concept_control.cli.process import progress_bar, use_one_thread
from concept_control.energy.model import ConceptModel
from concept_control.errors import LibraryError
from concept_control.language.expression import Term, parse
from concept_control.language.library import ConceptLibrary, LibraryConcept, check_name
from concept_control.language.library_store import load_all, save
from concept_control.replay.concepts import ReplayLibrary
from concept_control.replay.recorded_demonstrations import RecordedDemonstrations
from concept_control.reports.json_file import write_json
from concept_control.reports.tables import counted
from concept_control.teaching.teach import USES, teach
from concept_control.world.demonstrations import join, read_npz
from concept_control.world.events import Events

DATASET = Path('meta') / 'info.json'
"""File by which a LeRobot dataset is known; pyarrow is asked for only where there is one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control teach`."""
    parser.description = (
        'Learn a new word from demonstrations: infer its code, test the demonstrations against '
        'one another, and keep it for expressions. Five demonstrations are typical, one works.'
    )
    parser.epilog = (
        'A bag gives one demonstration for each pair of markers ("begin NAME", "end" on '
        'demonstration_marker), each `demonstrations` message or each command in it; without any '
        'of them it is one demonstration as a whole. An NPZ file holds the arrays positions '
        '(B, T, N, 2) in workspace units and colors (B, N, 3), and the masks subjects and '
        'attention (B, N); without these, what moved and all the rest. Exit code 1 if the '
        'demonstrations do not agree; they are then not kept.'
    )
    parser.add_argument('name', type=_name, metavar='NAME', help='of the concept, e.g. bridge')
    parser.add_argument(
        '--from',
        dest='sources',
        nargs='+',
        type=Path,
        required=True,
        metavar='BAG_OR_NPZ',
        help='one or several recordings, .npz files or LeRobot datasets',
    )
    parser.add_argument(
        '--entities',
        nargs='+',
        default=(),
        metavar='NAME=COLUMN',
        help='where a LeRobot dataset says where things are: x and y in metres, e.g. '
        'red=observation.environment_state[0:2]',
    )
    parser.add_argument(
        '--roles',
        type=_roles,
        metavar='"(SUBJECTS; ARGUMENTS)"',
        help='who is meant in the bags, e.g. "(red; blue, green)" (default: what the recording '
        'says; else what moved, and all the rest)',
    )
    parser.add_argument('--use', default='', choices=USES, help='(default: as demonstrated)')
    parser.add_argument('--description', default='', help='one sentence')
    parser.add_argument(
        '--replace', action='store_true', help='a shipped or taught concept of that name'
    )
    parser.add_argument(
        '--force', action='store_true', help='keep it although the demonstrations do not agree'
    )
    shared = ('json', 'model', 'library', 'params', 'namespace')
    add_shared(parser, *shared, seed='of the inference')


def main(args: argparse.Namespace) -> int:
    """Teach; 0 if the concept was kept."""
    use_one_thread()
    folder = args.library
    check_name(args.name, (), args.replace)
    if (folder / f'{args.name}.npz').exists() and not args.replace:
        check_name(args.name, (args.name,))
    model = ConceptModel.load(args.model)
    taught = ConceptLibrary(c for c in load_all(folder, model) if isinstance(c, LibraryConcept))
    recorded = RecordedDemonstrations(
        args.name, args.roles, ReplayLibrary(model, taught), args.namespace
    )
    demonstrations = join(_gather(args.sources, recorded, args.params, args.entities))
    print(f'{counted(len(demonstrations), "demonstration")} of {args.name}')
    with progress_bar(len(demonstrations) + 1, 'learning') as bar:
        concept, test = teach(
            model, args.name, demonstrations, args.description, args.use, args.seed, bar.update
        )
    print(test.text)
    for sentence in concept.sentences:
        print(f'understood as: {sentence}')
    is_kept = test.agrees is not False or args.force
    write_json(args.json, _numbers(concept, test, is_kept))
    if not is_kept:
        print(f'concept_control: {args.name} was not kept (--force keeps it)', file=sys.stderr)
        return 1
    path = save(folder, concept)
    ways = []
    if concept.acts:
        ways.append(f'command it as {concept.signature}')
    if concept.selects:
        ways.append(f'select with it, e.g. near({concept.name}; #1)')
    print(
        f'kept in {path}; energy of the demonstrations {concept.energy:.2g}; {", or ".join(ways)}'
    )
    return 0


def _gather(
    sources: Sequence[Path],
    recorded: RecordedDemonstrations,
    parameters: Path | None,
    entities: Sequence[str],
) -> list[Events]:
    found: list[Events] = []
    setup: RecordedSetup | None = None
    for path in sources:
        if path.suffix in ('.npz', '.npy'):
            notes: list[str] = []
            try:
                found.append(read_npz(path, notes))
            finally:
                _print_notes(path, notes)
            continue
        setup = setup or read_setup(parameters)
        if (path / DATASET).is_file():
            lerobot = import_module('concept_control.bags.lerobot')
            columns = [lerobot.EntityColumn.parse(text) for text in entities]
            events = lerobot.dataset_events(path, columns, setup.arm.workspace)
            found += [shown for event in events for shown in recorded.demonstrations(event)]
            print(f'{path.name}: {counted(len(events), "demonstration")} from episodes')
            continue
        with Bag(path) as bag:
            with progress_bar(bag.num_messages, path.name, 'msg') as bar:
                events = recorded.events(bag, setup, bar.update)
            _print_notes(path, bag.notes)
        for event in events:
            found += recorded.demonstrations(event)
        shown = counted(len(events), 'demonstration')
        print(f'{path.name}: {shown} from {events[0].source}')
    return found


def _print_notes(path: Path, notes: Sequence[str]) -> None:
    for note in notes:
        print(f'{path.name}: {note}', file=sys.stderr)


def _numbers(concept: LibraryConcept, test: Any, is_kept: bool) -> dict[str, Any]:
    names = (
        *('name', 'acts', 'selects', 'subjects', 'arguments'),
        *('num_demonstrations', 'energy', 'model', 'demonstrations_hash'),
    )
    return {
        **{name: getattr(concept, name) for name in names},
        'kept': is_kept,
        'self_test': {
            **asdict(test),
            'outlier': None if test.outlier is None else test.outlier + 1,
            'text': test.text,
        },
    }


def _name(text: str) -> str:
    try:
        check_name(text, replace=True)
    except LibraryError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _roles(text: str) -> str:
    try:
        parsed = parse(f'it{text}')
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not isinstance(parsed, Term):
        raise argparse.ArgumentTypeError(f'{text!r}: expected one pair of parentheses')
    return text
