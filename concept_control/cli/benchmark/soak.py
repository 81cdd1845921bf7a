"""`concept_control benchmark soak`: the graph at work for minutes, one command after another."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.soak import SoakConfig, run
from concept_control.cli.options import CAMERA, add_config, config_from
from concept_control.cli.process import enter_graph


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser, SoakConfig, backend=CAMERA)


def main(args: argparse.Namespace) -> int:
    """Run; 0 if nothing grew, nothing died and nothing was left behind."""
    enter_graph()
    return run(config_from(SoakConfig, args))
