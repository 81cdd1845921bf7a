"""Plans over time: interpolation, late and missing ones, holding."""

from dataclasses import replace

import numpy as np

from concept_control.control.arm.description import ArmDescription
from concept_control.control.plan import Plan
from concept_control.control.tracker import PlanTracker
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.world import SimulatedWorld

ARM = ArmDescription.load('franka')
N = ARM.num_joints


def ramp(stamp=10.0, steps=5, dt=0.02, speed=0.5):
    velocities = np.full((steps + 1, N), speed)
    positions = ARM.home + dt * speed * np.arange(steps + 1)[:, None] * np.ones(N)
    return Plan(stamp, dt, positions, velocities, np.arange(steps)[:, None] * np.ones(N))


def test_a_plan_is_interpolated_at_the_present_time():
    plan = ramp()
    position, velocity, effort = plan.at(10.05)
    np.testing.assert_allclose(position, ARM.home + 0.05 * 0.5)
    np.testing.assert_allclose(velocity, 0.5)
    np.testing.assert_allclose(effort, 2.0)
    np.testing.assert_allclose(plan.at(9.0)[0], plan.positions[0])
    np.testing.assert_allclose(plan.at(99.0)[0], plan.positions[-1])
    np.testing.assert_allclose(plan.at(99.0)[1], 0.0)


def test_without_a_plan_the_first_measured_position_is_held():
    tracker = PlanTracker(ARM)
    q = ARM.home + 0.1
    tracker.effort(0.0, q, np.zeros(N))
    pushed = tracker.effort(1.0, q + 0.01, np.zeros(N))
    np.testing.assert_allclose(pushed, np.clip(-0.01 * ARM.stiffness, -87, 87), atol=0.1)


def test_after_the_last_point_its_position_is_held_at_rest():
    tracker, plan = PlanTracker(ARM), ramp()
    tracker.follow(plan)
    position, velocity, _ = tracker.reference(plan.end + 5.0, ARM.home)
    np.testing.assert_allclose(position, plan.positions[-1])
    np.testing.assert_allclose(velocity, 0.0)


def test_an_older_plan_does_not_replace_a_newer_one():
    tracker, new = PlanTracker(ARM), ramp(stamp=10.0)
    tracker.follow(new)
    tracker.follow(ramp(stamp=9.98))
    assert tracker.plan is new
    tracker.hold()
    assert tracker.plan is None


def test_the_arm_rests_under_the_trackers_hold():
    scene = build_scene(SceneConfig(num_blocks=0))
    world, tracker = SimulatedWorld(scene), PlanTracker(scene.arm)
    for _ in range(250):
        world.step(tracker.effort(world.time, *world.joint_state()))
    q, qd = world.joint_state()
    np.testing.assert_allclose(q, scene.arm.home, atol=1e-3)
    np.testing.assert_allclose(qd, 0.0, atol=1e-3)


def test_references_go_over_from_one_plan_to_a_late_one_without_a_jump():
    """The accelerations that this adds are far below those of the jump."""
    tracker = PlanTracker(ARM, blend_time=0.15)
    moving, slowing = ramp(stamp=10.0, steps=50), ramp(stamp=10.1, steps=50, speed=0.3)
    slowing = replace(slowing, positions=slowing.positions + 0.05)
    tracker.follow(moving)
    times = np.arange(10.1, 11.0, 0.001)
    followed = []
    for time in times:
        if abs(time - 10.15) < 5e-4:
            tracker.follow(slowing)
        followed.append(tracker.reference(time, moving.at(time)[0])[:2])
    positions, velocities = (np.array(each) for each in zip(*followed))
    rates = np.diff(velocities, axis=0) / 0.001
    speed, gap = 0.5 - 0.3, 0.15 * 0.5 - (0.05 + 0.05 * 0.3)
    assert np.abs(rates).max() < 1.02 * (2 * speed / 0.15 + gap / 0.15**2)
    np.testing.assert_allclose(np.diff(positions, axis=0) / 0.001, velocities[:-1], atol=0.01)
    np.testing.assert_allclose(positions[-1], slowing.at(times[-1])[0], atol=1e-3)
    # An arm that was led away from the first plan begins the next one where that begins.
    tracker.hold()
    tracker.follow(moving)
    tracker.reference(10.1, ARM.home)
    tracker.follow(slowing)
    found = tracker.reference(10.14, slowing.at(10.14)[0] + 0.1)[0]
    np.testing.assert_allclose(found, slowing.at(10.14)[0])


def test_a_clock_that_leaps_far_ahead_and_back_leaves_torques_that_follow_the_plan():
    """As where /clock is published by somebody else, too, while torques go over to a new plan."""
    tracker, q = PlanTracker(ARM, blend_time=0.15), ARM.home
    for stamp, leap in ((10.0, 0.0), (10.02, 1e6), (10.04, -5.0), (10.06, 0.0)):
        plan = ramp(stamp=stamp, steps=50)
        tracker.follow(plan)
        for time in (stamp, stamp + leap, stamp + 0.01):
            assert np.isfinite(tracker.effort(time, q, np.zeros(N))).all()
            q = plan.at(stamp)[0]
    np.testing.assert_allclose(tracker.reference(12.0, q)[0], plan.positions[-1], atol=1e-5)
    np.testing.assert_allclose(tracker.reference(10.5, q)[0], plan.at(10.5)[0], atol=0.01)
