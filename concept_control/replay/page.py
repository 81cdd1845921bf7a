"""The report of a replay as one HTML page: tables, curves and film strips inside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from concept_control.replay.replay import NUM_FRAMES, Replayed
from concept_control.replay.text import COLUMNS, number, row_of, verdict_words
from concept_control.reports import page
from concept_control.reports.run_film import draw_phases
from concept_control.world.tabletop import Tabletop

ENERGY_FLOOR = 1e-6
"""Smallest energy drawn: the axis is logarithmic."""


def write_page(path: Path, replayed: Sequence[Replayed], broken: dict[str, str]) -> None:
    """Write the page.

    Args:
        path: HTML file.
        replayed: Results of the bags.
        broken: Bags that could not be read, and why.
    """
    blocks = [page.table(COLUMNS, [row_of(r.report) for r in replayed])]
    blocks += [page.paragraph(f'{bag}: {why}', 'no') for bag, why in broken.items()]
    for one in replayed:
        blocks += _bag(one)
    page.write_page(path, 'Replay evaluation', blocks)


def _bag(one: Replayed) -> list[Markup]:
    report = one.report
    blocks = [page.heading(report['bag'])]
    blocks += [page.paragraph(note, 'note') for note in report['notes']]
    for command, frames in zip(report['commands'], one.frames):
        blocks += _command(command, frames, one.camera_frames)
    for refused in report['refused']:
        text = f'{refused["expression"]}: {refused["text"]}'
        blocks.append(page.paragraph(text, verdict='refused', is_good=False))
    header = ('topic', 'messages', 'rate [Hz]', 'longest gap [s]', 'at [s]', 'stamps back')
    rows = [(name, *map(number, gaps.values())) for name, gaps in report['inputs'].items()]
    blocks += [page.heading('Inputs', 3), page.table(header, rows)]
    if report['perception']:
        seen = report['perception']
        names = [name.replace('_', ' ') for name in seen]
        blocks.append(page.heading('Entities seen again in the recorded images', 3))
        blocks.append(page.table(names, [map(number, seen.values())]))
    if report['jerk']:
        rms, peak = (number(report['jerk'][name]) for name in ('rms', 'peak'))
        blocks.append(page.paragraph(f'Joint jerk: {rms} rad/s³ rms, {peak} peak.'))
    return blocks


def _command(
    command: dict[str, Any],
    frames: list[tuple[float, Tabletop]],
    camera_frames: list[tuple[float, np.ndarray]],
) -> list[Markup]:
    identification, plans = command['identification'], command['plans']
    facts = [
        f'satisfied after {number(command["time_to_satisfy_s"])} s by the predicate; the '
        f'controller said "{command["ending"]}" after '
        f'{number(command["reported_after_s"])} s: {command["text"]}',
        f'identification: {_agreement(identification["recomputed_is_recorded"])} with the '
        f'recording, {_agreement(identification["recorded_is_true"])} with the predicate, '
        f'{number(100 * identification["agreement_along"])} % along the way',
    ]
    if plans:
        facts.append(
            f'{plans["number"]} plans: {number(plans["time_p50_ms"])} ms median, '
            f'{number(plans["time_p99_ms"])} ms p99, {plans["missed_deadlines"]} missed deadlines'
        )
    blocks = [
        page.heading(command['expression'], 3, is_code=True),
        page.paragraph(
            f'({command["judged_on"]}), {number(command["error_mm"])} mm off, tolerance '
            f'{number(command["tolerance_mm"])} mm',
            verdict=verdict_words(command['holds']),
            is_good=command['holds'],
        ),
        *map(page.paragraph, facts),
        *(page.paragraph(note, 'note') for note in command['notes']),
        page.plot(_curves(command)),
    ]
    if frames:
        blocks.append(page.plot(_scenes(frames)))
    start, times = command['start_s'], command['energy']['recorded']['time_s']
    end = start + (times[-1] if times else 0.0)
    images = [(t - start, image) for t, image in camera_frames if start - 0.5 <= t <= end + 0.5]
    if images:
        chosen = np.unique(np.linspace(0, len(images) - 1, NUM_FRAMES).round().astype(int))
        blocks.append(page.filmstrip((f'{images[i][0]:.1f} s', images[i][1]) for i in chosen))
    return blocks


def _curves(command: dict[str, Any]) -> Figure:
    """Draw energies, and the distance to satisfaction below them."""
    energy, predicate = command['energy'], command['predicate']
    strip = 0.3 + 0.16 * len({phase['phase'] for phase in command['phases']})
    figure = Figure(figsize=(10.5, 5.0 + strip), layout='constrained')
    top, below, last = figure.subplots(3, 1, sharex=True, height_ratios=[3, 2, strip])
    for name, label, style in (
        ('recorded', 'as the controller reported', {'color': '#1f77b4', 'linewidth': 3.5}),
        ('recomputed', 'recomputed from the entities', {'color': '#ff7f0e', 'linewidth': 1.5}),
        ('from_images', 'recomputed from the images', {'color': '#2ca02c', 'linestyle': ':'}),
    ):
        if name in energy and energy[name]['time_s']:
            values = np.array(energy[name]['energy'], dtype=float)
            top.plot(
                energy[name]['time_s'], np.maximum(values, ENERGY_FLOOR), label=label, **style
            )
    top.set(yscale='log', ylabel='energy')
    if top.lines:
        top.legend(frameon=False, fontsize=8)
    if predicate['time_s']:
        times, errors = predicate['time_s'], np.array(predicate['error_mm'], dtype=float)
        below.plot(times, errors, color='0.25')
        below.axhline(command['tolerance_mm'], color='#c0392b', linewidth=0.8, linestyle='--')
        holds = np.array(predicate['holds'], dtype=bool)
        below.fill_between(
            times, 0, 1, where=holds, color='#1a7f37', alpha=0.12, linewidth=0,
            transform=below.get_xaxis_transform(),
        )  # fmt: skip
    below.set(ylabel='off by [mm]')
    last.set(xlabel='time since the command [s]', yticks=[])
    phases = command['phases']
    if phases:
        starts = [phase['time_s'] for phase in phases]
        end = max(starts[-1], *(axis.get_xlim()[1] for axis in (top, below)))
        names = [phase['phase'] for phase in phases]
        draw_phases(last, [*starts, end], [*names, names[-1]])
    return figure


def _scenes(frames: list[tuple[float, Tabletop]]) -> Figure:
    """Draw some scenes from above, x to the right and y up in workspace units."""
    figure = Figure(figsize=(10.5, 1.55), layout='constrained')
    for axis, (time, scene) in zip(np.atleast_1d(figure.subplots(1, NUM_FRAMES)), frames):
        axis.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect='equal', xticks=[], yticks=[])
        axis.set_xlabel(f'{time:.1f} s', fontsize=8)
        axis.set_facecolor('#f6f4ef')
        for path in np.array([s.positions for t, s in frames if t <= time]).swapaxes(0, 1):
            axis.plot(path[:, 0], path[:, 1], color='0.6', linewidth=0.8)
        for i, (x, y), color, size in zip(scene.ids, scene.positions, scene.colors, scene.sizes):
            corner = (x - size / 2, y - size / 2)
            axis.add_patch(
                Rectangle(corner, size, size, facecolor=tuple(color), edgecolor='0.3', zorder=2)
            )
            axis.text(x + 0.6 * size, y + 0.5 * size, f'{i}', fontsize=6, color='0.4')
    for axis in figure.axes[len(frames) :]:
        axis.set_axis_off()
    return figure


def _agreement(same: bool | None) -> str:
    return 'not comparable' if same is None else 'agrees' if same else 'differs'
