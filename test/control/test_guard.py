"""Whatever a planner or a message says, the robot gets only what its limits allow."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.command_check import CommandCheck
from concept_control.control.guard import TORQUE_SPAN, Guard
from concept_control.control.plan import Plan

ARM = ArmDescription.load('franka')
GUARD = Guard(ARM)
KINEMATICS = ArmKinematics(ARM)
N = ARM.num_joints


def smooth_plan(rng, steps, wildness):
    """A consistent plan from near home whose rates are `wildness` times the limits."""
    dt = 0.02
    velocities = np.cumsum(
        rng.normal(0, wildness, (steps + 1, N)) * ARM.acceleration_limits * dt, axis=0
    )
    positions = ARM.home + np.cumsum(velocities, axis=0) * dt
    return Plan(3.0, dt, positions, velocities, rng.normal(0, 30, (steps, N)))


def assert_within_limits(plan, q):
    assert plan.is_finite()
    lower, upper = ARM.position_limits.T
    allowed = np.maximum(np.maximum(q - upper, lower - q), 0)
    beyond = np.maximum(plan.positions - upper, lower - plan.positions)
    assert (beyond <= allowed + 1e-6).all()
    assert (np.abs(plan.velocities) <= ARM.velocity_limits * (1 + 1e-5)).all()
    rates = np.abs(np.diff(plan.velocities, axis=0)) / plan.dt
    assert (rates <= ARM.acceleration_limits * (1 + 1e-5)).all()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(0.01, 30.0))
def test_plans_come_out_within_all_limits(seed, steps, wildness):
    rng = np.random.default_rng(seed)
    plan = smooth_plan(rng, steps, wildness)
    # The first point's own velocity is where the arm is, not what it is asked to do.
    start = np.clip(plan.velocities[0], -ARM.velocity_limits, ARM.velocity_limits)
    q, qd = plan.positions[0], start
    guarded = GUARD.check_plan(plan, q, qd)
    assert_within_limits(guarded.plan, q)
    check = CommandCheck(ARM)
    check.measure(plan.stamp, q, qd)
    assert check.plan(guarded.plan) == ''
    tips = KINEMATICS.tool(guarded.plan.positions).position
    # Braking may need some room beyond the fence; a quarter of a second at full speed.
    if 'braking' not in guarded.reason and guarded.plan is plan:
        assert tips[:, 2].min() >= GUARD.config.floor - 1e-6


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(['positions', 'velocities', 'efforts']),
    st.integers(0, 4),
    st.integers(0, N - 1),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_numbers_that_are_not_finite_never_leave(name, row, column, value):
    plan = smooth_plan(np.random.default_rng(0), 5, 0.01)
    getattr(plan, name)[row, column] = value
    guarded = GUARD.check_plan(plan, ARM.home, np.zeros(N))
    assert_within_limits(guarded.plan, ARM.home)
    assert 'braking' in guarded.reason
    np.testing.assert_array_equal(guarded.plan.positions[-1], ARM.home)
    effort = np.zeros(N)
    effort[column] = value
    command, reason = GUARD.check_effort(effort, ARM.home, np.zeros(N))
    assert np.isfinite(command).all() and 'the arm is stopped' in reason


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_torques_never_push_beyond_limits_even_if_they_act_for_long(seed):
    rng = np.random.default_rng(seed)
    span = np.ptp(ARM.position_limits, axis=1)
    q = rng.uniform(ARM.position_limits[:, 0] - 0.1 * span, ARM.position_limits[:, 1] + 0.1 * span)
    qd = np.clip(rng.normal(0, 0.7, N), -1.3, 1.3) * ARM.velocity_limits
    effort = GUARD._dynamics.inverse(q, qd, rng.normal(0, 2, N) * ARM.acceleration_limits)
    command, reason = GUARD.check_effort(effort, q, qd)
    assert (np.abs(command) <= ARM.effort_limits).all()
    assert bool(reason) == (command != effort).any()
    if 'torque limit' in reason:
        return  # the motors are too weak for what would be right
    made = GUARD._dynamics.acceleration(q, qd, command)
    assert (np.abs(made) <= ARM.acceleration_limits * (1 + 1e-4)).all()
    beyond = np.where(np.abs(qd) < ARM.velocity_limits, ARM.velocity_limits, np.abs(qd))
    assert (np.abs(qd + TORQUE_SPAN * made) <= beyond * (1 + 1e-4)).all()
    over, under = q > ARM.position_limits[:, 1], q < ARM.position_limits[:, 0]
    assert (made[over & (qd >= 0)] <= 1e-4).all()
    assert (made[under & (qd <= 0)] >= -1e-4).all()


def test_a_plan_in_order_passes_unchanged_and_then_comes_to_rest():
    plan = smooth_plan(np.random.default_rng(1), 20, 0.05)
    guarded = GUARD.check_plan(plan, ARM.home, np.zeros(N))
    assert guarded.reason == ''
    np.testing.assert_array_equal(guarded.plan.positions[:21], plan.positions)
    np.testing.assert_array_equal(guarded.plan.velocities[:21], plan.velocities)
    assert_within_limits(guarded.plan, ARM.home)
    assert not guarded.plan.velocities[-1].any()
    assert GUARD.check_plan(guarded.plan, ARM.home, np.zeros(N)).plan is guarded.plan


def test_a_late_break_is_cut_off_and_braked():
    plan = smooth_plan(np.random.default_rng(1), 20, 0.05)
    plan.velocities[15:] += 3 * ARM.velocity_limits
    guarded = GUARD.check_plan(plan, ARM.home, np.zeros(N))
    np.testing.assert_array_equal(guarded.plan.positions[:14], plan.positions[:14])
    assert_within_limits(guarded.plan, ARM.home)


def test_a_plan_into_the_table_or_from_elsewhere_is_refused():
    down = np.zeros(N)
    down[1] = 1.2
    positions = ARM.home + np.linspace(0, 1, 6)[:, None] * down
    plan = Plan(0.0, 0.2, positions, np.zeros((6, N)), np.zeros((5, N)))
    low = ARM.home + np.array([0, 1.8, 0, 0.4, 0, 0, 0])
    assert KINEMATICS.tool(low).position[2] < -0.02
    straight = Plan(0.0, 0.02, np.linspace(ARM.home, low, 4), np.zeros((4, N)), np.zeros((3, N)))
    assert 'fence left' in GUARD.check_plan(straight, ARM.home, np.zeros(N)).reason
    elsewhere = GUARD.check_plan(plan, ARM.home + 0.3, np.zeros(N))
    assert 'from the measured joints' in elsewhere.reason
    np.testing.assert_allclose(elsewhere.plan.positions[-1], ARM.home + 0.3)


def test_braking_stops_within_the_acceleration_limits():
    qd = 0.8 * ARM.velocity_limits * np.array([1, -1, 1, -1, 1, -1, 1])
    plan = GUARD.brake(0.0, 0.02, 40, ARM.home, qd)
    assert_within_limits(plan, ARM.home)
    np.testing.assert_array_equal(plan.velocities[-1], 0.0)


@pytest.mark.parametrize('age', [0.5, np.nan])
def test_stale_inputs_are_named(age):
    assert 'joint states stopped' in GUARD.check_joint_state(10.0, 10.0 - age)
    assert 'entities' in GUARD.check_entities(10.0, 10.0 - 10 * age)
    assert GUARD.check_joint_state(10.0, 9.99) == GUARD.check_entities(10.0, 9.5) == ''


def test_a_brake_before_a_position_limit_stops_evenly():
    guard, upper = Guard(ARM), ARM.position_limits[0, 1]
    q, qd = ARM.home.copy(), np.zeros(ARM.num_joints)
    q[0], qd[0] = upper - 0.12, 1.5
    plan = guard.brake(0.0, 0.02, 40, q, qd)
    assert plan.positions[:, 0].max() <= upper + 1e-9 and not plan.velocities[-1].any()
    rate = np.abs(np.diff(plan.velocities[:, 0])) / 0.02
    assert rate.max() <= ARM.acceleration_limits[0] * 1.001
    mean = (plan.velocities[1:] + plan.velocities[:-1]) / 2
    np.testing.assert_allclose(np.diff(plan.positions, axis=0), 0.02 * mean, atol=1e-12)
