"""Seeded weights repeat and leave torch's global generator as it was."""

import torch

from concept_control.seeding import seeded_weights


def test_weights_follow_from_the_seed_and_nothing_else_does():
    before = torch.get_rng_state()
    layers = []
    for seed in (1, 1, 2):
        with seeded_weights(seed):
            layers.append(torch.nn.Linear(3, 4).weight)
    assert torch.equal(layers[0], layers[1])
    assert not torch.equal(layers[0], layers[2])
    assert torch.equal(torch.get_rng_state(), before)
