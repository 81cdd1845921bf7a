"""The numbers and pictures of `benchmark policy` as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from concept_control.policy.descents import newton_descent
from concept_control.policy.model import StrokePolicy
from concept_control.policy.proposals import RingProposal
from concept_control.policy.samplers import energy_at
from concept_control.policy.strokes import Strokes
from concept_control.reports.page import heading, paragraph, picture, table, write_page
from concept_control.reports.provenance import sentence
from concept_control.reports.tables import fill_rows

GRID = 34
"""Number of points a side at which the field is drawn."""


def step_field(
    policy: StrokePolicy, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return (len(y), len(x)) components of the step of least energy at each place."""
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    states = torch.as_tensor(places, dtype=torch.float32)
    energy = energy_at(policy.network, states, policy.codes(len(states)))
    candidates = RingProposal(share=0.999).sample(
        (len(states), 48), torch.Generator().manual_seed(0)
    )
    with torch.no_grad():
        best = energy(candidates).argmin(dim=1)
    start = candidates[torch.arange(len(states)), best].unsqueeze(1)
    if not policy.network.config.is_thesis:  # whose energy has no curvature: it is piecewise flat
        start = newton_descent(energy, start, 10)
    steps = start.squeeze(1).numpy().reshape(len(y), len(x), 2)
    return steps[..., 0], steps[..., 1]


def draw_figures(
    strokes: Strokes,
    drawn: Mapping[str, np.ndarray],
    policies: Mapping[str, StrokePolicy],
) -> Figure:
    """Return a panel for each method, with streamlines where it has a policy.

    Args:
        strokes: Demonstrations, in grey.
        drawn: (B, T + 1, 2) rollouts by method, in red.
        policies: Policies by method, whose fields are drawn.
    """
    columns = min(4, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(4.1 * columns, 4.1 * rows), layout='constrained')
    low = strokes.positions.min(axis=(0, 1)) - 0.35
    high = strokes.positions.max(axis=(0, 1)) + 0.35
    for index, (method, lines) in enumerate(drawn.items()):
        axis = figure.add_subplot(rows, columns, index + 1)
        if method in policies:
            _stream(axis, policies[method], low, high)
        for line in strokes.positions:
            axis.plot(*line.T, color='0.55', linewidth=0.5)
        for line in lines:
            axis.plot(*line.T, color='#c8102e', linewidth=0.9, alpha=0.8)
        axis.set(title=method, xlim=(low[0], high[0]), ylim=(low[1], high[1]))
        axis.set_aspect('equal')
        axis.tick_params(labelsize=7)
    figure.suptitle(
        f'{strokes.name}: demonstrations grey, rollouts red,\nsteps of least energy blue',
        fontsize='medium',
    )
    return figure


def _stream(axis: Axes, policy: StrokePolicy, low: np.ndarray, high: np.ndarray) -> None:
    x, y = np.linspace(low[0], high[0], GRID), np.linspace(low[1], high[1], GRID)
    u, v = step_field(policy, x, y)
    axis.streamplot(x, y, u, v, density=1.3, color='#8fb3d9', linewidth=0.6, arrowsize=0.7)


FIGURE_COLUMNS = {
    'method': '{method}',
    'Fréchet': '{frechet_median:.1%}',
    '95 %': '{frechet_p95:.1%}',
    'DTW': '{warping_median:.1%}',
    'end': '{end_median:.1%}',
    'follow': '{follows:.0%}',
    'modes': '{modes_text}',
    'K + 50': '{drift_text}',
    'back from (radii)': '{back_text}',
    'training s': '{training_s:.0f}',
}
CODE_COLUMNS = {
    'figure': '{figure}',
    'drawings': '{drawings}',
    'examples': '{examples}',
    'Fréchet': '{frechet_median:.1%}',
    '95 %': '{frechet_p95:.1%}',
    'worst': '{frechet_worst:.1%}',
    'within 5 %': '{within_5_percent:.0%}',
    'inference s': '{inference_s:.1f}',
}
PARTICLE_COLUMNS = {
    'N': '{dimensions}',
    'demonstrator': '{oracle:.0%}',
    'energy': '{energy:.0%}',
    'MSE shared': '{mse_shared:.0%}',
    'MSE plain': '{mse_plain:.0%}',
    'training s': '{energy_training_s:.0f}',
}
"""Columns of the tables: titles, and the format of the values below."""


def write_policy_page(
    path: Path, document: Mapping[str, Any], pictures: Mapping[str, Figure]
) -> None:
    """Write the page.

    Args:
        path: HTML file.
        document: Numbers of the benchmark, as its JSON.
        pictures: Streamlines and rollouts by data set.
    """
    missed = document['missed']
    blocks = [
        paragraph('missed: ' + '; '.join(missed), 'note')
        if missed
        else paragraph('all goals reached')
    ]
    if 'figures' in document:
        blocks += _figures(document['figures'], pictures)
    if 'codes' in document:
        blocks += [
            heading('Codes from a few examples, one network for all figures'),
            table(CODE_COLUMNS, fill_rows(CODE_COLUMNS, document['codes'])),
        ]
    if 'particle' in document:
        blocks += [
            heading('N-dimensional particle, share of episodes that succeed'),
            table(PARTICLE_COLUMNS, fill_rows(PARTICLE_COLUMNS, document['particle'])),
        ]
    write_page(path, 'Strokes and particles by imitation', blocks, sentence())


def _figures(
    rows: Sequence[Mapping[str, Any]], pictures: Mapping[str, Figure]
) -> Iterator[Markup]:
    yield paragraph(
        'Distances to the nearest demonstration, in % of the size of the figure. Follow: rollouts '
        'within 6 % of a demonstration; modes: of each mode. K + 50: largest change of a rollout '
        'by 50 further steps of the sampler. Back: share of starts, in 8 directions, from which '
        'the figure is entered again and kept.'
    )
    for name in dict.fromkeys(row['figure'] for row in rows):
        here = [row for row in rows if row['figure'] == name]
        yield heading(name)
        yield table(FIGURE_COLUMNS, fill_rows(FIGURE_COLUMNS, map(with_texts, here)))
        for row in here:
            if 'diagnosis' in row:
                yield paragraph(f'{row["method"]}, its chains: {row["diagnosis"]}')
        if name in pictures:
            yield picture(pictures[name], dpi=80)


def with_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the figures with the texts of the values that are no single number."""
    drift = row['drift_worst']
    return {
        **row,
        'modes_text': ' / '.join(f'{share:.0%}' for share in row['modes']),
        'drift_text': '' if drift is None else f'{drift:.2%}',
        'back_text': ', '.join(f'{radius}: {share:.0%}' for radius, share in row['back'].items()),
    }
