"""Every objective gives gradients that move the energy."""

from dataclasses import replace

import pytest
import torch

from concept_control.concepts import families
from concept_control.training.train import Trainer


@pytest.mark.parametrize(
    'changes',
    [
        {'objective': 'nce'},
        {'objective': 'softplus', 'kl_weight': 0.1},
        {'operations': 'generate'},
        {'operations': 'identify'},
    ],
)
def test_every_objective_takes_steps(tiny, tmp_path, changes):
    trainer = Trainer(replace(tiny, epoch_steps=5, **changes), families(), tmp_path)
    before = {k: v.clone() for k, v in trainer.learner.network.state_dict().items()}
    for _ in range(4):
        trainer.advance()
    after = trainer.learner.network.state_dict()
    assert all(torch.isfinite(v).all() for v in after.values())
    assert any(not torch.equal(before[k], after[k]) for k in before)
