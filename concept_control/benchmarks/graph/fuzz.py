"""`concept_control benchmark fuzz`: every message that every node subscribes to, spoiled.

Each node is built in this process, without its worker thread; messages go into the callbacks of
its own subscriptions, and then it does once what its worker would do. Nothing may raise what the
node does not handle, and no command to the arm may hold NaN or leave the arm's limits.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from hypothesis import HealthCheck, Phase, given, seed, settings
from rclpy.logging import LoggingSeverity, set_logger_level
from rclpy.serialization import serialize_message
from tqdm import tqdm

from concept_control.benchmarks.graph.fuzzing import random_messages, spoiled_messages
from concept_control.benchmarks.graph.sane_messages import sane_messages
from concept_control.control.plan import Plan
from concept_control.language.library import ConceptLibrary
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.nodes.arm_simulator import ArmSimulator
from concept_control.ros.nodes.concept_model.node import ConceptModelNode
from concept_control.ros.nodes.entity_extractor.node import EntityExtractor
from concept_control.ros.nodes.mpc_controller.command_output import TrajectoryOutput
from concept_control.ros.nodes.mpc_controller.node import MpcController
from concept_control.ros.nodes.particle_world import ParticleWorld

NOT_OURS = ('/parameter_events', '/clock')
WORDS = ('red', 'blue', 'green', 'near', 'between')
ROUND = 200
"""At most so many cases of one subscription before it is the next one's turn."""

HEAVY = {'concept_command': 0.1, 'demonstrations': 0.1, 'concept_goal': 0.3}
"""Share of a round for messages that may ask for seconds of thinking, by the topic's last word."""


class Idle:
    """A node without its worker thread: works only when told to."""

    def _work(self) -> None:
        pass


class IdleConceptModel(Idle, ConceptModelNode):
    """See `Idle`; with a few words learned."""

    def work_once(self) -> None:
        """Answer the command that has come, and draw as if somebody looked."""
        if not self._waiting.is_empty and (command := self._waiting.take()) is not None:
            self._answer(command)
        self._view.draw_once()


class CheckedOutput(TrajectoryOutput):
    """Checks what it sends."""

    def send(self, plan: Plan, epoch: int = 0) -> str:
        """See `CommandOutput.send`."""
        arm = self._arm
        message = convert.trajectory_message(plan, arm.joints)
        positions = np.array([point.positions for point in message.points])
        velocities = np.array([point.velocities for point in message.points])
        assert np.isfinite(positions).all() and np.isfinite(velocities).all(), 'NaN to the arm'
        assert (np.abs(velocities[1:]) <= arm.velocity_limits * 1.01 + 1e-6).all(), 'too fast'
        return super().send(plan, epoch)


class IdleController(Idle, MpcController):
    """See `Idle`; checks what it would send."""

    def make_output(self) -> CheckedOutput:
        """Make what sends commands to the arm."""
        return CheckedOutput(self, self.arm, '', lambda: True)


class IdleSimulator(ArmSimulator):
    """Steps only when told to."""

    def _simulate(self) -> None:
        pass

    def _film(self) -> None:
        pass

    def work_once(self) -> None:
        """Step the physics once and check that the world is still one."""
        self.world.step(self.drive.effort(self._now, *self.world.joint_state()))
        assert np.isfinite(self.world.data.qpos).all(), 'the simulated world holds NaN'


NODES: dict[str, Callable[[], Any]] = {
    'entity_extractor': type('IdleExtractor', (Idle, EntityExtractor), {}),
    'concept_model': IdleConceptModel,
    'mpc_controller': IdleController,
    'arm_simulator': IdleSimulator,
    'particle_world': type('IdleParticles', (Idle, ParticleWorld), {}),
}


@dataclass(frozen=True)
class Target:
    """One subscription of one node, and a message it can use."""

    node: Any
    subscription: Any
    sane: Any

    @property
    def name(self) -> str:
        """Node and topic."""
        return f'{self.node.get_name()} {self.subscription.topic_name.lstrip("/")}'

    def feed(self, message: Any) -> None:
        """Give the node a message and let it work."""
        callback = self.subscription.callback
        message = serialize_message(message) if self.subscription.raw else message
        wants_information = len(signature(callback).parameters) == 2
        callback(message, *[{}] * wants_information)
        self.node.work_once()
        failure = getattr(self.node, 'failure', None)
        assert failure is None, f'the node failed: {failure!r}'


@dataclass(frozen=True)
class FuzzConfig:
    """What to send, and where to write what came of it.

    Attributes:
        cases: Messages in all.
        seed: Seed of the messages.
        json: File for every number; None writes none.
    """

    cases: int = 100_000
    seed: int = 0
    json: Path | None = None


def run(config: FuzzConfig) -> int:
    """Fuzz; 0 if every message was handled."""
    with targets() as found, tqdm(total=config.cases, unit='message', file=sys.stderr) as bar:
        counts, failures = fuzz(found, config.cases, config.seed, bar.update)
    print(sentence())
    for name, count in counts.items():
        print(f'{name:48}{count:>8} messages  {"FAILED" if name in failures else "handled"}')
    for name, failure in failures.items():
        print(f'\n{name}: {failure}')
    print(f'{sum(counts.values())} messages, {len(failures)} of {len(counts)} topics failed')
    write_report(config.json, messages=counts, failures=failures)
    return 1 if failures else 0


@contextmanager
def targets() -> Iterator[list[Target]]:
    """Build all nodes and return every subscription they have."""
    rclpy.init(args=[])
    nodes = {}
    try:
        for name, make in NODES.items():
            nodes[name] = make()
            set_logger_level(name, LoggingSeverity.FATAL)
        model = nodes['concept_model']
        model.library = ConceptLibrary.learn(model.model, WORDS, num_demonstrations=2)
        examples = sane_messages(nodes['mpc_controller'].arm.joints)
        found = [
            Target(node, subscription, _sane(examples, subscription))
            for node in nodes.values()
            for subscription in node.subscriptions
            if subscription.topic_name not in NOT_OURS
        ]
        for target in found:
            target.feed(target.sane)
        yield found
    finally:
        for node in nodes.values():
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()


def fuzz(
    found: list[Target], cases: int, start: int, progress: Callable[[int], Any] = lambda _: None
) -> tuple[dict[str, int], dict[str, str]]:
    """Feed all targets in turn.

    Returns:
        Number of messages by target, and errors by the name of each target that failed.
    """
    counts: Counter[str] = Counter({target.name: 0 for target in found})
    failures: dict[str, str] = {}
    number = start
    turn = max(4, min(ROUND, cases // len(found)))
    while sum(counts.values()) < cases and len(failures) < len(found):
        for target in found:
            left = cases - sum(counts.values())
            if left <= 0:
                break
            if target.name in failures:
                continue
            topic = target.subscription.topic_name.rsplit('/', 1)[-1]
            share = min(left, max(1, int(turn * HEAVY.get(topic, 1.0))))
            for strategy in (
                spoiled_messages(target.sane),
                random_messages(type(target.sane)),
            ):
                number += 1
                before = counts[target.name]
                try:
                    _run(target, strategy, max(1, share // 2), number, counts)
                except Exception as error:
                    failures[target.name] = f'{error!r}'
                    break
                progress(counts[target.name] - before)
    return dict(counts), failures


def _run(target: Target, strategy: Any, cases: int, number: int, counts: Counter[str]) -> None:
    @seed(number)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def feed(message: Any) -> None:
        counts[target.name] += 1
        target.feed(message)

    feed()


def _sane(examples: dict[Any, Any], subscription: Any) -> Any:
    """Return an example for a subscription: by type and stream, by type, or an empty message."""
    kind, stream = subscription.msg_type, subscription.topic_name.split('/')[-2]
    return examples.get((kind, stream), examples.get(kind, kind()))
