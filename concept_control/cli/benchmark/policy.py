"""`concept_control benchmark policy`: strokes of policies beside demonstrations, and particles."""

from __future__ import annotations

import argparse
from functools import partial

from concept_control.benchmarks.policy.report import COMPARED, SECTIONS, PolicyBenchmarkConfig, run
from concept_control.cli.option_types import count, folder
from concept_control.cli.options import add_field, add_html, add_json, config_from
from concept_control.cli.process import use_one_thread
from concept_control.policy.datasets import FIGURES

DESCRIPTION = """Strokes drawn by imitation, and particles.

figures   four data sets (path1, circle, mouse1 with two modes, mouse2), each drawn by our policy,
          by the thesis' recipe with its samplers ML and EXP, by regression, a mixture density and
          the nearest neighbour. All distances in % of the figure's size: discrete Fréchet and DTW
          to the nearest demonstration, the end; the modes kept; K+50, the change by 50 further
          steps of the sampler; the share of starts beside the figure that come back to it.
codes     one network for all figures: a code from 1 and from 5 examples, of the four sets and of
          figures drawn at random.
particle  the N-dimensional particle of Implicit Behavioral Cloning: success, against regression.
"""
EXAMPLES = """examples:
  concept_control benchmark policy --quick                        # everything, a fifth of it
  concept_control benchmark policy --html runs/policy.html        # everything, as a page
  concept_control benchmark policy --section figures --figure circle --ours --pictures runs
  concept_control benchmark policy --section figures --compare regression --compare mixture
  concept_control benchmark policy --section particle --dimensions 16
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    option = partial(add_field, parser, PolicyBenchmarkConfig)
    repeated = 'may be repeated (default: all)'
    option('sections', repeated, '--section', choices=SECTIONS)
    option('figures', repeated, '--figure', choices=list(FIGURES))
    option('rollouts', 'from the demonstrated start')
    option('train', 'train our policies anew, not the shipped ones')
    option('dimensions', 'of the particle', action='store', type=count, nargs='+')
    option(
        'compared',
        f'what our policies are compared with; {repeated}. The thesis takes the longest by far',
        '--compare',
        choices=COMPARED,
    )
    parser.add_argument(
        '--ours', action='store_true', help='leave out what our policies are compared with'
    )
    option('quick', 'a fifth of everything')
    option('pictures', 'folder for the streamlines (PNG)', type=folder)
    add_html(parser, 'write a page with the tables and the streamlines')
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Measure; 0 if every goal that was measured is reached."""
    use_one_thread()
    if args.ours:
        args.compared = []
    return run(config_from(PolicyBenchmarkConfig, args))
