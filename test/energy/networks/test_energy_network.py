"""The energy network: gradients, invariances, the factored first layer."""

import pytest
import torch

from concept_control.energy.networks.attributes import NUM_COMPARISONS
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import (
    ACTION,
    ARGUMENT,
    EnergyNetwork,
    NetworkConfig,
)
from concept_control.energy.networks.pooling import ScenePooling, color_features
from concept_control.energy.networks.readouts import Decision, PlaceReadout
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.world.events import Events

SMALL = {
    'code_width': 8,
    'hidden': 16,
    'attribute_width': 8,
    'channels': 4,
    'head_width': 24,
    'num_outputs': 5,
    'member_width': 6,
    'member_attributes': 2,
    'member_decides': True,
    'place_points': 2,
    'intervals': True,
    'encoder_rounds': 1,
    'encoder_direct': 4,
    'encoder_fits': True,
}


def make_scene(batch=3, count=5, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(shape, generator=generator, dtype=dtype)

    roles = torch.randint(0, 3, (batch, count), generator=generator)
    roles[:, 0], roles[:, 1] = 0, 1
    return SceneBatch(
        before=2 * draw(batch, count, 2) - 1,
        after=2 * draw(batch, count, 2) - 1,
        colors=draw(batch, count, 3),
        sizes=0.1 + 0.1 * draw(batch, count),
        present=torch.ones(batch, count, dtype=dtype),
        subjects=(roles == 0).to(dtype),
        attention=(roles == 1).to(dtype),
        motion=draw(batch, count, 2),
    )


def make_network(kind='pairwise', seed=0):
    torch.manual_seed(seed)
    network = EnergyNetwork(NetworkConfig(kind=kind, **SMALL)).double()
    # Parts that begin as nothing are to be tested too.
    torch.nn.init.normal_(network.membership.first.weight, std=0.3)
    torch.nn.init.normal_(network.first.weight, std=0.3)
    return network


def code(batch=1, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((batch, 8), generator=generator, dtype=torch.float64)


@pytest.mark.parametrize('kind', ['pairwise', 'unary'])
@pytest.mark.parametrize('operation', [ACTION, ARGUMENT])
def test_gradients_match_finite_differences(kind, operation):
    network, scene = make_network(kind), make_scene(batch=2, count=4)
    w = code(2).requires_grad_(True)
    place = scene.after.clone().requires_grad_(True)
    gate = (0.2 + 0.6 * scene.attention).requires_grad_(True)

    def energy(place, gate, w):
        return network.energy(scene._replace(after=place, attention=gate), w, operation)

    assert torch.autograd.gradcheck(energy, (place, gate, w), eps=1e-6, atol=1e-6)


@pytest.mark.parametrize('kind', ['pairwise', 'unary'])
@pytest.mark.parametrize('operation', [ACTION, ARGUMENT])
def test_energy_ignores_the_order_of_entities(kind, operation):
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
def test_energy_ignores_padding(operation):
    network = make_network().float()
    torch.manual_seed(3)
    events = Events(torch.rand(2, 2, 4, 2), torch.rand(2, 4, 3), subjects=torch.eye(4)[[0, 1]] > 0)
    w = code().float()
    plain = network.energy(scene_batch_from_events(events), w, operation)
    padded = network.energy(scene_batch_from_events(events.pad(7)), w, operation)
    torch.testing.assert_close(padded, plain, rtol=1e-5, atol=1e-6)


def test_pairs_see_no_absolute_positions():
    network, scene = make_network(), make_scene()
    pooling = network.pooling
    conditioning = pooling.condition(torch.randn(1, 9, dtype=torch.float64))
    shift = torch.tensor([0.3, -0.2], dtype=torch.float64)
    moved = scene._replace(before=scene.before + shift, after=scene.after + shift)
    mask = scene.attention.unsqueeze(1)
    singles = 3 * (SMALL['hidden'] + SMALL['channels'])
    here = pooling(scene, mask, conditioning).learned[..., singles:]
    there = pooling(moved, mask, conditioning).learned[..., singles:]
    torch.testing.assert_close(there, here, rtol=1e-9, atol=1e-9)


def test_shape_of_the_attended_is_similarity_invariant():
    from concept_control.energy.networks.pooling import attended_shape

    torch.manual_seed(0)
    points = torch.rand(1, 5, 2, dtype=torch.float64) - 0.5
    angle = torch.tensor(0.7, dtype=torch.float64)
    turn = torch.stack(
        [
            torch.stack([angle.cos(), -angle.sin()]),
            torch.stack([angle.sin(), angle.cos()]),
        ]
    )
    other = 1.7 * points @ turn.T + 0.2
    mask = torch.tensor([[[1.0, 1, 1, 1, 0]]], dtype=torch.float64)
    # The radius and the oriented second moment come first and are meant to change.
    here, there = (attended_shape(p, mask)[..., 3:] for p in (points, other))
    torch.testing.assert_close(there, here, rtol=1e-2, atol=2e-3)


def test_a_point_read_out_is_the_weighted_sum_it_should_be():
    scene = make_scene(batch=1, count=4)
    scene = scene._replace(
        subjects=torch.tensor([[1.0, 0, 0, 0]]).double(),
        attention=torch.tensor([[0, 1.0, 1.0, 0]]).double(),
    )
    readout = PlaceReadout(3, 1).double()
    # A point off the mirror image of where it was; distance, along and beside are all gained.
    weights, place = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([0.1, -0.2])
    numbers = torch.cat([weights, place, torch.ones(4), torch.zeros(3), torch.zeros(1)])
    pooling = ScenePooling(3).double()
    roles = torch.stack([scene.subjects, scene.attention, 0 * scene.subjects], dim=1)
    raw = pooling.raw(scene, roles.unsqueeze(1), None)
    features, residuals, _ = readout(raw, numbers[None].double())
    first, second = scene.after[0, 1], scene.after[0, 2]
    away = scene.after[0, 0] - (first + second - scene.before[0, 0] + place)
    axis = (second - first) / (second - first).norm()
    beside = away[0] * axis[1] - away[1] * axis[0]
    expected = torch.stack([*away, away.norm(), (away @ axis).abs(), beside.abs()])
    torch.testing.assert_close(features[0, 0], expected, atol=6e-3, rtol=0)
    torch.testing.assert_close(residuals[0, 0], expected, atol=6e-3, rtol=0)


def test_a_decision_is_the_least_of_its_tests():
    decision = Decision(3, attributes=1).double()
    colors = torch.tensor([[[0.9, 0.1, 0.1], [0.9, 0.1, 0.1], [0.1, 0.2, 0.9]]]).double()
    compared = torch.zeros(1, 3, NUM_COMPARISONS).double()
    compared[0, :, 0] = torch.tensor([0.3, -0.3, 0.3])
    gains = torch.tensor([40.0, 0.0, 0.0, 0.0])
    red = color_features(colors[0, 0])
    film = torch.cat([gains, torch.zeros(1), red, torch.tensor([20.0, 0.5, 0.0, 2.0, 0.0])])
    scores, _ = decision(compared, colors, film[None].double())
    best = scores.square().min(dim=-1).indices
    assert best.tolist() == [[0, 1, 1]]  # attended only what is both to the right and red
    assert scores.square().min(dim=-1).values.max() < 1e-3


def test_many_masks_at_once_equal_one_by_one():
    network, scene = make_network(), make_scene()
    masks = (torch.rand(3, 6, 5, dtype=torch.float64) > 0.5).double()
    conditioning = network.condition(code(3), ARGUMENT)
    together = network(scene, masks, conditioning)
    for index in range(6):
        alone = network.residual(scene._replace(attention=masks[:, index]), code(3), ARGUMENT)
        torch.testing.assert_close(together[:, index], alone, rtol=1e-10, atol=1e-12)


def test_encoder_ignores_the_order_and_the_missing():
    torch.manual_seed(0)
    encoder = DemonstrationEncoder(
        NetworkConfig(**SMALL, encoder_hidden=16, encoder_width=32)
    ).double()
    for parameter in encoder.rounds.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    scene = make_scene(batch=5)
    codes = encoder(scene, torch.ones(1, 5, dtype=torch.float64))
    shuffled = scene.select(torch.tensor([4, 2, 0, 1, 3]))
    torch.testing.assert_close(encoder(shuffled, torch.ones(1, 5).double()), codes)
    three = encoder(scene.select(slice(0, 3)), torch.ones(1, 3).double())
    hidden = encoder(scene, torch.tensor([[1.0, 1, 1, 0, 0]]).double())
    torch.testing.assert_close(hidden, three)
