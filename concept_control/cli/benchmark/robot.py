"""`concept_control benchmark robot`: the whole graph, seed after seed, judged by the predicate."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.demo_runs import DemoRunsConfig, run
from concept_control.cli.known_words import check_command
from concept_control.cli.option_types import command
from concept_control.cli.options import CAMERA, add_config, config_from
from concept_control.control.arm.description import INTERFACES
from concept_control.language.expression import parse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    again = 'may be given several times (default: "between(red; blue, green)")'
    add_config(
        parser,
        DemoRunsConfig,
        concepts={'flag': '--concept', 'help': again, 'metavar': 'EXPRESSION', 'type': command},
        camera=CAMERA,
        control={'choices': INTERFACES},
        html={'help': 'write a page with a film strip of every run'},
    )


def main(args: argparse.Namespace) -> int:
    """Run, print a table; 0 if every run succeeded."""
    config = config_from(DemoRunsConfig, args)
    for concept in config.concepts:
        check_command(parse(concept), None, config.arm)
    return run(config)
