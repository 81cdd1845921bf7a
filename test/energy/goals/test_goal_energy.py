"""Composition: its algebra, and the fast evaluator against the network."""

import numpy as np
import pytest
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.goals.fast_evaluator import FastGoalEvaluator
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import (
    NOT_MARGIN,
    GroundedTerm,
    Operator,
    soft_not,
    soft_or,
)
from concept_control.energy.goals.recordings import RECORDINGS
from concept_control.energy.goals.solving import sample
from concept_control.energy.model import ConceptModel
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import EnergyNetwork, NetworkConfig
from concept_control.errors import CodeError, CommandError, EventError
from concept_control.world.events import Events

N = 6
FIRST = np.arange(N) == 0
PAIR = (np.arange(N) == 1) | (np.arange(N) == 2)
FIFTH = np.arange(N) == 4


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    config = NetworkConfig(encoder_width=32, place_points=1, intervals=True)
    return ConceptModel(EnergyNetwork(config), DemonstrationEncoder(config))


def term(seed, subjects, attention, weight=1.0):
    generator = torch.Generator().manual_seed(seed)
    halves = torch.randn((2, 32), generator=generator)
    masks = (torch.as_tensor(subjects), torch.as_tensor(attention))
    return GroundedTerm(f'concept {seed}', ConceptCode(*halves), *masks, weight)


PROGRAMS = {
    'one': [term(1, FIRST, PAIR)],
    'no argument': [term(1, FIRST, FIRST & False)],
    'and': [term(1, FIRST, PAIR, 0.5), term(2, FIRST, FIFTH), Operator('and', 2)],
    'or': [term(1, FIRST, PAIR), term(2, FIRST, FIFTH), Operator('or', 2)],
    'nested': [
        term(1, FIRST, PAIR),
        term(2, FIRST, FIFTH),
        Operator('or', 2),
        term(3, FIRST | PAIR, FIRST | PAIR, 0.3),
        Operator('not', 1),
        Operator('and', 2),
    ],
}


@pytest.mark.parametrize('name', PROGRAMS)
@pytest.mark.parametrize('moving', [[0], [0, 2], list(range(N)), []])
def test_evaluator_equals_the_composed_energy(model, name, moving):
    """Again and again: what was recorded first serves other scenes and other numbers of rows."""
    rng = np.random.default_rng(0)
    goal = GoalEnergy(model, PROGRAMS[name])
    evaluator = FastGoalEvaluator(goal)
    for rows in (7, 3, 1):
        before = rng.uniform(-1, 1, (N, 2))
        positions = np.repeat(rng.uniform(-1, 1, (1, N, 2)), rows, axis=0)
        positions[:, moving] = rng.uniform(-1, 1, (rows, len(moving), 2))
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


def test_goals_of_one_form_share_one_recording(model):
    """TorchScript never frees a recording, and a robot gets goals for days."""
    rng = np.random.default_rng(2)
    before = rng.uniform(-1, 1, (N, 2))
    positions = np.repeat(before[None], 3, axis=0)
    positions[:, 0] = rng.uniform(-1, 1, (3, 2))
    colors, sizes = rng.random((N, 3)), np.full(N, 0.16)
    recorded = []
    for seed, roles in enumerate([(FIRST, PAIR), (FIFTH, PAIR), (FIRST, PAIR), (FIRST, PAIR)]):
        if seed == 3:
            with torch.no_grad():
                model.network.head_film.weight.mul_(1.1)
        goal = GoalEnergy(model, [term(seed, *roles)])
        residual = FastGoalEvaluator(goal).residual(before, positions, colors, sizes)
        events = Events(
            np.stack([np.repeat(before[None], 3, axis=0), positions], axis=1),
            np.repeat(colors[None], 3, axis=0),
            np.repeat(sizes[None], 3, axis=0),
        )
        energy = goal.value(events).numpy()
        np.testing.assert_allclose((residual**2).sum(axis=-1), energy, rtol=2e-4, atol=1e-5)
        recorded.append(len(RECORDINGS[model.network]))
    assert recorded[2] == recorded[1] < recorded[3]


def test_a_moved_reference_is_as_if_it_had_always_been_there(model):
    rng = np.random.default_rng(1)
    goal = GoalEnergy(model, PROGRAMS['one'])
    before, after = rng.uniform(-1, 1, (2, 1, N, 2))
    before[:, 0] = after[:, 0]
    colors = rng.random((1, N, 3))
    moved = goal.value(Events(np.stack([before, after], axis=1), colors))
    stood = goal.value(Events(np.stack([after, after], axis=1), colors))
    torch.testing.assert_close(moved, stood)


def test_and_adds_weighted_energies(model):
    events = Events(torch.rand(4, 2, N, 2), torch.rand(4, N, 3))
    first, second, _ = PROGRAMS['and']
    whole = GoalEnergy(model, PROGRAMS['and']).value(events)
    parts = GoalEnergy(model, [first]).value(events) + GoalEnergy(model, [second]).value(events)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-5)


def test_or_is_a_soft_minimum_with_exact_zeros():
    a = torch.tensor([[0.0, 0.0], [0.3, 0.4], [0.01, 0.0], [1.0, 0.0]])
    b = torch.tensor([[2.0], [0.5], [1.0], [0.0]])
    whole = soft_or([a, b]).square().sum(dim=-1)
    smallest = torch.minimum(a.square().sum(dim=-1), b.square().sum(dim=-1))
    assert (whole[[0, 3]] < 1e-9).all()
    assert (whole <= smallest + 1e-9).all()
    assert (whole >= 0.7 * smallest - 1e-9).all()


def test_not_is_bounded_and_zero_where_the_concept_does_not_hold():
    residual = torch.tensor([[0.0], [0.1], [NOT_MARGIN], [5.0]])
    whole = soft_not(residual).square().sum(dim=-1)
    assert whole[0] <= NOT_MARGIN**2
    assert whole[0] > whole[1] > whole[2]
    assert whole[2] < 1e-9 and whole[3] == 0
    # Twice negated, a zero is a zero again.
    assert soft_not(soft_not(residual[:1]))[0, 0] < 1e-4


def test_gradient_of_a_composed_goal_matches_finite_differences(model):
    import copy

    from concept_control.energy.scene_batch import scene_batch_from_events

    precise = ConceptModel(
        copy.deepcopy(model.network).double(), copy.deepcopy(model.encoder).double()
    )
    goal = GoalEnergy(precise, PROGRAMS['nested'])
    torch.manual_seed(1)
    scene = scene_batch_from_events(
        Events(torch.rand(2, 2, N, 2), torch.rand(2, N, 3)), torch.float64
    )
    place = scene.after.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda p: goal.scene_value(scene._replace(after=p)), (place,), eps=1e-6, atol=1e-6
    )


def test_samples_are_independent_and_leave_alone_what_may_not_move(model):
    goal = GoalEnergy(model, PROGRAMS['and'])
    events = Events(torch.rand(1, 1, N, 2), torch.rand(1, N, 3))
    drawn = [sample(goal, events, FIRST | PAIR, 3, samples=4, chains=2, steps=3) for _ in 'ab']
    places, energies = drawn[0]
    np.testing.assert_array_equal(places, drawn[1][0])
    assert places.shape == (4, N, 2) and energies.shape == (4,)
    still = ~(FIRST | PAIR)
    stood = np.broadcast_to(events.positions[0, 0, still].numpy(), (4, 3, 2))
    np.testing.assert_allclose(places[:, still], stood)
    assert np.unique(places[:, 0], axis=0).shape == (4, 2)


def test_malformed_goals_are_refused(model):
    good = term(1, FIRST, PAIR)
    with pytest.raises(CommandError, match='leaves 2 energies'):
        GoalEnergy(model, [good, good])
    with pytest.raises(CommandError, match='postfix'):
        GoalEnergy(model, [good, Operator('and', 2)])
    with pytest.raises(CommandError, match='leaves 0'):
        GoalEnergy(model, [])
    with pytest.raises(CommandError, match='unknown operator'):
        Operator('xor', 2)
    with pytest.raises(CommandError, match='weight'):
        term(1, FIRST, PAIR, -1.0)
    with pytest.raises(CommandError, match='bound to'):
        GoalEnergy(model, [good, term(1, FIRST[:3], PAIR[:3]), Operator('and', 2)])
    with pytest.raises(CodeError, match='expects 64'):
        GoalEnergy(
            model, [GroundedTerm('x', ConceptCode(torch.ones(3), torch.ones(3)), FIRST, PAIR)]
        )
    with pytest.raises(EventError, match='bound to 6'):
        GoalEnergy(model, [good]).value(Events(torch.rand(1, 1, 4, 2), torch.rand(1, 4, 3)))
