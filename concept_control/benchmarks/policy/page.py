"""The numbers and pictures of `benchmark policy` as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from concept_control.reports.page import heading, paragraph, picture, table, write_page
from concept_control.reports.provenance import sentence

FIGURE_HEADER = (
    'method', 'Fréchet', '95 %', 'DTW', 'end', 'follow', 'modes', 'K + 50', 'back from (radii)',
    'training s',
)  # fmt: skip


def write_policy_page(
    path: Path, document: Mapping[str, Any], pictures: Mapping[str, Figure]
) -> None:
    """Write the page.

    Args:
        path: of the HTML.
        document: of the benchmark, as its JSON.
        pictures: streamlines and rollouts by data set.
    """
    missed = document['missed']
    said = 'missed: ' + '; '.join(missed) if missed else 'all goals reached'
    parts = [paragraph(said, 'note' if missed else '')]
    if 'figures' in document:
        parts.append(
            paragraph(
                'Distances to the nearest demonstration, in % of the size of the figure. Follow: '
                'rollouts within 6 % of a demonstration; modes: of each mode. K + 50: largest '
                'change of a rollout by 50 further steps of the sampler. Back: share of starts, '
                'in 8 directions, from which the figure is entered again and kept.'
            )
        )
        for name in dict.fromkeys(row['figure'] for row in document['figures']):
            rows = [row for row in document['figures'] if row['figure'] == name]
            parts += [heading(name), table(FIGURE_HEADER, [_figure_cells(row) for row in rows])]
            parts += [
                paragraph(f'{row["method"]}, its chains: {row["diagnosis"]}')
                for row in rows
                if 'diagnosis' in row
            ]
            if name in pictures:
                parts.append(picture(pictures[name], dpi=80))
    if 'codes' in document:
        parts += [
            heading('Codes from a few examples, one network for all figures'),
            table(
                (
                    'figure',
                    'drawings',
                    'examples',
                    'Fréchet',
                    '95 %',
                    'worst',
                    'within 5 %',
                    'inference s',
                ),
                [
                    (
                        row['figure'],
                        row['drawings'],
                        row['examples'],
                        *(percent(row[f'frechet_{k}']) for k in ('median', 'p95', 'worst')),
                        percent(row['within_5_percent'], 0),
                        f'{row["inference_s"]:.1f}',
                    )
                    for row in document['codes']
                ],
            ),
        ]
    if 'particle' in document:
        parts += [
            heading('N-dimensional particle, success in %'),
            table(
                ('N', 'demonstrator', 'energy', 'MSE shared', 'MSE plain', 'training s'),
                [
                    (
                        row['dimensions'],
                        *(percent(row[k], 0) for k in ('oracle', 'energy')),
                        *(percent(row[k], 0) for k in ('mse_shared', 'mse_plain')),
                        f'{row["energy_training_s"]:.0f}',
                    )
                    for row in document['particle']
                ],
            ),
        ]
    write_page(path, 'Strokes and particles by imitation', parts, sentence())


def percent(share: float, digits: int = 1) -> str:
    """Return a share as percent, without the sign."""
    return f'{100 * share:.{digits}f}'


def _figure_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    drift = row['drift_worst']
    return (
        row['method'],
        *(percent(row[key]) for key in ('frechet_median', 'frechet_p95')),
        *(percent(row[key]) for key in ('warping_median', 'end_median')),
        percent(row['follows'], 0),
        ' / '.join(percent(mode, 0) for mode in row['modes']),
        '' if drift is None else percent(drift, 2),
        ', '.join(f'{radius}: {percent(share, 0)}' for radius, share in row['back'].items()),
        f'{row["training_s"]:.0f}',
    )
