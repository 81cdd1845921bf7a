"""Pooled statistics: their invariances."""

import torch


def test_pairs_see_no_absolute_positions(make_network, make_scene, small_config):
    network, scene = make_network(), make_scene()
    pooling = network.pooling
    conditioning = pooling.condition(torch.randn(1, 9, dtype=torch.float64))
    shift = torch.tensor([0.3, -0.2], dtype=torch.float64)
    moved = scene._replace(before=scene.before + shift, after=scene.after + shift)
    mask = scene.attention.unsqueeze(1)
    singles = 3 * (small_config.hidden + small_config.channels)
    here = pooling(scene, mask, conditioning).learned[..., singles:]
    there = pooling(moved, mask, conditioning).learned[..., singles:]
    torch.testing.assert_close(there, here, rtol=1e-9, atol=1e-9)
