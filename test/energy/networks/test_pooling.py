"""Pooled statistics: their invariances."""

import torch

from concept_control.energy.networks.pooling import attended_shape


def test_shape_of_the_attended_is_similarity_invariant():
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
