"""Card of a trained model, for people: contents, training and success rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from concept_control.output_files import replacing

MODEL_CARD_FILE = 'MODEL_CARD.md'

TEMPLATE = Path(__file__).with_name('model_card.md')
"""Text of the card, with the names of what is filled in in braces."""


def write_model_card(folder: str | Path, card: dict[str, Any], parameters: dict[str, int]) -> None:
    """Write the card as a page beside the weights.

    Args:
        folder: Folder of the weights and `card.json`.
        card: Card as `save_model` returned it.
        parameters: Numbers of parameters of 'network' and 'encoder'.
    """
    results = card['metrics']['families']
    filled = {
        **card['network'],
        **card['metrics'],
        **card,
        'shots': card['training']['num_demonstrations'],
        'concepts': card['metrics']['concepts_per_family'],
        'parameters': f'{parameters["network"]:,}',
        'encoder_parameters': f'{parameters["encoder"]:,}',
        'families': ', '.join(card['families']),
        'held_out': ', '.join(card['held_out']) or 'none',
        'table': _table(results, set(card['held_out'])),
        'weak': _weak(results),
    }
    with replacing(Path(folder) / MODEL_CARD_FILE) as file:
        file.write(TEMPLATE.read_text().format_map(filled).encode())


def _table(families: dict[str, dict[str, float | None]], held_out: set[str]) -> str:
    columns = {
        'generated': ('generated', _share),
        'median error': ('median_error', _length),
        '95 % error': ('worst_error', _length),
        'identified': ('identified', _share),
        'exact': ('exact', _share),
    }
    lines = ['| ' + ' | '.join(['family', *columns]) + ' |', '|' + '---|' * (1 + len(columns))]
    for name, row in families.items():
        label = f'{name} (not trained)' if name in held_out else name
        cells = [write(row[key]) for key, write in columns.values()]
        lines.append('| ' + ' | '.join([label, *cells]) + ' |')
    return '\n'.join(lines)


def _weak(families: dict[str, dict[str, float | None]], limit: float = 0.9) -> str:
    weak = [
        f'{name} ({operation} {100 * rate:.0f} %)'
        for name, row in families.items()
        for operation in ('generated', 'identified')
        if (rate := row[operation]) is not None and rate < limit
    ]
    if not weak:
        return 'No trained operation is below 90 % here.'
    return 'Below 90 % in this table: ' + ', '.join(weak) + '.'


def _share(value: float | None) -> str:
    return '' if value is None else f'{100 * value:.0f} %'


def _length(value: float | None) -> str:
    return '' if value is None else f'{value:.3f}'
