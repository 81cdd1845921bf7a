"""What a clause of a rule says in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

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
    if VIEWS.index(view) > 0:
        rank, _, group = view.partition('_')
        return _rank_words(facts.lowest, facts.highest, rank, group, lower, upper, parameters)
    fitted = '{}' in facts.label
    point = _point_words(measurement, parameters) if fitted else ''
    label = facts.label.format(point) if fitted else facts.label
    if measurement in ('near_tone', 'near_chroma') and lower is None and upper is not None:
        return f'{point} to within {_middle(upper)}'
    if lower is not None and upper is not None:
        return f'{label} between {_middle(lower)} and {_middle(upper)}'
    if lower is not None:
        if 'signed' in facts.about and lower[0] == lower[1] == 0:
            return facts.above_zero
        return f'{label} above {_middle(lower)}' if fitted else facts.above.format(_middle(lower))
    assert upper is not None
    if 'signed' in facts.about and upper[0] == upper[1] == 0:
        return facts.below_zero
    return f'{label} below {_middle(upper)}' if fitted else facts.below.format(_middle(upper))


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
        words = dict(GROUPS)[group]
        among = f' of {words.format(_color_words(parameters[:3], 2 * parameters[3]))}'
    if rank == 'middle':
        return f'the one in the middle between the {lowest} and the {highest}{among}'
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
    numbers = [f'{p:.2f}' for p in parameters]
    if measurement == 'near_tone':
        return _color_words(parameters[:3], 2 * parameters[3])
    if measurement == 'near_chroma':
        return _color_words(parameters[:3], 1.0)
    count = 3 if measurement.startswith('mix') else 2
    return f'({", ".join(numbers[:count])})'


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
