"""`concept_control benchmark policy`: strokes of policies beside demonstrations, and particles."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from concept_control.benchmarks.policy.baselines import (
    Drawer,
    MixtureDensity,
    NearestNeighbour,
    Regression,
)
from concept_control.benchmarks.policy.codes import code_rows
from concept_control.benchmarks.policy.page import (
    CODE_COLUMNS,
    FIGURE_COLUMNS,
    PARTICLE_COLUMNS,
    draw_figures,
    with_texts,
    write_policy_page,
)
from concept_control.benchmarks.policy.particle import ParticleConfig, particle_row
from concept_control.policy.datasets import FIGURES, load_figure
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
from concept_control.reports.provenance import sentence
from concept_control.reports.tables import filled_table

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
    print(sentence())
    sections = config.sections
    document: dict[str, Any] = {'quick': config.quick}
    missed: list[str] = []
    pictures: dict[str, Figure] = {}
    if 'figures' in sections:
        document['figures'], pictures = figure_section(config, missed)
    if 'codes' in sections:
        document['codes'] = code_section(config.quick)
    if 'particle' in sections:
        document['particle'] = particle_section(config, missed)
    document['missed'] = missed
    write_report(config.json, **document)
    if config.html:
        write_policy_page(config.html, document, pictures)
        print(f'page: {config.html}')
    print('all goals reached' if not missed else 'missed: ' + '; '.join(missed))
    return 1 if missed else 0


def figure_section(
    config: PolicyBenchmarkConfig, missed: list[str]
) -> tuple[list[dict[str, Any]], dict[str, Figure]]:
    """Judge every method on every data set; return rows, and pictures where they are wanted."""
    rollouts = max(config.rollouts // (5 if config.quick else 1), 4)
    print(f'\n{rollouts} rollouts from the demonstrated start; distances in % of the size')
    rows, pictures = [], {}
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
        print(f'\n{name}\n{filled_table(FIGURE_COLUMNS, map(with_texts, here))}', flush=True)
        for row in here:
            if 'diagnosis' in row:
                print(f'{row["method"]}, its chains: {row["diagnosis"]}', flush=True)
        rows += here
        if config.pictures or config.html:
            policies = {method: entry.policy for method, entry in methods.items() if entry.policy}
            pictures[name] = draw_figures(strokes, drawn, policies)
        if config.pictures:
            config.pictures.mkdir(parents=True, exist_ok=True)
            pictures[name].savefig(config.pictures / f'{name}.png', dpi=90)
    return rows, pictures


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


def code_section(is_quick: bool) -> list[dict[str, Any]]:
    """Judge codes from a few examples."""
    rows = code_rows(*((6, 4) if is_quick else (30, 10)))
    print(
        '\ncodes from a few examples, one network for all figures; Fréchet distance in % of the '
        f'size\n{filled_table(CODE_COLUMNS, rows)}',
        flush=True,
    )
    return rows


def particle_section(config: PolicyBenchmarkConfig, missed: list[str]) -> list[dict[str, Any]]:
    """Judge the energy and the regressions on the particle."""
    particle = ParticleConfig()
    if config.quick:
        particle = replace(particle, steps=particle.steps // 5, episodes=20)
    print(
        f'\nparticle, {particle.demonstrations} demonstrations, {particle.episodes} episodes of '
        '50 steps, radius 0.05; success in %'
    )
    rows = []
    for n in tqdm(config.dimensions, unit='N', file=sys.stderr, leave=False, disable=None):
        row = particle_row(n, particle)
        rows.append(row)
        if row['energy'] < GOAL_PARTICLE:
            missed.append(f'particle N = {n}: {100 * row["energy"]:.0f} %')
    print(filled_table(PARTICLE_COLUMNS, rows), flush=True)
    return rows
