"""Samplers and mask searches on energies whose answers are known."""

import torch

from concept_control.energy.inference.candidates import candidate_masks, candidate_outcomes
from concept_control.energy.search.identification import lowest_masks
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
    best, lowest = keep_lowest(places.unflatten(0, (2, 8)), values.unflatten(0, (2, 8)))
    torch.testing.assert_close(best[:, 0], low.expand(2, 2), atol=5e-3, rtol=0)
    assert (best[:, 1:] == 0).all()
    assert (lowest < 1e-4).all()


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


def hamming(truth):
    return lambda masks: (masks - truth.unsqueeze(1)).abs().sum(dim=-1)


def test_enumeration_finds_the_mask_and_never_attends_to_padding():
    truth = torch.tensor([[1.0, 0, 1, 0, 0], [0.0, 1, 0, 0, 0]])
    present = torch.tensor([[1.0, 1, 1, 1, 1], [1.0, 1, 1, 0, 0]])
    generator = torch.Generator().manual_seed(0)
    masks, energies = lowest_masks(hamming(truth), present, generator, keep=3)
    assert torch.equal(masks[:, 0], truth)
    assert energies[:, 0].tolist() == [0, 0]
    assert (masks * (1 - present.unsqueeze(1))).sum() == 0


def test_greedy_search_finds_the_mask_in_large_scenes():
    generator = torch.Generator().manual_seed(0)
    truth = (torch.rand((3, 14), generator=generator) > 0.6).float()
    masks, energies = lowest_masks(hamming(truth), torch.ones(3, 14), generator)
    assert torch.equal(masks[:, 0], truth)
    assert (energies == 0).all()


def test_candidates_change_only_what_they_may():
    import numpy as np

    rng = np.random.default_rng(0)
    positions = rng.uniform(-1, 1, (5, 6, 2))
    subjects = np.arange(6) == np.arange(5)[:, None]
    present = np.arange(6) < 5 + np.zeros((5, 1))
    attention = (rng.random((5, 6)) > 0.5) & ~subjects & present
    outcomes = candidate_outcomes(rng, positions, positions, subjects, present, 40)
    still = ~np.broadcast_to(subjects[:, None], outcomes.shape[:3])
    np.testing.assert_array_equal(
        outcomes[still], np.broadcast_to(positions[:, None], outcomes.shape)[still].astype('f4')
    )
    assert np.abs(outcomes[~still]).max() <= 1.1
    masks = candidate_masks(rng, attention.astype(float), subjects, present, 40)
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert not (masks * ~present[:, None]).any()
    flips = np.abs(masks - attention[:, None]).sum(axis=-1)
    assert (flips == 1).mean() > 0.3
