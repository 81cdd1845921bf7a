"""Streamed positions keep to the path of the plans, whatever is late."""

from dataclasses import replace

import numpy as np
import pytest

from concept_control.control.arm import ArmDescription
from concept_control.control.command_check import CommandCheck
from concept_control.control.path_follower import MAX_LEAD, PathFollower
from concept_control.control.plan import Plan

ARM = ArmDescription.load('franka')
STEPS, DT, PERIOD = 50, 0.02, 0.004
REST = np.zeros(ARM.num_joints)


def swing(stamp=0.0, begin=ARM.home):
    """To rest elsewhere, within every limit, the joints one after another: no straight line."""
    time = np.linspace(0.0, 1.0, STEPS + 1)[:, None]
    phase = np.pi * np.clip(1.6 * time - np.linspace(0.0, 0.6, ARM.num_joints), 0.0, 1.0)
    velocities = 1.5 * np.sin(phase) ** 2
    velocities[-1] = 0.0
    return Plan(
        stamp,
        DT,
        np.tile(begin, (STEPS + 1, 1)),
        velocities,
        np.zeros((STEPS, ARM.num_joints)),
    ).integrated()


def distance_to_path(plan, q):
    return np.abs(plan.along(np.arange(0.0, 1.0, 5e-4)) - q).max(axis=1).min()


@pytest.fixture
def check():
    check = CommandCheck(ARM)
    check.measure(0.0, ARM.home, REST)
    return check


def tell(follower, check, time, arm=None):
    """Tell positions to an arm that is where it was told to be, or elsewhere."""
    check.measure(time, check.last.q if arm is None else arm, REST)
    told = follower.position(time)
    assert check.position(time, told) == ''
    return told


def test_what_is_late_goes_faster_along_the_path_within_the_limits(check):
    plan, follower = swing(), PathFollower(check)
    follower.follow(plan)
    times = [PERIOD * k for k in range(1, 400) if k % 100 > 15]  # 60 ms of silence now and then
    told = np.array([tell(follower, check, time) for time in times])
    assert max(distance_to_path(plan, q) for q in told) < 6e-3
    np.testing.assert_allclose(told[-1], plan.positions[-1], atol=1e-3)
    assert (told <= plan.positions[-1] + 6e-3).all() and follower.lag(times[-1]) < 0.01
    speeds = np.diff(told, axis=0)[:80] / PERIOD  # up to the second silence
    rates = np.abs(np.diff(speeds, axis=0)) / PERIOD / ARM.acceleration_limits
    assert rates.max() <= 1.001


def test_positions_wait_on_the_path_for_an_arm_that_does_not_move(check):
    plan, follower = swing(), PathFollower(check)
    follower.follow(plan)
    for k in range(1, 250):
        told = tell(follower, check, PERIOD * k, arm=ARM.home)
    assert 0.5 * MAX_LEAD < np.abs(told - ARM.home).max() < 1.1 * MAX_LEAD
    assert distance_to_path(plan, told) < 2e-3 and follower.lag(1.0) > 0.4


def test_a_plan_that_goes_on_keeps_what_was_late_on_the_path_so_far(check):
    plan, follower = swing(), PathFollower(check)
    follower.follow(plan)
    for k in range(1, 60):
        tell(follower, check, PERIOD * k)
    follower.follow(replace(plan, stamp=-1.0))  # overtaken on its way
    rest = slice(20, None)
    follower.follow(
        replace(
            plan,
            stamp=20 * DT,
            positions=plan.positions[rest],
            velocities=plan.velocities[rest],
            efforts=plan.efforts[rest],
        )
    )
    assert follower.end == plan.end
    for k in range(115, 400):  # the arm has stopped meanwhile, short of where the plan begins
        told = tell(follower, check, PERIOD * k)
        assert distance_to_path(plan, told) < 3e-3
    np.testing.assert_allclose(told, plan.positions[-1], atol=1e-4)


def test_a_path_from_elsewhere_is_joined_smoothly(check):
    follower = PathFollower(check)
    follower.follow(swing())
    for k in range(1, 100):
        tell(follower, check, PERIOD * k)
    other = swing(stamp=0.38, begin=ARM.home - 0.05)
    follower.follow(other)
    for k in range(100, 600):
        told = tell(follower, check, PERIOD * k)
    np.testing.assert_allclose(told, other.positions[-1], atol=1e-3)


def test_without_a_path_the_arm_is_stopped(check):
    follower = PathFollower(check)
    follower.follow(swing())
    for k in range(1, 100):
        last = tell(follower, check, PERIOD * k)
    follower.forget()
    for k in range(100, 150):
        told = tell(follower, check, PERIOD * k)
    assert np.abs(told - last).max() < 0.12
    np.testing.assert_array_equal(tell(follower, check, 0.6), told)
