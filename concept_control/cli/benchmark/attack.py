"""`concept_control benchmark attack`: a graph at work, lied to, flooded, stopped and killed."""

from __future__ import annotations

import argparse
from functools import partial

from concept_control.benchmarks.graph.attack import AttackConfig, run
from concept_control.benchmarks.graph.attacks import ATTACKS
from concept_control.cli.option_types import number
from concept_control.cli.options import add_camera, add_field, add_json, add_seed, config_from
from concept_control.cli.process import enter_graph
from concept_control.control.arm.description import INTERFACES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    option = partial(add_field, parser, AttackConfig)
    again = 'may be given several times (default: each in turn)'
    option('attacks', again, '--attack', choices=tuple(ATTACKS))
    option('outputs', again, '--output', choices=INTERFACES)
    option('seconds', 'of each attack [simulated s] (default: %(default)s)')
    rounds = 'of everything, round after round [min] (default: each attack once)'
    option('minutes', rounds, type=number(low=0.0))
    add_seed(parser, 'of the layout', AttackConfig.seed)
    option('speed', 'simulated seconds per second, at most')
    add_camera(parser)
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Attack; 0 if every attack was withstood."""
    enter_graph()
    return run(config_from(AttackConfig, args))
