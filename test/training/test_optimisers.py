"""Which optimiser updates what."""

from dataclasses import replace

import pytest

from concept_control.concepts import families
from concept_control.training.train import Trainer


@pytest.mark.parametrize('optimiser', ['muon', 'adamw'])
def test_every_parameter_has_one_optimiser(optimiser, tiny, tmp_path):
    trainer = Trainer(replace(tiny, optimiser=optimiser), families(), tmp_path)
    groups = [group for each in trainer.optimisers for group in each.param_groups]
    updated = [id(p) for group in groups for p in group['params']]
    assert sorted(updated) == sorted(id(p) for p in trainer.learner.parameters())
    assert len(trainer.optimisers) == (2 if optimiser == 'muon' else 1)
