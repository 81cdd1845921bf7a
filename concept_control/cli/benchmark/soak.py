"""`concept_control benchmark soak`: the graph at work for minutes, one command after another."""

from __future__ import annotations

import argparse
from functools import partial

from concept_control.benchmarks.graph.soak import SoakConfig, run
from concept_control.cli.options import add_camera, add_field, add_json, add_seed, config_from
from concept_control.cli.process import enter_graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    option = partial(add_field, parser, SoakConfig)
    option('minutes', 'how long (default: 10)')
    add_seed(parser, 'of the layout')
    option('speed', 'simulated seconds per second')
    add_camera(parser)
    option('growth', 'memory growth that fails [MiB/min] (default: %(default)s)')
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Run; 0 if nothing grew, nothing died and nothing was left behind."""
    enter_graph()
    return run(config_from(SoakConfig, args))
