"""`concept_control evaluate`: recorded bags, looked at again without ROS."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from concept_control.bags.reader import Bag
from concept_control.bags.setup import read_setup
from concept_control.cli.option_types import new_file, share
from concept_control.cli.options import TOLERANCE, add_shared
from concept_control.cli.process import progress_bar, use_one_thread
from concept_control.energy.model import ConceptModel
from concept_control.errors import BagError
from concept_control.replay.page import write_page
from concept_control.replay.replay import Replay, Replayed
from concept_control.replay.text import print_report, summary_table
from concept_control.replay.xunit import write_xunit
from concept_control.reports.json_file import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control evaluate`."""
    parser.description = (
        'Look at recorded bags again: recompute entities (from images where they were recorded), '
        'attention, energies and predicates along the way, compare with what was recorded, and '
        'say how well every command was carried out. Needs no ROS.'
    )
    parser.epilog = (
        'Exit code: 0 if every bag was evaluated (and, with --fail-under, enough commands '
        'succeeded), 1 if not. The JSON of the same bag and model is the same, byte for byte.'
    )
    parser.add_argument(
        'bags',
        nargs='+',
        type=Path,
        metavar='BAG',
        help='folder that `ros2 bag record` or `demo --record` wrote, or an .mcap or .db3 file',
    )
    parser.add_argument(
        '--fail-under',
        type=share,
        metavar='X',
        help='exit with 1 if a smaller share (0 to 1) of all commands succeeded',
    )
    parser.add_argument(
        '--xunit', type=new_file(), metavar='FILE', help='write each command as a test for CI'
    )
    parser.add_argument('--tolerance', **TOLERANCE)
    add_shared(
        parser,
        'json',
        html='write a page with plots',
        model='evaluate with this model instead (default: the one shipped)',
        params="the recorded nodes' parameters: arm, camera pose (default: config/demo.yaml)",
        namespace="the robot's, where a bag holds several (default: the only one)",
    )


def main(args: argparse.Namespace) -> int:
    """Evaluate the bags; 0 if all could be, and enough commands succeeded."""
    use_one_thread()
    model = ConceptModel.load(args.model)
    setup = read_setup(args.params)
    replayed: list[Replayed] = []
    broken: dict[str, str] = {}
    for path in args.bags:
        try:
            with Bag(path) as bag:
                replay = Replay(bag, setup, model, args.tolerance, namespace=args.namespace)
                with progress_bar(bag.num_messages, path.name, 'msg') as bar:
                    replayed.append(replay.run(bar.update))
        except BagError as error:
            broken[str(path)] = str(error)
            print(f'concept_control: {error}', file=sys.stderr)
    reports = [one.report for one in replayed]
    for report in reports:
        print_report(report)
    if len(reports) > 1:
        print('\n' + summary_table(reports))
    commands = sum(report['num_commands'] for report in reports)
    succeeded = sum(report['num_succeeded'] for report in reports)
    share = succeeded / commands if commands else 0.0
    print(f'\n{succeeded} of {commands} commands succeeded by the predicate')
    whole = {
        'format': 1,
        'model': model.fingerprint,
        'num_commands': commands,
        'num_succeeded': succeeded,
        'bags': reports,
        'unreadable': {Path(bag).name: why for bag, why in broken.items()},
    }
    write_json(args.json, whole)
    if args.xunit:
        write_xunit(args.xunit, reports, broken)
    if args.html:
        write_page(args.html, replayed, broken)
        print(f'page: {args.html}')
    if broken:
        return 1
    if args.fail_under is not None and share < args.fail_under:
        print(f'concept_control: {share:.2f} is under {args.fail_under:g}', file=sys.stderr)
        return 1
    return 0
