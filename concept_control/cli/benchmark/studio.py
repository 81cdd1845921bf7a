"""`concept_control benchmark studio`: how fast the page is, and what it costs the arm."""

from __future__ import annotations

import argparse

from concept_control.cli.options import add_config, config_from
from concept_control.studio.figures import StudioFiguresConfig, run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        'A browser without a window shows five examples of "between" and watches the arm. Needs '
        'chromium.'
    )
    add_config(parser, StudioFiguresConfig)


def main(args: argparse.Namespace) -> int:
    """Run, print a table; 0 if the page did all it was asked for."""
    return run(config_from(StudioFiguresConfig, args))
