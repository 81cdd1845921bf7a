"""The step energy in the cost of control, and an arm that draws with it."""

import numpy as np
import pytest

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.controller import ConceptController
from concept_control.control.costs.arm_cost import ArmCost
from concept_control.control.costs.motion_energy import NoEnergy
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.demos.drawing_result import draw, hausdorff_distance
from concept_control.policy.figures import parts_of_examples, place_strokes
from concept_control.policy.smooth_pieces import pieces_of
from concept_control.policy.step_energy import FiguredPath, PolicyStroke, StepEnergy
from concept_control.policy.storage import load_policy
from concept_control.simulation.closed_loop import ClosedLoop
from concept_control.simulation.scene import SceneConfig, build_scene


def loop_of(scene):
    return ClosedLoop(scene, ConceptController(scene.arm))


class Flow:
    """A motion energy with a linear residual that is known."""

    by_velocity = np.array([[3.0, 0.0], [1.0, 2.0]])

    def residual(self, xy, velocity):
        return velocity @ self.by_velocity.T - 0.3

    def linearize(self, xy, velocity):
        shape = (len(xy), 2, 2)
        return (
            self.residual(xy, velocity),
            np.zeros(shape),
            np.broadcast_to(self.by_velocity, shape),
        )


def test_the_motion_terms_of_the_cost_agree_with_finite_differences():
    arm = ArmDescription.load('franka')
    n, horizon = arm.num_joints, 3
    cost = ArmCost(arm, ArmKinematics(arm), NoEnergy(), height=0.1, motion=Flow())
    rng = np.random.default_rng(0)
    states = np.tile(np.concatenate([arm.home, np.zeros(n)]), (horizon + 1, 1))
    states += 0.05 * rng.normal(size=states.shape)
    controls = rng.normal(size=(horizon, n))
    zero = np.zeros((horizon, 2 * n, 2 * n)), np.zeros((horizon, 2 * n, n))
    with_motion = cost.quadratize(states, controls, *zero)
    assert with_motion.value == pytest.approx(float(cost.value(states, controls)))
    cost.motion = None
    slope = with_motion.state_gradient - cost.quadratize(states, controls, *zero).state_gradient

    def motion_value(changed):
        cost.motion = Flow()
        whole = float(cost.value(changed, controls))
        cost.motion = None
        return whole - float(cost.value(changed, controls))

    for t, joint in ((0, 0), (1, 3), (3, 5)):
        shift = np.zeros_like(states)
        shift[t, n + joint] = 1e-5
        difference = (motion_value(states + shift) - motion_value(states - shift)) / 2e-5
        assert slope[t, n + joint] == pytest.approx(difference, rel=1e-4, abs=1e-7)


@pytest.fixture(scope='module')
def circle():
    return load_policy('circle')


def test_the_step_energy_is_zero_on_the_policys_path_and_its_slopes_are_right(circle):
    path = FiguredPath(circle, np.zeros(2))
    path.extend(12)
    c, s = np.cos(0.4), np.sin(0.4)
    rotation, origin = np.array([[c, -s], [s, c]]), np.array([0.4, 0.1])
    energy = StepEnergy(path.expansions, circle.step_length, origin, 0.2, rotation, 0.1)
    places = np.array([e.place for e in path.expansions[3:9]])
    steps = np.array([e.step for e in path.expansions[3:9]])
    xy, velocity = origin + 0.2 * places @ rotation.T, 0.1 * steps @ rotation.T
    on_path = energy.residual(xy, velocity)
    assert np.abs(on_path).max() < 0.3  # in units of the energy; a step across costs about 10
    assert np.abs(energy.residual(xy, -velocity)).max() > 10
    by_velocity = energy.linearize(xy, velocity)[2]
    for axis in range(2):
        shift = 1e-6 * np.eye(2)[axis]
        change = energy.residual(xy, velocity + shift) - energy.residual(xy, velocity - shift)
        np.testing.assert_allclose(by_velocity[..., axis], change / 2e-6, rtol=1e-5, atol=1e-4)
    # Beside the path, what is wanted leads back to it.
    normal = np.array([[0.0, -1.0], [1.0, 0.0]])
    for e in path.expansions[3:9]:
        aside = normal @ e.step * 0.02
        assert (e.slope @ aside) @ aside < 0


def test_the_arm_draws_the_policys_path_within_two_millimetres(circle):
    scene = build_scene(SceneConfig(num_blocks=0))
    workspace = scene.arm.workspace
    stroke = PolicyStroke(circle, np.array(workspace.center), 0.15, workspace.rotation)
    drawn = draw(loop_of(scene), DrawingGoal((stroke,), height=0.005, speed=0.1))
    assert drawn.status == 'satisfied', drawn.text
    assert drawn.deviation() < 0.002
    # It is a circle, whatever the policy says.
    line = drawn.lines[0][:, :2]
    radius = np.linalg.norm(line - workspace.center, axis=1)
    assert np.abs(radius - 0.075).max() < 0.003
    assert np.abs(drawn.lines[0][:, 2] - 0.005).max() < 0.002


def test_beside_a_path_whose_demonstrations_part_the_step_leads_back():
    path = FiguredPath(load_policy('mouse2'), np.zeros(2))
    path.extend(60)
    for e in path.expansions:
        across = np.array([-e.step[1], e.step[0]]) / np.linalg.norm(e.step)
        assert across @ e.slope @ across < -4.9


@pytest.mark.parametrize('name', ['circle', 'path1'])
def test_beyond_its_end_a_closed_path_goes_round_again_and_an_open_one_straight_on(name):
    policy = load_policy(name)
    path = FiguredPath(policy, np.zeros(2))
    path.extend(policy.num_steps + 10)
    points = np.array(path.points)
    steps = np.diff(points, axis=0)[policy.num_steps :]
    if policy.is_closed:
        assert np.linalg.norm(points[policy.num_steps :] - points[:11], axis=1).max() < 0.05
    else:
        np.testing.assert_allclose(steps, np.broadcast_to(steps[0], steps.shape))


def test_joined_strokes_are_drawn_one_by_one_with_a_hop_between():
    scene = build_scene(SceneConfig(num_blocks=0))
    center, rotation = np.array(scene.arm.workspace.center), scene.arm.workspace.rotation
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    parts = list(parts_of_examples([[piece] for piece in pieces_of(corner)], 'corner'))
    strokes = place_strokes(parts, center, 0.08, rotation)
    drawn = draw(loop_of(scene), DrawingGoal(strokes, height=0.005, speed=0.1))
    assert drawn.status == 'satisfied', drawn.text
    assert len(drawn.lines) == 2 and drawn.deviation() < 0.002


def test_a_place_that_cannot_be_reached_is_refused_with_the_reason(circle):
    scene = build_scene(SceneConfig(num_blocks=0))
    stroke = PolicyStroke(circle, np.array([0.9, 0.0]), 0.15, scene.arm.workspace.rotation)
    drawn = draw(loop_of(scene), DrawingGoal((stroke,)))
    assert drawn.status == 'failed' and 'outside the workspace' in drawn.text
    assert drawn.deviation() == float('inf')


def test_the_distance_counts_what_is_missing_and_what_is_too_much():
    whole = np.array([[0.0, 0.0], [1.0, 0.0]])
    half = np.array([[0.0, 0.0], [0.5, 0.0]])
    assert hausdorff_distance(whole, half) == pytest.approx(0.5, abs=1e-3)
    assert hausdorff_distance(half, whole) == pytest.approx(0.5, abs=1e-3)
