"""`concept_control benchmark policy`: strokes of policies beside demonstrations, and particles."""

from __future__ import annotations

import argparse
from pathlib import Path

from concept_control.benchmarks.policy.report import COMPARED, SECTIONS, PolicyBenchmarkConfig, run
from concept_control.cli.options import add_html, add_json, config_from
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
    default = PolicyBenchmarkConfig()
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        '--section',
        action='append',
        dest='sections',
        choices=SECTIONS,
        help='may be repeated (default: all)',
    )
    parser.add_argument(
        '--figure',
        action='append',
        dest='figures',
        choices=list(FIGURES),
        help='may be repeated (default: all)',
    )
    parser.add_argument(
        '--rollouts', type=int, default=default.rollouts, help='from the demonstrated start'
    )
    parser.add_argument(
        '--train', action='store_true', help='train our policies anew, not the shipped ones'
    )
    parser.add_argument(
        '--dimensions',
        type=int,
        nargs='+',
        default=list(default.dimensions),
        help='of the particle',
    )
    parser.add_argument(
        '--compare',
        action='append',
        dest='compared',
        choices=COMPARED,
        help='what our policies are compared with; may be repeated (default: all). The thesis '
        'takes the longest by far',
    )
    parser.add_argument(
        '--ours', action='store_true', help='leave out what our policies are compared with'
    )
    parser.add_argument('--quick', action='store_true', help='a fifth of everything')
    parser.add_argument('--pictures', type=Path, help='folder for the streamlines (PNG)')
    add_html(parser, 'write a page with the tables and the streamlines')
    add_json(parser)


def main(args: argparse.Namespace) -> int:
    """Measure; 0 if every goal that was measured is reached."""
    use_one_thread()
    if args.ours:
        args.compared = []
    return run(config_from(PolicyBenchmarkConfig, args))
