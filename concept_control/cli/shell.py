"""`concept_control shell`: a session with one robot, started by the command or before it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

from concept_control.cli.options import add_shared, config_from
from concept_control.cli.process import enter_graph
from concept_control.cli.simulated_graph import add_robot
from concept_control.control.arm.description import ArmDescription
from concept_control.demos.shell import ConceptShell, attached_session, simulated_session
from concept_control.ros.runtime.simulated_graph import GraphConfig


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control shell`."""
    parser.epilog = (
        'Lines may come from a file, too: concept_control shell < LINES; the exit code is 1 then '
        'if one was refused or its command failed.'
    )
    parser.add_argument(
        '--attach',
        action='store_true',
        help='command the robot that runs in this ROS_DOMAIN_ID, real or simulated, instead of '
        'starting a simulated one; --namespace, --arm and --seed are all it takes',
    )
    add_robot(parser)
    add_shared(parser, namespace="the robot's, with --attach")


def main(args: argparse.Namespace) -> int:
    """Hold the session; 1 if lines of a file failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the nodes are ended in order
    workspace = ArmDescription.load(args.arm).workspace
    if args.attach:
        session = attached_session(args.namespace or '')
    else:
        enter_graph()
        session = simulated_session(config_from(GraphConfig, args))
    with session as (robot, check):
        shell = ConceptShell(robot, workspace, args.seed, check)
        print('help lists the commands; an expression such as near(red; blue) makes it hold')
        state = Path(os.environ.get('XDG_STATE_HOME') or os.path.expanduser('~/.local/state'))
        shell.run(state / 'concept_control' / 'history')
    is_person = sys.stdin.isatty()
    return 0 if is_person else int(shell.num_failed > 0)
