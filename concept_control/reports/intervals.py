"""Intervals that say how far a measured rate or mean can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
RESAMPLES = 2000


def rate(successes: int, total: int) -> dict[str, float]:
    """Return a success rate with its Wilson interval.

    Returns:
        `value`, `low`, `high` in [0, 1] and `number`, how many were counted.

    Raises:
        ValueError: If nothing was counted.
    """
    if total < 1:
        raise ValueError('a rate of nothing; expected at least one trial')
    found = stats.binomtest(successes, total)
    interval = found.proportion_ci(CONFIDENCE, method='wilson')
    return _measured(successes / total, interval.low, interval.high, total)


def mean(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Return a mean with its percentile-bootstrap interval; keys as in `rate`.

    Raises:
        ValueError: If there are no values.
    """
    values = np.asarray(values, dtype=float)
    if values.size < 1:
        raise ValueError('a mean of nothing; expected at least one value')
    average = float(values.mean())
    if np.ptp(values) == 0:
        return _measured(average, average, average, values.size)
    found = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method='percentile',
        rng=np.random.default_rng(0),
    )
    interval = found.confidence_interval
    return _measured(average, interval.low, interval.high, values.size)


def _measured(value: float, low: float, high: float, number: int) -> dict[str, float]:
    return {'value': value, 'low': float(low), 'high': float(high), 'number': number}


def percent(measured: dict[str, float]) -> str:
    """Return "93 % (88 to 96)" for people."""
    value, low, high = (100 * measured[key] for key in ('value', 'low', 'high'))
    return f'{value:.0f} % ({low:.0f} to {high:.0f})'
