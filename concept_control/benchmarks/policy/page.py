"""Tables of `benchmark policy`, and its pictures: streamlines of policies, and rollouts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from concept_control.policy.descents import newton_descent
from concept_control.policy.model import StrokePolicy
from concept_control.policy.samplers import RingProposal, energy_at
from concept_control.policy.strokes import Strokes

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
            x, y = (np.linspace(*ends, GRID) for ends in zip(low, high))
            u, v = step_field(policies[method], x, y)
            axis.streamplot(x, y, u, v, density=1.3, color='#8fb3d9', linewidth=0.6, arrowsize=0.7)
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


def with_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the figures with the texts of the values that are no single number."""
    drift = row['drift_worst']
    return {
        **row,
        'modes_text': ' / '.join(f'{share:.0%}' for share in row['modes']),
        'drift_text': '' if drift is None else f'{drift:.2%}',
        'back_text': ', '.join(f'{radius}: {share:.0%}' for radius, share in row['back'].items()),
    }
