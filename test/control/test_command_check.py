"""The last check: whatever is sent follows from what was sent before and from where the arm is."""

from dataclasses import replace

import numpy as np
import pytest

from concept_control.control.arm import ArmDescription
from concept_control.control.command_check import CommandCheck
from concept_control.control.plan import Plan

ARM = ArmDescription.load('franka')
STEPS, DT = 50, 0.02
REST = np.zeros(ARM.num_joints)


def swing(size=0.1, stamp=0.0):
    """From home to rest elsewhere, within every limit."""
    phase = np.linspace(0.0, np.pi, STEPS + 1)[:, None]
    rate = np.pi / (STEPS * DT)
    positions = ARM.home + size * (1 - np.cos(phase)) / 2
    velocities = np.repeat(size * rate * np.sin(phase) / 2, ARM.num_joints, axis=1)
    velocities[-1] = 0.0
    return Plan(stamp, DT, positions, velocities, np.zeros((STEPS, ARM.num_joints)))


@pytest.fixture
def check():
    check = CommandCheck(ARM)
    check.measure(0.0, ARM.home, REST)
    return check


def spoiled(values, row, value):
    values = values.copy()
    values[row, 2] = value
    return values


@pytest.mark.parametrize(
    ('name', 'row', 'value', 'reason'),
    [
        ('positions', 7, np.nan, 'not finite'),
        ('positions', 7, 1e300, 'beyond its limit'),
        ('positions', 7, 0.5, 'plan jumps by'),
        ('velocities', 7, 9.0, 'velocity limit'),
        ('velocities', 1, 1.9, 'acceleration limit'),
        ('velocities', -1, 1e-3, 'does not end at rest'),
    ],
)
def test_a_plan_that_breaks_a_limit_is_refused(check, name, row, value, reason):
    plan = swing()
    assert check.plan(plan) == ''
    assert reason in check.plan(replace(plan, **{name: spoiled(getattr(plan, name), row, value)}))


def test_a_plan_begins_where_the_arm_is_or_was_told_to_be(check):
    elsewhere = swing()
    elsewhere = replace(elsewhere, positions=elsewhere.positions + 0.3)
    assert 'starts 0.3' in check.plan(elsewhere)
    assert check.plan(swing(size=0.3)) == ''
    assert check.plan(replace(elsewhere, stamp=1.0)) == ''


def test_a_plan_that_comes_late_must_not_make_the_arm_jump(check):
    plan = swing(size=0.5)
    assert check.plan(plan) == ''
    moved, speed, _ = plan.at(0.5)
    check.measure(0.5, moved, speed)
    assert check.plan(plan) == ''
    assert 'plan starts 0.177' in check.plan(replace(plan, stamp=0.25))
    rest = Plan(0.45, DT, np.tile(moved, (3, 1)), np.zeros((3, ARM.num_joints)), plan.efforts[:2])
    assert 'faster or slower' in check.plan(rest)


def test_positions_follow_one_another_and_never_jump(check):
    assert check.position(0.0, ARM.home) == ''
    step = np.zeros(ARM.num_joints)
    for k in range(1, 100):
        step[0] += 0.5 * ARM.velocity_limits[0] * 0.004 * min(k / 50, 1.0)
        assert check.position(0.004 * k, ARM.home + step) == ''
        check.measure(0.004 * k, ARM.home + 0.95 * step, REST)
    jump = ARM.home + step + np.eye(ARM.num_joints)[0] * 0.1
    assert 'jump' in check.position(0.4, jump)
    lower, upper = check.reachable(check.last, 0.4)
    assert 0.0 < upper[0] - lower[0] <= 2 * ARM.velocity_limits[0] * 0.004 * 1.001
    assert check.position(0.4, upper) == ''
    # Where somebody else has moved the arm meanwhile, positions begin anew there.
    check.measure(0.6, ARM.home + 0.5, REST)
    assert check.position(0.6, ARM.home + 0.5) == ''


def test_positions_begin_where_the_arm_is(check):
    assert 'jump' in check.position(0.0, ARM.home + 0.3)
    assert 'not finite' in check.position(0.0, np.full(ARM.num_joints, np.nan))
    assert 'beyond its limit' in check.position(0.0, ARM.position_limits[:, 1] + 0.2)


@pytest.mark.parametrize('value', [np.nan, np.inf, 1e3])
def test_torques_beyond_the_limits_are_refused(check, value):
    torques = np.zeros(ARM.num_joints)
    assert check.effort(torques) == ''
    torques[3] = value
    assert check.effort(torques)


def test_positions_end_where_the_arm_is_led_away_and_begin_again_from_there(check):
    pulled = np.zeros(ARM.num_joints)
    pulled[0] = 0.002
    refused = []
    for k in range(1, 200):
        check.measure(0.004 * k, ARM.home + k * pulled, pulled / 0.004)
        stays = np.clip(check.last.q, *check.reachable(check.last, 0.004 * k))
        refused.append(check.position(0.004 * k, stays))
    first = refused.index(next(filter(None, refused)))
    assert refused[first].startswith('the arm is 0.25')
    silent = sum(map(bool, refused[first : first + 50]))
    assert refused[first + silent] == '' and 20 < silent < 30
    # Nor do positions without feedback go on from where the arm did not follow.
    check.position(0.8, check.last.q)
    check.measure(0.804, check.last.q + 0.3, REST)
    assert 'does not follow' in check.position(0.808, check.last.q)
