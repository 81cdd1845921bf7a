"""`concept_control benchmark control`: planners, commands and disturbances, without ROS."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.control.report import SECTIONS, STACKED, ControlConfig, run
from concept_control.cli.option_types import arm, seed
from concept_control.cli.options import CAMERA, TOLERANCE, add_config, config_from
from concept_control.cli.process import use_one_thread
from concept_control.control.planners.registry import PLANNERS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    sections = (
        'may be repeated (default: all); judo is installed into ~/.cache the first time '
        '(some 300 MB), and left out with the reason where that fails'
    )
    stacked = 'of the section stacking; may be repeated (default: all)'
    others = 'a further arm for the section commands; may be repeated, and a table compares them'
    seen = 'poses from the simulated camera (default: true poses with 1 mm of noise)'
    add_config(
        parser,
        ControlConfig,
        sections={'flag': '--section', 'help': sections, 'choices': SECTIONS},
        tasks={'flag': '--task', 'help': stacked, 'choices': STACKED},
        first_seed={'type': seed},
        others={'flag': '--other-arm', 'type': arm, 'metavar': 'ARM', 'help': others},
        planner={'choices': list(PLANNERS)},
        backend={**CAMERA, 'help': seen},
        tolerance={**TOLERANCE, 'default': f'{1000 * ControlConfig.tolerance:g}'},
        html={'help': 'write a page with tables and pictures'},
    )


def main(args: argparse.Namespace) -> int:
    """Run the chosen sections; 0 if 95 of 100 commands held, or none was asked for."""
    use_one_thread()
    return run(config_from(ControlConfig, args))
