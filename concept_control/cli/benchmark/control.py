"""`concept_control benchmark control`: planners, commands and disturbances, without ROS."""

from __future__ import annotations

import argparse
from functools import partial

from concept_control.benchmarks.control.report import SECTIONS, ControlConfig, run
from concept_control.cli.option_types import arm
from concept_control.cli.options import (
    add_camera,
    add_field,
    add_html,
    add_json,
    config_from,
)
from concept_control.cli.process import use_one_thread
from concept_control.control.arm.description import arm_names
from concept_control.control.planners.registry import PLANNERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    option = partial(add_field, parser, ControlConfig)
    option(
        'sections',
        'may be repeated (default: all); judo is installed into ~/.cache the first time '
        '(some 300 MB), and left out with the reason where that fails',
        '--section',
        choices=SECTIONS,
    )
    option('episodes', 'commands (default: %(default)s)')
    option('seeds', 'of other sections')
    option('arm', f'{", ".join(arm_names())} or a YAML file', type=arm)
    option('planner', choices=list(PLANNERS))
    add_camera(
        parser,
        'poses from the simulated camera (default: true poses with 1 mm of noise)',
        default=ControlConfig.backend,
    )
    option('tolerance', 'of the predicate [mm]', default=1000 * ControlConfig.tolerance)
    add_json(parser)
    add_html(parser, 'write a page with tables and pictures')


def main(args: argparse.Namespace) -> int:
    """Run the chosen sections; 0 if 95 of 100 commands held, or none was asked for."""
    use_one_thread()
    return run(config_from(ControlConfig, args, tolerance=args.tolerance / 1000))
