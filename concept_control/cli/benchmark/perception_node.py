"""`concept_control benchmark perception-node`: tables and carries through the running node."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.graph.perception_node import PerceptionNodeConfig, run
from concept_control.cli.options import add_config, config_from
from concept_control.cli.process import enter_graph
from concept_control.simulation.simulated_camera import BACKENDS

DESCRIPTION = """\
The tables and carries of `benchmark perception`, shown to a running entity_extractor: images as
messages from one camera or two, joint states and the suction's state, and the entities that come
back compared with the truth. The node is not told what colour the table has.
"""

EPILOG = """\
how to read it:
  missed, false   blocks at least half visible without an entity within 15 mm; entities of no block
  colour          largest error of a channel [0 .. 1], median
  answer          from sending the images to hearing the entities, transport included [ms];
                  FASTDDS_DEFAULT_PROFILES_FILE chooses another profile of the middleware

examples:
  concept_control benchmark perception-node --scenes 10 --sequences 1
  concept_control benchmark perception-node --cameras 2 --noise --json numbers.json

Exit code 0: no block missed and no identity switched; 1: else.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    backend = {'help': 'what renders (default: %(default)s)', 'choices': BACKENDS}
    cameras = {'help': '2: the oblique one too', 'choices': (1, 2)}
    noise = {'help': 'of a structured-light camera'}
    add_config(parser, PerceptionNodeConfig, backend=backend, cameras=cameras, noise=noise)


def main(args: argparse.Namespace) -> int:
    """Play tables and carries; 0 if nothing was missed and no identity switched."""
    enter_graph()
    return run(config_from(PerceptionNodeConfig, args))
