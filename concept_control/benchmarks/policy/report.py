"""`concept_control benchmark policy`: strokes of policies beside demonstrations, and particles."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from concept_control.benchmarks.policy.baselines import (
    Drawer,
    MixtureDensity,
    NearestNeighbour,
    Regression,
)
from concept_control.benchmarks.policy.codes import code_rows
from concept_control.benchmarks.policy.page import write_policy_page
from concept_control.benchmarks.policy.particle import ParticleConfig, particle_row
from concept_control.benchmarks.policy.pictures import draw_figures
from concept_control.policy.datasets import FIGURES, load_figure
from concept_control.policy.diagnostics import Diagnosis, diagnose
from concept_control.policy.langevin import ChainConfig
from concept_control.policy.metrics import frechet, is_reentered, nearest, warping
from concept_control.policy.model import StrokePolicy
from concept_control.policy.samplers import Expectation, ModeKeeping, MostLikely, Sampler
from concept_control.policy.storage import load_policy
from concept_control.policy.strokes import Strokes
from concept_control.policy.training import (
    RankingConfig,
    ThesisConfig,
    train_ranking,
    train_thesis,
)
from concept_control.reports.json_file import write_json
from concept_control.reports.provenance import provenance, sentence

SECTIONS = ('figures', 'codes', 'particle')
COMPARED = ('ml', 'thesis', 'regression', 'mixture', 'neighbour')
RADII = (1.5, 2.0, 3.0, 4.0)
"""Distances of starts from the figure's middle, in half sizes of the figure."""

DIRECTIONS = 8
CHAINS = 4
"""p, of the thesis' samplers."""

FOLLOWS = 0.06
"""A rollout nearer than this to a demonstration, in sizes, follows its mode."""

EXTRA_CHAIN = 50
GOAL_FRECHET, GOAL_MODES, GOAL_DRIFT, GOAL_RADII, GOAL_PARTICLE = 0.03, 0.95, 0.01, 3.0, 0.95

Draw = Callable[[np.ndarray, int, int], np.ndarray]
"""From starts (B, 2), a number of steps and further steps of the chains to (B, T + 1, 2)."""


DESCRIPTION = """Strokes drawn by imitation, and particles.

figures   four data sets (path1, circle, mouse1 with two modes, mouse2), each drawn by our policy,
          by the thesis' recipe with its samplers ML and EXP, by regression, a mixture density and
          the nearest neighbour. All distances in % of the figure's size: discrete Fréchet and DTW
          to the nearest demonstration, the end; the modes kept; K+50, the change by 50 further
          steps of the sampler; the share of starts beside the figure that come back to it.
codes     one network for all figures: a code from 1 and from 5 examples, of the four sets and of
          figures drawn at random.
particle  the N-dimensional particle of Implicit Behavioral Cloning: success, against regression.
"""
EXAMPLES = """examples:
  concept_control benchmark policy --quick                        # everything, a fifth of it
  concept_control benchmark policy --html runs/policy.html        # everything, as a page
  concept_control benchmark policy --section figures --figure circle --ours --pictures runs
  concept_control benchmark policy --section figures --compare regression --compare mixture
  concept_control benchmark policy --section particle --dimensions 16
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument(
        '--section', action='append', choices=SECTIONS, help='may be repeated (default: all)'
    )
    parser.add_argument(
        '--figure', action='append', choices=list(FIGURES), help='may be repeated (default: all)'
    )
    parser.add_argument('--rollouts', type=int, default=20, help='from the demonstrated start')
    parser.add_argument(
        '--train', action='store_true', help='train our policies anew, not the shipped ones'
    )
    parser.add_argument(
        '--dimensions', type=int, nargs='+', default=[1, 2, 4, 8, 16], help='of the particle'
    )
    parser.add_argument(
        '--compare',
        action='append',
        choices=COMPARED,
        help='what our policies are compared with; may be repeated (default: all). The thesis '
        'takes the longest by far',
    )
    parser.add_argument(
        '--ours', action='store_true', help='leave out what our policies are compared with'
    )
    parser.add_argument('--quick', action='store_true', help='a fifth of everything')
    parser.add_argument('--pictures', type=Path, help='folder for the streamlines (PNG)')
    parser.add_argument(
        '--html', type=Path, help='write a page with the tables and the streamlines'
    )
    parser.add_argument('--json', type=Path, help='write every number to this file')


def main(args: argparse.Namespace) -> int:
    """Measure; 0 if every goal that was measured is reached."""
    torch.set_num_threads(1)
    print(sentence())
    sections = args.section or list(SECTIONS)
    document: dict[str, Any] = {'provenance': provenance(), 'quick': args.quick}
    missed: list[str] = []
    pictures: dict[str, Figure] = {}
    if 'figures' in sections:
        document['figures'], pictures = figure_section(args, missed)
    if 'codes' in sections:
        document['codes'] = code_section(args)
    if 'particle' in sections:
        document['particle'] = particle_section(args, missed)
    document['missed'] = missed
    if args.json:
        write_json(args.json, document)
    if args.html:
        write_policy_page(args.html, document, pictures)
        print(f'page: {args.html}')
    print('all goals reached' if not missed else 'missed: ' + '; '.join(missed))
    return 1 if missed else 0


def figure_section(
    args: argparse.Namespace, missed: list[str]
) -> tuple[list[dict[str, Any]], dict[str, Figure]]:
    """Judge every method on every data set; return rows, and pictures where they are wanted."""
    rollouts = max(args.rollouts // (5 if args.quick else 1), 4)
    print(f'\n{rollouts} rollouts from the demonstrated start; distances in % of the size')
    print(
        f'{"figure":8}{"method":22}{"Fréchet":>8}{"95 %":>7}{"DTW":>7}{"end":>7}{"modes":>7}'
        f'{"K+50":>7}{"back from (radii)":>30}{"train s":>9}'
    )
    rows, pictures = [], {}
    for name in args.figure or FIGURES:
        strokes, modes = load_figure(name)
        drawn: dict[str, np.ndarray] = {}
        methods = methods_for(name, strokes, args)
        for method, entry in methods.items():
            row, lines = judge(strokes, modes, entry, rollouts)
            row |= {'figure': name, 'method': method, 'training_s': entry.seconds}
            if entry.diagnosis is not None:
                row['diagnosis'] = str(entry.diagnosis)
                row['chain_lengths'] = entry.diagnosis.lengths.tolist()
            drawn[method] = lines
            rows.append(row)
            print(line_of(row), flush=True)
            if entry.diagnosis is not None:
                print(f'{"":8}its chains: {entry.diagnosis}', flush=True)
            if method == OURS:
                missed += shortfalls(row, len(set(modes)))
        if args.pictures or args.html:
            policies = {method: entry.policy for method, entry in methods.items() if entry.policy}
            pictures[name] = draw_figures(strokes, drawn, policies)
        if args.pictures:
            args.pictures.mkdir(parents=True, exist_ok=True)
            pictures[name].savefig(args.pictures / f'{name}.png', dpi=90)
    return rows, pictures


OURS = 'ranking, mode keeping'


@dataclass(frozen=True)
class Method:
    """One way to draw.

    Attributes:
        draw: how.
        seconds: of training.
        policy: behind it, where there is one.
        diagnosis: of the chains it was trained with, where it was.
    """

    draw: Draw
    seconds: float
    policy: StrokePolicy | None = None
    diagnosis: Diagnosis | None = None


def methods_for(name: str, strokes: Strokes, args: argparse.Namespace) -> dict[str, Method]:
    """Return what draws, by name."""
    scale = 5 if args.quick else 1
    if args.train:
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
    compared = () if args.ours else args.compare or COMPARED
    if 'ml' in compared:
        methods['ranking, ML'] = of(ours, lambda extra: MostLikely(CHAINS, chains(100 + extra)))
    if 'thesis' in compared:
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
        if key in compared:
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


def line_of(row: dict[str, Any]) -> str:
    """Return a row as text."""
    drift = '' if row['drift_median'] is None else f'{100 * row["drift_worst"]:.1f}'
    back = ' '.join(f'{radius}:{100 * share:.0f}' for radius, share in row['back'].items())
    return (
        f'{row["figure"]:8}{row["method"]:22}{100 * row["frechet_median"]:>8.1f}'
        f'{100 * row["frechet_p95"]:>7.1f}{100 * row["warping_median"]:>7.1f}'
        f'{100 * row["end_median"]:>7.1f}{"/".join(f"{100 * m:.0f}" for m in row["modes"]):>7}'
        f'{drift:>7}{back:>30}{row["training_s"]:>9.0f}'
    )


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


def code_section(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Judge codes from a few examples."""
    print(
        '\ncodes from a few examples, one network for all figures; Fréchet distance in % of the '
        f'size\n{"figure":9}{"drawings":>9}{"examples":>9}{"median":>8}{"95 %":>7}{"worst":>7}'
        f'{"within 5 %":>12}'
        f'{"inference s":>13}'
    )
    rows = code_rows(*((6, 4) if args.quick else (30, 10)))
    for row in rows:
        median, p95, worst = (100 * row[f'frechet_{key}'] for key in ('median', 'p95', 'worst'))
        print(
            f'{row["figure"]:9}{row["drawings"]:>9}{row["examples"]:>9}{median:>8.1f}{p95:>7.1f}{worst:>7.1f}'
            f'{100 * row["within_5_percent"]:>12.0f}{row["inference_s"]:>13.1f}',
            flush=True,
        )
    return rows


def particle_section(args: argparse.Namespace, missed: list[str]) -> list[dict[str, Any]]:
    """Judge the energy and the regressions on the particle."""
    config = ParticleConfig()
    if args.quick:
        config = replace(config, steps=config.steps // 5, episodes=20)
    print(
        f'\nparticle, {config.demonstrations} demonstrations, {config.episodes} episodes of 50 '
        'steps, radius 0.05; success in %'
    )
    print(f'{"N":>4}{"oracle":>8}{"energy":>8}{"MSE shared":>12}{"MSE plain":>11}{"train s":>9}')
    rows = []
    for n in tqdm(args.dimensions, unit='N', file=sys.stderr, leave=False, disable=None):
        row = particle_row(n, config)
        rows.append(row)
        print(
            f'{n:>4}{100 * row["oracle"]:>8.0f}{100 * row["energy"]:>8.0f}'
            f'{100 * row["mse_shared"]:>12.0f}{100 * row["mse_plain"]:>11.0f}'
            f'{row["energy_training_s"]:>9.0f}',
            flush=True,
        )
        if row['energy'] < GOAL_PARTICLE:
            missed.append(f'particle N = {n}: {100 * row["energy"]:.0f} %')
    return rows
