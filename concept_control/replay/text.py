"""A report of replayed commands as text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from concept_control.reports.tables import text_table

COLUMNS = (
    *('bag', 'commands', 'succeeded', 'error mm', 'satisfied s', 'energy', 'identified'),
    *('plan p50 ms', 'p99 ms', 'missed', 'jerk', 'gap s'),
)


def number(value: Any) -> str:
    """Return a number for people: three significant digits, "–" for none."""
    if value is None:
        return '–'
    return str(value) if isinstance(value, int) else f'{value:.3g}'


def verdict_words(holds: bool | None) -> str:
    """Return the verdict of the predicate in words."""
    return 'not judged' if holds is None else 'holds' if holds else 'does not hold'


def energy_again(energy: dict[str, Any]) -> str:
    """Return a sentence on the recomputed energies."""
    if 'recomputed' not in energy:
        return 'not recomputed'
    if 'difference' in energy:
        gap = energy['difference']
        return (
            f'recomputed: {number(gap["sqrt_median"])} off in its root (median of '
            f'{gap["compared"]}), {number(gap["sqrt_max"])} worst'
        )
    again = energy['recomputed']['energy']
    return f'by this model, which is another: {number(again[0])} -> {number(again[-1])}'


def print_report(report: dict[str, Any]) -> None:
    """Print the report of one bag."""
    print(f'\n{report["bag"]} ({report["storage"]}, {sum(report["messages"].values())} messages)')
    for note in report['notes']:
        print(f'  note: {note}')
    for command in report['commands']:
        print(
            f'  {command["expression"]}: {verdict_words(command["holds"])}, '
            f'{number(command["error_mm"])} mm off ({command["judged_on"]}), satisfied after '
            f'{number(command["time_to_satisfy_s"])} s, recorded as {command["ending"]} '
            f'after {number(command["reported_after_s"])} s'
        )
        energy, who = command['energy'], command['identification']
        print(
            f'    energy {number(energy["initial"])} -> {number(energy["final"])}; '
            f'{energy_again(energy)}'
        )
        print(
            f'    identification: {number(100 * who["agreement_along"])} % as recorded, '
            f'{ {None: "not judged", True: "true", False: "not true"}[who["recorded_is_true"]] } '
            'by the predicate'
        )
        if command['plans']:
            plans = command['plans']
            print(
                f'    {plans["number"]} plans: {number(plans["time_p50_ms"])} ms median, '
                f'{number(plans["time_p99_ms"])} ms p99, {plans["missed_deadlines"]} missed'
            )
        for note in command['notes']:
            print(f'    note: {note}')
    for refused in report['refused']:
        print(f'  refused: {refused["expression"]}: {refused["text"]}')
    for name, gaps in report['inputs'].items():
        print(
            f'  {name}: {gaps["messages"]} at {number(gaps["rate_hz"])} Hz, longest gap '
            f'{number(gaps["longest_gap_s"])} s'
        )
    if report['perception']:
        seen = report['perception']
        print(
            f'  seen again: {seen["frames"]} frames, {seen["entities_compared"]} entities, '
            f'{number(seen["offset_mm_median"])} mm median, {number(seen["offset_mm_max"])} mm '
            f'worst, {seen["missing"]} missing, {seen["extra"]} extra'
        )
    if report['jerk']:
        print(
            f'  jerk: {number(report["jerk"]["rms"])} rad/s³ rms, '
            f'{number(report["jerk"]["peak"])} peak'
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


def summary_table(reports: Sequence[dict[str, Any]]) -> str:
    """Return one row of aligned text for each bag."""
    return text_table(COLUMNS, map(row_of, reports))
