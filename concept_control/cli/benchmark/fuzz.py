"""`concept_control benchmark fuzz`: every message that every node subscribes to, spoiled."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.fuzz import FuzzConfig, run
from concept_control.cli.options import add_config, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_config(parser, FuzzConfig)


def main(args: argparse.Namespace) -> int:
    """Fuzz; 0 if every message was handled."""
    return run(config_from(FuzzConfig, args))
