"""The energy of composed goals."""

import copy

import numpy as np
import pytest
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.model import ConceptModel
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.errors import CodeError, CommandError, EventError
from concept_control.world.events import Events

N = 6
FIRST = np.arange(N) == 0
PAIR = (np.arange(N) == 1) | (np.arange(N) == 2)


def test_a_moved_reference_is_as_if_it_had_always_been_there(random_model, programs):
    rng = np.random.default_rng(1)
    goal = GoalEnergy(random_model, programs['one'])
    before, after = rng.uniform(-1, 1, (2, 1, N, 2))
    before[:, 0] = after[:, 0]
    colors = rng.random((1, N, 3))
    moved = goal.value(Events(np.stack([before, after], axis=1), colors))
    stood = goal.value(Events(np.stack([after, after], axis=1), colors))
    torch.testing.assert_close(moved, stood)


def test_and_adds_weighted_energies(random_model, programs):
    events = Events(torch.rand(4, 2, N, 2), torch.rand(4, N, 3))
    first, second, _ = programs['and']
    whole = GoalEnergy(random_model, programs['and']).value(events)
    parts = GoalEnergy(random_model, [first]).value(events) + GoalEnergy(
        random_model, [second]
    ).value(events)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)


def test_gradient_of_a_composed_goal_matches_finite_differences(random_model, programs):
    energy = random_model.energy_function
    precise = ConceptModel(NetworkEnergy(copy.deepcopy(energy.network).double(), energy.encoder))
    goal = GoalEnergy(precise, programs['nested'])
    torch.manual_seed(1)
    scene = scene_batch_from_events(
        Events(torch.rand(2, 2, N, 2), torch.rand(2, N, 3)), torch.float64
    )
    place = scene.after.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda p: goal.scene_value(scene._replace(after=p)), (place,), eps=1e-6, atol=1e-6
    )


def test_malformed_goals_are_refused(random_model, term):
    good = term(1, FIRST, PAIR)
    with pytest.raises(CommandError, match='leaves 2 energies'):
        GoalEnergy(random_model, [good, good])
    with pytest.raises(CommandError, match='postfix'):
        GoalEnergy(random_model, [good, Operator('and', 2)])
    with pytest.raises(CommandError, match='leaves 0'):
        GoalEnergy(random_model, [])
    with pytest.raises(CommandError, match='unknown operator'):
        Operator('xor', 2)
    with pytest.raises(CommandError, match='weight'):
        term(1, FIRST, PAIR, -1.0)
    with pytest.raises(CommandError, match='bound to'):
        GoalEnergy(random_model, [good, term(1, FIRST[:3], PAIR[:3]), Operator('and', 2)])
    with pytest.raises(CodeError, match='expects 64'):
        GoalEnergy(
            random_model,
            [GroundedTerm('x', ConceptCode(torch.ones(3), torch.ones(3)), FIRST, PAIR)],
        )
    with pytest.raises(EventError, match='bound to 6'):
        GoalEnergy(random_model, [good]).value(Events(torch.rand(1, 1, 4, 2), torch.rand(1, 4, 3)))
