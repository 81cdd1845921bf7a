"""`concept_control benchmark robot`: the whole graph, seed after seed, judged by the predicate."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from concept_control.reports import page
from concept_control.reports.json_file import write_json
from concept_control.reports.provenance import provenance, sentence

RUN_TIMEOUT = 300.0
"""Seconds a single demonstration may take before it counts as failed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument('--seeds', type=int, default=10, help='how many (default: %(default)s)')
    parser.add_argument(
        '--concept',
        action='append',
        metavar='EXPRESSION',
        help='may be given several times (default: "between(red; blue, green)")',
    )
    parser.add_argument('--tolerance', type=float, default=15.0, help='of the predicate [mm]')
    parser.add_argument('--camera', default='auto', help='as in `concept_control demo`')
    parser.add_argument('--arm', default='franka', help='as in `concept_control demo`')
    parser.add_argument('--control', default='joint_trajectory', help='likewise')
    parser.add_argument('--json', type=Path, help='write every number to this file')
    parser.add_argument('--html', type=Path, help='write a page with a film strip of every run')


def main(args: argparse.Namespace) -> int:
    """Run, print a table; 0 if every run succeeded."""
    concepts = args.concept or ['between(red; blue, green)']
    runs = []
    with tqdm(total=len(concepts) * args.seeds, unit='run', file=sys.stderr) as bar:
        for concept in concepts:
            for seed in range(args.seeds):
                runs.append(run_once(concept, seed, args))
                bar.set_postfix_str(f'{sum(r["holds"] for r in runs)} succeeded')
                bar.update()
    summary = {concept: summarise([r for r in runs if r['expression'] == concept])
               for concept in dict.fromkeys(r['expression'] for r in runs)}  # fmt: skip
    print(sentence())
    header = ('concept', 'success', 'error mm', 'worst', 'sim s', 'wall s', 'plan p50', 'p99 ms')
    print(f'{header[0]:44}' + ''.join(f'{name:>10}' for name in header[1:]))
    for concept, row in summary.items():
        print(
            f'{concept:44}{row["successes"]:>7}/{row["runs"]:<2}{row["error_mm_median"]:>10.1f}'
            f'{row["error_mm_max"]:>10.1f}{row["simulated_s_median"]:>10.1f}'
            f'{row["wall_s_median"]:>10.1f}{row["plan_time_p50_ms"]:>10.1f}'
            f'{row["plan_time_p99_ms"]:>10.1f}'
        )
    if args.json:
        numbers = [{k: v for k, v in run.items() if k != 'strip'} for run in runs]
        report = {'provenance': provenance(), 'summary': summary, 'runs': numbers}
        write_json(args.json, report)
    if args.html:
        _write_page(args.html, summary, runs)
        print(f'page: {args.html}')
    return 0 if all(run['holds'] for run in runs) else 1


def run_once(concept: str, seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """Run one demonstration as a newcomer would; return its numbers and its film strip."""
    with tempfile.TemporaryDirectory() as folder:
        numbers, strip = Path(folder) / 'numbers.json', Path(folder) / 'demo.png'
        command = [sys.executable, '-m', 'concept_control.cli', 'demo', '--concept', concept]
        command += ['--seed', str(seed), '--json', str(numbers), '--output', folder]
        for name in ('tolerance', 'camera', 'arm', 'control'):
            command += [f'--{name}', str(getattr(args, name))]
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
    return {'expression': concept, 'seed': seed, 'holds': False, 'ending': output[-2000:]}


def _write_page(
    path: Path, summary: dict[str, dict[str, float]], runs: list[dict[str, Any]]
) -> None:
    columns = list(next(iter(summary.values())))
    parts = [
        page.table(
            ('concept', *columns),
            [(name, *(f'{row[c]:.4g}' for c in columns)) for name, row in summary.items()],
        ),
    ]
    for run in runs:
        parts.append(page.heading(f'{run["expression"]}, seed {run["seed"]}'))
        error, ending = run.get('error_mm'), run.get('ending', '')
        off = '' if error is None else f', {error:.1f} mm off'
        parts.append(page.paragraph(f'{ending}{off}', '' if run['holds'] else 'note'))
        if run.get('strip'):
            parts.append(page.image(run['strip']))
    page.write_page(path, 'The whole graph, run after run', parts, sentence())


def summarise(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Reduce the runs of one concept to medians and extremes; runs without numbers count too."""

    def values(name: str) -> list[float]:
        found = [r[name] for r in runs if r.get(name) is not None and r[name] == r[name]]
        return found or [float('nan')]

    return {
        'runs': len(runs),
        'successes': sum(bool(r['holds']) for r in runs),
        'error_mm_median': statistics.median(values('error_mm')),
        'error_mm_max': max(values('error_mm')),
        'simulated_s_median': statistics.median(values('simulated_s')),
        'wall_s_median': statistics.median(values('wall_s')),
        'plan_time_p50_ms': statistics.median(values('plan_time_p50_ms')),
        'plan_time_p99_ms': max(values('plan_time_p99_ms')),
        'missed_deadlines': sum(values('missed_deadlines')),
        'num_plans': sum(values('num_plans')),
    }
