"""`concept_control arm check`: what an arm can do, from its description alone."""

from __future__ import annotations

import argparse

from concept_control.benchmarks.control.arm_check import (
    arm_picture,
    arm_text,
    arm_yaml,
    try_reaches,
    write_arm_page,
)
from concept_control.cli.option_types import new_file
from concept_control.cli.options import add_shared
from concept_control.cli.process import use_one_thread
from concept_control.control.arm.description import ArmDescription
from concept_control.output_files import replacing

DESCRIPTION = """\
Load an arm, show what it can do, try three reaches in simulation, and write a YAML to start from.

ARM is the name of a shipped arm (franka, ur5e), a YAML, an MJCF (.xml), a URDF, a xacro, or
menagerie:NAME for an arm of MuJoCo Menagerie (pip install "concept_control[arms]")."""

EPILOG = """\
A way to your own arm:
  concept_control arm check my_arm.urdf --picture my_arm.png --write my_arm.yaml
  (look at the picture: does the tool point down above the table? correct my_arm.yaml, check again)
  concept_control arm check my_arm.yaml
  concept_control demo --arm my_arm.yaml

What no file says is derived and marked so: the tool is a suction cup along the last axis, the
workspace is the largest square of the table that the tool reaches pointing down. Exit code 1 says
that a reach failed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('arm', metavar='ARM', help='name or file, see above')
    parser.add_argument(
        '--write',
        type=new_file('.yaml'),
        metavar='YAML',
        help='write all that is known of it',
    )
    parser.add_argument(
        '--picture', type=new_file('.png'), metavar='PNG', help='write a picture of it at home'
    )
    add_shared(parser, 'html')


def main(args: argparse.Namespace) -> int:
    """Check an arm; 0 if it made all reaches, 1 otherwise."""
    use_one_thread()
    arm = ArmDescription.load(args.arm)
    print(arm_text(arm))
    reaches = try_reaches(args.arm)
    print('\n'.join(reach.text for reach in reaches))
    if args.write:
        with replacing(args.write) as file:
            file.write(arm_yaml(arm, args.arm, args.write.parent).encode())
        print(f'description: {args.write}')
    if args.picture:
        with replacing(args.picture) as file:
            file.write(arm_picture(args.arm))
        print(f'picture: {args.picture}')
    if args.html:
        write_arm_page(args.html, arm, args.arm, reaches)
        print(f'page: {args.html}')
    return 0 if all(reach.is_reached for reach in reaches) else 1
