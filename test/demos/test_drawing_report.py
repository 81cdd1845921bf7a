"""An arm that draws with the step energy, and how far the line is from the path."""

import numpy as np
import pytest

from concept_control.control.controller import ConceptController
from concept_control.control.skills.drawing import DrawingGoal
from concept_control.demos.drawing_report import draw, hausdorff_distance
from concept_control.policy.drawing import place_strokes, strokes_from_examples
from concept_control.policy.model import load_policy
from concept_control.policy.smooth_pieces import smooth_pieces
from concept_control.policy.step_energy import PolicyStroke
from concept_control.simulation.closed_loop import ClosedLoop
from concept_control.simulation.scene import SceneConfig, build_scene


def loop_of(scene):
    return ClosedLoop(scene, ConceptController(scene.arm))


@pytest.fixture(scope='module')
def circle():
    return load_policy('circle')


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


def test_joined_strokes_are_drawn_one_by_one_with_a_hop_between():
    scene = build_scene(SceneConfig(num_blocks=0))
    center, rotation = np.array(scene.arm.workspace.center), scene.arm.workspace.rotation
    corner = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    parts = list(strokes_from_examples([[piece] for piece in smooth_pieces(corner)], 'corner'))
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
