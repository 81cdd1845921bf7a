"""`concept_control benchmark restart`: each node killed and started again during a carry."""

from __future__ import annotations

import argparse
from functools import partial

from concept_control.benchmarks.graph.restart import RestartConfig, run
from concept_control.cli.options import add_camera, add_field, add_json, add_seed, config_from
from concept_control.cli.process import enter_graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    option = partial(add_field, parser, RestartConfig)
    again = 'may be given several times (default: each node in turn)'
    option('kill', again, choices=RestartConfig.kill)
    add_seed(parser, 'of the layout', RestartConfig.seed)
    option('speed', 'simulated seconds per second')
    add_camera(parser)
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Kill and restart; 0 if every task survived."""
    enter_graph()
    return run(config_from(RestartConfig, args))
