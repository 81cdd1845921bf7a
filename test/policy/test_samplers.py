"""Samplers on energies that are known in closed form, and proposals against their densities."""

import math

import numpy as np
import pytest
import torch

from concept_control.policy.descents import ChainConfig, derivatives, langevin, newton_descent
from concept_control.policy.network import PolicyConfig, PolicyEnergy
from concept_control.policy.samplers import Expectation, ModeKeeping, MostLikely, RingProposal

LEFT, RIGHT = torch.tensor([-0.6, 0.8]), torch.tensor([0.6, 0.8])
SIGMA = 0.1


class TwoModes:
    """E of two equally likely steps, in every state."""

    config = PolicyConfig()

    def encode_states(self, states, codes=None):
        return states

    def action_energies(self, encoded, actions):
        logits = [-(actions - mode).square().sum(-1) / (2 * SIGMA**2) for mode in (LEFT, RIGHT)]
        return -torch.logsumexp(torch.stack(logits), dim=0)


def test_chains_at_temperature_one_sample_the_gaussian_they_are_given():
    generator = torch.Generator().manual_seed(0)
    start = torch.zeros(4000, 1, 1)
    *_, ends = langevin(
        lambda a: ((a - 1) / 0.5).square().sum(-1) / 2, start, ChainConfig(200, 0.2), generator
    )
    assert ends.mean() == pytest.approx(1.0, abs=0.03)
    assert ends.std() == pytest.approx(0.5, rel=0.06)


def test_newton_steps_reach_stiff_and_flat_directions_alike_and_never_climb():
    def energy(a):
        return 200 * a[..., 0].square() + 2 * (a[..., 1] - 0.5).square()

    ends = newton_descent(energy, torch.tensor([[[0.3, -0.3], [-0.8, 1.0]]]), 15)
    np.testing.assert_allclose(ends, [[[0.0, 0.5]] * 2], atol=1e-5)
    # On a maximum's shoulder the curvature is negative; the way still goes down.
    moved = newton_descent(lambda a: a.square().sum(-1).neg(), torch.tensor([[[0.1, 0.0]]]), 3)
    assert moved[0, 0, 0] > 0.1


def test_derivatives_are_those_of_finite_differences():
    torch.manual_seed(0)
    network = PolicyEnergy().double()
    states = torch.randn(3, 2, dtype=torch.double)
    actions = torch.randn(3, 4, 2, dtype=torch.double)
    slope, curvature = derivatives(lambda a: network(states, a), actions)
    step = 1e-5
    for axis in range(2):
        shift = step * torch.eye(2, dtype=torch.double)[axis]
        up, down = network(states, actions + shift), network(states, actions - shift)
        np.testing.assert_allclose(
            slope[..., axis], ((up - down) / (2 * step)).detach(), atol=1e-7
        )
        above, _ = derivatives(lambda a: network(states, a), actions + shift)
        below, _ = derivatives(lambda a: network(states, a), actions - shift)
        np.testing.assert_allclose(curvature[..., axis], (above - below) / (2 * step), atol=1e-6)


def test_the_ring_is_a_density_and_samples_follow_it():
    proposal = RingProposal()
    axis = torch.linspace(-2.5, 2.5, 801)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing='ij'), dim=-1)
    inside = grid.abs().amax(-1) <= 1.6
    density = proposal.log_density(grid).exp()
    assert density[inside].sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1.0, abs=0.02)
    sample = proposal.sample((200, 64), torch.Generator().manual_seed(0))
    share = ((sample.norm(dim=-1) - 1).abs() < 0.12).double().mean()
    cell = (grid.norm(dim=-1) - 1).abs() < 0.12
    assert share == pytest.approx(
        float((density * cell).sum() * (axis[1] - axis[0]) ** 2), abs=0.02
    )


def test_mode_keeping_draws_both_modes_as_often_and_returns_none_between():
    sampler = ModeKeeping(seed=1)
    steps = sampler(TwoModes(), torch.zeros(400, 2))
    is_left = (steps - LEFT).norm(dim=-1) < 1e-3
    is_right = (steps - RIGHT).norm(dim=-1) < 1e-3
    assert (is_left | is_right).all()
    assert is_left.double().mean() == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / 400))
    again = sampler(TwoModes(), torch.zeros(400, 2))
    assert ((again - steps).norm(dim=-1) < 1e-3).double().mean() > 0.99  # modes are kept


def test_more_steps_change_nothing_with_mode_keeping():
    few, many = (ModeKeeping(steps=k, seed=2)(TwoModes(), torch.zeros(50, 2)) for k in (15, 65))
    np.testing.assert_allclose(few, many, atol=1e-5)


def test_expectation_averages_two_modes_away_and_most_likely_does_not():
    config = ChainConfig(100, 0.05)
    states = torch.zeros(20, 2)
    mean = Expectation(64, config)(TwoModes(), states)
    assert (mean[:, 0].abs() < 0.4).all()
    best = MostLikely(64, config)(TwoModes(), states)
    assert torch.minimum((best - LEFT).norm(dim=-1), (best - RIGHT).norm(dim=-1)).max() < 0.15


def test_the_same_seed_gives_the_same_steps():
    states = torch.zeros(3, 2)
    for make in (ModeKeeping, MostLikely, Expectation):
        sampler = make(seed=3)
        first = sampler(TwoModes(), states)
        sampler.restart()
        np.testing.assert_array_equal(first, sampler(TwoModes(), states))
