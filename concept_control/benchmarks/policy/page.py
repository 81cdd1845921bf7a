"""The numbers and pictures of `benchmark policy` as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from concept_control.reports.page import heading, paragraph, picture, table, write_page
from concept_control.reports.provenance import sentence
from concept_control.reports.tables import fill_rows

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
