"""Learned steps of the code inference: the hyper-gradient is right; they stay with the model."""

import numpy as np
import pytest
import torch

from concept_control.concepts import families
from concept_control.energy.inference.code_inference import DemonstrationLoss, InferenceConfig
from concept_control.energy.inference.learned_steps import InferenceSteps
from concept_control.energy.model import ConceptModel
from concept_control.energy.networks.encoder import DemonstrationEncoder, normalise_code
from concept_control.energy.networks.energy_network import (
    ACTION,
    ARGUMENT,
    EnergyNetwork,
    NetworkConfig,
)
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.storage import CARD_FILE
from concept_control.errors import ModelError

WIDTH = 4
CONFIG = NetworkConfig(
    code_width=WIDTH,
    hidden=8,
    attribute_width=6,
    channels=2,
    head_width=12,
    num_outputs=3,
    member_width=6,
    member_attributes=2,
    encoder_hidden=8,
    encoder_width=16,
)


class Descent(torch.nn.Module):
    """The unrolled descent as a module, so that its parameters can be put in from outside."""

    def __init__(self, half, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.half = half
        self.network = EnergyNetwork(CONFIG).double().requires_grad_(False)
        self.steps = InferenceSteps(WIDTH).double()
        family = families()['between']
        rng = np.random.default_rng(seed)
        params = family.sample_concepts(rng, 2)
        self.shown, self.unseen = (
            scene_batch_from_events(family.sample(rng, params, 2, 4), torch.float64)
            for _ in range(2)
        )
        loss = DemonstrationLoss(
            self.network, self.shown, 2, InferenceConfig(outcomes=4, masks=6), rng
        )
        self.loss_fn, sample_candidates = loss.parts(half)
        self.candidates = [sample_candidates() for _ in range(self.steps.count)]

    def forward(self, start, unrolled=True):
        left = iter(self.candidates)
        return self.steps.descend(self.half, self.loss_fn, lambda: next(left), start, unrolled)


def some_codes():
    generator = torch.Generator().manual_seed(5)
    return normalise_code(torch.randn((2, WIDTH), generator=generator).double(), WIDTH)


@pytest.mark.parametrize('half', InferenceSteps.HALVES)
def test_the_hyper_gradient_matches_finite_differences(half):
    descent = Descent(half)
    operation = ACTION if half == 'action' else ARGUMENT

    def outer(log_rates, log_softness, start):
        """Energy under the refined codes of scenes that were not demonstrated."""
        given = {'steps.log_rates': log_rates, 'steps.log_softness': log_softness}
        codes = torch.func.functional_call(descent, given, (start,))
        codes = codes.repeat_interleave(2, dim=0)
        return descent.network.energy(descent.unseen, codes, operation).sum()

    inputs = [
        torch.full_like(descent.steps.log_rates, -1.5).requires_grad_(True),
        torch.full_like(descent.steps.log_softness, -1.0).requires_grad_(True),
        some_codes().requires_grad_(True),
    ]
    assert torch.autograd.gradcheck(outer, inputs, eps=1e-6, atol=1e-6, rtol=1e-4)
    (slope,) = torch.autograd.grad(outer(*inputs), inputs[:1])
    assert slope[InferenceSteps.HALVES.index(half)].abs().max() > 1e-6


def test_unrolled_or_not_the_codes_are_the_same():
    descent = Descent('action')
    plain, unrolled = descent(some_codes(), unrolled=False), descent(some_codes())
    torch.testing.assert_close(plain, unrolled)
    assert not plain.requires_grad and unrolled.requires_grad


def test_learned_steps_stay_with_the_model(tmp_path):
    torch.manual_seed(0)
    steps = InferenceSteps(WIDTH, 2)
    with torch.no_grad():
        steps.log_rates.normal_(-2.0, 1.0)
    model = ConceptModel(EnergyNetwork(CONFIG), DemonstrationEncoder(CONFIG), {}, steps)
    model.save(tmp_path)
    again = ConceptModel.load(tmp_path)
    assert again.card['inference_steps'] == 2
    rng = np.random.default_rng(0)
    shown = families()['between'].sample(rng, np.zeros((1, 0)), 3)
    code, other = (m.infer(shown, config=InferenceConfig(learned=True)) for m in (model, again))
    assert torch.equal(code.action, other.action)
    assert 'action_loss_of_refined' in other.info
    card = tmp_path / CARD_FILE
    card.write_text(card.read_text().replace('"inference_steps": 2', '"inference_steps": -1'))
    with pytest.raises(ModelError, match='expected 0 to'):
        ConceptModel.load(tmp_path)
