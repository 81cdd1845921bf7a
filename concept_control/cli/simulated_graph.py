"""Options of the commands that start a simulated robot."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import colors
from concept_control.cli.options import add_config
from concept_control.control.arm.description import INTERFACES
from concept_control.ros.runtime.simulated_graph import GraphConfig


def add_robot(parser: argparse.ArgumentParser) -> None:
    """Declare who acts, on what, and the simulation's cameras and pace."""
    table = 'colours of the blocks on the table (default: %(default)s)'
    add_config(
        parser,
        GraphConfig,
        world={'choices': ('arm', 'particles')},
        interface={'flag': '--control', 'choices': INTERFACES},
        pushes={'flag': '--push'},
        blocks={
            'type': colors,
            'action': 'store',
            'default': ','.join(GraphConfig.blocks),
            'metavar': 'COLOURS',
            'help': table,
        },
        open_boxes={
            'type': colors,
            'action': 'store',
            'metavar': 'COLOURS',
            'help': 'those of them that are no blocks but open boxes, to put things inside',
        },
        num_cameras={'flag': '--cameras', 'choices': (1, 2)},
    )
