"""The shipped model, in closed loop with the particle world's predicates as the judge."""

import numpy as np
import pytest
import torch

import concept_control as cc
from concept_control.concepts import families, vocabulary
from concept_control.energy.goals.fast_evaluator import FastGoalEvaluator
from concept_control.energy.goals.goal_energy import GoalEnergy
from concept_control.energy.goals.program import GroundedTerm, Operator
from concept_control.energy.goals.solving import solve
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.errors import CodeError, EventError
from concept_control.training.report import judge_family

WORDS = vocabulary()
COLORS = ('red', 'green', 'blue', 'yellow', 'cyan', 'magenta', 'orange', 'white')


@pytest.fixture(scope='module')
def model():
    return cc.ConceptModel.load()


@pytest.fixture(scope='module')
def codes(model):
    names = ('between', 'left_of', 'near', 'far', *COLORS)
    return {name: model.infer(WORDS[name].demonstrations(seed=3)) for name in names}


def test_between_is_generated_where_it_holds(model, codes):
    scenes = WORDS['between'].demonstrations(seed=50, count=24)
    moved = model.generate(scenes, codes['between'], seed=1)
    errors = WORDS['between'].error(moved)
    assert np.median(errors) <= 0.02
    assert errors.max() <= 0.0625
    still = ~scenes.subjects
    assert torch.equal(moved.positions[:, 1][still], scenes.positions[:, 0][still])


def test_between_pulls_from_anywhere(codes, model):
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


@pytest.mark.parametrize('name', ['left_of', 'near', 'far'])
def test_relations_are_generated(model, codes, name):
    moved = model.generate(WORDS[name].demonstrations(seed=50, count=20), codes[name])
    assert WORDS[name].holds(moved).mean() >= 0.95


def test_colors_are_identified(model, codes):
    right = []
    for name in COLORS:
        scenes = WORDS[name].demonstrations(seed=60, count=12)
        found = model.identify(scenes.without_attention(), codes[name]).numpy() > 0.5
        right.extend((found == WORDS[name].true_attention(scenes)).all(axis=1))
    assert np.mean(right) >= 0.85


def test_identification_ignores_the_attention_given(model, codes):
    scenes = WORDS['red'].demonstrations(seed=61, count=4)
    other = scenes.without_attention()
    assert torch.equal(model.identify(scenes, codes['red']), model.identify(other, codes['red']))


def test_recognition_tells_concepts_apart(model, codes):
    names = ('between', 'near', 'red', 'blue')
    chosen = []
    for index, name in enumerate(names):
        events = WORDS[name].demonstrations(seed=70, count=10)
        picked = model.recognise(events, [codes[n] for n in names])
        chosen.extend((picked == index).tolist())
    assert np.mean(chosen) >= 0.8


def test_operations_repeat_with_their_seed(model):
    shown = WORDS['between'].demonstrations(seed=3)
    scenes = WORDS['between'].demonstrations(seed=4, count=2)
    config = InferenceConfig(method='both', steps=3)
    first, second = (model.infer(shown, seed=5, config=config) for _ in range(2))
    assert torch.equal(first.stacked(), second.stacked())
    runs = [model.generate(scenes, first, seed=7).positions for _ in range(2)]
    assert torch.equal(*runs)


def test_the_order_of_demonstrations_does_not_matter(model):
    shown = WORDS['between'].demonstrations(seed=3)
    code, other = model.infer(shown), model.infer(shown[torch.tensor([4, 1, 0, 3, 2])])
    torch.testing.assert_close(other.stacked(), code.stacked(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize('name', ['near', 'red'])
def test_refinement_keeps_what_it_does_not_improve(model, name):
    shown = WORDS[name].demonstrations(seed=3)
    guess = model.infer(shown, config=InferenceConfig(method='encoder'))
    code = model.infer(shown, config=InferenceConfig(method='both', good_argument=0.1))
    gain = InferenceConfig().gain
    for half in ('action', 'argument'):
        before = code.info[f'{half}_loss_of_guess']
        after = code.info.get(f'{half}_loss_of_refined', before)
        assert (after < before - gain) != torch.equal(getattr(code, half), getattr(guess, half))


@pytest.mark.parametrize(('name', 'what'), [('corner', 'generated'), ('odd_color', 'identified')])
def test_refinement_finds_concepts_unlike_those_of_the_training(model, name, what):
    def rate(method):
        scores = judge_family(
            model.network,
            model.encoder,
            families()[name],
            np.random.default_rng(0),
            num_concepts=12,
            inference=InferenceConfig(method=method),
        )
        return np.mean(getattr(scores, what))

    assert rate('both') >= rate('encoder') + 0.2


def test_an_argument_that_fits_is_left_alone(model):
    shown = WORDS['red'].demonstrations(seed=3)
    guess = model.infer(shown, config=InferenceConfig(method='encoder'))
    assert torch.equal(model.infer(shown).argument, guess.argument)


def test_goals_are_solved_by_moving_little(model, codes):
    rng = np.random.default_rng(0)
    places = np.array([[-0.7, -0.7], [-0.5, 0.3], [0.5, 0.4], [0.7, -0.6], [0.0, -0.5]])
    events = cc.Events(places[None, None], rng.random((1, 5, 3)), np.full((1, 5), 0.167))
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
    there = cc.Events(
        solution.positions[None, None].astype('f4'), events.colors, np.full((1, 5), 0.167)
    )
    assert not solve(near, there, first, seed=2).moved.any() or near.value(there)[0] > 1e-3


def test_composed_goals_hold_in_all_parts(model, codes):
    places = np.array([[0.7, 0.7], [-0.4, 0.0], [0.4, 0.1], [0.6, -0.6]])
    events = cc.Events(places[None, None], np.full((1, 4, 3), 0.5), np.full((1, 4), 0.167))
    subject = torch.eye(4)[0]
    terms = [
        GroundedTerm('left_of', codes['left_of'], subject, torch.eye(4)[2]),
        GroundedTerm('near', codes['near'], subject, torch.eye(4)[1]),
        Operator('and', 2),
    ]
    solution = solve(GoalEnergy(model, terms), events, subject, seed=0)
    for name, argument in (('left_of', 2), ('near', 1)):
        mask = np.eye(4)[[argument]]
        judged = cc.Events(
            np.stack([places, solution.positions])[None].astype('f4'),
            np.full((1, 4, 3), 0.5),
            subjects=np.eye(4)[[0]] > 0,
            attention=mask,
        )
        assert WORDS[name].holds(judged, tolerance=0.0625)[0]


def test_misuse_is_refused(model, codes):
    scenes = WORDS['between'].demonstrations(seed=4, count=2)
    bare = cc.Events(scenes.positions, scenes.colors)
    with pytest.raises(EventError, match='neither subjects nor attention'):
        model.infer(bare)
    with pytest.raises(EventError, match='scene 0 has no subject'):
        model.generate(bare, codes['between'])
    short = cc.ConceptCode(torch.ones(4), torch.ones(4))
    for use in (model.energy, model.identify, model.generate):
        with pytest.raises(CodeError, match='the model expects'):
            use(scenes, short)
    with pytest.raises(CodeError, match='no code to choose from'):
        model.recognise(scenes, [])
    with pytest.raises(CodeError, match='inference method'):
        InferenceConfig(method='guess')
