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
from concept_control.reports.json_file import without_nan, write_json
from concept_control.reports.provenance import provenance, sentence
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
    print_scenes(scenes)
    print_traits(scenes)
    print_sequences(sequences)
    print_goals(goals)
    print(f'\n{time.perf_counter() - started:.0f} s')
    if pictures is not None:
        pictures.finish()
        print(f'pictures in {config.save}')
    if config.json:
        report = {
            'provenance': provenance(),
            'backend': backend,
            'scenes': scenes,
            'sequences': sequences,
            'goals': goals,
        }
        # JSON knows no NaN: what nothing was measured of is null.
        write_json(config.json, without_nan(report))
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


def print_scenes(scenes: dict[str, dict[str, Any]]) -> None:
    """Print one line a kind of frame."""
    print(
        f'{"camera":19}{"blocks":>7}{"missed":>7}{"false":>6} | position {"median":>6}{"p95":>6}'
        f'{"p99":>6}{"max":>6} mm | {"size":>5} mm {"colour":>7}{"shape":>7}{"NEES":>6}{"95%":>6}'
        f' |{"ms":>6}{"p95":>6}'
    )
    for kind, s in scenes.items():
        print(
            f'{kind:19}{s["blocks"]:7}{s["missed"]:7}{s["false"]:6} | {s["median_mm"]:15.2f}'
            f'{s["p95_mm"]:6.2f}{s["p99_mm"]:6.2f}{s["max_mm"]:6.2f}    | '
            f'{s["size_median_mm"]:5.2f}    {s["color_median"]:7.3f}{s["shape_right"]:7.1%}'
            f'{s["nees_mean"]:6.2f}{s["nees_within_95"]:6.0%} |'
            f'{s["ms_median"]:6.1f}{s["ms_p95"]:6.1f}'
        )


def print_traits(scenes: dict[str, dict[str, Any]]) -> None:
    """Print how the difficult blocks do, a line a trait and kind of frame."""
    if scenes:
        print(
            f'\n{"difficult blocks":22}{"camera":16}{"blocks":>7}{"missed":>7} | position '
            f'{"median":>6}{"p95":>6}{"p99":>6}{"max":>6} mm | {"colour":>6}{"shape":>7}'
        )
    for trait in TRAITS:
        for kind in ('top', 'top, noise', 'both, noise'):
            s = scenes[kind]['traits'][trait] if scenes else {'blocks': 0}
            if s['blocks']:
                print(
                    f'{trait:22}{kind:16}{s["blocks"]:7}{s["missed"]:7} | {s["median_mm"]:15.2f}'
                    f'{s["p95_mm"]:6.2f}{s["p99_mm"]:6.2f}{s["max_mm"]:6.2f}    | '
                    f'{s["color_median"]:6.3f}{s["shape_right"]:7.1%}'
                )


def print_sequences(
    sequences: dict[str, dict[str, Any]],
    is_noisy: bool = True,
    timed: str = 'a frame with fusion and tracking',
) -> None:
    """Print a block of lines a set of cameras; `timed` says what took the time."""
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
