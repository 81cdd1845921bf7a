"""The set encoder: what it must not depend on."""

import torch

from concept_control.energy.networks.encoder import DemonstrationEncoder


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
