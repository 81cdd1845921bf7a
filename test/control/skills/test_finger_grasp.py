"""Which faces fingers seize, and when there is no room for them."""

import numpy as np
import pytest

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.skills.finger_grasp import FingerGrasp, tip_height
from concept_control.control.skills.task_view import TaskConfig, TaskView
from concept_control.world.entity import RIM, EntityState

ARM = ArmDescription.load('franka_gripper')
CENTER = np.array(ARM.workspace.center)
SIDE = 0.04
HOME = float(ArmKinematics(ARM).tool(ARM.home).heading)
YAW = HOME + 0.3


def block(xy, yaw=0.0, bottom=0.0, side=SIDE):
    return EntityState(np.array([*xy, bottom + side / 2]), np.full(3, side), yaw=yaw)


def grasp_beside(*others, yaw=YAW):
    """Choose the grasp of a block with others at distances [m] and angles from its faces."""
    view = TaskView(ARM, ArmKinematics(ARM), TaskConfig())
    view.entities = {1: block(CENTER, yaw)}
    for number, (distance, angle, bottom) in enumerate(others, 2):
        way = np.array([np.cos(yaw + angle), np.sin(yaw + angle)])
        view.entities[number] = block(CENTER + distance * way, yaw, bottom)
    return FingerGrasp(view, 1)


@pytest.mark.parametrize('angle', [0.0, np.pi / 2, np.pi])
def test_fingers_come_down_beside_the_faces_that_are_free(angle):
    grasp = grasp_beside((SIDE + 0.004, angle, 0.0))
    assert abs(np.cos(grasp.heading - YAW - angle)) < 1e-6
    assert grasp.space > 0 and grasp.opening == pytest.approx(0.056)


def test_a_turn_is_counted_from_home_and_never_more_than_a_quarter():
    for yaw in np.linspace(-np.pi, np.pi, 9):
        assert abs(grasp_beside(yaw=yaw).heading - HOME) <= np.pi / 4 + 1e-9


def test_a_block_between_others_on_all_sides_is_left_alone_unless_it_stands_above_them():
    around = [(SIDE + 0.004, k * np.pi / 2) for k in range(4)]
    assert grasp_beside(*((d, a, 0.0) for d, a in around)).space < 0
    assert grasp_beside(*((d, a, -0.03) for d, a in around)).space > 0


def test_the_palm_keeps_off_a_tower_that_the_fingers_would_pass():
    tower = [(0.07, 0.0, level * SIDE) for level in range(3)]
    assert abs(np.sin(grasp_beside(tower[0]).heading - YAW)) < 1e-6, 'the lesser turn'
    assert abs(np.cos(grasp_beside(*tower).heading - YAW)) < 1e-6


def test_fingers_go_down_between_the_walls_of_an_open_box_and_beside_them():
    side, view = 0.14, TaskView(ARM, ArmKinematics(ARM), TaskConfig())
    box = EntityState(np.array([*CENTER, 0.02]), np.array([side, side, 0.04]), rim=RIM)
    for offset, yaw, is_free in (
        (0.0, YAW, True),  # in the middle
        (side / 2 - RIM - SIDE / 2 - 0.002, 0.0, True),  # at a wall, across the other way
        (side / 2 + SIDE / 2 + 0.004, 0.0, True),  # outside, likewise
        (side / 2 - RIM - SIDE / 2 - 0.006, np.pi / 4, False),  # a corner at the wall
    ):
        view.entities = {1: block(CENTER + np.array([offset, 0.0]), yaw), 2: box}
        grasp = FingerGrasp(view, 1)
        assert (grasp.space > 0) == is_free, (offset, grasp.space)
        assert offset == 0.0 or not is_free or abs(np.cos(grasp.heading)) < 1e-6


def test_tips_seize_below_the_middle_but_not_what_is_below():
    assert tip_height(block(CENTER, bottom=0.08)) == pytest.approx(0.08 + SIDE / 2 - 0.006)
    assert tip_height(block(CENTER, side=0.015)) == pytest.approx(0.004)
