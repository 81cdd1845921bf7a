"""Figures of which one place calls for several steps are told from the others."""

import numpy as np

from concept_control.benchmarks.policy.codes import is_touching
from concept_control.policy.datasets import load_figure
from concept_control.policy.strokes import strokes_from_curves


def test_a_figure_that_crosses_itself_is_known():
    angle = np.linspace(0.0, 2 * np.pi, 200)
    eight = np.column_stack([np.sin(angle), np.sin(2 * angle)])
    assert is_touching(strokes_from_curves([eight]))
    assert not is_touching(load_figure('circle')[0])
    assert not is_touching(load_figure('path1')[0])
