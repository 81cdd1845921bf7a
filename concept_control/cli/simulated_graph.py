"""Options of the commands that start a simulated robot."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import colors, positive
from concept_control.cli.options import add_shared
from concept_control.control.arm.description import INTERFACES


def add_robot(parser: argparse.ArgumentParser) -> None:
    """Declare who acts, and on what."""
    parser.add_argument(
        '--world',
        default='arm',
        choices=('arm', 'particles'),
        help='particles: no arm and no camera, points that descend the energy',
    )
    add_shared(parser, 'arm', seed='of the layout and every choice')
    parser.add_argument(
        '--control',
        dest='interface',
        default='joint_trajectory',
        choices=INTERFACES,
        help='what the arm is sent: trajectories, or a position or torque for each joint state '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--push',
        dest='pushes',
        action='store_true',
        help='push blocks over the table instead of carrying them (experimental; slower, so '
        'give it time with --duration)',
    )
    parser.add_argument(
        '--blocks',
        type=colors,
        default='red,blue,green,yellow',
        metavar='COLOURS',
        help='colours of the blocks on the table (default: %(default)s)',
    )


def add_simulator(parser: argparse.ArgumentParser) -> None:
    """Declare cameras and pace of the simulation."""
    parser.add_argument(
        '--cameras',
        dest='num_cameras',
        type=int,
        default=1,
        choices=(1, 2),
        help='2: an oblique one as well, fused',
    )
    add_shared(parser, 'camera')
    parser.add_argument(
        '--speed', type=positive, default=1.0, help='simulated seconds per second, at most'
    )
