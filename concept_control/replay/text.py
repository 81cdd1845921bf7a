"""A report of replayed commands as text for the terminal."""

from __future__ import annotations

from typing import Any

from concept_control.replay.page import number


def energy_again(energy: dict[str, Any]) -> str:
    """Say what the energies were when they were recomputed."""
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
    """Print what came of one bag."""
    print(f'\n{report["bag"]} ({report["storage"]}, {sum(report["messages"].values())} messages)')
    for note in report['notes']:
        print(f'  note: {note}')
    for command in report['commands']:
        holds = command['holds']
        verdict = 'not judged' if holds is None else 'holds' if holds else 'does not hold'
        print(
            f'  {command["expression"]}: {verdict}, {number(command["error_mm"])} mm off '
            f'({command["judged_on"]}), satisfied after {number(command["time_to_satisfy_s"])} s, '
            f'recorded as {command["ending"]} after {number(command["reported_after_s"])} s'
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
