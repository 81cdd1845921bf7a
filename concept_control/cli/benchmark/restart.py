"""`concept_control benchmark restart`: each node killed and started again during a carry."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.restart import RestartConfig, run
from concept_control.cli.options import add_json, add_seed, config_from
from concept_control.cli.process import enter_graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = RestartConfig()
    parser.add_argument(
        '--kill',
        action='append',
        choices=default.kill,
        help='may be given several times (default: each node in turn)',
    )
    add_seed(parser, 'of the layout', default.seed)
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
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Kill and restart; 0 if every task survived."""
    enter_graph()
    return run(config_from(RestartConfig, args))
