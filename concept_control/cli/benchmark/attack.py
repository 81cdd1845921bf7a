"""`concept_control benchmark attack`: a graph at work, lied to, flooded, stopped and killed."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.attack import AttackConfig, run
from concept_control.benchmarks.graph.attacks import ATTACKS
from concept_control.cli.option_types import number
from concept_control.cli.options import CAMERA, add_config, config_from
from concept_control.cli.process import enter_graph
from concept_control.control.arm.description import INTERFACES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    again = {'help': 'may be given several times (default: each in turn)'}
    attacks = {**again, 'flag': '--attack', 'choices': tuple(ATTACKS)}
    outputs = {**again, 'flag': '--output', 'choices': INTERFACES}
    rounds = 'of everything, round after round, at least one [min] (default: one)'
    minutes = {'help': rounds, 'type': number(low=0.0)}
    add_config(
        parser, AttackConfig, attacks=attacks, outputs=outputs, minutes=minutes, backend=CAMERA
    )


def main(args: argparse.Namespace) -> int:
    """Attack; 0 if every attack was withstood."""
    enter_graph()
    return run(config_from(AttackConfig, args))
