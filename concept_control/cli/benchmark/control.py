"""`concept_control benchmark control`: planners, commands and disturbances, without ROS."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.control.report import SECTIONS, ControlConfig, run
from concept_control.cli.options import add_html, add_json, config_from
from concept_control.cli.process import use_one_thread
from concept_control.control.arm.description import arm_names
from concept_control.control.planners.registry import PLANNERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = ControlConfig()
    parser.add_argument(
        '--section',
        action='append',
        dest='sections',
        choices=SECTIONS,
        help='may be repeated (default: all); judo is installed into ~/.cache the first time '
        '(some 300 MB), and left out with the reason where that fails',
    )
    parser.add_argument(
        '--episodes', type=int, default=default.episodes, help='commands (default: %(default)s)'
    )
    parser.add_argument('--seeds', type=int, default=default.seeds, help='of other sections')
    parser.add_argument(
        '--arm', default=default.arm, help=f'{", ".join(arm_names())} or a YAML file'
    )
    parser.add_argument('--planner', default=default.planner, choices=list(PLANNERS))
    parser.add_argument(
        '--camera',
        dest='backend',
        choices=('auto', 'egl', 'osmesa', 'raycast'),
        help='poses from the simulated camera (default: true poses with 1 mm of noise)',
    )
    parser.add_argument(
        '--tolerance', type=float, default=1000 * default.tolerance, help='of the predicate [mm]'
    )
    add_json(parser)
    add_html(parser, 'write a page with tables and pictures')


def main(args: argparse.Namespace) -> int:
    """Run the chosen sections; 0 if 95 of 100 commands held, or none was asked for."""
    use_one_thread()
    return run(config_from(ControlConfig, args, tolerance=args.tolerance / 1000))
