"""Lines that turn sharply or touch themselves are divided into pieces a policy can draw."""

from itertools import pairwise

import numpy as np
import pytest

from concept_control.benchmarks.policy.report import is_touching
from concept_control.policy.coding import CodedPolicy
from concept_control.policy.metrics import nearest
from concept_control.policy.smooth_pieces import smooth_pieces
from concept_control.policy.strokes import resample, strokes_from_curves

T = np.linspace(0.0, 2 * np.pi, 300)
CIRCLE = np.column_stack([np.cos(T), np.sin(T)])
EIGHT = np.column_stack([np.sin(T), np.sin(2 * T) / 2])
SPIRAL = T[:, None] * np.column_stack([np.cos(8 * T), np.sin(8 * T)])
SQUARE = np.array([[0.5, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0.5, 0]])
ZIGZAG = np.array([[0, 0], [0.25, 0.8], [0.5, 0], [0.75, 0.8], [1, 0]])


@pytest.mark.parametrize(
    ('curve', 'number'), [(CIRCLE, 1), (SQUARE, 4), (ZIGZAG, 4), (EIGHT, 3), (ZIGZAG[:2], 1)]
)
def test_a_line_is_divided_at_corners_and_where_it_touches_itself(curve, number):
    assert len(smooth_pieces(curve)) == number


@pytest.mark.parametrize('curve', [CIRCLE, EIGHT, SPIRAL, SQUARE, ZIGZAG])
def test_pieces_join_cover_the_line_and_keep_off_themselves(curve):
    pieces = smooth_pieces(curve)
    for before, after in pairwise(pieces):
        np.testing.assert_array_equal(before[-1], after[0])
    size = np.ptp(curve, axis=0).max()
    drawn, line = np.concatenate(pieces), resample(curve, 500)
    gap = np.linalg.norm(line[:, None] - drawn[None], axis=-1)
    assert max(gap.min(axis=0).max(), gap.min(axis=1).max()) < 0.02 * size
    assert not any(is_touching(strokes_from_curves([piece])) for piece in pieces)


def test_a_code_for_each_piece_draws_what_one_for_the_whole_cannot():
    coded = CodedPolicy.load()
    for piece in smooth_pieces(ZIGZAG):
        examples = strokes_from_curves([piece])
        assert nearest(coded.infer(examples, 10).rollout()[0], examples.positions)[0] < 0.04
