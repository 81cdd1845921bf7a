"""Chains led down by Levenberg and Marquardt's steps."""

import pytest
import torch

from concept_control.energy.search.levenberg_marquardt import (
    LeastSquaresConfig,
    levenberg_marquardt,
)


def draw(*shape, seed=0):
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed)) - 1


def bent(places):
    """Rosenbrock's valley in the first entity, a circle about the second in the third."""
    x, y = places[..., 0, 0], places[..., 0, 1]
    ring = (places[..., 2, :] - places[..., 1, :]).norm(dim=-1) - 0.4
    return torch.stack([0.5 - x, 5 * (y - x.square()), 3 * ring], dim=-1)


@pytest.fixture
def starts():
    return 0.8 * draw(20, 3, 2)


def test_chains_find_the_end_of_a_bent_valley(starts):
    movable = torch.tensor([1.0, 0.0, 1.0]).expand(20, 3)
    place, energy = levenberg_marquardt(bent, starts, movable, LeastSquaresConfig(iterations=40))
    assert energy.max() < 1e-6
    torch.testing.assert_close(
        place[:, 0], torch.tensor([[0.5, 0.25]]).expand(20, 2), atol=1e-3, rtol=0
    )
    gap = (place[:, 2] - place[:, 1]).norm(dim=-1)
    torch.testing.assert_close(gap, torch.full((20,), 0.4), atol=1e-3, rtol=0)


def test_what_may_not_move_stays_and_no_chain_ever_rises(starts):
    movable = (draw(20, 3, seed=1) > 0).float()
    movable[0] = 0.0
    before = bent(starts).square().sum(dim=-1)
    place, energy = levenberg_marquardt(bent, starts, movable, LeastSquaresConfig(iterations=3))
    assert (energy <= before).all()
    torch.testing.assert_close(energy, bent(place).square().sum(dim=-1))
    assert torch.equal(place[movable < 0.5], starts[movable < 0.5])
    assert (place[movable > 0.5] != starts[movable > 0.5]).any()


def test_chains_do_not_meet_each_other_nor_leave_the_workspace(starts):
    def outward(places):
        return (3.0 - places[..., :1, 0]).float()

    movable = torch.tensor([1.0, 0.0, 0.0]).expand(20, 3)
    place, _ = levenberg_marquardt(outward, starts, movable, LeastSquaresConfig(limit=0.9))
    assert (place[:, 0, 0] == 0.9).all()
    one, energy = levenberg_marquardt(bent, starts[3:4], movable[3:4], LeastSquaresConfig())
    every, energies = levenberg_marquardt(bent, starts, movable, LeastSquaresConfig())
    torch.testing.assert_close(one[0], every[3])
    torch.testing.assert_close(energy[0], energies[3])


def test_where_nothing_may_move_nothing_does(starts):
    place, energy = levenberg_marquardt(bent, starts, torch.zeros(20, 3), LeastSquaresConfig())
    assert torch.equal(place, starts)
    torch.testing.assert_close(energy, bent(starts).square().sum(dim=-1))
