"""`concept_control draw …`: the simulated arm draws, through the ROS graph or without ROS."""

from __future__ import annotations

import argparse

from concept_control.cli.option_types import color, expression, folder, number, positive
from concept_control.cli.options import add_shared, config_from
from concept_control.cli.process import enter_graph, use_one_thread
from concept_control.errors import CommandError
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
        ('--size', positive, 200.0, 'longer side of the drawing [mm]'),
        ('--height', number(low=0.0), 5.0, 'of the tip above the table [mm]'),
        ('--speed', positive, 80.0, 'of the tip [mm/s]'),
        ('--tolerance', positive, 2.0, "between line and policy's path [mm]"),
    ):
        parser.add_argument(flag, type=kind, default=default, help=f'{text} (%(default)g)')
    parser.add_argument(
        '--at',
        type=number(),
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
        type=expression,
        metavar='EXPRESSION',
        help='a concept of the tool whose energy is added, such as "far(tool; blue)": the line '
        'then bends',
    )
    arms = 'without ROS: franka, ur5e or a YAML file'
    add_shared(parser, 'json', arm=arms, seed='of the blocks and of the modes')
    parser.add_argument(
        '--train',
        action='store_true',
        help='train a network for each stroke of a file, a minute or more each, instead of '
        'inferring its code for the shipped one',
    )
    parser.add_argument(
        '--save', type=folder, default='runs/draw', help='folder for pictures and the line'
    )
    parser.add_argument(
        '--no-ros', action='store_true', help='in this process, as fast as it goes, without nodes'
    )


def main(args: argparse.Namespace) -> int:
    """Draw; 0 if the line is as near to the policy's path as asked for, 1 otherwise."""
    if args.train and not args.no_ros:
        raise CommandError('--train works without the graph only: add --no-ros')
    if args.arm != 'franka' and not args.no_ros:
        raise CommandError('the graph of the demonstration has a franka: add --no-ros')
    # Imported here: --help needs neither torch nor MuJoCo, and only the graph needs ROS.
    from concept_control.demos.drawing_config import DrawConfig  # noqa: PLC0415

    if args.beside:
        # Imported here: it needs torch.
        from concept_control.cli.known_words import check_command  # noqa: PLC0415

        check_command(args.beside, None, args.arm)
    use_one_thread()
    if args.no_ros:
        from concept_control.demos.drawing_offline import run_offline as run  # noqa: PLC0415
    else:
        from concept_control.demos.drawing_graph import run_graph as run  # noqa: PLC0415

        enter_graph()
    config = config_from(
        DrawConfig,
        args,
        size=args.size / 1000,
        height=args.height / 1000,
        speed=args.speed / 1000,
        center=(args.at[0] / 1000, args.at[1] / 1000) if args.at else None,
        extra_energy=str(args.beside) if args.beside else None,
        is_trained=args.train,
        tolerance=args.tolerance / 1000,
        output=args.save,
    )
    numbers = run(config)
    if args.json:
        write_json(args.json, numbers)
    return 0 if numbers['succeeded'] else 1
