"""Tables of the control benchmark, and its pictures: errors, plan times and energies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

DEADLINE_MS = 20.0

TOY_COLUMNS = {
    'problem': '{problem}',
    'planner': '{planner}',
    'success': '{success:.0%}',
    'median error': '{error_median:.4f} {unit}',
    'cost': '{cost_median:.3g}',
    'plan [ms]': '{plan_ms:.2f}',
}
TOOL_COLUMNS = {
    'planner': '{planner}',
    'within 1 mm': '{within_1_mm:.0%}',
    'final [mm]': '{final_mm:.2f}',
    'to 5 mm [s]': '{time_to_5_mm:.2f}',
    'plan [ms]': '{plan_ms:.2f}',
}
JUDO_COLUMNS = {
    'method': '{method}',
    'within 1 mm': '{within_1_mm:.0%}',
    'final [mm]': '{final_mm:.3f}',
    'rest [mm]': '{rest_mm:.3f}',
    'worst [mm]': '{worst_mm:.2f}',
    '∫E dt [m² s]': '{integral:.4f}',
    'to 5 mm [s]': '{time_to_5_mm:.2f}',
    'plan [ms]': '{plan_ms:.2f}',
    'speed / limit': '{speed:.2f}',
    'acceleration / limit': '{acceleration:.2f}',
}
COMMAND_COLUMNS = {
    'command': '{command}',
    'runs': '{runs_count}',
    'success': '{success:.0%}',
    'error [mm]': '{error_mm:.1f}',
    'solution [mm]': '{solution_error_mm:.1f}',
    'time [s]': '{time:.1f}',
    'moves': '{moves:.1f}',
    '∫E dt': '{integral:.3f}',
}
"""Columns of the tables: titles, and the format of the values below."""


def draw_judo(section: dict[str, Any]) -> Figure:
    """Draw the median error of each method over the time of an episode."""
    figure = Figure(figsize=(9, 3.6), layout='constrained')
    axis = figure.add_subplot()
    for name, errors in section['curves'].items():
        times = section['period'] * np.arange(len(errors))
        axis.plot(
            times, 1e3 * np.array(errors), lw=2 if name.startswith('ours') else 1.2, label=name
        )
    axis.axhline(1.0, color='k', lw=0.8, ls=':')
    axis.set(yscale='log', xlabel='simulated time [s]', ylabel='distance to the middle [mm]')
    axis.set_title('median over the pairs of points; dotted: 1 mm', fontsize=9)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    return figure


def draw_errors(runs: list[dict[str, Any]]) -> Figure:
    """Draw every run's final error, a row for each command."""
    commands = list(dict.fromkeys(run['config']['expression'] for run in runs))[::-1]
    figure = Figure(figsize=(9, 0.35 * len(commands) + 1.2), layout='constrained')
    axis = figure.add_subplot()
    for row, command in enumerate(commands):
        mine = [run for run in runs if run['config']['expression'] == command]
        errors = 1e3 * np.array([run['error'] for run in mine], dtype=float)
        colors = ['tab:green' if run['holds'] else 'tab:red' for run in mine]
        axis.scatter(errors, np.full(len(mine), row), c=colors, s=16, alpha=0.7)
    axis.set_yticks(range(len(commands)), commands, fontsize=8)
    axis.set(xlabel='distance to satisfaction at the end [mm] (green: the predicate holds)')
    axis.set_xscale('symlog', linthresh=1.0)
    axis.grid(axis='x', alpha=0.3)
    return figure


def draw_curves(runs: list[dict[str, Any]]) -> Figure:
    """Draw the energy along every run, and how long plans took."""
    figure = Figure(figsize=(9, 3.2), layout='constrained')
    energy, plans = figure.subplots(1, 2)
    for run in runs:
        curve = np.array(run['curve'], dtype=float).reshape(-1, 2)
        color = 'tab:green' if run['holds'] else 'tab:red'
        energy.plot(curve[:, 0], np.maximum(curve[:, 1], 1e-6), color=color, alpha=0.35, lw=0.8)
    energy.set(yscale='log', xlabel='simulated time [s]', ylabel='energy')
    energy.set_title('energy of the scene as perceived', fontsize=9)
    for name, color in (('plan_p50', 'tab:blue'), ('plan_p99', 'tab:orange')):
        times = 1e3 * np.array([run[name] for run in runs], dtype=float)
        plans.hist(times[np.isfinite(times)], bins=30, color=color, alpha=0.6, label=name[5:])
    plans.axvline(DEADLINE_MS, color='k', lw=0.8, ls=':', label='deadline')
    plans.set(xlabel='plan time of a run [ms]', ylabel='runs')
    plans.legend(fontsize=8)
    return figure


def draw_disturbance(section: dict[str, Any]) -> Figure:
    """Draw every run's final error, a row for each way to follow."""
    figure = Figure(figsize=(9, 2.0), layout='constrained')
    axis = figure.add_subplot()
    for index, (name, row) in enumerate(section.items()):
        errors = 1e3 * np.array([run['error'] for run in row['runs']], dtype=float)
        axis.scatter(errors, np.full(len(errors), index), s=18, alpha=0.7, label=name)
    axis.set_yticks(range(len(section)), list(section), fontsize=8)
    axis.set(xlabel='final error [mm]', ylim=(-0.6, len(section) - 0.4))
    axis.grid(axis='x', alpha=0.3)
    return figure


def draw_strip(frames: Sequence[tuple[float, np.ndarray]]) -> Figure:
    """Draw pictures (H, W, 3) of a run beside one another, with their times [s]."""
    figure = Figure(figsize=(2.2 * len(frames), 2.2), layout='constrained')
    for axis, (time, image) in zip(np.atleast_1d(figure.subplots(1, len(frames))), frames):
        height, width = image.shape[:2]
        axis.imshow(image[height // 8 : -height // 5, width // 4 : -width // 8])  # the table
        axis.axis('off')
        axis.set_title(f'{time:.1f} s', fontsize=9)
    return figure
