"""The whole graph as processes until a concept holds, with a verdict by geometry.

Threads: the monitor's executor spins in a thread of its own and only stores what it hears; the
calling thread starts, asks, prints, judges and draws.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from concept_control.demos.demo_run import DemoConfig, DemoResult, DemoRun, say
from concept_control.paths import share_folder
from concept_control.reports.run_film import Film
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.runtime.process_graph import EXECUTABLES, Graph, NodeProcess

if TYPE_CHECKING:
    from concept_control.ros.client.recorder import Recorder

JOINT_STATE_RATES = {'joint_trajectory': 100.0, 'position': 250.0, 'effort': 500.0}
"""Joint states a second by interface: commands go out at this rate, and torques must be quick to
be stable."""

PARTICLE_EXECUTABLES = ('particle_world', 'concept_model')
"""Nodes of the demonstration without an arm."""


def run_demo(config: DemoConfig, interrupted: threading.Event) -> DemoResult:
    """Start the nodes, let them make the concept hold, and stop them.

    Args:
        config: Configuration of the demonstration.
        interrupted: Set by whoever wants the run to end.

    Raises:
        Interrupted: If somebody asked for the end.
        ConceptControlError: If a node dies, or as `DemoRun.conduct`.
    """
    logs = Path(tempfile.mkdtemp(prefix='concept_control_'))
    config.output.mkdir(parents=True, exist_ok=True)
    is_arm = config.world == 'arm'
    executables = EXECUTABLES if is_arm else PARTICLE_EXECUTABLES
    parameter_file = 'demo.yaml' if is_arm else 'particles.yaml'
    overrides = node_parameters(config)
    nodes = [NodeProcess(name, overrides[name]) for name in executables]
    state = GraphState()

    def record(node: Node) -> Recorder | None:
        if config.record is None:
            return None
        # Imported here: rosbags is an optional dependency.
        from concept_control.ros.client.recorder import Recorder  # noqa: PLC0415

        # Particles have no clock of their own.
        return Recorder(node, config.record, config.record_images, use_sim_time=is_arm)

    with closing(Film(config.video)) if config.video else nullcontext() as film:
        say(f'concept_control demo: {config.expression}, seed {config.seed}')
        say(f'starting {", ".join(executables)} (logs in {logs})')
        with (
            MonitorThread(state, film, record) as monitor,
            Graph(nodes, share_folder() / 'config' / parameter_file, logs) as graph,
        ):
            return DemoRun(config, state, monitor, graph, interrupted).conduct()


def node_parameters(config: DemoConfig) -> dict[str, dict[str, Any]]:
    """Return what the configuration sets over the parameter file, by node."""
    model = {'model': str(config.model.resolve())} if config.model else {}
    layout = {'seed': config.seed, 'colors': list(config.blocks)}
    arm, cameras = {'arm': config.arm}, {'cameras': list(config.cameras)}
    return {
        'arm_simulator': {
            **layout,
            **arm,
            **cameras,
            'interface': config.interface,
            'joint_state_rate': JOINT_STATE_RATES[config.interface],
            'backend': config.backend,
            'real_time_factor': config.speed,
        },
        'particle_world': {**layout, **arm, **model},
        'entity_extractor': {**arm, **cameras},
        'concept_model': {**arm, **model},
        'mpc_controller': {**arm, **model, 'output': config.interface, 'pushes': config.pushes},
    }


def recognised_command(bag: Path, model: Path | None) -> str:
    """Return the command that makes happen what happened in a bag; print what was recognised.

    Args:
        bag: Recording.
        model: Folder of a trained model; None for the shipped one.

    Raises:
        ConceptControlError: If the bag cannot be read, or what happened cannot be said.
    """
    # Imported here: rosbags is an optional dependency, and torch takes its time.
    from concept_control.recognition.imitation import imitate_bag  # noqa: PLC0415

    expression, statements = imitate_bag(bag, model)
    recognised = '; '.join(f'{s.text()} {s.score:.2f}' for s in statements[:3])
    say(f'recognised in {bag}: {recognised}')
    return expression
