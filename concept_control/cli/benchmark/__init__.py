"""`concept_control benchmark …`: one file a benchmark."""

from __future__ import annotations

import argparse

from concept_control.cli.command_parser import add_commands

BENCHMARKS = {
    'concepts': 'what is learned from a few demonstrations',
    'control': 'planners and commands without ROS',
    'perception': 'blocks seen, and followed',
    'perception-node': 'the same through the node',
    'fuzz': 'every message of every node, spoiled',
    'attack': 'the whole graph lied to, flooded, stopped, killed',
    'policy': 'strokes drawn by imitation, and particles',
    'robot': 'the whole graph, seed after seed',
    'studio': 'the page of the studio: how fast it is, what it costs the arm',
    'soak': 'the whole graph for minutes: times, leaks',
}
"""Names, and what each benchmark measures."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare one subcommand a benchmark."""
    add_commands(parser, __name__, BENCHMARKS, title='benchmarks', dest='benchmark', required=True)
