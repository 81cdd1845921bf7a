"""`concept_control draw …`: the simulated arm draws, through the ROS graph or without ROS."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'figure',
        help='circle, path1, mouse1 or mouse2; an .svg (every path a stroke, in pieces at corners '
        'and crossings); a .csv or .npz (examples of one stroke); or the .json card of a policy '
        'that was trained',
    )
    parser.add_argument(
        '--size', type=float, default=200.0, help='longer side of the drawing [mm] (%(default)g)'
    )
    parser.add_argument(
        '--height', type=float, default=5.0, help='of the tip above the table [mm] (%(default)g)'
    )
    parser.add_argument(
        '--speed', type=float, default=80.0, help='of the tip [mm/s] (%(default)g)'
    )
    parser.add_argument(
        '--at',
        type=float,
        nargs=2,
        metavar=('X', 'Y'),
        help="where the drawing's middle is [mm], from the robot's base (default: the middle of "
        'the workspace)',
    )
    parser.add_argument(
        '--around',
        metavar='COLOUR',
        help='keep the middle on the block of this colour, also when it is moved',
    )
    parser.add_argument(
        '--beside',
        metavar='EXPRESSION',
        help='a concept of the tool whose energy is added, such as "far(tool; blue)": the line '
        'then bends',
    )
    parser.add_argument('--arm', default='franka', help='without ROS: franka, ur5e or a YAML file')
    parser.add_argument('--seed', type=int, default=0, help='of the blocks and of the modes')
    parser.add_argument(
        '--train',
        action='store_true',
        help='train a network for each stroke of a file, a minute or more each, instead of '
        'inferring its code for the shipped one',
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        default=2.0,
        help="between line and policy's path [mm] (%(default)g)",
    )
    parser.add_argument(
        '--save', type=Path, default=Path('runs/draw'), help='folder for pictures and the line'
    )
    parser.add_argument('--json', type=Path, help='write every number to this file')
    parser.add_argument(
        '--no-ros', action='store_true', help='in this process, as fast as it goes, without nodes'
    )


def main(args: argparse.Namespace) -> int:
    """Draw; 0 if the line is as near to the policy's path as asked for, 1 otherwise."""
    # Imported here: one of them needs ROS, both need MuJoCo, and --help needs neither.
    if args.no_ros:
        from concept_control.demos.drawing_offline import run  # noqa: PLC0415
    else:
        from concept_control.demos.drawing_graph import run  # noqa: PLC0415
    return run(args)
