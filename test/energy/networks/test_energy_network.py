"""The energy network: gradients and invariances."""

import pytest
import torch

from concept_control.energy.networks.energy_network import (
    ACTION,
    ARGUMENT,
    DemonstrationEncoder,
)
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.world.events import Events


def test_encoder_ignores_the_order_and_the_missing(small_config, make_scene):
    torch.manual_seed(0)
    encoder = DemonstrationEncoder(small_config).double()
    scene = make_scene(batch=5)
    codes = encoder(scene, torch.ones(1, 5, dtype=torch.float64))
    shuffled = scene.select(torch.tensor([4, 2, 0, 1, 3]))
    torch.testing.assert_close(encoder(shuffled, torch.ones(1, 5).double()), codes)
    three = encoder(scene.select(slice(0, 3)), torch.ones(1, 3).double())
    hidden = encoder(scene, torch.tensor([[1.0, 1, 1, 0, 0]]).double())
    torch.testing.assert_close(hidden, three)


@pytest.mark.parametrize('kind', ['pairwise', 'unary'])
@pytest.mark.parametrize('operation', [ACTION, ARGUMENT])
def test_gradients_match_finite_differences(make_network, make_scene, code, kind, operation):
    network, scene = make_network(kind), make_scene(batch=2, count=4)
    w = code(2).requires_grad_(True)
    place = scene.after.clone().requires_grad_(True)
    gate = (0.2 + 0.6 * scene.attention).requires_grad_(True)

    def energy(place, gate, w):
        return network.energy(scene._replace(after=place, attention=gate), w, operation)

    assert torch.autograd.gradcheck(energy, (place, gate, w), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize('kind', ['pairwise', 'unary'])
@pytest.mark.parametrize('operation', [ACTION, ARGUMENT])
def test_energy_ignores_the_order_of_entities(make_network, make_scene, code, kind, operation):
    network, scene = make_network(kind), make_scene(count=6)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = SceneBatch(*(value[:, order] for value in scene))
    torch.testing.assert_close(
        network.energy(shuffled, code(), operation),
        network.energy(scene, code(), operation),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize('operation', [ACTION, ARGUMENT])
def test_energy_ignores_padding(make_network, code, operation):
    network = make_network().float()
    torch.manual_seed(3)
    events = Events(torch.rand(2, 2, 4, 2), torch.rand(2, 4, 3), subjects=torch.eye(4)[[0, 1]] > 0)
    w = code().float()
    plain = network.energy(scene_batch_from_events(events), w, operation)
    padded = network.energy(scene_batch_from_events(events.pad(7)), w, operation)
    torch.testing.assert_close(padded, plain, rtol=1e-5, atol=1e-6)


def test_many_masks_at_once_equal_one_by_one(make_network, make_scene, code):
    network, scene = make_network(), make_scene()
    masks = (torch.rand(3, 6, 5, dtype=torch.float64) > 0.5).double()
    conditioning = network.condition(code(3), ARGUMENT)
    together = network(scene, masks, conditioning)
    for index in range(6):
        alone = network.residual(scene._replace(attention=masks[:, index]), code(3), ARGUMENT)
        torch.testing.assert_close(together[:, index], alone, rtol=1e-10, atol=1e-12)
