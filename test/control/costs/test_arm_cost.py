"""Terms of the arm's cost against finite differences."""

import numpy as np
import pytest

from concept_control.control.arm.description import ArmDescription
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.costs.arm_cost import ArmCost
from concept_control.control.costs.entity_energy import NoEnergy


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
