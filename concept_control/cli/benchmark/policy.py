"""`concept_control benchmark policy`: strokes of policies beside demonstrations, and particles."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.policy.report import COMPARED, SECTIONS, PolicyBenchmarkConfig, run
from concept_control.cli.option_types import count, folder
from concept_control.cli.options import add_config, config_from
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
EPILOG = """examples:
  concept_control benchmark policy --quick                        # everything, a fifth of it
  concept_control benchmark policy --html runs/policy.html        # everything, as a page
  concept_control benchmark policy --section figures --figure circle --ours --pictures runs
  concept_control benchmark policy --section figures --compare regression --compare mixture
  concept_control benchmark policy --section particle --dimensions 16
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    repeated = 'may be repeated (default: all)'
    compared = f'what our policies are compared with; {repeated}. The thesis takes the longest'
    add_config(
        parser,
        PolicyBenchmarkConfig,
        sections={'flag': '--section', 'help': repeated, 'choices': SECTIONS},
        figures={'flag': '--figure', 'help': repeated, 'choices': list(FIGURES)},
        train={'help': 'train our policies anew, not the shipped ones'},
        dimensions={'help': 'of the particle', 'action': 'store', 'type': count, 'nargs': '+'},
        compared={'flag': '--compare', 'help': compared, 'choices': COMPARED},
        quick={'help': 'a fifth of everything'},
        pictures={'help': 'folder for the streamlines (PNG)', 'type': folder},
        html={'help': 'write a page with the tables and the streamlines'},
    )
    parser.add_argument(
        '--ours', action='store_true', help='leave out what our policies are compared with'
    )


def main(args: argparse.Namespace) -> int:
    """Measure; 0 if every goal that was measured is reached."""
    use_one_thread()
    if args.ours:
        args.compared = []
    return run(config_from(PolicyBenchmarkConfig, args))
