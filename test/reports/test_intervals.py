"""Intervals against values worked out elsewhere."""

import numpy as np
import pytest

from concept_control.reports import intervals


def test_wilson_interval_of_a_known_case():
    # Wilson 1927; 9 of 10 at 95 %: 0.5958 to 0.9821.
    found = intervals.rate(9, 10)
    assert (found['value'], found['number']) == (0.9, 10)
    assert (found['low'], found['high']) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert intervals.rate(10, 10)['low'] < 0.75 and intervals.rate(0, 5)['high'] > 0.4


def test_bootstrap_agrees_with_the_normal_interval_for_many_values():
    values = np.random.default_rng(1).normal(0.5, 0.1, 400)
    found = intervals.mean(values)
    assert found == intervals.mean(values)
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert found['high'] - found['value'] == pytest.approx(half, rel=0.15)
    assert found['value'] - found['low'] == pytest.approx(half, rel=0.15)
    assert intervals.mean([1.0, 1.0]) == {'value': 1.0, 'low': 1.0, 'high': 1.0, 'number': 2}


def test_nothing_measured_is_no_number():
    with pytest.raises(ValueError, match='at least one'):
        intervals.rate(0, 0)
    with pytest.raises(ValueError, match='at least one'):
        intervals.mean([])
