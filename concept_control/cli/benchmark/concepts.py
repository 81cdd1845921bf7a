"""`concept_control benchmark concepts`: what is learned from a few demonstrations."""

from __future__ import annotations

import argparse
from functools import partial

from concept_control.benchmarks.concepts.report import SECTIONS, ConceptsConfig, run
from concept_control.cli.options import (
    add_field,
    add_html,
    add_json,
    add_model,
    add_seed,
    config_from,
)
from concept_control.cli.process import use_one_thread


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    option = partial(add_field, parser, ConceptsConfig)
    names = [section.name for section in SECTIONS]
    option('sections', 'may be repeated (default: all)', '--section', choices=names)
    add_model(parser, 'folder of a model (default: the shipped one)')
    option('quick', 'a quarter of the concepts, no training')
    add_seed(parser, 'of concepts and scenes')
    option('concepts', 'unseen concepts per family')
    option('ablation_seeds', 'models per ablation (default: %(default)s)')
    option('ablation_minutes', 'training of each (default: %(default)s)')
    add_json(parser)
    add_html(parser, 'write a page with tables and pictures of the energies')


def main(args: argparse.Namespace) -> int:
    """Run the chosen sections; 0 if trained families generate and identify at 97 % at 5 shots."""
    use_one_thread()
    return run(config_from(ConceptsConfig, args))
