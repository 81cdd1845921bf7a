"""`concept_control arm`: look at a description of an arm before anything moves."""

from __future__ import annotations

import argparse

from concept_control.cli.command_parser import add_commands

COMMANDS = {'check': 'load an arm, show what it can do, and write a YAML to start from'}
"""Names, and what each does."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `concept_control arm`."""
    add_commands(
        parser, 'concept_control.cli.arm', COMMANDS, dest='what', metavar='WHAT', required=True
    )
