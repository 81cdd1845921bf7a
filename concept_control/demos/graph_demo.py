"""`concept_control demo`: the whole graph as processes, one command, a verdict by geometry.

Threads: the monitor's executor spins in a thread of its own and only stores what it hears; the
main thread starts, asks, prints, judges and draws.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from concept_control.demos.demo_run import say

if TYPE_CHECKING:
    from concept_control.ros.client.recorder import Recorder

JOINT_STATE_RATES = {'joint_trajectory': 100.0, 'position': 250.0, 'effort': 500.0}
"""Per second: commands go out at this rate, and torques must be quick to be stable."""

PARTICLE_EXECUTABLES = ('particle_world', 'concept_model')


def imitated(bag: Path, model: Path | None) -> str:
    """Return the command that says what happened in a bag.

    Raises:
        ConceptControlError: if that cannot be said.
    """
    # Imported here: rosbags is an optional dependency, and torch takes its time.
    from concept_control.recognition.bag_imitation import imitate_bag  # noqa: PLC0415

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
    from concept_control.ros.client.recorder import Recorder  # noqa: PLC0415

    has_clock = args.world == 'arm'
    return lambda node: Recorder(node, args.record, args.record_images, has_clock)
