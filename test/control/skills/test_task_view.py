"""How high the tool must travel."""

import numpy as np
import pytest

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.skills.task_view import TaskConfig, TaskView
from concept_control.world.entity import EntityState, EntityStatus

ARM = ArmDescription.load('franka')


def test_only_what_is_on_the_way_must_be_cleared_and_what_is_held_never():
    kinematics = ArmKinematics(ARM)
    view = TaskView(ARM, kinematics, TaskConfig(), tool=kinematics.tool(ARM.home))
    start = view.tool.position[:2]
    end = start + np.array([0.4, 0.0])
    tall = EntityState(np.array([start[0] + 0.2, start[1], 0.1]), np.array([0.04, 0.04, 0.2]))
    low = EntityState(np.array([start[0], start[1] - 0.5, 0.02]), np.full(3, 0.04))
    view.entities = {1: tall, 2: low}
    assert view.travel_top(end) == pytest.approx(0.2)
    assert view.travel_top(start + np.array([0.0, 0.4])) == pytest.approx(0.04), 'the other way'
    assert view.travel_top() == pytest.approx(0.04), 'away from here'
    view.held = 1
    assert view.travel_top(end) == pytest.approx(0.04)
    view.entities = {1: tall}
    assert view.travel_top(end) == 0.0


def test_what_only_the_block_on_it_hides_is_known_and_no_longer_waited_for():
    def block(height, status=EntityStatus.SEEN, x=0.5):
        return EntityState(np.array([x, 0.0, height]), np.full(3, 0.04), status=status)

    view = TaskView(ARM, ArmKinematics(ARM), TaskConfig())
    hidden = block(0.02, EntityStatus.OCCLUDED)
    for others, is_known in (((), False), ((block(0.06),), True), ((block(0.06, x=0.53),), False),
                             ((block(0.06, EntityStatus.OCCLUDED),), False)):  # fmt: skip
        view.entities = dict(enumerate((hidden, *others), start=1))
        assert view.is_known(hidden) == is_known
    assert view.is_known(block(0.02))
