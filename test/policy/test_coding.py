"""The shipped network of all figures: codes from a few examples of figures it never saw."""

import numpy as np
import pytest
import torch

from concept_control.policy.coding import CodedPolicy, code_from_examples
from concept_control.policy.datasets import load_figure
from concept_control.policy.metrics import nearest
from concept_control.policy.network import CODE_SIZE, StrokeFeatures


@pytest.fixture(scope='module')
def coded():
    return CodedPolicy.load()


@pytest.mark.parametrize('name', ['path1', 'circle', 'mouse2'])
def test_one_example_is_enough_for_a_smooth_figure(coded, name):
    strokes, _ = load_figure(name, seed=3)
    line = coded.infer(strokes[:1], refinement=20).rollout()[0]
    assert nearest(line, strokes.positions[:1])[0] < 0.04


def test_examples_of_two_branches_are_not_averaged(coded):
    strokes, _ = load_figure('mouse1', seed=3)
    lines = coded.infer(strokes[:4], refinement=0).rollout(np.zeros((6, 2)))
    assert max(nearest(line, strokes.positions)[0] for line in lines) < 0.06


def test_a_code_has_the_points_of_every_example_and_features_move_with_them():
    strokes, _ = load_figure('path1')
    for number in (1, 3, 5, 9):
        assert code_from_examples(strokes.positions[:number]).shape == (CODE_SIZE,)
    code = code_from_examples(strokes.positions[:2]).unsqueeze(0)
    features, state = StrokeFeatures(), torch.tensor([[0.3, 0.2]])
    shift = torch.tensor([[0.7, -0.4]])
    moved = (code.view(1, -1, 2) + shift).view(1, -1)
    torch.testing.assert_close(
        features(state, code), features(state + shift, moved), rtol=0, atol=1e-4
    )
