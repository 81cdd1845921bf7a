"""Pushing a block over the table."""

from dataclasses import replace

import numpy as np
import pytest

from concept_control.benchmarks.control.tool_between import MidpointEnergy, closed_form_goal
from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.controller import ConceptController, Status
from concept_control.control.costs.entity_energy import PointEnergy
from concept_control.control.skills import pushing
from concept_control.control.skills.pick_and_place import PickAndPlace
from concept_control.control.skills.pushing import choose_push
from concept_control.control.skills.script import SkillOutcome
from concept_control.control.skills.task_view import TaskConfig, TaskView
from concept_control.simulation.closed_loop import ClosedLoop, LoopConfig
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.world.entity import EntityState

ARM = ArmDescription.load('franka')
CENTER = np.array(ARM.workspace.center)
NOTHING = np.zeros((0, 2)), np.zeros(0)


def push_to(target, obstacles=NOTHING, place=CENTER, yaw=0.3):
    return choose_push(PointEnergy(np.asarray(target)), place, yaw, 0.04, obstacles, ARM.workspace)


def test_a_push_goes_along_a_face_to_where_the_energy_is_least():
    yaw = 0.3
    normal, along = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    chosen = push_to(CENTER + 0.1 * normal + 0.03 * along)
    np.testing.assert_allclose(chosen.direction, normal, atol=1e-9)
    assert chosen.length == pytest.approx(0.1, abs=1e-3)
    assert push_to(CENTER + 0.001 * normal) is None, 'it is there'


def test_a_push_neither_ends_in_another_block_nor_starts_from_one():
    target = CENTER + np.array([0.1, 0.0])
    on_the_way = np.array([CENTER + np.array([0.08, 0.0])]), np.array([0.05])
    assert push_to(target, on_the_way, yaw=0.0).length < 0.032
    behind = np.array([CENTER - np.array([0.06, 0.0])]), np.array([0.05])
    chosen = push_to(target, behind, yaw=0.0)
    assert chosen is None or abs(chosen.direction[0]) < 1e-9


def test_a_block_that_vanishes_on_the_way_to_it_is_lost(monkeypatch):
    view = TaskView(ARM, ArmKinematics(ARM), TaskConfig())
    view.entities = {1: EntityState(np.array([*CENTER, 0.02]), np.full(3, 0.04))}

    def arrive(*_):
        view.entities.clear()
        return SkillOutcome.DONE
        yield

    monkeypatch.setattr(pushing, '_go', arrive)
    energy = PointEnergy(CENTER + np.array([0.1, 0.0]))
    script = pushing.push(PickAndPlace(view), 1, lambda: energy, lambda: NOTHING, ARM.workspace)
    with pytest.raises(StopIteration) as end:
        next(script)
    assert end.value.value is SkillOutcome.LOST


def test_an_arm_without_suction_pushes_a_block_between_two_others():
    scene = build_scene(SceneConfig(num_blocks=3, seed=1, min_gap=0.08))
    controller = ConceptController(replace(scene.arm, gripper='none'))
    loop = ClosedLoop(
        scene, controller, LoopConfig(position_noise=0.0005, entity_delay=0.15, seed=1)
    )
    before = loop.world.block_positions()
    places = ARM.workspace.to_workspace(before[:, :2])
    middle = {0: places[1:].mean(axis=0)}
    sizes = loop.world.scene.sizes
    energy = MidpointEnergy(0, 1, 2)
    controller.set_goal(closed_form_goal(energy, before[:, :2], sizes, middle, ARM.workspace))
    outputs = loop.run(60.0, lambda output: output.status is not Status.ACTIVE)
    after = loop.world.block_positions()
    assert outputs[-1].status is Status.SATISFIED, outputs[-1].text
    assert not any(output.suction for output in outputs)
    assert np.linalg.norm(after[0] - (after[1] + after[2]) / 2) < 0.01
    np.testing.assert_allclose(after[1:], before[1:], atol=1e-3)
    assert after[0, 2] == pytest.approx(before[0, 2], abs=2e-3), 'it stayed on the table'
