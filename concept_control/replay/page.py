"""The report of a replay evaluation as one HTML page: tables, curves and film strips inside it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from concept_control.replay.replay import Replayed
from concept_control.reports import page
from concept_control.world.tabletop import Tabletop

STRIP = 8
"""Pictures in a film strip."""

ENERGY_FLOOR = 1e-6
"""Smallest energy drawn: the axis is logarithmic."""

LABEL_GAP = 0.02
"""Phases that begin this soon after the last one stay without a label, as a share of the axis."""


def write_page(path: Path, replayed: Sequence[Replayed], broken: dict[str, str]) -> None:
    """Write the page.

    Args:
        path: of the HTML file.
        replayed: what came of the bags.
        broken: bags that could not be read, and why.
    """
    parts = [
        page.table(COLUMNS, [row_of(r.report) for r in replayed]),
        *(f'<p class="no">{escape(bag)}: {escape(why)}</p>' for bag, why in broken.items()),
    ]
    for one in replayed:
        parts += _bag(one)
    page.write_page(path, 'Replay evaluation', [Markup(part) for part in parts])


def _bag(one: Replayed) -> list[str]:
    report = one.report
    parts = [f'<h2>{escape(report["bag"])}</h2>']
    parts += [f'<p class="note">{escape(note)}</p>' for note in report['notes']]
    for command, film in zip(report['commands'], one.films):
        parts += _command(command, film, one.thumbnails)
    for refused in report['refused']:
        parts.append(
            f'<p><span class="no">refused</span> {escape(refused["expression"])}: '
            f'{escape(refused["text"])}</p>'
        )
    parts.append('<h3>Inputs</h3>')
    header = ('topic', 'messages', 'rate [Hz]', 'longest gap [s]', 'at [s]', 'stamps back')
    rows = [(name, *map(number, gaps.values())) for name, gaps in report['inputs'].items()]
    parts.append(page.table(header, rows))
    if report['perception']:
        seen = report['perception']
        parts.append('<h3>Entities seen again in the recorded images</h3>')
        header = tuple(name.replace('_', ' ') for name in seen)
        parts.append(page.table(header, [tuple(map(number, seen.values()))]))
    if report['jerk']:
        jerk = report['jerk']
        parts.append(
            f'<p>Joint jerk: {number(jerk["rms"])} rad/s³ rms, {number(jerk["peak"])} peak.</p>'
        )
    return parts


def _command(
    command: dict[str, Any],
    film: list[tuple[float, Tabletop]],
    thumbnails: list[tuple[float, np.ndarray]],
) -> list[str]:
    holds = command['holds']
    verdict = 'not judged' if holds is None else 'holds' if holds else 'does not hold'
    mark = '' if holds is None else 'yes' if holds else 'no'
    identification, plans = command['identification'], command['plans']
    facts = [
        f'<span class="{mark}">{verdict}</span> ({command["judged_on"]}), '
        f'{number(command["error_mm"])} mm off, tolerance {number(command["tolerance_mm"])} mm',
        f'satisfied after {number(command["time_to_satisfy_s"])} s by the predicate; the '
        f'controller said "{escape(command["ending"])}" after '
        f'{number(command["reported_after_s"])} s: {escape(command["text"])}',
        f'identification: {_agreement(identification["recomputed_is_recorded"])} with the '
        f'recording, {_agreement(identification["recorded_is_true"])} with the predicate, '
        f'{number(100 * identification["agreement_along"])} % along the way',
    ]
    if plans:
        facts.append(
            f'{plans["number"]} plans: {number(plans["time_p50_ms"])} ms median, '
            f'{number(plans["time_p99_ms"])} ms p99, {plans["missed_deadlines"]} missed deadlines'
        )
    parts = [f'<h3><code>{escape(command["expression"])}</code></h3>']
    parts += [f'<p>{fact}</p>' for fact in facts]
    parts += [f'<p class="note">{escape(note)}</p>' for note in command['notes']]
    parts.append(_curves(command))
    if film:
        parts.append(_strip(film))
    start, times = command['start_s'], command['energy']['recorded']['time_s']
    end = start + (times[-1] if times else 0.0)
    images = [(t - start, image) for t, image in thumbnails if start - 0.5 <= t <= end + 0.5]
    if images:
        chosen = np.unique(np.linspace(0, len(images) - 1, STRIP).round().astype(int))
        parts.append('<div class="strip">')
        parts += [
            f'<figure><img src="{_jpeg(images[i][1])}"><figcaption>{images[i][0]:.1f} s'
            '</figcaption></figure>'
            for i in chosen
        ]
        parts.append('</div>')
    return parts


def _curves(command: dict[str, Any]) -> str:
    """Draw energies, and the distance to satisfaction below them."""
    energy, predicate = command['energy'], command['predicate']
    figure = Figure(figsize=(10.5, 5.2), layout='constrained')
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
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
    below.set(ylabel='off by [mm]', xlabel='time since the command [s]')
    labelled = -np.inf
    for phase in command['phases']:
        top.axvline(phase['time_s'], color='0.85', linewidth=0.8, zorder=0)
        below.axvline(phase['time_s'], color='0.85', linewidth=0.8, zorder=0)
        if phase['time_s'] < labelled + LABEL_GAP * top.get_xlim()[1]:
            continue
        labelled = phase['time_s']
        top.text(
            *(phase['time_s'], 0.02, f' {phase["phase"]}'),
            transform=top.get_xaxis_transform(),
            rotation=90,
            fontsize=7,
            color='0.45',
        )
    return _svg(figure)


def _strip(film: list[tuple[float, Tabletop]]) -> str:
    """Draw some scenes from above, x to the right and y up in workspace units."""
    figure = Figure(figsize=(10.5, 1.55), layout='constrained')
    for axis, (time, scene) in zip(np.atleast_1d(figure.subplots(1, STRIP)), film):
        axis.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), aspect='equal', xticks=[], yticks=[])
        axis.set_xlabel(f'{time:.1f} s', fontsize=8)
        axis.set_facecolor('#f6f4ef')
        for path in np.array([s.positions for t, s in film if t <= time]).swapaxes(0, 1):
            axis.plot(path[:, 0], path[:, 1], color='0.6', linewidth=0.8)
        for i, (x, y), color, size in zip(scene.ids, scene.positions, scene.colors, scene.sizes):
            corner = (x - size / 2, y - size / 2)
            axis.add_patch(
                Rectangle(corner, size, size, facecolor=tuple(color), edgecolor='0.3', zorder=2)
            )
            axis.text(x + 0.6 * size, y + 0.5 * size, f'{i}', fontsize=6, color='0.4')
    for axis in figure.axes[len(film) :]:
        axis.set_axis_off()
    return _svg(figure)


def _svg(figure: Figure) -> str:
    """Return a figure as SVG that is the same each time it is drawn."""
    text = StringIO()
    with matplotlib.rc_context({'svg.hashsalt': 'concept_control', 'svg.fonttype': 'none'}):
        figure.savefig(text, format='svg', metadata={'Date': None, 'Creator': None})
    return text.getvalue().split('?>', 1)[1].split('>', 1)[1]


def _jpeg(rgb: np.ndarray) -> str:
    _, data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    buffer = BytesIO(data.tobytes())
    return 'data:image/jpeg;base64,' + base64.b64encode(buffer.getvalue()).decode()


def _agreement(same: bool | None) -> str:
    return 'not comparable' if same is None else 'agrees' if same else 'differs'


def number(value: Any) -> str:
    """Return a number for people: three significant digits, "–" for none."""
    if value is None:
        return '–'
    return str(value) if isinstance(value, int) else f'{value:.3g}'


COLUMNS = (
    *('bag', 'commands', 'succeeded', 'error mm', 'satisfied s', 'energy', 'identified'),
    *('plan p50 ms', 'p99 ms', 'missed', 'jerk', 'gap s'),
)


def row_of(report: dict[str, Any]) -> tuple[str, ...]:
    """Return a bag's row: medians over its commands, the worst of the rest."""
    commands = report['commands']

    def middle(values: Sequence[float | None], digits: int) -> str:
        known = [value for value in values if value is not None]
        return f'{np.median(known):.{digits}f}' if known else '–'

    plans = [c['plans'] for c in commands if c['plans']]
    final = [c['energy']['final'] for c in commands if c['energy']['final'] is not None]
    agree = [c['identification']['agreement_along'] for c in commands]
    gaps = [gap['longest_gap_s'] for gap in report['inputs'].values()]
    return (
        report['bag'],
        str(report['num_commands']),
        str(report['num_succeeded']),
        middle([c['error_mm'] for c in commands], 1),
        middle([c['time_to_satisfy_s'] for c in commands], 1),
        f'{np.median(final):.1e}' if final else '–',
        f'{100 * np.mean(agree):.0f} %' if agree else '–',
        middle([p['time_p50_ms'] for p in plans], 1),
        middle([p['time_p99_ms'] for p in plans], 1),
        str(sum(p['missed_deadlines'] for p in plans)) if plans else '–',
        middle([report['jerk']['rms']], 1) if report['jerk'] else '–',
        f'{max(gaps):.2f}' if gaps else '–',
    )


def table(reports: Sequence[dict[str, Any]]) -> str:
    """Return the table as aligned text."""
    rows = [COLUMNS, *(row_of(report) for report in reports)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return '\n'.join(
        '  '.join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    )
