"""The step energy and the path it leads along."""

import numpy as np
import pytest

from concept_control.policy.model import load_policy
from concept_control.policy.step_energy import PolicyPath, StepEnergy


@pytest.fixture(scope='module')
def circle():
    return load_policy('circle')


def test_the_step_energy_is_zero_on_the_policys_path_and_its_slopes_are_right(circle):
    path = PolicyPath(circle, np.zeros(2))
    path.extend(12)
    c, s = np.cos(0.4), np.sin(0.4)
    rotation, origin = np.array([[c, -s], [s, c]]), np.array([0.4, 0.1])
    energy = StepEnergy(path.expansions, circle.step_length, origin, 0.2, rotation, 0.1)
    places = np.array([e.place for e in path.expansions[3:9]])
    steps = np.array([e.step for e in path.expansions[3:9]])
    xy, velocity = origin + 0.2 * places @ rotation.T, 0.1 * steps @ rotation.T
    on_path = energy.residual(xy, velocity)
    assert np.abs(on_path).max() < 0.3  # in units of the energy; a step across costs about 10
    assert np.abs(energy.residual(xy, -velocity)).max() > 10
    by_velocity = energy.linearize(xy, velocity)[2]
    for axis in range(2):
        shift = 1e-6 * np.eye(2)[axis]
        change = energy.residual(xy, velocity + shift) - energy.residual(xy, velocity - shift)
        np.testing.assert_allclose(by_velocity[..., axis], change / 2e-6, rtol=1e-5, atol=1e-4)
    # Beside the path, what is wanted leads back to it.
    normal = np.array([[0.0, -1.0], [1.0, 0.0]])
    for e in path.expansions[3:9]:
        aside = normal @ e.step * 0.02
        assert (e.slope @ aside) @ aside < 0


def test_beside_a_path_whose_demonstrations_part_the_step_leads_back():
    path = PolicyPath(load_policy('mouse2'), np.zeros(2))
    path.extend(60)
    for e in path.expansions:
        across = np.array([-e.step[1], e.step[0]]) / np.linalg.norm(e.step)
        assert across @ e.slope @ across < -4.9


@pytest.mark.parametrize('name', ['circle', 'path1'])
def test_beyond_its_end_a_closed_path_goes_round_again_and_an_open_one_straight_on(name):
    policy = load_policy(name)
    path = PolicyPath(policy, np.zeros(2))
    path.extend(policy.num_steps + 10)
    points = np.array(path.points)
    steps = np.diff(points, axis=0)[policy.num_steps :]
    if policy.is_closed:
        assert np.linalg.norm(points[policy.num_steps :] - points[:11], axis=1).max() < 0.05
    else:
        np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape))
