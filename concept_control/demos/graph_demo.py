"""The whole graph as processes until a concept holds, with a verdict by geometry.

Threads: the monitor's executor spins in a thread of its own and only stores what it hears; the
calling thread starts, asks, prints, judges and draws.
"""

from __future__ import annotations

import threading
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from concept_control.demos.demo_run import DemoConfig, DemoRun, say
from concept_control.reports.run_film import Film
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.runtime.simulated_graph import simulated_graph

if TYPE_CHECKING:
    from concept_control.ros.client.recorder import Recorder


def run_demo(config: DemoConfig, interrupted: threading.Event) -> dict[str, Any]:
    """Start the nodes, let them make the concept hold, and stop them; return `DemoRun.conduct`'s.

    Args:
        config: Configuration of the demonstration.
        interrupted: Set by whoever wants the run to end.

    Raises:
        Interrupted: If somebody asked for the end.
        ConceptControlError: If a node dies, or as `DemoRun.conduct`.
    """
    graph, logs = simulated_graph(config)
    config.output.mkdir(parents=True, exist_ok=True)
    state = GraphState()

    def record(node: Node) -> Recorder | None:
        if config.record is None:
            return None
        # Imported here: rosbags is an optional dependency.
        from concept_control.ros.client.recorder import Recorder  # noqa: PLC0415

        # Particles have no clock of their own.
        is_arm = config.world == 'arm'
        return Recorder(node, config.record, config.record_images, use_sim_time=is_arm)

    with closing(Film(config.video)) if config.video else nullcontext() as film:
        say(f'concept_control demo: {config.expression}, seed {config.seed}')
        say(f'starting {", ".join(config.executables)} (logs in {logs})')
        with MonitorThread(state, film, record) as monitor, graph:
            return DemoRun(config, state, monitor, graph, interrupted).conduct()


def recognised_command(recording: Path, model: Path | None) -> str:
    """Return the command that does what happened in a recording; print what was recognised.

    Args:
        recording: Bag, or NPZ file of demonstrations.
        model: Folder of a trained model; None for the shipped one.

    Raises:
        ConceptControlError: If it cannot be read, or what happened cannot be said.
    """
    # Imported here: rosbags is an optional dependency, and torch takes its time.
    from concept_control.recognition.imitation import imitate_recording  # noqa: PLC0415

    expression, statements = imitate_recording(recording, model)
    recognised = '; '.join(f'{s.text()} {s.score:.2f}' for s in statements[:3])
    say(f'recognised in {recording}: {recognised}')
    return expression
