"""`concept_control benchmark robot`: the whole graph, seed after seed, judged by the predicate."""

from __future__ import annotations

import argparse
from functools import partial

from concept_control.benchmarks.graph.demo_runs import DemoRunsConfig, run
from concept_control.cli.options import add_field, add_html, add_json, config_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    option = partial(add_field, parser, DemoRunsConfig)
    again = 'may be given several times (default: "between(red; blue, green)")'
    option('seeds', 'how many (default: %(default)s)')
    option('concepts', again, '--concept', metavar='EXPRESSION')
    option('tolerance', 'of the predicate [mm]')
    option('camera', 'as in `concept_control demo`')
    option('arm', 'as in `concept_control demo`')
    option('control', 'likewise')
    add_json(parser)
    add_html(parser, 'write a page with a film strip of every run')


def main(args: argparse.Namespace) -> int:
    """Run, print a table; 0 if every run succeeded."""
    return run(config_from(DemoRunsConfig, args))
