"""Columns of the policy benchmark's tables: titles, and the format of the values below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def with_texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the figures with the texts of the values that are no single number."""
    drift = row['drift_worst']
    return {
        **row,
        'modes_text': ' / '.join(f'{share:.0%}' for share in row['modes']),
        'drift_text': '' if drift is None else f'{drift:.2%}',
        'back_text': ', '.join(f'{radius}: {share:.0%}' for radius, share in row['back'].items()),
    }
