"""`concept_control benchmark policy`: strokes of policies beside demonstrations, and particles."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.policy.baselines import (
    Drawer,
    MixtureDensity,
    NearestNeighbour,
    Regression,
)
from concept_control.benchmarks.policy.page import (
    CODE_COLUMNS,
    FIGURE_COLUMNS,
    PARTICLE_COLUMNS,
    draw_figures,
    with_texts,
)
from concept_control.benchmarks.policy.particle import ParticleConfig, particle_row
from concept_control.policy.coding import CodedPolicy
from concept_control.policy.datasets import FIGURES, load_figure, random_figure
from concept_control.policy.descents import ChainConfig
from concept_control.policy.diagnostics import Diagnosis, diagnose
from concept_control.policy.metrics import frechet, is_reentered, nearest, warping
from concept_control.policy.model import StrokePolicy, load_policy
from concept_control.policy.samplers import Expectation, ModeKeeping, MostLikely, Sampler
from concept_control.policy.strokes import Strokes
from concept_control.policy.training import (
    RankingConfig,
    ThesisConfig,
    train_ranking,
    train_thesis,
)
from concept_control.reports.json_file import write_report
from concept_control.reports.report import Report

SHOT_COUNTS = (1, 5)
FRESH_SEED = 2021
"""Seed of figures that no training saw; that of the training starts at 0."""

HAND_SEED = 7
"""Seed of the data sets' demonstrations: others than the shipped policies were trained on."""

HELD_OUT = 3
"""Number of strokes of a fresh figure that are not shown, to compare with."""

APART = 8
"""Least number of steps between two places of a stroke that are not the same turn of it."""

TOUCHES = 0.06
"""Places nearer than this [sizes] look the same to a policy that only knows where it is."""


def code_rows(num_random: int, num_rollouts: int) -> list[dict[str, Any]]:
    """Infer codes from 1 and from 5 examples, draw, and compare with strokes of the same hand.

    Args:
        num_random: Number of figures drawn at random, beside the four data sets.
        num_rollouts: Number of rollouts for each of the data sets; 1 for a random figure.

    Returns:
        A row for each data set, one for random figures that keep off themselves, and one for those
        that cross or touch themselves, by number of examples.
    """
    coded, rows = CodedPolicy.load(), []
    for shots in SHOT_COUNTS:
        for name in FIGURES:
            strokes, _ = load_figure(name, HAND_SEED)
            distances, seconds = _drawn(coded, strokes, shots, num_rollouts)
            rows.append(_row(name, shots, distances, [seconds]))
        rng = np.random.default_rng(FRESH_SEED)
        figures = [random_figure(rng, max(SHOT_COUNTS) + HELD_OUT) for _ in range(num_random)]
        for name, touches in (('random', False), ('crossing', True)):
            found = [_drawn(coded, f, shots, 1) for f in figures if is_touching(f) == touches]
            if found:
                distances = np.concatenate([d for d, _ in found])
                rows.append(_row(name, shots, distances, [s for _, s in found]))
    return rows


def is_touching(strokes: Strokes) -> bool:
    """Tell whether a figure comes near a place again where it was, other than at its end."""
    points = strokes.positions[0]
    steps = np.arange(len(points))
    gap = np.abs(steps[:, None] - steps)
    if strokes.is_closed:
        gap = np.minimum(gap, len(points) - 1 - gap)
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    return bool((distance[gap > APART] < TOUCHES).any())


def _drawn(
    coded: CodedPolicy, strokes: Strokes, shots: int, rollouts: int
) -> tuple[np.ndarray, float]:
    """Return (rollouts,) Fréchet distances in sizes, and the seconds of inference."""
    start = time.monotonic()
    policy = coded.infer(strokes[:shots])
    seconds = time.monotonic() - start
    lines = policy.rollout(np.zeros((rollouts, 2)))
    return np.array([nearest(line, strokes.positions)[0] for line in lines]), seconds


def _row(name: str, shots: int, distances: np.ndarray, seconds: list[float]) -> dict[str, Any]:
    return {
        'figure': name,
        'drawings': len(distances),
        'examples': shots,
        'frechet_median': float(np.median(distances)),
        'frechet_p95': float(np.percentile(distances, 95)),
        'frechet_worst': float(distances.max()),
        'within_5_percent': float((distances <= 0.05).mean()),
        'inference_s': float(np.median(seconds)),
    }


SECTIONS = ('figures', 'codes', 'particle')
COMPARED = ('ml', 'thesis', 'regression', 'mixture', 'neighbour')
RADII = (1.5, 2.0, 3.0, 4.0)
"""Distances of starts from the figure's middle, in half sizes of the figure."""

DIRECTIONS = 8
CHAINS = 4
"""Number p of chains of the thesis' samplers."""

FOLLOWS = 0.06
"""Largest distance of a rollout from a demonstration whose mode it follows, in sizes."""

EXTRA_CHAIN = 50
GOAL_FRECHET, GOAL_MODES, GOAL_DRIFT, GOAL_RADII, GOAL_PARTICLE = 0.03, 0.95, 0.01, 3.0, 0.95

Draw = Callable[[np.ndarray, int, int], np.ndarray]
"""Function of starts (B, 2), a number of steps and of further steps of the chains that returns
positions (B, T + 1, 2)."""


@dataclass(frozen=True)
class PolicyBenchmarkConfig:
    """What to measure, and where to write it.

    Attributes:
        sections: Names among `SECTIONS`.
        figures: Names of the data sets that are drawn.
        rollouts: Rollouts from the demonstrated start, of each method.
        train: Whether our policies are trained anew instead of taking the shipped ones.
        dimensions: Numbers of dimensions of the particle.
        compared: Names among `COMPARED` of what our policies are compared with.
        quick: Whether to take a fifth of everything.
        pictures: Folder for the streamlines; None writes none.
        html: File for a page with tables and streamlines; None writes none.
        json: File for every number; None writes none.
    """

    sections: tuple[str, ...] = SECTIONS
    figures: tuple[str, ...] = tuple(FIGURES)
    rollouts: int = 20
    train: bool = False
    dimensions: tuple[int, ...] = (1, 2, 4, 8, 16)
    compared: tuple[str, ...] = COMPARED
    quick: bool = False
    pictures: Path | None = None
    html: Path | None = None
    json: Path | None = None


def run(config: PolicyBenchmarkConfig) -> int:
    """Measure; 0 if every goal that was measured is reached."""
    report, missed = Report('Strokes and particles by imitation'), list[str]()
    sections = {'figures': figure_section, 'codes': code_section, 'particle': particle_section}
    found = {
        name: section(config, missed, report)
        for name, section in sections.items()
        if name in config.sections
    }
    write_report(config.json, quick=config.quick, **found, missed=missed)
    report.say('missed: ' + '; '.join(missed) if missed else 'all goals reached', bool(missed))
    report.write(config.html)
    return 1 if missed else 0


READING = (
    'Distances to the nearest demonstration, in % of the size of the figure. Follow: rollouts '
    'within 6 % of a demonstration; modes: of each mode. K + 50: largest change of a rollout by '
    '50 further steps of the sampler. Back: share of starts, in 8 directions, from which the '
    'figure is entered again and kept.'
)
"""How to read the table of figures."""


def figure_section(
    config: PolicyBenchmarkConfig, missed: list[str], report: Report
) -> list[dict[str, Any]]:
    """Judge every method on every data set; return rows."""
    rollouts = max(config.rollouts // (5 if config.quick else 1), 4)
    report.heading(f'{rollouts} rollouts from the demonstrated start')
    report.say(READING)
    rows = []
    for name in config.figures:
        strokes, modes = load_figure(name)
        drawn: dict[str, np.ndarray] = {}
        here: list[dict[str, Any]] = []
        methods = methods_for(name, strokes, config)
        for method, entry in methods.items():
            row, drawn[method] = judge(strokes, modes, entry, rollouts)
            row |= {'figure': name, 'method': method, 'training_s': entry.seconds}
            if entry.diagnosis is not None:
                row['diagnosis'] = str(entry.diagnosis)
                row['chain_lengths'] = entry.diagnosis.lengths.tolist()
            here.append(row)
            if method == OURS:
                missed += shortfalls(row, len(set(modes)))
        policies = {method: entry.policy for method, entry in methods.items() if entry.policy}
        tell_figure(report, name, here)
        report.show(draw_figures, strokes, drawn, policies)
        if config.pictures:
            config.pictures.mkdir(parents=True, exist_ok=True)
            picture = draw_figures(strokes, drawn, policies)
            picture.savefig(config.pictures / f'{name}.png', dpi=90)
        rows += here
    return rows


def tell_figure(report: Report, name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Add the table of one data set, and what is to be said of the methods' chains."""
    report.heading(name)
    report.table(FIGURE_COLUMNS, map(with_texts, rows))
    for row in rows:
        if 'diagnosis' in row:
            report.say(f'{row["method"]}, its chains: {row["diagnosis"]}')


OURS = 'ranking, mode keeping'


@dataclass(frozen=True)
class Method:
    """One way to draw.

    Attributes:
        draw: Function that draws strokes.
        seconds: Time of the training [s].
        policy: Policy behind the strokes, where there is one.
        diagnosis: Diagnosis of the chains it was trained with, where there are any.
    """

    draw: Draw
    seconds: float
    policy: StrokePolicy | None = None
    diagnosis: Diagnosis | None = None


def methods_for(name: str, strokes: Strokes, config: PolicyBenchmarkConfig) -> dict[str, Method]:
    """Return what draws, by name."""
    scale = 5 if config.quick else 1
    if config.train:
        ours = train_ranking(strokes, RankingConfig(steps=3000 // scale))
    else:
        ours = load_policy(name)
    chain = ChainConfig(FIGURES[name].chain_length)

    def of(policy: StrokePolicy, make: Callable[[int], Sampler]) -> Method:
        return Method(
            lambda starts, steps, extra: policy.rollout(starts, make(extra), steps),
            float(policy.card['seconds']),
            policy,
        )

    def chains(steps: int) -> ChainConfig:
        return replace(chain, steps=steps)

    methods = {OURS: of(ours, lambda extra: ModeKeeping(steps=15 + extra))}
    if 'ml' in config.compared:
        methods['ranking, ML'] = of(ours, lambda extra: MostLikely(CHAINS, chains(100 + extra)))
    if 'thesis' in config.compared:
        thesis = train_thesis(strokes, ThesisConfig(steps=600 // scale, chain=chain))
        k = chain.steps
        methods['thesis, ML'] = replace(
            of(thesis, lambda extra: MostLikely(CHAINS, chains(k + extra))),
            diagnosis=diagnose(thesis.network, strokes, chain),
        )
        methods['thesis, EXP'] = of(thesis, lambda extra: Expectation(CHAINS, chains(k + extra)))
    drawers: dict[str, tuple[str, Callable[[], Drawer]]] = {
        'regression': ('regression (MSE)', lambda: Regression(strokes, 3000 // scale)),
        'mixture': ('mixture density', lambda: MixtureDensity(strokes, 3000 // scale)),
        'neighbour': ('nearest neighbour', lambda: NearestNeighbour(strokes)),
    }
    for key, (title, make) in drawers.items():
        if key in config.compared:
            methods[title] = drawn_by(make())
    return methods


def drawn_by(drawer: Drawer) -> Method:
    """Return a method without chains."""
    return Method(lambda starts, steps, _: drawer.draw(starts, steps, 0), drawer.seconds)


def judge(
    strokes: Strokes, modes: np.ndarray, method: Method, rollouts: int
) -> tuple[dict[str, Any], np.ndarray]:
    """Return the numbers of one method and its rollouts (B, T + 1, 2)."""
    starts = np.zeros((rollouts, 2))
    lines = method.draw(starts, strokes.num_steps, 0)
    found = [nearest(line, strokes.positions) for line in lines]
    distances = np.array([distance for distance, _ in found])
    nearest_of = np.array([index for _, index in found])
    follows = distances <= FOLLOWS
    kept = [float((follows & (modes[nearest_of] == m)).mean()) for m in range(modes.max() + 1)]
    ends = np.linalg.norm(lines[:, -1, None] - strokes.positions[None, :, -1], axis=-1)
    row: dict[str, Any] = {
        'frechet_median': float(np.median(distances)),
        'frechet_p95': float(np.percentile(distances, 95)),
        'warping_median': float(
            np.median([nearest(line, strokes.positions, warping)[0] for line in lines[:10]])
        ),
        'end_median': float(np.median(ends.min(axis=1))),
        'follows': float(follows.mean()),
        'modes': kept,
        'back': basin(strokes, method.draw),
        'drift_median': None,
        'drift_worst': None,
    }
    if method.policy is not None:
        longer = method.draw(starts, strokes.num_steps, EXTRA_CHAIN)
        drift = np.array([frechet(a, b) for a, b in zip(lines, longer)])
        row['drift_median'], row['drift_worst'] = float(np.median(drift)), float(drift.max())
    return row, lines


def basin(strokes: Strokes, draw: Draw) -> dict[str, float]:
    """Return by distance, in radii from the figure's middle, the share that comes back."""
    angle = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    starts = strokes.center + 0.5 * np.repeat(RADII, DIRECTIONS)[:, None] * np.tile(
        ring, (len(RADII), 1)
    )
    extra = int(np.ceil(0.5 * max(RADII) / strokes.step_length))
    lines = draw(starts, strokes.num_steps + extra, 0)
    back = np.array([is_reentered(line, strokes) for line in lines])
    shares = back.reshape(len(RADII), DIRECTIONS).mean(axis=1)
    return {f'{radius:g}': float(share) for radius, share in zip(RADII, shares)}


def shortfalls(row: dict[str, Any], num_modes: int) -> list[str]:
    """Say which goals one row misses."""
    missed, name = [], row['figure']
    if row['frechet_median'] > GOAL_FRECHET:
        missed.append(f'{name}: Fréchet {100 * row["frechet_median"]:.1f} %')
    if row['drift_worst'] >= GOAL_DRIFT:
        missed.append(f'{name}: K + 50 moves it by {100 * row["drift_worst"]:.1f} %')
    if num_modes > 1 and (row['follows'] < GOAL_MODES or min(row['modes']) == 0):
        missed.append(f'{name}: modes kept {row["modes"]}')
    if name == 'circle' and row['back'][f'{GOAL_RADII:g}'] < 1:
        missed.append(f'{name}: not always re-entered from {GOAL_RADII:g} radii')
    return missed


def code_section(
    config: PolicyBenchmarkConfig, missed: list[str], report: Report
) -> list[dict[str, Any]]:
    """Judge codes from a few examples."""
    rows = code_rows(*((6, 4) if config.quick else (30, 10)))
    report.heading('codes from a few examples, one network for all figures')
    report.table(CODE_COLUMNS, rows)
    return rows


def particle_section(
    config: PolicyBenchmarkConfig, missed: list[str], report: Report
) -> list[dict[str, Any]]:
    """Judge the energy and the regressions on the particle."""
    particle = ParticleConfig()
    if config.quick:
        particle = replace(particle, steps=particle.steps // 5, episodes=20)
    report.heading(
        f'particle, {particle.demonstrations} demonstrations, {particle.episodes} episodes of '
        '50 steps, radius 0.05; success in %'
    )
    rows = []
    for n in tqdm(config.dimensions, unit='N', file=sys.stderr, leave=False, disable=None):
        row = particle_row(n, particle)
        rows.append(row)
        if row['energy'] < GOAL_PARTICLE:
            missed.append(f'particle N = {n}: {100 * row["energy"]:.0f} %')
    report.table(PARTICLE_COLUMNS, rows)
    return rows
