"""`concept_control benchmark perception`: what cameras make of random tables and of carries."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.perception.frames import TRAITS, evaluate_frame
from concept_control.benchmarks.perception.pictures import PictureFolder
from concept_control.benchmarks.perception.sequences import SequenceResult, evaluate_sequence
from concept_control.benchmarks.perception.tally import Tally, summarise_sequences
from concept_control.reports.json_file import write_report
from concept_control.reports.provenance import sentence
from concept_control.reports.tables import filled_table
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.clutter import random_clutter
from concept_control.simulation.simulated_camera import SimulatedCamera

CAMERAS = ('top', 'oblique')
RIGS = (('top',), CAMERAS)
WIDTH, HEIGHT = 640, 480
QUICK = 20, 4
"""Tables and carries of a quick run."""

UNTOLD = 'top, table unknown'
"""Frames whose detector was not told the table's colour, which changes the colours it measures."""

GOALS = {
    'median_mm': 1.0,
    'p99_mm': 3.0,
    'noisy_median_mm': 3.0,
    'missed': 0,
    'switches': 0,
    'rate_hz': 30.0,
}
"""What the camera above the table must reach; blocks at least half visible, 640 x 480."""


@dataclass(frozen=True)
class PerceptionConfig:
    """What to measure, and where to write it.

    Attributes:
        scenes: Random tables.
        sequences: Carries that are followed.
        seed: Seed of the first table and carry.
        backend: Renderer of the images, a name among `BACKENDS`.
        save: Folder for pictures; None draws none.
        json: File for every number; None writes none.
    """

    scenes: int = 200
    sequences: int = 100
    seed: int = 0
    backend: str = 'auto'
    save: Path | None = None
    json: Path | None = None


def run(config: PerceptionConfig) -> int:
    """Run the benchmark; 0 if the goals are reached, 1 if one is not."""
    started = time.perf_counter()
    pictures = PictureFolder(config.save) if config.save else None
    scenes, backend = scene_section(config.scenes, config.seed, config.backend, pictures)
    sequences = sequence_section(config.sequences, config.seed, config.backend, pictures)
    goals = judge_goals(scenes, sequences)
    print(sentence())
    print(
        f'{config.scenes} random tables, {config.sequences} carries, images by {backend}, '
        'one core\n'
    )
    rows = [{'kind': kind, **summary} for kind, summary in scenes.items()]
    print(filled_table(_SCENE_COLUMNS, rows))
    print_traits(scenes)
    print_sequences(sequences)
    print_goals(goals)
    print(f'\n{time.perf_counter() - started:.0f} s')
    if pictures is not None:
        pictures.finish()
        print(f'pictures in {config.save}')
    write_report(config.json, backend=backend, scenes=scenes, sequences=sequences, goals=goals)
    return 0 if all(goal['reached'] for goal in goals.values()) else 1


def scene_section(
    num: int, seed: int, backend: str, pictures: PictureFolder | None
) -> tuple[dict[str, dict[str, Any]], str]:
    """Look at random tables, with and without noise; return summaries by kind, and the backend."""
    tallies: dict[str, Tally] = {}
    used = backend
    for index in tqdm(range(seed, seed + num), desc='tables', disable=num == 0):
        rng = np.random.default_rng(index)
        clutter = random_clutter(rng)
        cameras = [SimulatedCamera(clutter.model, c, WIDTH, HEIGHT, backend) for c in CAMERAS]
        used = f'{cameras[0].backend} ({cameras[0].backend_reason})'
        for noise in (None, StructuredLightNoise()):
            frames = evaluate_frame(clutter, cameras, noise, rng)
            for name, frame in zip((*CAMERAS, 'both'), frames):
                kind = f'{name}, noise' if noise else name
                tallies.setdefault(kind, Tally()).add(frame)
                if pictures is not None:
                    pictures.add_frame(index, kind, frame)
        untold = evaluate_frame(clutter, cameras[:1], knows_table=False)
        tallies.setdefault(UNTOLD, Tally()).add(untold[0])
        for camera in cameras:
            camera.close()
    if pictures is not None:
        pictures.add_errors(
            {kind: tally.blocks for kind, tally in tallies.items() if kind != UNTOLD}
        )
    return {kind: tallies[kind].summary() for kind in sorted(tallies)}, used


def sequence_section(
    num: int, seed: int, backend: str, pictures: PictureFolder | None
) -> dict[str, dict[str, Any]]:
    """Follow carries with camera noise; return summaries by the cameras used."""
    results: list[list[SequenceResult]] = []
    for index in tqdm(range(seed, seed + num), desc='carries', disable=num == 0):
        watch = pictures.film.append if pictures is not None and index == seed else None
        noise = StructuredLightNoise()
        results.append(evaluate_sequence(index, RIGS, noise, backend=backend, watch=watch))
    return {
        ' + '.join(cameras): summarise_sequences([result[rig] for result in results])
        for rig, cameras in enumerate(RIGS)
    }


def judge_goals(
    scenes: dict[str, dict[str, Any]], sequences: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Compare the camera above the table with `GOALS`; what was not run is not judged."""
    values: dict[str, float] = {}
    if scenes:
        clean, noisy = scenes['top'], scenes['top, noise']
        values = {
            'median_mm': clean['median_mm'],
            'p99_mm': clean['p99_mm'],
            'noisy_median_mm': noisy['median_mm'],
            'missed': clean['missed'] + noisy['missed'],
            'rate_hz': 1e3 / clean['ms_median'],
        }
    if sequences and sequences['top']['sequences']:
        values['switches'] = sum(summary['switches'] for summary in sequences.values())
    goals = {}
    for name, value in values.items():
        goal = GOALS[name]
        reached = value >= goal if name == 'rate_hz' else value <= goal
        goals[name] = {'value': value, 'goal': goal, 'reached': bool(reached)}
    return goals


_POSITION_COLUMNS = {
    'median mm': '{median_mm:.2f}',
    'p95': '{p95_mm:.2f}',
    'p99': '{p99_mm:.2f}',
    'max': '{max_mm:.2f}',
}
_SCENE_COLUMNS = {
    'camera': '{kind}',
    'blocks': '{blocks}',
    'missed': '{missed}',
    'false': '{false}',
    **_POSITION_COLUMNS,
    'size mm': '{size_median_mm:.2f}',
    'colour': '{color_median:.3f}',
    'shape': '{shape_right:.1%}',
    'NEES': '{nees_mean:.2f}',
    '95%': '{nees_within_95:.0%}',
    'ms': '{ms_median:.1f}',
    'ms p95': '{ms_p95:.1f}',
}
_TRAIT_COLUMNS = {
    'difficult blocks': '{trait}',
    'camera': '{kind}',
    'blocks': '{blocks}',
    'missed': '{missed}',
    **_POSITION_COLUMNS,
    'colour': '{color_median:.3f}',
    'shape': '{shape_right:.1%}',
}


def print_traits(scenes: dict[str, dict[str, Any]]) -> None:
    """Print how the difficult blocks do, a line a trait and kind of frame."""
    if not scenes:
        return
    rows = [
        {'trait': trait, 'kind': kind, **scenes[kind]['traits'][trait]}
        for trait in TRAITS
        for kind in ('top', 'top, noise', 'both, noise')
    ]
    print('\n' + filled_table(_TRAIT_COLUMNS, [row for row in rows if row['blocks']]))


def print_sequences(
    sequences: dict[str, dict[str, Any]],
    is_noisy: bool = True,
    timed: str = 'a frame with fusion and tracking',
) -> None:
    """Print a block of lines a set of cameras.

    Args:
        sequences: Summaries by names of cameras.
        is_noisy: Whether the cameras had noise.
        timed: What the measured time was spent on.
    """
    for name, s in sequences.items():
        if not s['sequences']:
            continue
        kind = f'{name}, noise' if is_noisy else name
        print(
            f'\n{s["sequences"]} carries, {kind}: {s["frames"]} frames, '
            f'{s["switches"]} identity switches, {s["lost"]} lost, {s["extra"]} extra, '
            f'{s["wrong_holds"]} wrong holds; {s["ms_median"]:.1f} ms {timed}, '
            f'p95 {s["ms_p95"]:.1f} ms'
        )
        for status in ('seen', 'occluded', 'held'):
            if not np.isnan(s[f'{status}_median_mm']):
                print(
                    f'  {status:9} error {s[f"{status}_median_mm"]:5.2f} mm median, '
                    f'{s[f"{status}_p95_mm"]:5.2f} mm p95; '
                    f'NEES {s[f"{status}_nees_mean"]:.2f}, '
                    f'{s[f"{status}_nees_within_95"]:.0%} within the 95 % ellipsoid'
                )


def print_goals(goals: dict[str, dict[str, Any]]) -> None:
    """Print what was asked for and whether it was reached."""
    if goals:
        print('\ngoals (camera above the table; switches: of all cameras)')
    for name, goal in goals.items():
        mark = 'reached' if goal['reached'] else 'MISSED'
        relation = '>=' if name == 'rate_hz' else '<='
        print(f'  {name:16}{goal["value"]:9.2f} {relation} {goal["goal"]:5.2f}  {mark}')
