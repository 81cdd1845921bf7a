"""Langevin chains on energies whose minima are known."""

import torch

from concept_control.energy.search.langevin import (
    LangevinConfig,
    keep_lowest,
    langevin_descent,
    scatter_starts,
)


def test_descent_reaches_the_lower_of_two_minima_and_moves_nothing_else():
    generator = torch.Generator().manual_seed(0)
    low, high = torch.tensor([0.6, -0.5]), torch.tensor([-0.6, 0.5])

    def energy(place):
        first = (place[:, 0] - low).square().sum(dim=-1)
        second = (place[:, 0] - high).square().sum(dim=-1) + 0.1
        return torch.minimum(first, second) * 3.0

    start = torch.zeros(2, 3, 2)
    start[:, 0] = high
    movable = torch.tensor([[1.0, 0, 0]] * 2)
    config = LangevinConfig(chains=8, steps=30)
    starts = scatter_starts(start, movable, 8, generator)
    places, values = langevin_descent(
        energy, starts.flatten(0, 1), movable.repeat_interleave(8, 0), config, generator
    )
    best = keep_lowest(places.unflatten(0, (2, 8)), values.unflatten(0, (2, 8)))
    torch.testing.assert_close(best[:, 0], low.expand(2, 2), atol=5e-3, rtol=0)
    assert (best[:, 1:] == 0).all()
    assert (energy(best) < 1e-4).all()


def test_descent_stays_inside_and_repeats_with_its_seed():
    def energy(place):
        return (place - 5.0).square().sum(dim=(-1, -2))

    def run():
        generator = torch.Generator().manual_seed(3)
        starts = torch.zeros(4, 2, 2)
        return langevin_descent(
            energy, starts, torch.ones(4, 2), LangevinConfig(steps=10), generator
        )[0]

    assert (run().abs() <= 1.0).all()
    assert torch.equal(run(), run())
