"""`concept_control benchmark restart`: each node killed and started again during a carry.

A task survives if it ends satisfied, or is ended with a reason while the arm holds still.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.graph.soak import demo_graph
from concept_control.errors import ConceptControlError
from concept_control.msg import ConceptStatus
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.ros.client.commander import CommandResult, ConceptCommander, Outcome
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.runtime.process_graph import EXECUTABLES, Graph
from concept_control.world.entity import TOOL_ID

EXPRESSION = 'between(red; blue, green)'

STILL = 0.002
"""Largest motion of a tool that holds still, in the second after a task was ended [m]."""

PATIENCE = 240.0
"""Longest wait for anything to happen, wall-clock [s]."""


@dataclass(frozen=True)
class Survival:
    """What became of a task in which a node was killed.

    Attributes:
        killed: Name of the node.
        outcome: Name among `Outcome` of how the task ended, or "nothing heard".
        text: Reason given.
        crept: Distance that the tool went in the second afterwards [m].
        answers: Whether the next command was answered.
        wall_s: Wall-clock time from the kill to the end [s].
    """

    killed: str
    outcome: str
    text: str
    crept: float
    answers: bool
    wall_s: float

    @property
    def is_survived(self) -> bool:
        """Whether nothing was left hanging or moving."""
        ended = self.outcome == Outcome.SATISFIED.name or (
            self.outcome in Outcome.__members__ and bool(self.text)
        )
        return ended and self.crept < STILL and self.answers


@dataclass(frozen=True)
class RestartConfig:
    """What to kill, in which graph, and where to write what came of it.

    Attributes:
        kill: Executables of the nodes that are killed, one after the other.
        seed: Seed of the layout.
        speed: Simulated seconds per second.
        backend: Renderer of the simulated camera.
        json: File for every number; None writes none.
    """

    kill: tuple[str, ...] = EXECUTABLES
    seed: int = 1
    speed: float = 1.0
    backend: str = 'auto'
    json: Path | None = None


def run(config: RestartConfig) -> int:
    """Kill and restart; 0 if every task survived."""
    found = [survive(victim, config) for victim in tqdm(config.kill, unit='node', file=sys.stderr)]
    print(sentence())
    for one in found:
        print(
            f'{one.killed:18}{"survived" if one.is_survived else "NOT SURVIVED":14}'
            f'{one.outcome.lower():12}{one.wall_s:6.1f} s  crept {1000 * one.crept:.1f} mm  '
            f'{"answers" if one.answers else "DOES NOT ANSWER"}  {one.text}'
        )
    write_report(config.json, runs=[asdict(one) for one in found])
    return 0 if all(one.is_survived for one in found) else 1


def survive(victim: str, config: RestartConfig) -> Survival:
    """Start the graph, command, kill a node in the carry, start it again, see what comes."""
    heard = GraphState()
    with (
        MonitorThread(heard),
        demo_graph(config.seed, config.speed, config.backend) as graph,
        ConceptCommander() as robot,
    ):
        graph.wait_for(lambda: heard.library is not None, PATIENCE, 'the concepts')
        graph.wait_for(lambda: _num_blocks(heard) == 4, PATIENCE, 'four blocks')
        robot.go(EXPRESSION, wait_for_server=PATIENCE)
        graph.wait_for(lambda: _phase(heard) == 'carry' or robot.is_done, PATIENCE, 'the carry')
        if robot.is_done:
            raise ConceptControlError(f'no carry was seen: {robot.result().text}')
        killed_at = time.monotonic()
        graph.restart(victim)
        result = _result(robot, graph)
        wall = time.monotonic() - killed_at
        # What was heard last may be from a simulator that is no more.
        heard_last = heard.truth
        graph.wait_for(lambda: heard.truth is not heard_last, PATIENCE, 'the tool')
        before = _tool(heard)
        time.sleep(1.0 / min(config.speed, 1.0))
        crept = float(np.linalg.norm(_tool(heard) - before))
        # Who was restarted may still be learning its words.
        answer = _answer(robot, graph)
    return Survival(
        killed=victim,
        outcome='nothing heard' if result is None else result.outcome.name,
        text='' if result is None else result.text,
        crept=crept,
        answers=answer,
        wall_s=wall,
    )


def _result(robot: ConceptCommander, graph: Graph) -> CommandResult | None:
    end = time.monotonic() + PATIENCE
    while not robot.is_done and time.monotonic() < end:
        graph.check()
        time.sleep(0.1)
    return robot.result() if robot.is_done else None


def _answer(robot: ConceptCommander, graph: Graph) -> bool:
    """Tell whether a command that makes no sense is refused: everybody is listening again."""
    robot.go('hovering(red; blue)', wait_for_server=PATIENCE)
    result = _result(robot, graph)
    return result is not None and result.outcome is Outcome.REFUSED


def _num_blocks(heard: GraphState) -> int:
    return sum(e.id != TOOL_ID for e in heard.entities.entities) if heard.entities else 0


def _phase(heard: GraphState) -> str:
    active = [s for s in heard.statuses[-3:] if s.status == ConceptStatus.ACTIVE]
    return str(active[-1].phase) if active else ''


def _tool(heard: GraphState) -> np.ndarray:
    """Return (3,) where the simulator's tool truly is [m]."""
    assert heard.truth is not None
    (tool,) = [e.position for e in heard.truth.entities if e.id == TOOL_ID]
    return np.array([tool.x, tool.y, tool.z])
