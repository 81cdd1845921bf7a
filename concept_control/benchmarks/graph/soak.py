"""`concept_control benchmark soak`: the graph at work for minutes, one command after another.

Tells planning times and missed deadlines of the full graph, whether any process's memory grows,
and whether anything is left behind: a process, or a file in shared memory.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from tqdm import tqdm

from concept_control.benchmarks.graph.shared_memory import left_behind, segments_of
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.ros.bridge import qos
from concept_control.ros.client.commander import ConceptCommander
from concept_control.ros.client.monitor import GraphState, MonitorThread
from concept_control.ros.runtime.node_process import is_running
from concept_control.ros.runtime.process_graph import describe_exit
from concept_control.ros.runtime.simulated_graph import GraphConfig, simulated_graph

EXPRESSIONS = (
    'between(red; blue, green)',
    'left_of(red; blue)',
    'near(yellow; green)',
    'far(yellow; green)',
    'hovering(red; blue)',
    'right_of(blue; red)',
    'near(tool; red)',
)
"""Asked in turn; one is refused, and the tool's is held until the next comes."""

GOAL_TIMEOUT = 60.0
"""Simulated seconds for one command."""

START_TIMEOUT = 240.0
SAMPLE_PERIOD = 5.0
"""Time between two samples of the memory [s]."""

WARM_UP = 0.25
"""Share of the run whose memory does not count: caches fill."""


@dataclass
class Soak:
    """What was seen.

    Attributes:
        memory: Pairs of time [s] and resident memory [MiB], by process.
        outcomes: Numbers of commands by how they ended.
        diagnostics: Last diagnostics of each node.
        files: Files in shared memory that the processes had open.
    """

    memory: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    diagnostics: dict[str, dict[str, str]] = field(default_factory=dict)
    files: set[Path] = field(default_factory=set)

    def growth(self, name: str) -> float:
        """Return how fast a process's memory grew after the warm-up [MiB/min], by a line."""
        samples = np.array(self.memory[name])
        settled = samples[samples[:, 0] >= WARM_UP * samples[-1, 0]]
        if len(settled) < 3:
            return float('nan')
        return 60.0 * float(np.polyfit(settled[:, 0], settled[:, 1], 1)[0])


@dataclass(frozen=True)
class SoakConfig:
    """How long to run which graph, and where to write what was measured.

    Attributes:
        minutes: Duration [min].
        seed: Seed of the layout.
        speed: Simulated seconds per second.
        backend: Renderer of the simulated camera.
        growth: Growth of a process's memory that fails [MiB/min].
        json: File for every number; None writes none.
    """

    minutes: float = 10.0
    seed: int = 0
    speed: float = 1.0
    backend: str = 'auto'
    growth: float = 2.0
    json: Path | None = None


def run(config: SoakConfig) -> int:
    """Run; 0 if nothing grew, nothing died and nothing was left behind."""
    soak = Soak()
    pids, codes = _run(config, soak)
    alive = [name for name, pid in pids.items() if is_running(pid)]
    left = left_behind(soak.files)
    growth = {name: soak.growth(name) for name in soak.memory}
    print(sentence())
    print('commands: ' + ', '.join(f'{n} {word}' for word, n in soak.outcomes.most_common()))
    for name, samples in soak.memory.items():
        print(
            f'{name:18}{samples[0][1]:7.0f} -> {samples[-1][1]:7.0f} MiB, '
            f'{growth[name]:+6.2f} MiB/min after the warm-up, {describe_exit(codes[name])}'
        )
    controller = soak.diagnostics.get('mpc_controller', {})
    wanted = ('plans', 'missed deadlines', *(f'plan time {p} [ms]' for p in PERCENTILES))
    print('; '.join(f'{key} {controller.get(key, "?")}' for key in wanted))
    fallbacks = {k: v for k, v in controller.items() if k.startswith('fallback: ')}
    for key, value in fallbacks.items():
        print(f'{key}: {value}')
    print(f'left behind: {len(alive)} processes, {len(left)} shared-memory files')
    is_flat = all(not rate > config.growth for rate in growth.values())
    is_clean = not alive and not left and not any(codes.values())
    write_report(
        config.json,
        minutes=config.minutes,
        speed=config.speed,
        outcomes=soak.outcomes,
        growth_mib_per_minute=growth,
        memory_mib=soak.memory,
        exit_codes=codes,
        left_behind={'processes': alive, 'files': sorted(map(str, left))},
        diagnostics=soak.diagnostics,
    )
    return 0 if is_flat and is_clean and soak.outcomes['satisfied'] else 1


PERCENTILES = ('p50', 'p95', 'p99', 'worst')


def _run(config: SoakConfig, soak: Soak) -> tuple[dict[str, int], dict[str, int]]:
    """Command until time is up; return process ids and exit codes."""
    heard = GraphState()
    robot_config = GraphConfig(seed=config.seed, speed=config.speed, camera=config.backend)
    with (
        MonitorThread(heard) as monitor,
        simulated_graph(robot_config)[0] as graph,
        ConceptCommander() as robot,
        tqdm(total=round(60 * config.minutes), unit='s', file=sys.stderr) as bar,
    ):
        monitor.create_subscription(
            DiagnosticArray, '/diagnostics', lambda m: _note(soak, m), qos.RELIABLE
        )
        graph.wait_for(
            lambda: heard.library is not None and heard.entities is not None,
            START_TIMEOUT,
            'concepts and blocks',
        )
        pids = {name: process.pid for name, process in graph.processes.items()}
        started = sampled = time.monotonic()
        commands = itertools.cycle(EXPRESSIONS)
        while (elapsed := time.monotonic() - started) < 60 * config.minutes:
            graph.check()
            if robot.is_done:
                expression = next(commands)
                robot.go(expression, timeout=GOAL_TIMEOUT, wait_for_server=START_TIMEOUT)
            if not soak.memory or time.monotonic() - sampled >= SAMPLE_PERIOD:
                sampled = time.monotonic()
                for name, pid in pids.items():
                    soak.memory.setdefault(name, []).append((elapsed, resident(pid)))
                    soak.files |= segments_of(pid)
            time.sleep(0.1)
            if robot.is_done:
                soak.outcomes[robot.result().outcome.name.lower()] += 1
            bar.n = round(elapsed)
            bar.refresh()
        codes = graph.stop()
    return pids, codes


def _note(soak: Soak, message: DiagnosticArray) -> None:
    for status in message.status:
        name = status.name.rsplit('/', 1)[-1]
        soak.diagnostics[name] = {value.key: value.value for value in status.values}


def resident(pid: int) -> float:
    """Return a process's resident memory [MiB]; NaN where it is gone."""
    for line in Path(f'/proc/{pid}/status').read_text().splitlines():
        if line.startswith('VmRSS:'):
            return int(line.split()[1]) / 1024.0
    return float('nan')
