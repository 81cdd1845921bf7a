"""Features of entities, pairs and attended sets."""

import torch

from concept_control.energy.networks.features import attended_shape


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
