"""The terms of the losses on hand-made energies."""

import numpy as np
import pytest
import torch

from concept_control.energy.inference.objectives import (
    denoising,
    distance_loss,
    info_nce,
    kl_sampler,
    mask_loss,
    softplus_contrast,
    target_norm,
)


def test_the_target_is_quadratic_near_and_linear_far():
    distance = torch.tensor([1e-3, 0.01, 1.0, 2.0, 4.0], dtype=torch.float64)
    energy = target_norm(distance).square()
    torch.testing.assert_close(energy[:2], distance[:2].square(), rtol=1e-3, atol=0)
    assert (energy[3] - energy[2]) / (energy[4] - energy[3]) == pytest.approx(0.5, abs=0.05)


def test_objectives_are_least_where_they_should_be():
    distances = torch.tensor([0.0, 0.1, 0.5])
    assert distance_loss(target_norm(distances), distances).abs().max() < 1e-6
    holds = torch.tensor([True, False, True, False])
    good = torch.tensor([0.0, 3.0, 0.0, 3.0])
    assert info_nce(good, holds, 0.1) < 1e-3 < info_nce(good.flip(0), holds, 0.1)
    assert softplus_contrast(good, holds, 0.1) < 1e-3
    assert softplus_contrast(0 * good, holds, 0.1) == pytest.approx(np.log(2), abs=1e-4)
    flips = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert mask_loss(torch.tensor([0.0, 0.5, 0.0, 0.8]), holds, flips).sum() < 1e-6
    shift = torch.randn(2, 3, 2)
    length = shift.square().sum(dim=(-1, -2), keepdim=True)
    slope = 2 * shift / (1 + length / 0.25).sqrt()
    assert denoising(slope, shift, torch.ones(2, 3)).max() < 1e-6
    # Spread samples have more entropy, so a smaller divergence at equal energy.
    points = torch.randn(1, 6, 2)
    assert kl_sampler(torch.zeros(1, 6), 2 * points, 0.1) < kl_sampler(
        torch.zeros(1, 6), points, 0.1
    )
