"""The encoder trained alone."""

from dataclasses import replace

import numpy as np
import torch

from concept_control.concepts import families
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.training.encoder_phase import train_encoder
from concept_control.training.train import Trainer


def test_the_encoder_alone_learns_the_codes_of_new_families_and_keeps_the_others(tiny, tmp_path):
    config = replace(tiny, encoder_steps=150, encoder_learns=('place',))
    trainer = Trainer(config, families(), tmp_path)
    learner = trainer.average
    energy = {name: value.clone() for name, value in learner.network.state_dict().items()}

    def guess_and_truth(name):
        rng = np.random.default_rng(5)
        params = trainer.families[name].sample_concepts(rng, 40)
        types, values = (torch.from_numpy(v) for v in trainer.families[name].tokens(params))
        shown = scene_batch_from_events(trainer.families[name].sample(rng, params, 5).pad(8))
        with torch.no_grad():
            return learner.encoder(shown, torch.ones(40, 5)), learner.embedding(types, values)

    first, truth = guess_and_truth('place')
    before = {name: guess_and_truth(name)[0] for name in ('between', 'color')}
    train_encoder(learner, trainer.families, config, trainer.generator, 60, 200)
    last, _ = guess_and_truth('place')
    assert (last - truth).square().mean() < 0.2 * (first - truth).square().mean()
    for name, kept in before.items():
        assert (guess_and_truth(name)[0] - kept).square().mean() < 0.3 * kept.square().mean()
    for name, value in learner.network.state_dict().items():
        assert torch.equal(value, energy[name])
