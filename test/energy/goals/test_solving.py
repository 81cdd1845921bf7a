"""Goals solved and sampled."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from concept_control.concepts import families, vocabulary
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.goals.solving import Walls, sample, solve
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.world.events import Events

WORDS = vocabulary()
N = 6
FIRST = np.arange(N) == 0
PAIR = (np.arange(N) == 1) | (np.arange(N) == 2)


def test_goals_are_solved_by_moving_little(model, codes):
    rng = np.random.default_rng(0)
    places = np.array([[-0.7, -0.7], [-0.5, 0.3], [0.5, 0.4], [0.7, -0.6], [0.0, -0.5]])
    events = Events(places[None, None], rng.random((1, 5, 3)), np.full((1, 5), 0.167))
    first, pair = torch.eye(5)[0], torch.tensor([0.0, 1, 1, 0, 0])
    goal = GoalEnergy(model, [GroundedTerm('between', codes['between'], first, pair)])
    solution = solve(goal, events, first, seed=1)
    assert solution.converged
    assert solution.moved.tolist() == [True, False, False, False, False]
    assert np.linalg.norm(solution.positions[0] - places[1:3].mean(axis=0)) <= 0.04
    # "near" needs one of two blocks to move, not both.
    near = GoalEnergy(model, [GroundedTerm('near', codes['near'], first, torch.eye(5)[3])])
    solution = solve(near, events, first + torch.eye(5)[3], seed=1)
    assert solution.converged and solution.moved.sum() == 1
    # Once it holds, nothing moves.
    there = Events(
        solution.positions[None, None].astype('f4'), events.colors, np.full((1, 5), 0.167)
    )
    assert not solve(near, there, first, seed=2).moved.any() or near.value(there)[0] > 1e-3


def test_composed_goals_hold_in_all_parts(model, codes):
    places = np.array([[0.7, 0.7], [-0.4, 0.0], [0.4, 0.1], [0.6, -0.6]])
    events = Events(places[None, None], np.full((1, 4, 3), 0.5), np.full((1, 4), 0.167))
    subject = torch.eye(4)[0]
    terms = [
        GroundedTerm('left_of', codes['left_of'], subject, torch.eye(4)[2]),
        GroundedTerm('near', codes['near'], subject, torch.eye(4)[1]),
        Operator('and', 2),
    ]
    solution = solve(GoalEnergy(model, terms), events, subject, seed=0)
    for name, argument in (('left_of', 2), ('near', 1)):
        mask = np.eye(4)[[argument]]
        judged = Events(
            np.stack([places, solution.positions])[None].astype('f4'),
            np.full((1, 4, 3), 0.5),
            subjects=np.eye(4)[[0]] > 0,
            attention=mask,
        )
        assert WORDS[name].holds(judged, tolerance=0.0625)[0]


def test_places_are_well_inside_and_what_is_certain_is_kept(model, codes):
    places = np.array([[0.7, 0.7], [-0.6, 0.0], [0.6, 0.0], [0.0, -0.9]])
    events = Events(places[None, None], np.full((1, 4, 3), 0.5), np.full((1, 4), 0.167))
    subject, pair, third = torch.eye(4)[0], torch.tensor([0.0, 1, 1, 0]), torch.eye(4)[3]
    near = GroundedTerm('near', codes['near'], subject, third)
    solution = solve(GoalEnergy(model, [near]), events, subject, seed=0)
    assert 0.23 < np.linalg.norm(solution.positions[0] - places[3]) < 0.34
    # Not both can be had; a place that is known exactly does not give way to a wide region.
    between = GroundedTerm('between', codes['between'], subject, pair)
    both = GoalEnergy(model, [between, near, Operator('and', 2)])
    solution = solve(both, events, subject, seed=0)
    assert not solution.converged and np.linalg.norm(solution.positions[0]) < 0.0625


def test_where_bounds_contradict_no_word_is_given_up_for_all_its_terms(model, codes):
    """Left of two things and above a third far to their right: no place is in all directions."""
    places = np.array([[0.8, 0.0], [-0.6, 0.4], [-0.7, -0.5], [0.6, 0.3]])
    events = Events(places[None, None], np.full((1, 4, 3), 0.5), np.full((1, 4), 0.167))
    shown = families()['above'].sample(np.random.default_rng(0), np.zeros((1, 0)), 5)
    left, above = codes['left_of'], model.infer(shown)
    terms = [
        GroundedTerm('term', code, torch.eye(4)[0], torch.eye(4)[other])
        for code, other in ((left, 1), (left, 2), (above, 3))
    ]
    solution = solve(GoalEnergy(model, [*terms, Operator('and', 3)]), events, torch.eye(4)[0])
    assert not solution.converged and solution.positions[0, 0] < -0.7 - 0.167


def test_several_things_end_inside_their_regions_and_not_on_the_border(model, codes):
    rng, masks = np.random.default_rng(0), torch.eye(3)
    terms = [GroundedTerm('near', codes['near'], masks[i], masks[i + 1]) for i in range(2)]
    goal = GoalEnergy(model, [*terms, Operator('and', 2)])
    apart = []
    for seed in range(4):
        places = rng.uniform(-0.9, 0.9, (1, 1, 3, 2))
        events = Events(places, np.full((1, 3, 3), 0.5), np.full((1, 3), 0.167))
        found = solve(goal, events, np.ones(3, dtype=bool), seed=seed).positions
        apart.append(np.linalg.norm(found[:2] - found[1:], axis=-1))
    # At most 0.36 is near; what moves least ends there.
    assert np.max(apart) < 0.355 and np.min(apart) > 0.215


def test_things_that_fill_the_table_find_their_order_wherever_they_start():
    """Who is left of or below whom leads to the one packing, past one another."""
    boxes = torch.tensor([
        [-1.0, -1.0, -0.2, 0.1], [-1.0, 0.1, -0.2, 1.0], [-0.2, -1.0, 1.0, -0.4],
        [-0.2, -0.4, 0.4, 1.0], [0.4, -0.4, 1.0, 1.0],
    ])  # fmt: skip
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2] - 0.12
    i, j = torch.triu_indices(len(boxes), len(boxes), 1)
    ahead, reach = middles[j] - middles[i], (sides[i] + sides[j]) / 2
    axis = (ahead.abs() - reach).argmax(dim=-1, keepdim=True)
    side, reach = ahead.gather(1, axis).sign()[:, 0], reach.gather(1, axis)[:, 0]

    def residual(scene: SceneBatch, alternatives: int) -> torch.Tensor:
        apart = (scene.after[:, j] - scene.after[:, i]).gather(
            2, axis.expand(len(scene.after), -1, -1)
        )
        found = torch.relu(reach - side * apart[..., 0])
        return found.unflatten(0, (-1, alternatives)).flatten(1)

    goal: Any = SimpleNamespace(
        check_entities=lambda number: None,
        model=SimpleNamespace(device=torch.device('cpu')),
        readings=lambda count, generator, alternatives=1: partial(
            residual, alternatives=alternatives
        ),
    )
    start = 2 * torch.rand(1, 1, len(boxes), 2, generator=torch.Generator().manual_seed(0)) - 1
    events = Events(start, torch.full((1, len(boxes), 3), 0.5), sides[None])
    walls = Walls(separation=1.095, edge=0.995, holds_bodies=True, weight=100.0)
    _, energies = sample(goal, events, np.ones(len(boxes), dtype=bool), samples=10, walls=walls)
    assert (energies < 1e-3).sum() >= 9


def test_samples_are_independent_and_leave_alone_what_may_not_move(random_model, programs):
    goal = GoalEnergy(random_model, programs['and'])
    events = Events(torch.rand(1, 1, N, 2), torch.rand(1, N, 3))
    drawn = [sample(goal, events, FIRST | PAIR, 3, samples=4) for _ in 'ab']
    places, energies = drawn[0]
    np.testing.assert_array_equal(places, drawn[1][0])
    assert places.shape == (4, N, 2) and energies.shape == (4,)
    still = ~(FIRST | PAIR)
    stood = np.broadcast_to(events.positions[0, 0, still].numpy(), (4, 3, 2))
    np.testing.assert_allclose(places[:, still], stood)
    assert np.unique(places[:, 0], axis=0).shape == (4, 2)


def test_walls_part_rectangles_and_hold_them_on_the_table():
    """Where the walls are satisfied, no two rectangles overlap and none sticks out."""
    sides = torch.tensor([0.9, 0.3]).repeat(N, 1)
    sides[::2] = sides[::2].flip(-1)
    scene = Events(torch.zeros(1, 1, N, 2), torch.rand(1, N, 3), sides[None])
    walls = Walls(separation=1.095, edge=1.0, holds_bodies=True)
    batch = scene_batch_from_events(scene).repeat(4000)
    places = 2 * torch.rand(4000, N, 2, generator=torch.Generator().manual_seed(0)) - 1
    places[:, 2:] = torch.tensor([9.0, 9.0]) * torch.arange(N - 2)[:, None]
    movable = torch.tensor([1.0, 1.0, *[0.0] * (N - 2)])[None]
    energy = walls.residuals(places, batch, movable).square().sum(dim=-1)
    half = sides[:2] / 2
    inside = (places[:, :2].abs() + half <= 1).all(dim=-1).all(dim=-1)
    apart = ((places[:, 0] - places[:, 1]).abs() >= half.sum(dim=0)).any(dim=-1)
    assert (energy == 0).sum() > 50
    assert (inside & apart)[energy == 0].all()
