"""Several bags in one table: a row each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
