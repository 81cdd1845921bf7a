"""What plain regression says of demonstrations."""

import numpy as np
import torch

from concept_control.energy.networks.demonstration_fit import fit_agreement, fit_demonstrations
from concept_control.energy.networks.pooling import ScenePooling
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.world.events import Events


def fits(events, shots, fit=fit_demonstrations):
    scene = scene_batch_from_events(events, torch.float64)
    roles = torch.stack([scene.subjects, scene.attention, 0 * scene.subjects], dim=1)
    raw = ScenePooling(1).double().raw(scene, roles.unsqueeze(1), None)[:, 0]
    weights = torch.ones(1, shots, dtype=torch.float64)
    return fit(scene, raw, weights)[0].numpy()


def test_weights_and_rest_of_a_place_are_found():
    rng = np.random.default_rng(0)
    positions = rng.uniform(-0.9, 0.9, (6, 2, 4, 2))
    positions[:, 1, 1:] = positions[:, 0, 1:]
    attended, start = positions[:, 1, 1], positions[:, 0, 0]
    positions[:, 1, 0] = 0.3 * attended + 0.6 * start + np.array([0.1, -0.2])
    events = Events(
        positions,
        np.full((6, 4, 3), 0.5),
        subjects=np.tile([1, 0, 0, 0], (6, 1)),
        attention=np.tile([0, 1, 0, 0], (6, 1)),
    )
    found = fits(events, 6)[:20].reshape(4, 5)
    np.testing.assert_allclose(found[3, :4], [0.3, 0.6, 0.1, -0.2], atol=0.02)
    assert found[3, 4] == found[:, 4].min(), 'the hypothesis that holds fits best'


def test_the_side_of_a_line_and_a_threshold_are_found():
    rng = np.random.default_rng(1)
    positions = rng.uniform(-0.9, 0.9, (8, 1, 7, 2))
    normal = np.array([np.cos(2.0), np.sin(2.0)])
    along = positions[:, 0] @ normal
    sizes = np.where(along > 0.1, 0.24, 0.12)
    events = Events(positions, np.full((8, 7, 3), 0.5), sizes, attention=(along > 0.1) * 1.0)
    found = fits(events, 8)[20:]
    assert found[:2] @ normal > 0.95, 'the direction'
    # By columns: to the marker, to the nearest, size, brightness, path, to the middle, mean
    # distance, three of how different it is from others, size beside the marker.
    least_in, _, _, most_out = found[15:].reshape(4, 11)
    assert least_in[2] > most_out[2], 'a threshold of size tells them apart'


def test_the_line_through_another_thing_is_found():
    rng = np.random.default_rng(2)
    positions = rng.uniform(-0.5, 0.5, (5, 2, 3, 2))
    positions[:, 1, 1:] = positions[:, 0, 1:]
    angle = 0.7
    normal, along = [np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]
    steps = rng.uniform(-0.4, 0.4, (5, 1))
    positions[:, 1, 0] = positions[:, 1, 1] + 0.2 * np.array(normal) + steps * along
    events = Events(
        positions,
        np.full((5, 3, 3), 0.5),
        subjects=np.tile([1, 0, 0], (5, 1)),
        attention=np.tile([0, 1, 0], (5, 1)),
    )
    here, relative, moved = fits(events, 5, fit_agreement)[-18:].reshape(3, 6)
    np.testing.assert_allclose(relative[:2], [-np.cos(2 * angle), -np.sin(2 * angle)], atol=1e-3)
    np.testing.assert_allclose(relative[2:4], 0.2 * np.array(normal), atol=1e-3)
    assert relative[4] < min(here[4], moved[4]) - 1, 'the frame in which they are in one line'
