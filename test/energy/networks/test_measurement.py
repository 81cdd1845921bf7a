"""Plain measurements of an outcome."""

import numpy as np
import pytest
import torch

from concept_control.energy.networks.demonstration_fit import fit_agreement
from concept_control.energy.networks.measurement import NUM_MEASURES, measure, sorted_levels
from concept_control.energy.networks.pooling import NUM_RAW
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.world.events import Events

SHAPE = slice(0, 15)
RADIUS = 15
FURTHER = 19
MOVED = 27


def scene(positions, subjects, attention):
    positions = np.asarray(positions, dtype=float)
    batch, _, count, _ = positions.shape
    masks = {
        name: np.tile(mask, (batch, 1))
        for name, mask in (('subjects', subjects), ('attention', attention))
    }
    return scene_batch_from_events(
        Events(positions, np.full((batch, count, 3), 0.5), **masks), torch.float64
    )


def measured(*args):
    s = scene(*args)
    return measure(s, s.attention.unsqueeze(1))[:, 0].numpy()


@pytest.mark.parametrize('k', [1, 2, 3, 5])
def test_levels_are_the_quantiles_of_what_counts(k):
    rng = np.random.default_rng(k)
    values, gate = rng.random(7), np.arange(7) < k
    rng.shuffle(gate)
    found = sorted_levels(torch.tensor(values), torch.tensor(gate * 1.0), 5)
    np.testing.assert_allclose(found, np.quantile(values[gate], np.linspace(0, 1, 5)))
    assert (sorted_levels(torch.tensor(values), torch.zeros(7), 5) == 0).all()


def test_a_shape_measures_the_same_in_any_pose_size_and_order():
    rng = np.random.default_rng(0)
    points = rng.uniform(-0.4, 0.4, (5, 2))
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    other = (1.7 * points * [-1, 1]) @ turn.T + [0.1, -0.2]
    everyone = [1] * 5
    first = measured(points[None, None], everyone, everyone)[0]
    second = measured(rng.permutation(other)[None, None], everyone, everyone)[0]
    np.testing.assert_allclose(first[SHAPE], second[SHAPE], atol=2e-3)
    assert second[RADIUS] / first[RADIUS] == pytest.approx(1.7, abs=1e-2)
    apart = [np.linalg.norm(a - b) for i, a in enumerate(points) for b in points[i + 1 :]]
    np.testing.assert_allclose(first[:10] * first[RADIUS], np.sort(apart), atol=2e-3)


def test_a_subject_as_far_from_one_as_from_the_other_measures_no_difference():
    before = [[0.9, 0.9], [-0.5, 0.0], [0.5, 0.0]]
    after = [[0.0, 0.7], [-0.5, 0.0], [0.5, 0.0]]
    found = measured([[before, after]], [1, 0, 0], [0, 1, 1])[0]
    assert found[FURTHER] == pytest.approx(0.0, abs=1e-9)
    assert found[MOVED] == pytest.approx(np.hypot(0.9, 0.2), abs=1e-3)


def test_what_demonstrations_agree_on_has_no_spread_and_their_circle_is_found():
    rng = np.random.default_rng(3)
    positions = rng.uniform(-0.9, 0.9, (6, 2, 4, 2))
    angle = rng.uniform(-np.pi, np.pi, 6)
    positions[:, 1, 0] = [0.1, -0.2] + 0.4 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    s = scene(positions, [1, 0, 0, 0], [0, 0, 0, 0])
    raw = torch.zeros(6, NUM_RAW, dtype=torch.float64)
    raw[:, :2] = s.after[:, 0]
    found = fit_agreement(s, raw, torch.ones(1, 6, dtype=torch.float64))[0].numpy()
    np.testing.assert_allclose(found[-26:-23], [0.1, -0.2, 0.4], atol=0.06)
    positions[:, 1, 0] = [0.3, 0.3]
    s = scene(positions, [1, 0, 0, 0], [0, 0, 0, 0])
    spread = fit_agreement(s, raw, torch.ones(1, 6, dtype=torch.float64))[0].numpy()
    at_rest = slice(NUM_MEASURES + 20, NUM_MEASURES + 27)
    assert spread[at_rest].max() < -2.5 < found[at_rest].min(), 'where it is'
