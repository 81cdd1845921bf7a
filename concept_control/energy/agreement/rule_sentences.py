"""What a clause of a rule says in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_control.energy.measurements.entity_measurement import (
    ABOVE,
    ABOVE_ZERO,
    BELOW,
    BELOW_ZERO,
    HIGHEST,
    LOWEST,
)
from concept_control.energy.measurements.features import (
    ALL_INDEX,
    ALL_MEASUREMENTS,
    GROUPS,
    VIEWS,
)
from concept_control.world.colors import NAMED_COLORS

Bound = tuple[float, float] | None


def clause_words(
    measurement: str, view: str, lower: Bound, upper: Bound, parameters: Sequence[float]
) -> str:
    """Return words for bounds on one feature.

    Args:
        measurement: Name of the measurement.
        view: Name of the view.
        lower: Lower bound that is met and the one that is missed, or None.
        upper: Upper bound that is met and the one that is missed, or None.
        parameters: Parameters of a fitted measurement or group.
    """
    facts = ALL_MEASUREMENTS[ALL_INDEX[measurement]]
    # Words of a fitted measurement have a place for what was fitted, before that of the bound.
    point = [_point_words(measurement, parameters[: facts.width])] if facts.width else []
    if VIEWS.index(view) > 0:
        rank, _, group = view.partition('_')
        ends = [facts.said(end).format(*point) for end in (LOWEST, HIGHEST)]
        return _rank_words(ends[0], ends[1], rank, group, lower, upper, parameters)
    if lower is None and upper is None:
        # It excludes what has no such number, as what did not move has no time.
        return f'that has a {facts.label.format(*point)}'
    if measurement in ('near_tone', 'near_chroma') and lower is None and upper is not None:
        return f'{point[0]} to within {_middle(upper)}'
    if lower is not None and upper is not None:
        label = facts.label.format(*point)
        return f'{label} between {_middle(lower)} and {_middle(upper)}'
    bound, side, sign = (upper, BELOW, BELOW_ZERO) if lower is None else (lower, ABOVE, ABOVE_ZERO)
    assert bound is not None
    if 'signed' in facts.about and bound[1] == 0:
        return facts.said(sign).format(*point)
    return facts.said(side).format(*point, _middle(bound))


def _middle(bound: tuple[float, float]) -> str:
    return f'{(bound[0] + bound[1]) / 2:.2f}'


def _rank_words(
    lowest: str,
    highest: str,
    rank: str,
    group: str,
    lower: Bound,
    upper: Bound,
    parameters: Sequence[float],
) -> str:
    among = ''
    if group != 'all':
        words = next(words for name, words, _ in GROUPS if name == group)
        among = f' of {words.format(_color_words(parameters[:3], 2 * parameters[3]))}'
    if rank == 'middle':
        return f'the one in the middle between the {lowest} and the {highest}{among}'
    if rank == 'outer':
        outer = 1 if upper is None else round(upper[0]) + 1
        return f'up to the {_ordinal(outer)}from either end between {lowest} and {highest}{among}'
    extreme = lowest if rank == 'ascending' else highest
    first = 1 if lower is None else round(lower[0]) + 1
    last = None if upper is None else round(upper[0]) + 1
    if last is None:
        return f'from the {_ordinal(first)}{extreme} on{among}'
    if first == last:
        return f'the {_ordinal(first)}{extreme}{among}'
    if first == 1:
        return f'the first {last} by being {extreme}{among}'
    return f'the {_ordinal(first)}to {_ordinal(last)}{extreme}{among}'


def _ordinal(number: int) -> str:
    """Return "2nd " and so on; nothing for the first."""
    if number == 1:
        return ''
    ending = 'th' if number % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10)
    return f'{number}{ending or "th"} '


def _point_words(measurement: str, parameters: Sequence[float]) -> str:
    if measurement == 'near_tone':
        return _color_words(parameters[:3], 2 * parameters[3])
    if measurement == 'near_chroma':
        return _color_words(parameters, 1.0)
    return f'({", ".join(f"{p:.2f}" for p in parameters)})'


def _color_words(chroma: Sequence[float], brightness: float) -> str:
    """Return the nearest colour word of a chroma (3,), with its tone where none is near."""
    own = np.array([*chroma, brightness / 2])
    names = list(NAMED_COLORS)
    table = np.array(list(NAMED_COLORS.values()))
    most = table.max(axis=1, keepdims=True)
    away = np.linalg.norm(np.hstack([table / most, most / 2]) - own, axis=1)
    nearest = names[int(away.argmin())]
    if away.min() < 0.3:
        return nearest
    return f'({", ".join(f"{c * brightness:.2f}" for c in chroma)})'
