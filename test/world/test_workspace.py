"""The workspace: one similarity transform between the table and the particle world."""

import numpy as np
import pytest

from concept_control.errors import ArmError
from concept_control.world.workspace import Workspace


def test_right_is_minus_y_of_the_world_and_above_is_plus_x():
    workspace = Workspace(center=(0.5, 0.1), half_extent=0.2)
    np.testing.assert_allclose(workspace.to_world(np.array([1.0, 0.0])), [0.5, -0.1], atol=1e-12)
    np.testing.assert_allclose(workspace.to_world(np.array([0.0, 1.0])), [0.7, 0.1], atol=1e-12)


@pytest.mark.parametrize('yaw', [-np.pi / 2, 0.0, 0.7])
def test_places_and_lengths_come_back_as_they_were(yaw):
    workspace = Workspace((0.4, -0.2), 0.3, yaw)
    places = np.random.default_rng(0).uniform(-1.0, 1.0, (2, 5, 2))
    np.testing.assert_allclose(workspace.to_workspace(workspace.to_world(places)), places)
    apart = np.linalg.norm(np.diff(workspace.to_world(places), axis=1), axis=-1)
    here = np.linalg.norm(np.diff(places, axis=1), axis=-1)
    np.testing.assert_allclose(workspace.length_to_workspace(apart), here)
    np.testing.assert_allclose(workspace.length_to_world(here), apart)


def test_a_margin_narrows_the_square():
    workspace = Workspace((0.0, 0.0), 0.2)
    places = np.array([[0.0, 0.0], [0.19, 0.0], [0.0, -0.21]])
    assert workspace.contains(places).tolist() == [True, True, False]
    assert workspace.contains(places, margin=0.02).tolist() == [True, False, False]
    assert workspace.contains(places, margin=-0.02).tolist() == [True, True, True]


@pytest.mark.parametrize(
    'values',
    [((0.0, 0.0), 0.0, 0.0), ((np.nan, 0.0), 0.2, 0.0), ((0.0, 0.0, 0.0), 0.2, 0.0)],
)
def test_a_square_that_is_none_is_refused(values):
    with pytest.raises(ArmError, match='expected two finite coordinates'):
        Workspace(*values)
