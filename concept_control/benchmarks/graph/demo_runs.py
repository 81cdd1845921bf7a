"""`concept_control benchmark robot`: the whole graph, seed after seed, judged by the predicate."""

from __future__ import annotations

import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup
from tqdm import tqdm

from concept_control.reports import page
from concept_control.reports.json_file import write_report
from concept_control.reports.report import Report

RUN_TIMEOUT = 300.0
"""Seconds a single demonstration may take before it counts as failed."""


COLUMNS = {
    'concept': '{concept}',
    'success': '{successes}/{runs}',
    'error mm': '{error_mm_median:.1f}',
    'worst': '{error_mm_max:.1f}',
    'sim s': '{simulated_s_median:.1f}',
    'wall s': '{wall_s_median:.1f}',
    'plan p50': '{plan_time_p50_ms:.1f}',
    'p99 ms': '{plan_time_p99_ms:.1f}',
}
"""Titles of the table, and the format of the values below."""


@dataclass(frozen=True)
class DemoRunsConfig:
    """What to run, and where to write what came of it.

    Attributes:
        concepts: Expressions, each commanded with every seed.
        seeds: Number of seeds.
        tolerance: Tolerance of the predicate [mm].
        camera: Renderer of the simulated camera, as in `concept_control demo`.
        arm: Name of an arm, or path of its YAML file.
        control: Interface to the arm, as in `concept_control demo`.
        json: File for every number; None writes none.
        html: File for a page with pictures of every run; None writes none.
    """

    concepts: tuple[str, ...] = ('between(red; blue, green)',)
    seeds: int = 10
    tolerance: float = 15.0
    camera: str = 'auto'
    arm: str = 'franka'
    control: str = 'joint_trajectory'
    json: Path | None = None
    html: Path | None = None


def run(config: DemoRunsConfig) -> int:
    """Run, print a table; 0 if every run succeeded."""
    runs: list[dict[str, Any]] = []
    asked = list(itertools.product(config.concepts, range(config.seeds)))
    with tqdm(asked, unit='run', file=sys.stderr) as bar:
        for concept, seed in bar:
            runs.append(run_once(concept, seed, config))
            bar.set_postfix_str(f'{sum(r["succeeded"] for r in runs)} succeeded')
    summary = {concept: summarise([r for r in runs if r['expression'] == concept])
               for concept in dict.fromkeys(r['expression'] for r in runs)}  # fmt: skip
    report = Report('The whole graph, run after run')
    report.table(COLUMNS, [{'concept': concept, **row} for concept, row in summary.items()])
    numbers = [{k: v for k, v in run.items() if k != 'strip'} for run in runs]
    write_report(config.json, summary=summary, runs=numbers)
    report.write(config.html, [block for run in runs for block in _film(run)])
    return 0 if all(run['succeeded'] for run in runs) else 1


def run_once(concept: str, seed: int, config: DemoRunsConfig) -> dict[str, Any]:
    """Run one demonstration as a newcomer would; return its numbers and its film strip."""
    with tempfile.TemporaryDirectory() as folder:
        numbers, strip = Path(folder) / 'numbers.json', Path(folder) / 'demo.png'
        command = [sys.executable, '-m', 'concept_control.cli', 'demo', '--concept', concept]
        command += ['--seed', str(seed), '--json', str(numbers), '--output', folder]
        for name in ('tolerance', 'camera', 'arm', 'control'):
            command += [f'--{name}', str(getattr(config, name))]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=RUN_TIMEOUT, check=False
            )
            output = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            output = f'no end within {RUN_TIMEOUT:g} s'
        if numbers.is_file():
            found = json.loads(numbers.read_text())
            return {**found, 'strip': strip.read_bytes() if strip.is_file() else b''}
    return {'expression': concept, 'seed': seed, 'succeeded': False, 'ending': output[-2000:]}


def _film(run: dict[str, Any]) -> Iterator[Markup]:
    """Yield what the page shows of one run."""
    yield page.heading(f'{run["expression"]}, seed {run["seed"]}')
    error, ending = run.get('error_mm'), run.get('ending', '')
    off = '' if error is None else f', {error:.1f} mm off'
    yield page.paragraph(f'{ending}{off}', '' if run['succeeded'] else 'note')
    if run.get('strip'):
        yield page.image(run['strip'])


def summarise(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Reduce the runs of one concept to medians and extremes; runs without numbers count too."""

    def values(name: str) -> list[float]:
        found = [r[name] for r in runs if r.get(name) is not None and r[name] == r[name]]
        return found or [float('nan')]

    return {
        'runs': len(runs),
        'successes': sum(bool(r['succeeded']) for r in runs),
        'error_mm_median': statistics.median(values('error_mm')),
        'error_mm_max': max(values('error_mm')),
        'simulated_s_median': statistics.median(values('simulated_s')),
        'wall_s_median': statistics.median(values('wall_s')),
        'plan_time_p50_ms': statistics.median(values('plan_time_p50_ms')),
        'plan_time_p99_ms': max(values('plan_time_p99_ms')),
        'missed_deadlines': sum(values('missed_deadlines')),
        'num_plans': sum(values('num_plans')),
    }
