"""Cut a small bag out of a big one."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from concept_control.bags.excerpt import PLUGINS, ExcerptConfig, excerpt
from concept_control.bags.setup import read_setup
from concept_control.cli.option_types import new_folder, number, whole_number
from concept_control.cli.options import add_shared
from concept_control.reports.tables import counted

LEROBOT = 'lerobot'
"""Storage of a dataset instead of a bag."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control excerpt`."""
    default = ExcerptConfig()
    parser.add_argument('bag', type=Path, metavar='BAG', help='to take from')
    parser.add_argument('new', type=new_folder, metavar='NEW', help='bag to write')
    parser.add_argument(
        '--image-rate',
        type=number(low=0.0),
        default=default.rates['images'],
        help='images per second (default: %(default)s)',
    )
    parser.add_argument(
        '--shrink',
        type=int,
        default=default.shrink,
        choices=range(1, 9),
        help='keep every so many pixels (default: %(default)s)',
    )
    parser.add_argument(
        '--storage',
        default='mcap',
        choices=(*PLUGINS, LEROBOT),
        help='(default: %(default)s); lerobot writes a dataset of LeRobot, one episode for each '
        'demonstration or command, without images',
    )
    parser.add_argument(
        '--fps',
        type=whole_number(1, 1000),
        default=10,
        help='frames per second of a dataset (default: %(default)s)',
    )
    add_shared(parser, 'params', 'namespace')


def main(args: argparse.Namespace) -> int:
    """Write the excerpt."""
    if args.storage == LEROBOT:
        export_bag = import_module('concept_control.bags.lerobot_export').export_bag
        setup = read_setup(args.params)
        episodes = export_bag(args.bag, args.new, setup, args.namespace, args.fps)
        print(f'{args.new}: {counted(episodes, "episode")}')
        return 0
    rates = {**ExcerptConfig().rates, 'images': args.image_rate}
    config = ExcerptConfig(rates=rates, shrink=args.shrink, storage=args.storage)
    count = excerpt(args.bag, args.new, config)
    size = sum(path.stat().st_size for path in args.new.iterdir())
    print(f'{args.new}: {counted(count, "message")}, {size / 1e6:.2f} MB')
    return 0
