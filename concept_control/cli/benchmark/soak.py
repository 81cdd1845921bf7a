"""`concept_control benchmark soak`: the graph at work for minutes, one command after another."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.soak import SoakConfig, run
from concept_control.cli.options import add_json, add_seed, config_from
from concept_control.cli.process import enter_graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = SoakConfig()
    parser.add_argument(
        '--minutes', type=float, default=default.minutes, help='how long (default: 10)'
    )
    add_seed(parser, 'of the layout')
    parser.add_argument(
        '--speed', type=float, default=default.speed, help='simulated seconds per second'
    )
    parser.add_argument(
        '--camera',
        dest='backend',
        metavar='CAMERA',
        default=default.backend,
        help='as in `concept_control demo`',
    )
    parser.add_argument(
        '--growth',
        type=float,
        default=default.growth,
        help='memory growth that fails [MiB/min] (default: %(default)s)',
    )
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Run; 0 if nothing grew, nothing died and nothing was left behind."""
    enter_graph()
    return run(config_from(SoakConfig, args))
