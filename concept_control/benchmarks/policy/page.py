"""The numbers and pictures of `benchmark policy` as one HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from concept_control.benchmarks.policy.columns import (
    CODE_COLUMNS,
    FIGURE_COLUMNS,
    PARTICLE_COLUMNS,
    with_texts,
)
from concept_control.reports.page import heading, paragraph, picture, table, write_page
from concept_control.reports.provenance import sentence
from concept_control.reports.tables import fill_rows


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
