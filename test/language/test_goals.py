"""The one maker of goals: what is planned, what is refused, what a message carries back."""

from dataclasses import replace

import numpy as np
import pytest

from concept_control.control.skills.sequencing import FREE_SPACE
from concept_control.errors import GroundingError
from concept_control.language.expression import parse
from concept_control.language.goals import (
    GoalConfig,
    bind_goal,
    plan_goal,
    request_goal,
    request_tool_goal,
    tool_goal,
)
from concept_control.language.judge import Judge
from concept_control.language.library import ConceptLibrary
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.entity import TOOL_COLOR, TOOL_ID
from concept_control.world.tabletop import Tabletop
from concept_control.world.workspace import Workspace

WORKSPACE = Workspace()
PLACES = np.array([[0.0, 0.9], [-0.6, -0.5], [0.1, -0.4], [0.6, 0.3]])
SCENE = Tabletop(
    (TOOL_ID, 1, 2, 3),
    PLACES,
    np.array([TOOL_COLOR, *(NAMED_COLORS[name] for name in ('red', 'blue', 'green'))]),
    np.full(4, 0.167),
)


def test_a_goal_moves_the_subject_to_where_the_predicate_holds(model, library):
    request = request_goal('between(red; blue, green)', SCENE, model, library)
    assert request.scene.ids == (1, 2, 3)  # the tool is not on the table
    goal = plan_goal(request, model, WORKSPACE)
    assert goal.movable == goal.moved == (1,)
    np.testing.assert_allclose(goal.targets[0], PLACES[2:].mean(axis=0), atol=0.06)
    np.testing.assert_allclose(goal.targets[1:], PLACES[2:], atol=1e-6)
    assert goal.target_energy <= GoalConfig.max_energy < goal.initial_energy
    assert goal.energy(goal.targets[None])[0] == pytest.approx(goal.target_energy, abs=1e-5)


def test_the_solver_of_a_goal_follows_what_a_hand_has_moved(model, library):
    goal = plan_goal(
        request_goal('between(red; blue, green)', SCENE, model, library), model, WORKSPACE
    )
    now = goal.before.copy()
    now[2] = [0.1, 0.7]
    places = np.column_stack([now, np.zeros(len(now))])
    np.testing.assert_allclose(goal.solver(places)[0], (places[1] + places[2]) / 2, atol=0.06)


def test_what_cannot_hold_is_refused(model, library):
    request = request_goal('near(red; blue) and far(red; blue)', SCENE, model, library)
    with pytest.raises(GroundingError, match='cannot be reached here'):
        plan_goal(request, model, WORKSPACE)


def test_what_has_room_along_the_border_alone_is_put_there(model, library):
    def planned(x):
        scene = replace(SCENE, positions=np.array([*PLACES[:2], [x, 0.1], PLACES[3]]))
        request = request_goal('left_of(red; blue)', scene, model, library)
        return request.scene, plan_goal(request, model, WORKSPACE).targets

    # The nearer blue is to the border the less room is left beside it, but enough to put red down.
    for x, tolerance in ((-0.79, 0.01), (-0.82, 0.04)):
        before, targets = planned(x)
        after = replace(before, positions=targets)
        assert Judge(parse('left_of(red; blue)'), before, tolerance)(after).holds
        assert np.abs(targets).max() <= 1.0
        apart = targets[0] - targets[1]
        side = before.sizes[:2].mean()
        assert np.linalg.norm(apart) > FREE_SPACE * side and np.abs(apart).max() > side
    with pytest.raises(GroundingError, match='is there room'):
        planned(-0.85)


@pytest.mark.parametrize('weight', [0.001, 1.0, 1000.0])
@pytest.mark.parametrize(
    'expression', ['{}*near(red; blue)', 'near(red; blue) and {}*far(green; blue)']
)
def test_a_weight_does_not_change_what_can_be_had(model, library, expression, weight):
    plain, weighted = (
        plan_goal(request_goal(expression.format(w), SCENE, model, library), model, WORKSPACE)
        for w in (1.0, weight)
    )
    np.testing.assert_array_equal(weighted.targets, plain.targets)
    assert weighted.moved == plain.moved and 1 in plain.moved


def test_where_not_everything_can_be_had_the_heaviest_is(model, library):
    request = request_goal('near(red; blue) and 0.001*far(red; blue)', SCENE, model, library)
    goal = plan_goal(request, model, WORKSPACE)
    near, far = goal.conjunct_energies(goal.targets[None])[0]
    assert goal.conjuncts == ('near', 'far') and goal.weights == (1.0, 0.001)
    assert near <= GoalConfig.max_energy < far


def test_what_would_hardly_move_stays(model, library):
    request = request_goal('between(red; blue, green)', SCENE, model, library)
    far = GoalConfig(move_tolerance=1.0)
    assert plan_goal(request, model, WORKSPACE, far).moved == ()


def test_a_solution_that_is_known_makes_the_same_goal(model, library):
    request = request_goal('near(red; blue)', SCENE, model, library)
    planned = plan_goal(request, model, WORKSPACE)
    energies = (planned.initial_energy, planned.target_energy)
    bound = bind_goal(request, model, planned.targets, planned.moved, energies, goal_id=7)
    assert bound.goal_id == 7
    for name in ('entity_ids', 'movable', 'moved', 'subjects', 'initial_energy', 'expression'):
        assert getattr(bound, name) == getattr(planned, name)
    places = np.stack([planned.before, planned.targets])
    np.testing.assert_array_equal(bound.energy(places), planned.energy(places))


def test_a_concept_of_the_tool_joins_what_moves_the_tool(model, library):
    goal = tool_goal(request_tool_goal('far(tool; blue)', SCENE, model, library), model)
    assert goal.movable == (TOOL_ID,) and goal.moved == () and goal.entity_ids == SCENE.ids
    with pytest.raises(GroundingError, match='not about the tool alone'):
        request_tool_goal('far(red; blue)', SCENE, model, library)


def test_things_go_into_an_open_box_that_has_room_and_refusals_say_what_is_missing(model):
    library = ConceptLibrary.learn(model, ('red', 'blue', 'green', 'inside'))
    sizes = np.array([0.167, 0.167, 0.6, 0.167])
    box = replace(SCENE, sizes=sizes, heights=np.full(4, 0.167), rims=np.array([0, 0, 0.0167, 0]))

    def plan(expression, scene):
        return plan_goal(request_goal(expression, scene, model, library), model, WORKSPACE)

    full = replace(box, positions=np.array([*PLACES[:3], PLACES[2]]))
    for scene in (box, full):
        goal = plan('inside(red; blue)', scene)
        away = np.abs(goal.targets[0] - goal.targets[1]).max()
        assert away < 0.6 / 2 - 0.0167 - 0.167 / 2 and 2 not in goal.moved
        assert goal.target_bottoms[0] == 0.0
    # What was in it makes room: aside, or on what came in.
    apart = np.abs(goal.targets[0] - goal.targets[2]).max()
    assert apart > 0.167 or goal.target_bottoms[2] == pytest.approx(0.167)
    both = plan('inside(red; blue) and inside(green; blue)', box)
    assert np.abs(both.targets[0] - both.targets[2]).max() > 0.167
    large = replace(box, sizes=np.array([0.167, 0.45, 0.6, 0.167]))
    for expression, scene, reason in (
        ('inside(red; green)', box, '#3 is no open box'),
        ('inside(red; blue)', large, '#1 needs 153 mm, .* of #2 there are 136 mm'),
    ):
        with pytest.raises(GroundingError, match=reason):
            plan(expression, scene)
