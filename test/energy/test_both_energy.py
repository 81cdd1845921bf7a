"""The network beside the agreement: one residual, and a weight that its evidence has to earn."""

import pytest
import torch

import concept_control as cc
from concept_control.concepts import vocabulary
from concept_control.energy.agreement.scorer import load_scorer
from concept_control.energy.both_energy import BothEnergy
from concept_control.energy.code import Terms
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.storage import SHIPPED_MODEL

BETWEEN = vocabulary()['between']


@pytest.fixture(scope='module')
def both(network_model):
    """Agreement beside a network of random weights."""
    energy = BothEnergy(load_scorer(SHIPPED_MODEL), None, network_model.energy_function)
    return cc.ConceptModel(energy)


def test_a_network_that_knows_nothing_gets_no_weight(both, model):
    shown = BETWEEN.demonstrations(seed=3)
    code = both.infer(shown)
    assert code.size == 0
    scenes = BETWEEN.demonstrations(seed=4, count=2)
    agreed = model.infer(shown)
    places = [each.generate(scenes, code).positions for each in (both, model)]
    assert torch.equal(*places)
    assert torch.equal(both.identify(scenes, code), model.identify(scenes, agreed))


def test_the_energy_is_the_weighted_sum_of_both(both, model, network_model):
    events = BETWEEN.demonstrations(seed=4, count=6)
    agreed = model.infer(BETWEEN.demonstrations(seed=3))
    halves = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    action, argument = torch.cat([halves, torch.tensor([[0.3], [0.3]])], dim=1)
    code = cc.ConceptCode(action, argument, agreed.agreement)
    code = cc.ConceptCode.from_array(code.to_array())
    plain = cc.ConceptCode(*halves)
    expected = model.action_energy(events, agreed)
    expected += 0.3 * network_model.action_energy(events, plain)
    torch.testing.assert_close(both.action_energy(events, code), expected)
    scene = scene_batch_from_events(events)
    bound = both.energy_function.bind(
        Terms([code], scene.subjects[:1] > 0, scene.attention[:1] > 0)
    )
    one = scene.select(slice(0, 1))
    found = bound(one)[0].square().sum(dim=-1)
    # The entities that do not act have always stood where they are, which these did.
    torch.testing.assert_close(found, both.action_energy(events, code)[:1])
    moved = both.generate(events, code)
    assert (
        both.implausibility(moved, code).mean() < both.implausibility(events.before(), code).mean()
    )


class KnowsThePlaces(NetworkEnergy):
    """A network whose energy is least at the demonstrated places, whatever it was shown."""

    def __init__(self, network, scene):
        super().__init__(network.network, network.encoder, network.config)
        rows = scene.before.flatten(1).tolist()
        self._places = {tuple(row): after for row, after in zip(rows, scene.after)}

    def residual(self, scene, code):
        true = torch.stack([self._places[tuple(row)] for row in scene.before.flatten(1).tolist()])
        return 10 * ((scene.after - true) * scene.subjects.unsqueeze(-1)).flatten(1)

    def mask_energies(self, one, code, masks):
        return masks.new_zeros(len(masks))


def test_a_network_that_tells_the_left_out_outcomes_gets_weight(both, network_model):
    shown = BETWEEN.demonstrations(seed=3)
    scene = scene_batch_from_events(shown)
    gate = scene.subjects.unsqueeze(-1)
    anywhere = 2 * torch.rand(scene.after.shape, generator=torch.Generator().manual_seed(1)) - 1
    scene = scene._replace(after=scene.after * (1 - gate) + anywhere * gate)
    knows = KnowsThePlaces(network_model.energy_function, scene)
    code = BothEnergy(load_scorer(SHIPPED_MODEL), None, knows).infer(scene, 0)
    assert code.action[-1] > 0
