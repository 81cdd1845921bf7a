"""Every planner on toy problems: iLQG must solve them, sampling must come near."""

import numpy as np
import pytest

from concept_control.benchmarks.control.report import play_toy
from concept_control.benchmarks.control.toys import toys
from concept_control.control.arm.description import ArmDescription
from concept_control.control.planners.registry import PLANNERS, arm_planner, make_planner
from concept_control.errors import CommandError

TOLERANCE = {
    'double integrator': {'ilqg': 0.001, 'cem': 0.01, 'mppi': 0.03, 'predictive_sampling': 0.06},
    'cart-pole swing-up': {'ilqg': 0.02},
    'two-link reach': {'ilqg': 0.001, 'cem': 0.03, 'mppi': 0.03, 'predictive_sampling': 0.06},
    'seven-joint reach': {'ilqg': 0.001, 'cem': 0.02, 'mppi': 0.02, 'predictive_sampling': 0.03},
}
"""Largest error at the end, in the problem's unit; sampling is not asked to swing up."""

CASES = [(problem, planner) for problem, limits in TOLERANCE.items() for planner in limits]


@pytest.mark.parametrize(('problem', 'planner'), CASES)
def test_planners_solve_toy_problems(problem, planner):
    toy = next(toy for toy in toys(planner) if toy.name == problem)
    assert play_toy(toy, planner)['error'] < TOLERANCE[problem][planner]


@pytest.mark.parametrize('planner', PLANNERS)
def test_planners_replay_and_keep_control_limits(planner):
    toy = toys(planner)[0]

    def plans():
        mover = make_planner(planner, toy.dynamics, **toy.settings)
        q, qd, efforts = toy.start, np.zeros(1), []
        for step in range(10):
            plan = mover.plan(0.05 * step, q, qd, toy.cost)
            q, qd = plan.positions[1], plan.velocities[1]
            efforts.append(plan.efforts)
        return np.array(efforts)

    first = plans()
    np.testing.assert_array_equal(first, plans())
    assert (first <= toy.dynamics.upper + 1e-12).all()
    assert (first >= toy.dynamics.lower - 1e-12).all()


@pytest.mark.parametrize('planner', PLANNERS)
@pytest.mark.parametrize('earlier', [1e-13, 0.02])
def test_a_plan_from_before_the_last_one_began_goes_on_from_it(planner, earlier):
    """Where plans are asked for more often than they have steps, one in five begins there."""
    toy = toys(planner)[0]
    old = make_planner(planner, toy.dynamics, **toy.settings)
    for _ in range(10):
        state = 3.0, toy.start, np.ones(1), toy.cost
        plan = old.plan(*state)
    cold = make_planner(planner, toy.dynamics, **toy.settings).plan(*state)
    again = old.plan(3.0 - earlier, *state[1:])
    assert again.cost - plan.cost < 0.2 * (cold.cost - plan.cost)


def test_an_unknown_planner_is_refused():
    with pytest.raises(CommandError, match='ilqg'):
        arm_planner('dijkstra', ArmDescription.load('franka'))
