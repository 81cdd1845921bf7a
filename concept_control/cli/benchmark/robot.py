"""`concept_control benchmark robot`: the whole graph, seed after seed, judged by the predicate."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.demo_runs import DemoRunsConfig, run
from concept_control.cli.options import add_html, add_json, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = DemoRunsConfig()
    parser.add_argument(
        '--seeds', type=int, default=default.seeds, help='how many (default: %(default)s)'
    )
    parser.add_argument(
        '--concept',
        action='append',
        dest='concepts',
        metavar='EXPRESSION',
        help='may be given several times (default: "between(red; blue, green)")',
    )
    parser.add_argument(
        '--tolerance', type=float, default=default.tolerance, help='of the predicate [mm]'
    )
    parser.add_argument('--camera', default=default.camera, help='as in `concept_control demo`')
    parser.add_argument('--arm', default=default.arm, help='as in `concept_control demo`')
    parser.add_argument('--control', default=default.control, help='likewise')
    add_json(parser)
    add_html(parser, 'write a page with a film strip of every run')


def main(args: argparse.Namespace) -> int:
    """Run, print a table; 0 if every run succeeded."""
    return run(config_from(DemoRunsConfig, args))
