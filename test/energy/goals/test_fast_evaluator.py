"""The fast evaluator against the energy."""

import copy

import numpy as np
import pytest
import torch

from concept_control.energy.goals.fast_evaluator import FastGoalEvaluator
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm
from concept_control.energy.networks.recordings import RECORDINGS
from concept_control.world.events import Events

N = 6
FIRST = np.arange(N) == 0
PAIR = (np.arange(N) == 1) | (np.arange(N) == 2)
FIFTH = np.arange(N) == 4


@pytest.mark.parametrize('name', ['one', 'no argument', 'and', 'or', 'nested'])
def test_evaluator_equals_the_composed_energy(random_model, programs, name):
    """Again and again: what was recorded first serves other scenes and other numbers of rows."""
    rng = np.random.default_rng(0)
    goal = GoalEnergy(random_model, programs[name])
    evaluator = FastGoalEvaluator(goal)
    for rows in (7, 3, 1, 300):
        before = rng.uniform(-1, 1, (N, 2))
        positions = rng.uniform(-1, 1, (rows, N, 2))
        colors, sizes = rng.random((N, 3)), rng.uniform(0.1, 0.2, N)
        residual = evaluator.residual(before, positions, colors, sizes)
        events = Events(
            np.stack([np.repeat(before[None], rows, axis=0), positions], axis=1),
            np.repeat(colors[None], rows, axis=0),
            np.repeat(sizes[None], rows, axis=0),
        )
        np.testing.assert_allclose(
            (residual**2).sum(axis=-1), goal.value(events).numpy(), rtol=2e-4, atol=1e-5
        )


def test_goals_of_one_form_share_one_recording(random_model, term):
    """TorchScript never frees a recording, and a robot gets goals for days."""
    model = copy.deepcopy(random_model)
    rng = np.random.default_rng(2)
    before = rng.uniform(-1, 1, (N, 2))
    positions = np.repeat(before[None], 3, axis=0)
    positions[:, 0] = rng.uniform(-1, 1, (3, 2))
    colors, sizes = rng.random((N, 3)), np.full(N, 0.16)
    recorded = []
    for seed, roles in enumerate([(FIRST, PAIR), (FIFTH, PAIR), (FIRST, PAIR), (FIRST, PAIR)]):
        if seed == 3:
            with torch.no_grad():
                model.energy_function.network.head_film.weight.mul_(1.1)
        goal = GoalEnergy(model, [term(seed, *roles)])
        residual = FastGoalEvaluator(goal).residual(before, positions, colors, sizes)
        events = Events(
            np.stack([np.repeat(before[None], 3, axis=0), positions], axis=1),
            np.repeat(colors[None], 3, axis=0),
            np.repeat(sizes[None], 3, axis=0),
        )
        energy = goal.value(events).numpy()
        np.testing.assert_allclose((residual**2).sum(axis=-1), energy, rtol=2e-4, atol=1e-5)
        recorded.append(len(RECORDINGS[model.energy_function.network]))
    assert recorded == [1, 1, 1, 2]


def test_between_pulls_from_anywhere(model, codes):
    """Gauss-Newton on the residual, as control does, from a grid of starts."""
    places = np.array([[0.0, 0.0], [-0.5, 0.3], [0.4, 0.6], [0.6, -0.6], [-0.6, -0.5]])
    term = GroundedTerm(
        'between', codes['between'], torch.eye(5)[0], torch.tensor([0.0, 1, 1, 0, 0])
    )
    evaluator = FastGoalEvaluator(GoalEnergy(model, [term]))
    start = np.linspace(-0.9, 0.9, 6)
    xy = np.stack(np.meshgrid(start, start), axis=-1).reshape(-1, 2)

    def residual(xy):
        positions = np.repeat(places[None], len(xy), axis=0)
        positions[:, 0] = xy
        return evaluator.residual(places, positions, np.full((5, 3), 0.5), np.full(5, 0.167))

    for _ in range(25):
        here = residual(xy)
        jacobian = np.stack(
            [(residual(xy + shift) - here) / 4e-3 for shift in 4e-3 * np.eye(2)], axis=-1
        )
        normal = np.einsum('bki,bkj->bij', jacobian, jacobian) + 1e-2 * np.eye(2)
        slope = np.einsum('bki,bk->bi', jacobian, here)
        step = -np.linalg.solve(normal, slope[..., None])[..., 0]
        length = np.linalg.norm(step, axis=1, keepdims=True)
        xy = np.clip(xy + step * np.minimum(1, 0.1 / np.maximum(length, 1e-9)), -1, 1)
    distance = np.linalg.norm(xy - places[1:3].mean(axis=0), axis=1)
    assert (distance <= 0.0625).mean() >= 0.97
