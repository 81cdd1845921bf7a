"""Strokes, data sets, corrections and measures of how near strokes are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.errors import StrokeError
from concept_control.policy.datasets import FIGURES, load_figure, random_figure
from concept_control.policy.metrics import frechet, is_reentered, nearest, warping
from concept_control.policy.state_correction import CorrectedSteps, CorrectionConfig
from concept_control.policy.strokes import strokes_from_curves


@pytest.mark.parametrize('name', FIGURES)
def test_demonstrations_start_at_the_origin_with_equal_steps_of_one_figure(name):
    strokes, modes = load_figure(name, seed=3)
    np.testing.assert_allclose(strokes.positions[:, 0], 0.0)
    lengths = np.linalg.norm(np.diff(strokes.positions, axis=1), axis=-1)
    np.testing.assert_allclose(
        lengths, np.broadcast_to(lengths.mean(1, keepdims=True), lengths.shape), rtol=0.03
    )
    assert strokes.is_closed == (name == 'circle')
    assert set(modes) == set(range(len(FIGURES[name].modes)))
    assert np.ptp(strokes.positions.mean(axis=0), axis=0).max() == pytest.approx(1.0)


def test_mouse1_has_two_modes_and_the_mouse_ones_spread_towards_their_ends():
    for name, grows in (('path1', False), ('mouse1', True), ('mouse2', True)):
        strokes, modes = load_figure(name)
        first = strokes.positions[modes == 0]
        spread = np.linalg.norm(first - first.mean(axis=0), axis=-1).mean(axis=0)
        assert (spread[-1] > 2.5 * spread[32]) == grows
    strokes, modes = load_figure('mouse1')
    ends = [strokes.positions[modes == mode, -1].mean(axis=0) for mode in (0, 1)]
    assert np.linalg.norm(ends[0] - ends[1]) > 0.5


@pytest.mark.parametrize(
    ('curves', 'complaint'),
    [
        ([], 'no curve'),
        ([np.zeros((5, 2))], 'nothing drawn'),
        ([np.zeros((1, 2))], 'shape'),
        ([np.zeros((4, 3))], 'shape'),
        ([[[0, 0], [1, np.nan]]], 'finite'),
        ([[['a', 'b'], [1, 2]]], 'not an array'),
    ],
)
def test_what_is_no_curve_is_refused(curves, complaint):
    with pytest.raises(StrokeError, match=complaint):
        strokes_from_curves(curves)


def test_an_unknown_figure_is_refused_with_those_that_exist():
    with pytest.raises(StrokeError, match='path1, circle, mouse1, mouse2'):
        load_figure('spiral')


@pytest.mark.parametrize('name', FIGURES)
def test_corrected_steps_lead_back_and_are_the_demonstrators_own_on_the_stroke(name):
    strokes, _ = load_figure(name)
    plain = CorrectedSteps(strokes, CorrectionConfig(share_on=1.0, share_far=0.0, action_noise=0))
    states, steps = plain.draw(np.random.default_rng(0), 200)
    flat = strokes.positions[:, :-1].reshape(-1, 2)
    rows = np.linalg.norm(flat - states[:, None], axis=-1).argmin(axis=1)
    own = strokes.actions.reshape(-1, 2)[rows]
    cosine = (own * steps).sum(1) / np.linalg.norm(own, axis=1)
    assert np.median(cosine) > 0.999
    far = CorrectedSteps(strokes, CorrectionConfig(share_far=1.0, action_noise=0.0))
    states, steps = far.draw(np.random.default_rng(1), 300)
    gap = np.linalg.norm(flat - states[:, None], axis=-1)
    nearer = np.linalg.norm(flat - (states + 0.05 * steps)[:, None], axis=-1)
    outside = gap.min(axis=1) > 0.5
    assert outside.sum() > 100
    assert (nearer.min(axis=1) < gap.min(axis=1))[outside].mean() > 0.98


def brute_frechet(p, q):
    distance = np.linalg.norm(p[:, None] - q[None], axis=-1)
    best = np.full(distance.shape, np.inf)
    for i in range(len(p)):
        for j in range(len(q)):
            before = [
                best[a, b] for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if a >= 0 <= b
            ]
            best[i, j] = max(distance[i, j], min(before) if before else 0.0)
    return best[-1, -1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 10**6))
def test_frechet_is_that_of_the_definition(rows, columns, seed):
    rng = np.random.default_rng(seed)
    p, q = rng.normal(size=(rows, 2)), rng.normal(size=(columns, 2))
    assert frechet(p, q) == pytest.approx(brute_frechet(p, q))
    assert frechet(p, q) == pytest.approx(frechet(q, p))
    assert warping(p, p) == pytest.approx(0.0)


def test_a_stroke_is_nearest_to_its_own_mode_and_an_average_to_none():
    strokes, _ = load_figure('mouse1')
    distance, index = nearest(strokes.positions[5], strokes.positions)
    assert index == 5 and distance == pytest.approx(0.0, abs=1e-9)
    assert nearest(strokes.positions.mean(axis=0), strokes.positions)[0] > 0.2


def test_coming_back_means_staying():
    strokes, _ = load_figure('circle')
    circle = strokes.positions.mean(axis=0)
    away = np.linspace([0.0, -1.0], [0.0, 0.0], 20)
    assert is_reentered(np.vstack([away, circle]), strokes)
    through = np.linspace([0.0, -1.0], [0.0, 2.5], 80)
    assert not is_reentered(through, strokes)
    assert not is_reentered(away[:10], strokes)


def test_random_figures_are_of_unit_size_and_of_many_kinds():
    rng = np.random.default_rng(0)
    figures = [random_figure(rng, 2) for _ in range(60)]
    assert {f.name for f in figures} == {'spline', 'loop', 'polygon', 'arc'}
    assert {f.is_closed for f in figures} == {True, False}
    for figure in figures:
        assert np.ptp(figure.positions.mean(axis=0), axis=0).max() == pytest.approx(1.0)
