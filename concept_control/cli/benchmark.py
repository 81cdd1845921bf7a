"""`concept_control benchmark …`: each benchmark is a module of its own."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

BENCHMARKS = {
    'concepts': (
        'concept_control.benchmarks.concepts.report',
        'what is learned from a few demonstrations',
    ),
    'control': (
        'concept_control.benchmarks.control.report',
        'planners and commands without ROS',
    ),
    'images': ('concept_control.benchmarks.graph.images', 'images between processes, two ways'),
    'perception': ('concept_control.benchmarks.perception.report', 'blocks seen, and followed'),
    'perception-node': (
        'concept_control.benchmarks.graph.perception_node',
        'the same through the node',
    ),
    'fuzz': ('concept_control.benchmarks.graph.fuzz', 'every message of every node, spoiled'),
    'restart': ('concept_control.benchmarks.graph.restart', 'each node killed during a carry'),
    'policy': (
        'concept_control.benchmarks.policy.report',
        'strokes drawn by imitation, and particles',
    ),
    'robot': ('concept_control.benchmarks.graph.demo_runs', 'the whole graph, seed after seed'),
    'soak': ('concept_control.benchmarks.graph.soak', 'the whole graph for minutes: times, leaks'),
}
"""Name to module with `add_arguments` and `main`, and what it measures."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare one subcommand a benchmark."""
    which = parser.add_subparsers(title='benchmarks', dest='benchmark', required=True)
    for name, (module, text) in BENCHMARKS.items():
        sub = which.add_parser(name, help=text, description=text[0].upper() + text[1:] + '.')
        if name in sys.argv:
            # Only what runs is imported: some need ROS, some MuJoCo.
            import_module(module).add_arguments(sub)


def main(args: argparse.Namespace) -> int:
    """Run the chosen benchmark."""
    module, _ = BENCHMARKS[args.benchmark]
    return int(import_module(module).main(args))
