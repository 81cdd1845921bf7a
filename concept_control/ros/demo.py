"""`concept_control demo`: the whole graph as processes, one command, a verdict by geometry.

Threads: the monitor's executor spins in a thread of its own and only stores what it hears; the
main thread starts, asks, prints, judges and draws.
"""

from __future__ import annotations

import argparse
import os
import signal
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from concept_control.control.arm import INTERFACES
from concept_control.evaluation.film import Film
from concept_control.expression import parse
from concept_control.ros.demo_run import Interrupted, Run, say
from concept_control.ros.monitor import Heard, Watch
from concept_control.ros.processes import Graph, NodeProcess, ProcessDiedError, share_folder

if TYPE_CHECKING:
    from concept_control.ros.recorder import Recorder

EXECUTABLES = ('arm_simulator', 'entity_extractor', 'concept_model', 'mpc_controller')
JOINT_STATE_RATES = {'joint_trajectory': 100.0, 'position': 250.0, 'effort': 500.0}
"""Per second: commands go out at this rate, and torques must be quick to be stable."""

PARTICLE_EXECUTABLES = ('particle_world', 'concept_model')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `concept_control demo`."""
    parser.add_argument(
        '--concept',
        default='between(red; blue, green)',
        metavar='EXPRESSION',
        help='what to make true, subjects before the semicolon, arguments after it '
        '(default: "%(default)s")',
    )
    parser.add_argument(
        '--imitate',
        type=Path,
        metavar='BAG',
        help='do what happened in this recorded bag, instead of --concept: recognise it, then '
        'make it happen on this table',
    )
    parser.add_argument(
        '--judge',
        metavar='EXPRESSION',
        help='what must hold in the end, where the command has a taught word in it, for which '
        'there is no predicate (default: the command itself)',
    )
    parser.add_argument(
        '--world',
        default='arm',
        choices=('arm', 'particles'),
        help='particles: no arm and no camera, points that descend the energy',
    )
    parser.add_argument(
        '--arm',
        default='franka',
        help='franka, ur5e or a YAML file; the model is the same (default: %(default)s)',
    )
    parser.add_argument(
        '--control',
        default='joint_trajectory',
        choices=INTERFACES,
        help='what the arm is sent: trajectories, or a position or torque for each joint state '
        '(default: %(default)s)',
    )
    parser.add_argument(
        '--push',
        action='store_true',
        help='push blocks over the table instead of carrying them (experimental; slower, so '
        'give it time with --duration)',
    )
    parser.add_argument('--seed', type=int, default=0, help='of the layout and every choice')
    parser.add_argument(
        '--blocks',
        default='red,blue,green,yellow',
        metavar='COLOURS',
        help='colours of the blocks on the table (default: %(default)s)',
    )
    parser.add_argument(
        '--duration', type=float, default=60.0, help='give up after so many simulated seconds'
    )
    parser.add_argument(
        '--tolerance',
        type=float,
        default=15.0,
        help='of the predicate [mm] (default: %(default)s)',
    )
    parser.add_argument(
        '--output',
        type=Path,
        default=Path('runs/demo'),
        help='folder for the picture and the logs',
    )
    parser.add_argument('--video', type=Path, help='also write the camera film to this .mp4 file')
    parser.add_argument(
        '--record', type=Path, metavar='BAG', help='record the messages into this new bag (mcap)'
    )
    parser.add_argument(
        '--record-images', action='store_true', help='with --record: the images too, 20 MB/s'
    )
    parser.add_argument('--json', type=Path, help='write every number to this file')
    parser.add_argument(
        '--model', type=Path, help='folder of a trained model (default: the one shipped)'
    )
    parser.add_argument(
        '--cameras', type=int, default=1, choices=(1, 2), help='2: an oblique one as well, fused'
    )
    parser.add_argument(
        '--camera',
        default='auto',
        choices=('auto', 'egl', 'osmesa', 'raycast'),
        help='how the simulated camera makes its images (default: the first that works)',
    )
    parser.add_argument(
        '--speed', type=float, default=1.0, help='simulated seconds per second, at most'
    )


def main(args: argparse.Namespace) -> int:
    """Run the demonstration; 0 if the predicate holds at the end, 1 otherwise."""
    expression = parse(imitated(args.imitate, args.model) if args.imitate else args.concept)
    environment = graph_environment()
    os.environ.update(environment)
    logs = Path(tempfile.mkdtemp(prefix='concept_control_'))
    args.output.mkdir(parents=True, exist_ok=True)
    interrupted = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: interrupted.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    executables = PARTICLE_EXECUTABLES if args.world == 'particles' else EXECUTABLES
    configuration = 'particles.yaml' if args.world == 'particles' else 'demo.yaml'
    parameters = node_parameters(args)
    nodes = [NodeProcess(name, parameters.get(name, {})) for name in executables]
    heard = Heard()
    film = Film(args.video) if args.video else None
    say(f'concept_control demo: {expression}, seed {args.seed}')
    say(f'starting {", ".join(executables)} (logs in {logs})')
    try:
        with (
            Watch(heard, film, recording(args)) as monitor,
            Graph(nodes, share_folder() / 'config' / configuration, logs) as graph,
        ):
            return Run(args, expression, heard, monitor, graph, interrupted).conduct()
    except ProcessDiedError as error:
        say(f'RESULT: FAILURE: {error}')
        return 1
    except Interrupted:
        say('RESULT: interrupted; all nodes were stopped')
        return 1
    finally:
        if film is not None:
            film.close()
        for number, handler in previous.items():
            signal.signal(number, handler)


def imitated(bag: Path, model: Path | None) -> str:
    """Return the command that says what happened in a bag.

    Raises:
        ConceptControlError: if that cannot be said.
    """
    # Imported here: rosbags is an optional dependency, and torch takes its time.
    from concept_control.evaluation.imitate import imitate_bag  # noqa: PLC0415

    expression, statements = imitate_bag(bag, model)
    said = '; '.join(f'{s.text()} {s.score:.2f}' for s in statements[:3])
    say(f'recognised in {bag}: {said}')
    return expression


def node_parameters(args: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Return what the command line sets over the parameter file, by node."""
    colors = [c.strip() for c in args.blocks.split(',') if c.strip()]
    cameras = ['camera', 'oblique'][: args.cameras]
    model = {'model': str(args.model.resolve())} if args.model else {}
    layout = {'seed': args.seed, 'colors': colors}
    arm = {'arm': str(args.arm)}
    return {
        'arm_simulator': {
            **layout,
            **arm,
            'interface': args.control,
            'joint_state_rate': JOINT_STATE_RATES[args.control],
            'backend': args.camera,
            'cameras': cameras,
            'real_time_factor': args.speed,
        },
        'particle_world': {**layout, **arm, **model},
        'entity_extractor': {**arm, 'cameras': cameras},
        'concept_model': {**arm, **model},
        'mpc_controller': {**arm, **model, 'output': args.control, 'pushes': args.push},
    }


def recording(args: argparse.Namespace) -> Callable[[Node], Recorder | None]:
    """Return what attaches the recorder that was asked for."""
    if args.record is None:
        return lambda _: None
    # Imported here: rosbags is an optional dependency.
    from concept_control.ros.recorder import Recorder  # noqa: PLC0415

    has_clock = args.world == 'arm'
    return lambda node: Recorder(node, args.record, args.record_images, has_clock)


def graph_environment() -> dict[str, str]:
    """Return what the graph's processes need: discovery on this machine only, large segments."""
    environment = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    if 'FASTDDS_DEFAULT_PROFILES_FILE' not in os.environ:
        environment['FASTDDS_DEFAULT_PROFILES_FILE'] = str(share_folder() / 'config/fastdds.xml')
    if 'ROS_LOG_DIR' not in os.environ and not os.access(os.path.expanduser('~'), os.W_OK):
        environment['ROS_LOG_DIR'] = tempfile.mkdtemp(prefix='concept_control_ros_')
    return environment
