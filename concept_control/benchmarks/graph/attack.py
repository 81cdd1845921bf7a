"""`concept_control benchmark attack`: a graph at work, lied to, flooded, stopped and killed.

Each attack falls into a carry. Somebody who made none of the commands holds every one of them,
and the true joints of the simulated arm, against the limits. A graph withstands an attack if no
limit was broken, the task is satisfied or ends with a reason, no process ends that was not
killed, and the next command is answered.
"""

from __future__ import annotations

import itertools
import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from tqdm import tqdm

from concept_control.benchmarks.graph.attacks import ATTACKS, Target
from concept_control.benchmarks.graph.limit_monitor import LIMITS, LimitMonitor
from concept_control.benchmarks.graph.shared_memory import left_behind, segments_of
from concept_control.benchmarks.graph.soak import resident
from concept_control.control.arm.description import INTERFACES, ArmDescription
from concept_control.errors import ConceptControlError
from concept_control.interfaces.constants import Outcome
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.reports.tables import text_table
from concept_control.ros.bridge import qos
from concept_control.ros.client.commander import ConceptCommander
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.runtime.process_graph import NodeProcess, ProcessDiedError
from concept_control.ros.runtime.simulated_graph import (
    GraphConfig,
    node_parameters,
    simulated_graph,
)
from concept_control.world.entity import TOOL_ID

EXPRESSIONS = (
    'near(red; blue)',
    'far(red; blue)',
    'near(yellow; green)',
    'far(yellow; green)',
    'between(red; blue, green)',
    'far(red; green)',
)
"""Asked in turn until one makes the arm carry something."""

PATIENCE = 240.0
"""Longest wait for anything to happen [s of the machine]."""

GOAL_TIMEOUT = 60.0
"""Time after which a command is given up [simulated s]."""

MAX_RISE = 64.0
"""Rise of a process's memory that is no leak [MiB]; caches fill."""


@dataclass(frozen=True)
class AttackConfig:
    """What to do to which graph, and where to write what came of it.

    Attributes:
        attacks: Attacks that are made, by name.
        outputs: Outputs of the controller, a graph for each.
        seconds: Duration of each attack [simulated s].
        minutes: Duration of everything [min], shared by the outputs: each attack is made once,
            and again and again until the time of its output is up.
        seed: Seed of the layout.
        speed: Simulated seconds per second, at most.
        backend: Renderer of the simulated camera.
        json: File for every number, written anew after each attack; None writes none.
    """

    attacks: tuple[str, ...] = tuple(ATTACKS)
    outputs: tuple[str, ...] = INTERFACES
    seconds: float = 3.0
    minutes: float = 0.0
    seed: int = 1
    speed: float = 1.0
    backend: str = 'auto'
    json: Path | None = None


@dataclass(frozen=True)
class AttackResult:
    """What became of a carry that was attacked.

    Attributes:
        output: Output of the controller.
        attack: Name of the attack.
        violations: Number of messages beyond a limit, by measure.
        examples: First violation of each measure.
        worst: Largest value of each measure.
        outcome: Name among `Outcome` of how the task ended, or what kept it from ending.
        text: Reason given.
        said: Last error of the controller's diagnostics during the attack; empty for none.
        answers: Whether the next command was answered.
    """

    output: str
    attack: str
    violations: dict[str, int]
    examples: dict[str, str]
    worst: dict[str, float]
    outcome: str
    text: str
    said: str
    answers: bool

    @property
    def is_withstood(self) -> bool:
        """Whether nothing was broken, and nothing left hanging."""
        ended = self.outcome == Outcome.SATISFIED.name or (
            self.outcome in Outcome.__members__ and bool(self.text)
        )
        return ended and self.answers and not self.violations


@dataclass
class Aftermath:
    """What a graph that was attacked leaves behind.

    Attributes:
        memory: Resident memory after the second attack and at the end, by process [MiB]; the
            processes that were killed begin anew.
        codes: Exit codes at the end.
        files: Files left in shared memory, but for those of killed processes.
    """

    memory: dict[str, tuple[float, float]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether memory is flat, every process ended well and nothing lies in shared memory."""
        is_flat = all(last - first <= MAX_RISE for first, last in self.memory.values())
        return is_flat and not any(self.codes.values()) and not self.files

    def text(self, output: str) -> str:
        """Say it for people."""
        memory = ', '.join(
            f'{node} {first:.0f} -> {last:.0f} MiB' for node, (first, last) in self.memory.items()
        )
        return f'{output}: {memory}; exit codes {self.codes}; in shared memory {self.files}'


def run(config: AttackConfig) -> int:
    """Attack; 0 if every attack was withstood and nothing left behind."""
    print(sentence())
    results: list[AttackResult] = []
    aftermaths = {output: Aftermath() for output in config.outputs}

    def write() -> None:
        write_report(
            config.json,
            attacks=[asdict(one) | {'is_withstood': one.is_withstood} for one in results],
            left_behind={output: asdict(one) for output, one in aftermaths.items()},
        )

    for output, aftermath in aftermaths.items():
        for result in attack_output(output, config, aftermath):
            results.append(result)
            write()
    write()
    print(worst_table(results))
    for output, aftermath in aftermaths.items():
        print(aftermath.text(output))
    withstood = sum(one.is_withstood for one in results)
    print(f'{withstood} of {len(results)} attacks withstood')
    is_clean = all(one.is_clean for one in aftermaths.values())
    return 0 if is_clean and withstood == len(results) else 1


def worst_table(results: Sequence[AttackResult]) -> str:
    """Return the largest value of each measure by output, and how often it was too large."""
    outputs = list(dict.fromkeys(one.output for one in results))
    rows = []
    for measure, limit in LIMITS.items():
        cells = []
        for output in outputs:
            mine = [one for one in results if one.output == output]
            worst = max((one.worst.get(measure, -math.inf) for one in mine), default=-math.inf)
            count = sum(one.violations.get(measure, 0) for one in mine)
            cells.append(f'{worst:.3g}' + (f' ({count} x)' if count else ''))
        if any('inf' not in cell for cell in cells):
            rows.append([measure, f'{limit:g}', *cells])
    return text_table(['worst', 'allowed', *outputs], rows)


def attack_output(
    output: str, config: AttackConfig, aftermath: Aftermath
) -> Iterator[AttackResult]:
    """Attack a graph with one output, and print what comes of each attack.

    Args:
        output: Output of the controller.
        config: Attacks, their duration and the graph.
        aftermath: Record of what is left behind; filled.
    """
    measured: dict[int, list[float]] = {}
    files: set[Path] = set()
    end = time.monotonic() + 60 * config.minutes / len(config.outputs)
    attacks = tqdm(itertools.cycle(config.attacks), output, len(config.attacks), file=sys.stderr)
    with _field(output, config) as field_:
        for count, name in enumerate(attacks):
            if count >= len(config.attacks) and time.monotonic() >= end:
                break
            result = field_.attack(name)
            tqdm.write(_line(result))
            files = set()
            for node, process in field_.target.graph.processes.items():
                files |= segments_of(process.pid)
                memory = measured.setdefault(process.pid, [])
                memory.append(resident(process.pid))
                # One that was started again may still be coming up after its first attack.
                aftermath.memory[node] = (memory[:2][-1], memory[-1])
            yield result
        aftermath.codes = field_.target.graph.stop()
    aftermath.files = sorted(map(str, left_behind(files)))


class Field:
    """One graph, and everybody who looks at it or attacks it."""

    def __init__(
        self, output: str, target: Target, heard: GraphState, robot: ConceptCommander
    ) -> None:
        self._output, self._heard, self._robot = output, heard, robot
        self.target = target
        self._num_asked = 0
        self._errors: list[str] = []
        target.listener.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.RELIABLE
        )

    def attack(self, name: str) -> AttackResult:
        """Attack a carry, and see what becomes of it."""
        monitor = self.target.monitor
        monitor.begin()
        answers, said = False, ''
        try:
            self._begin_carry()
            self._errors.clear()
            ATTACKS[name](self.target)
            said = self._errors[-1] if self._errors else ''
            outcome, text = self._end()
            answers = self._answers()
        except ProcessDiedError as error:
            outcome, text = 'process ended', str(error)
            for node, process in self.target.graph.processes.items():
                if process.poll() is not None:
                    self.target.graph.restart(node)
        except ConceptControlError as error:
            outcome, text = 'no end', str(error)
        seen = dict(monitor.violations), dict(monitor.examples), dict(monitor.worst)
        return AttackResult(self._output, name, *seen, outcome, text, said, answers)

    def _begin_carry(self) -> None:
        """Ask for one thing after another until the arm carries something."""
        monitor, wait = self.target.monitor, self.target.graph.wait_for
        wait(lambda: monitor.true is not None, PATIENCE, 'joint states')
        self._heard.entities = None  # those of a simulator that was killed are not there any more
        wait(self._sees_blocks, PATIENCE, 'blocks that perception sees')
        for _ in range(2 * len(EXPRESSIONS)):
            self._heard.statuses.clear()
            expression = EXPRESSIONS[self._num_asked % len(EXPRESSIONS)]
            self._num_asked += 1
            self._robot.go(expression, timeout=GOAL_TIMEOUT, wait_for_server=PATIENCE)
            wait(lambda: self._is_carrying or self._robot.is_done, PATIENCE, 'a carry')
            if self._is_carrying:
                return
        raise ConceptControlError(
            f'the arm carries nothing whatever it is asked for: {self._robot.result().text}'
        )

    def _end(self) -> tuple[str, str]:
        self.target.graph.wait_for(lambda: self._robot.is_done, PATIENCE, 'the end of the task')
        result = self._robot.result()
        return result.outcome.name, result.text

    def _answers(self) -> bool:
        """Tell whether a command that makes no sense is refused: everybody is listening again."""
        self._robot.go('hovering(red; blue)', wait_for_server=PATIENCE)
        return self._end()[0] == Outcome.REFUSED.name

    @property
    def _is_carrying(self) -> bool:
        return any(status.phase in ('lift', 'carry') for status in self._heard.statuses[-5:])

    def _sees_blocks(self) -> bool:
        entities = self._heard.entities
        return entities is not None and sum(e.id != TOOL_ID for e in entities.entities) >= 4

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            is_error = status.level == DiagnosticStatus.ERROR
            if is_error and status.name.endswith('mpc_controller'):
                self._errors.append(status.message)


@contextmanager
def _field(output: str, config: AttackConfig) -> Iterator[Field]:
    arm, heard = ArmDescription.load(), GraphState()
    monitor = LimitMonitor(arm)
    robot_config = GraphConfig(
        seed=config.seed, speed=config.speed, camera=config.backend, interface=output
    )
    controller = NodeProcess('mpc_controller', node_parameters(robot_config)['mpc_controller'])
    with (
        MonitorThread(heard, attach=monitor.attach) as listener,
        simulated_graph(robot_config)[0] as graph,
        ConceptCommander() as robot,
    ):
        intruder = Node('intruder')
        target = Target(arm, graph, controller, monitor, intruder, listener, config.seconds)
        graph.wait_for(
            lambda: heard.library is not None and monitor.true is not None,
            PATIENCE,
            'concepts and joint states',
        )
        try:
            yield Field(output, target, heard, robot)
        finally:
            intruder.destroy_node()


def _line(result: AttackResult) -> str:
    verdict = 'withstood' if result.is_withstood else 'NOT WITHSTOOD'
    broken = '; '.join(
        f'{count} x {measure} (worst {result.worst[measure]:.3g})'
        for measure, count in result.violations.items()
    )
    parts = [result.text[:160], result.said[:160] and f'diagnostics: {result.said[:160]}', broken]
    parts += [] if result.answers else ['DOES NOT ANSWER']
    said = '; '.join(filter(None, parts))
    return f'{result.output:17}{result.attack:24}{verdict:15}{result.outcome.lower():12}{said}'
