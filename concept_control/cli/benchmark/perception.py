"""`concept_control benchmark perception`: what cameras make of random tables and of carries."""

from __future__ import annotations

import argparse

import cv2

from concept_control.benchmarks.perception.report import QUICK, PerceptionConfig, run
from concept_control.cli.option_types import folder, whole_number
from concept_control.cli.options import add_config, config_from
from concept_control.simulation.simulated_camera import BACKENDS

DESCRIPTION = """\
Looks at random tables: 2 to 8 boxes, cylinders and balls of any colour, some touching, under
random light from dim to over-exposed, with shadows, a patterned table and the arm in view; seen by
the camera above, the oblique one and both fused, without and with the noise of a common
structured-light camera. The same for tables with blocks on one another. Then follows blocks while
the arm hides, carries and releases them. Only blocks at least half visible are judged, by both
cameras together those that are so to either; errors are of the centre, in three dimensions.
"""

EPILOG = """\
how to read it:
  missed, false   blocks without a detection within 15 mm, and detections that are of no block
  size, colour    largest error of a side [mm] and of a channel [0 .. 1], medians
  shape           share of boxes, cylinders and balls told apart
  NEES            mean squared error in units of the claimed covariance: 3 if that is right,
                  less if it is cautious
  95%             share of errors within the 95 % ellipsoid of the claimed covariance
  ms              CPU time of one frame on one core: median and 95th percentile

examples:
  concept_control benchmark perception --quick
  concept_control benchmark perception --scenes 5 --stacked 5 --sequences 1 --save runs/perception
  concept_control benchmark perception --json numbers.json      (30 minutes of two free cores)

Exit code 0: every goal is reached; 1: one is not.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    quick = f'{QUICK[0]} tables, {QUICK[1]} with stacks, {QUICK[2]} carries'
    parser.add_argument('--quick', action='store_true', help=quick)
    counts = {name: {'type': whole_number(0)} for name in ('scenes', 'stacked', 'sequences')}
    save = {'help': 'draw pictures there', 'type': folder, 'metavar': 'DIR'}
    backend = {'help': 'what renders (default: %(default)s)', 'choices': BACKENDS}
    add_config(parser, PerceptionConfig, backend=backend, save=save, **counts)


def main(args: argparse.Namespace) -> int:
    """Run the benchmark; 0 if the goals are reached, 1 if one is not."""
    # The times are for one core; a controller needs the others.
    cv2.setNumThreads(1)
    if args.quick:
        args.scenes, args.stacked, args.sequences = QUICK
    return run(config_from(PerceptionConfig, args))
