"""Goals as messages and back: at which heights things stand, also in messages from before."""

import numpy as np
import pytest

import concept_control as cc
from concept_control.language.arrange import arrange
from concept_control.language.goals import plan_goal, request_goal
from concept_control.ros.bridge import conversions as convert
from concept_control.ros.bridge.goals import goal_message, grounded_goal
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import EntityState
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

WORKSPACE = Workspace()


@pytest.fixture(scope='module')
def model():
    return cc.ConceptModel.load()


def test_heights_of_the_solution_travel_with_the_goal(model):
    size = np.array([0.04, 0.04, 0.03])
    states = {
        number: EntityState(np.array([*place, 0.016]), size, np.array(NAMED_COLORS[color]))
        for number, (place, color) in enumerate(
            (((0.5, 0.1), 'red'), ((0.6, -0.1), 'blue'), ((0.42, -0.12), 'green')), start=1
        )
    }
    scene, library = Tabletop.from_entities(states, WORKSPACE), cc.ConceptLibrary()
    arrange('on_top_of(red; blue)', scene, model, library)
    request = request_goal('on_top_of(red; blue)', scene, model, library)
    goal = plan_goal(request, model, WORKSPACE)
    heights = {i: float(state.position[2]) for i, state in states.items()}
    header = convert.header(1.0, 'world')
    message = goal_message(goal, request, header, 3, model.fingerprint, heights, WORKSPACE)
    assert message.targets[0].z == pytest.approx(0.046) and message.before[0].z == 0.016
    # Meanwhile it was moved: the goal is as it was made.
    states[1] = EntityState(np.array([0.5, 0.1, 0.2]), size, states[1].color)
    back = grounded_goal(message, states, 3, model, WORKSPACE)
    np.testing.assert_allclose(back.target_bottoms, goal.target_bottoms, atol=1e-6)
    np.testing.assert_allclose(back.targets, goal.targets, atol=1e-6)
    np.testing.assert_allclose(
        back.energy(goal.targets[None]), goal.energy(goal.targets[None]), atol=1e-5
    )
    for target, before in zip(message.targets, message.before):
        target.z = before.z
    assert not grounded_goal(message, states, 3, model, WORKSPACE).target_bottoms.any()
