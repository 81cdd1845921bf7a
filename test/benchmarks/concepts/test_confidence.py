"""The figures of confidence."""

import numpy as np
import pytest

from concept_control.benchmarks.concepts.confidence import area_under_curve


def test_area_under_curve():
    confidence = np.array([0.9, 0.4, 0.6, 0.4])
    assert area_under_curve(confidence, np.array([True, True, False, False])) == pytest.approx(
        (1 + 1 + 0 + 0.5) / 4
    )
