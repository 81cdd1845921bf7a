"""`concept_control draw …`: the simulated arm draws, through the ROS graph or without ROS."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import color, command, folder, millimetres, number, positive
from concept_control.cli.options import add_shared, config_from
from concept_control.cli.process import enter_graph, use_one_thread
from concept_control.errors import CommandError
from concept_control.language.expression import parse
from concept_control.reports.json_file import write_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        'figure',
        help='circle, path1, mouse1 or mouse2; an .svg (every path a stroke, in pieces at corners '
        'and crossings); a .csv or .npz (examples of one stroke); or the .json card of a policy '
        'that was trained',
    )
    for flag, kind, default, text in (
        ('--size', positive, '200', 'longer side of the drawing [mm]'),
        ('--height', number(low=0.0), '5', 'of the tip above the table [mm]'),
        ('--speed', positive, '80', 'of the tip [mm/s]'),
        ('--tolerance', positive, '2', "between line and policy's path [mm]"),
    ):
        told = f'{text} (%(default)s)'
        parser.add_argument(flag, type=millimetres(kind), default=default, help=told)
    parser.add_argument(
        '--at',
        dest='center',
        type=millimetres(number()),
        nargs=2,
        metavar=('X', 'Y'),
        help="where the drawing's middle is [mm], from the robot's base (default: the middle of "
        'the workspace)',
    )
    parser.add_argument(
        '--around',
        type=color,
        metavar='COLOUR',
        help='keep the middle on the block of this colour, also when it is moved',
    )
    parser.add_argument(
        '--beside',
        dest='extra_energy',
        type=command,
        metavar='EXPRESSION',
        help='a concept of the tool whose energy is added, such as "far(tool; blue)": the line '
        'then bends',
    )
    arms = 'without ROS: franka, ur5e or a YAML file'
    add_shared(parser, 'json', arm=arms, seed='of the blocks and of the modes')
    parser.add_argument(
        '--train',
        dest='is_trained',
        action='store_true',
        help='train a network for each stroke of a file, a minute or more each, instead of '
        'inferring its code for the shipped one',
    )
    parser.add_argument(
        '--save',
        dest='output',
        type=folder,
        default='runs/draw',
        help='folder for pictures and the line',
    )
    parser.add_argument(
        '--no-ros', action='store_true', help='in this process, as fast as it goes, without nodes'
    )


def main(args: argparse.Namespace) -> int:
    """Draw; 0 if the line is as near to the policy's path as asked for, 1 otherwise."""
    if args.is_trained and not args.no_ros:
        raise CommandError('--train works without the graph only: add --no-ros')
    if args.arm != 'franka' and not args.no_ros:
        raise CommandError('the graph of the demonstration has a franka: add --no-ros')
    # Imported here: --help needs neither torch nor MuJoCo, and only the graph needs ROS.
    from concept_control.demos.drawing_config import DrawConfig  # noqa: PLC0415

    if args.extra_energy:
        # Imported here: it needs torch.
        from concept_control.cli.known_words import check_command  # noqa: PLC0415

        check_command(parse(args.extra_energy), None, args.arm)
    use_one_thread()
    if args.no_ros:
        from concept_control.demos.drawing_offline import run_offline as run  # noqa: PLC0415
    else:
        from concept_control.demos.drawing_graph import run_graph as run  # noqa: PLC0415

        enter_graph()
    numbers = run(config_from(DrawConfig, args))
    write_json(args.json, numbers)
    return 0 if numbers['succeeded'] else 1
