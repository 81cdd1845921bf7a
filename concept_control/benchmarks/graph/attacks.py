"""Attacks on a running graph: what drivers, people, disks and other programs do by accident.

Each is a function of the `Target`; it ends when the attack is over and leaves behind nothing but
what the graph makes of it.
"""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from concept_control.benchmarks.graph.limit_monitor import LimitMonitor
from concept_control.control.arm.description import ArmDescription
from concept_control.msg import ConceptCommand, DrawCommand, EntityArray
from concept_control.paths import share_folder
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge import qos
from concept_control.ros.runtime.process_graph import EXECUTABLES, Graph, NodeProcess

PERIOD = 0.002
"""Seconds of the machine between two messages of an attack."""

START_TIMEOUT = 120.0
"""Longest wait for a second controller [s of the machine]."""

STANDSTILL = 20.0
"""Seconds of the machine after which an attack is over though simulated time stands still."""


@dataclass
class Target:
    """The graph that is attacked.

    Attributes:
        arm: Arm that the graph commands.
        graph: Processes of the graph.
        controller: Process of the controller, as it was started.
        monitor: Monitor that knows the true joints.
        node: Node of the intruder.
        listener: Node that an executor spins, for services.
        seconds: Duration of the attack [simulated s].
    """

    arm: ArmDescription
    graph: Graph
    controller: NodeProcess
    monitor: LimitMonitor
    node: Node
    listener: Node
    seconds: float

    def moments(self, period: float = PERIOD) -> Iterator[float]:
        """Yield simulated seconds since the attack began, until it is over."""
        begin, end = self.monitor.time, time.monotonic() + STANDSTILL
        while (elapsed := self.monitor.time - begin) < self.seconds and time.monotonic() < end:
            self.graph.check()
            yield max(elapsed, 0.0)
            time.sleep(period)

    def true(self) -> tuple[float, np.ndarray, np.ndarray]:
        """Return stamp, positions and velocities of the true joints."""
        assert self.monitor.true is not None, 'attacks begin during a carry'
        return self.monitor.true


Lie = Callable[[float, np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From seconds of the attack, true positions and velocities and those at first, to false ones."""

JOINT_LIES: dict[str, Lie] = {
    'jump': lambda t, q, qd, first: (q + 0.6, np.ones_like(qd)),
    'huge': lambda t, q, qd, first: (np.full_like(q, 1e300), qd),
    'nan': lambda t, q, qd, first: (np.full_like(q, np.nan), qd),
    'sine': lambda t, q, qd, first: (
        q + 1.5 * np.sin(np.pi * t),
        qd + 1.5 * np.pi * np.cos(np.pi * t),
    ),
    'creep': lambda t, q, qd, first: (q + 0.3 * t, qd + 0.3),
    'frozen': lambda t, q, qd, first: (first, np.zeros_like(qd)),
    'echo': lambda t, q, qd, first: (q, qd),
}


def lie_about_joints(target: Target, lie: Lie) -> None:
    """Publish joint states beside the simulator's."""
    publisher = target.node.create_publisher(JointState, 'joint_states', qos.RELIABLE)
    first = target.true()[1]
    for elapsed in target.moments():
        stamp, q, qd = target.true()
        positions, velocities = lie(elapsed, q, qd, first)
        publisher.publish(
            JointState(
                header=convert.header(stamp + 0.001, 'world'),
                name=list(target.arm.joints),
                position=positions.tolist(),
                velocity=velocities.tolist(),
            )
        )
    target.node.destroy_publisher(publisher)


def be_mute(target: Target) -> None:
    """Be a second publisher of joint states that says nothing."""
    publisher = target.node.create_publisher(JointState, 'joint_states', qos.RELIABLE)
    for _ in target.moments(0.05):
        pass
    target.node.destroy_publisher(publisher)


def kill(target: Target, executable: str) -> None:
    """Kill a node and start it again at once."""
    target.graph.restart(executable)


def stop(target: Target, executable: str) -> None:
    """Stop a node's process as a debugger does, and let it go on."""
    process = target.graph.processes[executable]
    os.killpg(process.pid, signal.SIGSTOP)
    try:
        if executable == EXECUTABLES[0]:
            time.sleep(target.seconds)  # with the simulator, its time stands still
        else:
            for _ in target.moments(0.02):
                pass
    finally:
        os.killpg(process.pid, signal.SIGCONT)


def flood(target: Target, message_type: Any, topic: str, message: Any) -> None:
    """Publish one message again and again."""
    publisher = target.node.create_publisher(message_type, topic, qos.RELIABLE)
    for _ in target.moments(0.001):
        publisher.publish(message)
    target.node.destroy_publisher(publisher)


def flood_with_commands(target: Target) -> None:
    """Ask for one thing after another, then for none of it."""
    publisher = target.node.create_publisher(ConceptCommand, 'concept_command', qos.RELIABLE)
    words = itertools.cycle(('near(red; blue)', 'far(red; blue)', 'between(red; blue, green)'))
    for _ in target.moments(0.001):
        publisher.publish(ConceptCommand(expression=next(words)))
    publisher.publish(ConceptCommand(command=ConceptCommand.CANCEL))
    time.sleep(0.2)  # a publisher that is destroyed at once takes the last message along
    target.node.destroy_publisher(publisher)


def shake_clock(target: Target) -> None:
    """Publish another time beside the simulator's: far ahead and far behind in turn."""
    publisher = target.node.create_publisher(Clock, '/clock', qos.SENSOR)
    offsets = itertools.cycle((100.0, -100.0, 1e6, 0.5))
    for _ in target.moments(0.02):
        stamp = max(target.true()[0] + next(offsets), 0.0)
        publisher.publish(Clock(clock=convert.stamp(stamp)))
    target.node.destroy_publisher(publisher)


COMMANDS = {
    'joint_trajectory': 'joint_trajectory',
    'position': 'position_commands',
    'effort': 'effort_commands',
}
"""Topic of the commands by the controller's output."""


def command_by_another(target: Target) -> None:
    """Run a second controller of the same arm, from when it can be heard."""
    topic = COMMANDS[target.controller.parameters['output']]
    logs = Path(tempfile.mkdtemp(prefix='concept_control_attack_'))
    with Graph([target.controller], share_folder() / 'config/demo.yaml', logs) as second:

        def is_up() -> bool:
            return target.node.count_publishers(topic) >= 2

        second.wait_for(is_up, START_TIMEOUT, 'the second controller')
        for _ in target.moments(0.05):
            pass


def storm_of_transitions(target: Target) -> None:
    """Send the controller through its life cycle without waiting for answers."""
    client: Any = target.listener.create_client(ChangeState, 'mpc_controller/change_state')
    off, on = Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_ACTIVATE
    down, up = Transition.TRANSITION_CLEANUP, Transition.TRANSITION_CONFIGURE
    storm = itertools.cycle((off, on, off, down, up, on, on, down))
    for _ in target.moments(0.05):
        client.call_async(ChangeState.Request(transition=Transition(id=next(storm))))
    for number in (off, down, up, on):
        answer = client.call_async(ChangeState.Request(transition=Transition(id=number)))
        end = time.monotonic() + STANDSTILL
        while not answer.done() and time.monotonic() < end:
            time.sleep(0.02)
    target.listener.destroy_client(client)


def draw_damaged_files(target: Target) -> None:
    """Ask for drawings whose files hold anything but strokes."""
    publisher = target.node.create_publisher(DrawCommand, 'draw_command', qos.RELIABLE)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, content in DAMAGED.items():
            path = Path(folder) / name
            path.write_bytes(content)
            files.append(str(path))
        os.mkfifo(Path(folder) / 'pipe.csv')
        figures = itertools.cycle([*files, folder, f'{folder}/pipe.csv', '/dev/zero', '\0', ''])
        for _ in target.moments(0.2):
            publisher.publish(DrawCommand(figure=next(figures), size=0.1))
    target.node.destroy_publisher(publisher)


DAMAGED = {
    'cut.npz': b'PK\x03\x04\x14\x00\x00\x00',
    'no_numbers.csv': b'a,b\nnan,inf\n1e400,1\n',
    'binary.csv': bytes(range(256)),
    'deep.json': b'[' * 100_000,
    'card.json': b'{"format": 1e400, "weights": 7}',
    'entities.svg': b'<svg><path d="M 0 0 L nan 1e400"/></svg>',
}
"""Contents of damaged files by name."""


def lie_about_suction(target: Target) -> None:
    """Say in turn that the tool holds something and that it does not."""
    publisher = target.node.create_publisher(Bool, 'suction_state', qos.LATCHED)
    lies = itertools.cycle((False, True))
    for _ in target.moments(0.1):
        publisher.publish(Bool(data=next(lies)))
    target.node.destroy_publisher(publisher)


ATTACKS: dict[str, Callable[[Target], None]] = {
    **{name: partial(lie_about_joints, lie=lie) for name, lie in JOINT_LIES.items()},
    'mute': be_mute,
    'suction': lie_about_suction,
    'clock': shake_clock,
    'commands': flood_with_commands,
    'entities': partial(flood, message_type=EntityArray, topic='entities', message=EntityArray()),
    'files': draw_damaged_files,
    'transitions': storm_of_transitions,
    'duplicate': command_by_another,
    **{f'stop_{name}': partial(stop, executable=name) for name in EXECUTABLES},
    **{f'kill_{name}': partial(kill, executable=name) for name in EXECUTABLES[::-1]},
}
"""Attacks by name, in the order in which they are made."""
