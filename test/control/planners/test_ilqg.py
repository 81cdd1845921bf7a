"""Cost derivatives, box-constrained programs and the planner itself."""

from dataclasses import dataclass

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from concept_control.benchmarks.control.tool_between import MidpointEnergy, closed_form_goal
from concept_control.control.arm.clearance import LinkClearance
from concept_control.control.arm.description import ArmDescription, arm_names
from concept_control.control.arm.dynamics import ArmDynamics, MujocoDynamics
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.control.costs.arm_cost import ArmCost
from concept_control.control.costs.entity_energy import ConceptEnergy, PointEnergy
from concept_control.control.costs.local_minimum import refine_target, stiffness
from concept_control.control.planners.box_qp import box_qp
from concept_control.control.planners.ilqg import Ilqg, IlqgConfig
from concept_control.control.planners.interface import Quadratic


@pytest.fixture(params=arm_names())
def arm(request):
    return ArmDescription.load(request.param)


def concept_energy(arm, **changes):
    positions = np.array([[0.5, 0.5], [-0.6, 0.1], [0.4, -0.3]])
    goal = closed_form_goal(
        MidpointEnergy(0, 1, 2),
        arm.workspace.to_world(positions),
        np.full(3, 0.04),
        {0: positions[1:].mean(axis=0)},
        arm.workspace,
    )
    return ConceptEnergy(goal, arm.workspace, positions, 0, **changes)


def test_cost_gradient_through_the_dynamics_agrees_with_differences(arm):
    dynamics, n = ArmDynamics(arm), arm.num_joints
    energy = concept_energy(arm, scale=arm.workspace.half_extent**2)
    tip = ArmKinematics(arm).tool(arm.home).position
    # Obstacles around the tip, a tower in the way of the links and a fence it is outside of make
    # every term active.
    kinematics = ArmKinematics(arm)
    links = LinkClearance(kinematics, np.array([[0.8 * tip[0], tip[1] + 0.03, 0.6, 0.05]]))
    assert links.value(kinematics.frames(arm.home)) > 0
    cost = ArmCost(
        arm,
        kinematics,
        energy,
        0.1,
        offset=np.array([0.01, 0.0, 0.02]),
        obstacles=tip[:2] + np.array([[0.03, 0.0], [0.0, 0.05]]),
        clearances=np.full(2, 0.1),
        fence=arm.workspace,
        links=links,
        heading=0.7,
    )
    rng = np.random.default_rng(0)
    state = np.concatenate([arm.home, 0.9 * arm.velocity_limits * rng.choice([-1, 1], n)])
    hold = dynamics.holding_control(arm.home)
    controls = hold + 0.2 * arm.effort_limits * rng.normal(size=(4, n))
    states = dynamics.rollout(state, controls)
    dynamics.linearized_every = 1  # these efforts are noise, between which nothing interpolates
    by_state, by_control = dynamics.linearize(states, controls)
    quadratic = cost.quadratize(states, controls, by_state, by_control)
    costate, gradient = quadratic.state_gradient[-1], np.zeros_like(controls)
    for t in reversed(range(len(controls))):
        gradient[t] = quadratic.control_gradient[t] + by_control[t].T @ costate
        costate = quadratic.state_gradient[t] + by_state[t].T @ costate

    def total(flat):
        u = flat.reshape(controls.shape)
        return float(cost.value(dynamics.rollout(state, u), u))

    h = 1e-4
    numeric = [
        (total(controls.ravel() + h * e) - total(controls.ravel() - h * e)) / (2 * h)
        for e in np.eye(controls.size)
    ]
    scale = np.abs(numeric).max()
    np.testing.assert_allclose(gradient.ravel() / scale, np.array(numeric) / scale, atol=2e-4)
    eigenvalues = np.linalg.eigvalsh(quadratic.state_hessian)
    assert eigenvalues.min() > -1e-9 * eigenvalues.max()


def test_cost_of_a_batch_is_the_costs_of_its_members(arm):
    cost = ArmCost(arm, ArmKinematics(arm), PointEnergy(np.array([0.5, 0.1])), 0.1)
    rng = np.random.default_rng(0)
    states = rng.normal(size=(3, 6, 2 * arm.num_joints))
    controls = rng.normal(size=(3, 5, arm.num_joints))
    batch = cost.value(states, controls)
    single = [cost.value(x, u) for x, u in zip(states, controls)]
    np.testing.assert_allclose(batch, single, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_box_qp_finds_the_constrained_minimum(seed, m):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(m, m))
    hessian, gradient = root @ root.T + 0.1 * np.eye(m), rng.normal(size=m)
    lower, upper = -rng.uniform(0, 1, m), rng.uniform(0, 1, m)
    x, _ = box_qp(hessian, gradient, lower, upper, np.zeros(m))
    best = minimize(
        lambda y: 0.5 * y @ hessian @ y + gradient @ y,
        np.zeros(m),
        bounds=list(zip(lower, upper)),
        jac=lambda y: hessian @ y + gradient,
        method='L-BFGS-B',
        options={'ftol': 1e-15},
    )
    assert (x >= lower).all() and (x <= upper).all()
    assert 0.5 * x @ hessian @ x + gradient @ x <= best.fun + 1e-7


@dataclass
class Regulator:
    """Quadratic distance to the origin: with linear dynamics one iteration must be exact."""

    def value(self, states, controls):
        return (states**2).sum(axis=(-1, -2)) + 0.1 * (controls**2).sum(axis=(-1, -2))

    def quadratize(self, states, controls, by_state, by_control):
        (points, nx), (horizon, nu) = states.shape, controls.shape
        return Quadratic(
            float(self.value(states, controls)),
            2 * states,
            np.tile(2 * np.eye(nx), (points, 1, 1)),
            0.2 * controls,
            np.tile(0.2 * np.eye(nu), (horizon, 1, 1)),
            np.zeros((horizon, nu, nx)),
        )


DOUBLE_INTEGRATOR = """
<mujoco><option timestep="0.05" gravity="0 0 0"/><worldbody><body>
<joint name="x" type="slide" axis="1 0 0"/><geom size="0.1" mass="1"/></body></worldbody>
<actuator><motor joint="x" ctrlrange="{limit}" ctrllimited="true"/></actuator></mujoco>"""


def double_integrator(limit):
    xml = DOUBLE_INTEGRATOR.format(limit=f'{-limit} {limit}')
    return MujocoDynamics(mujoco.MjModel.from_xml_string(xml))


def test_one_iteration_solves_a_linear_quadratic_problem():
    planner = Ilqg(double_integrator(1000.0), IlqgConfig(horizon=40))
    q, qd, cost = np.array([1.0]), np.array([0.5]), Regulator()
    first = planner.plan(0.0, q, qd, cost, iterations=1)
    again = planner.plan(0.0, q, qd, cost, iterations=5)
    # The dynamics' derivatives are differences, so "exact" is to their precision.
    assert first.cost == pytest.approx(again.cost, rel=1e-6)
    flat = minimize(
        lambda u: float(
            cost.value(planner.dynamics.rollout(np.array([1.0, 0.5]), u[:, None]), u[:, None])
        ),
        np.zeros(40),
    )
    assert first.cost == pytest.approx(flat.fun, rel=1e-5)


def test_control_limits_hold_and_the_constrained_optimum_is_found():
    limit = 1.0
    planner = Ilqg(double_integrator(limit), IlqgConfig(horizon=40))
    plan = planner.plan(0.0, np.array([1.0]), np.array([0.5]), Regulator(), iterations=30)
    assert np.abs(plan.efforts).max() <= limit
    flat = minimize(
        lambda u: float(
            Regulator().value(
                planner.dynamics.rollout(np.array([1.0, 0.5]), u[:, None]), u[:, None]
            )
        ),
        np.zeros(40),
        bounds=[(-limit, limit)] * 40,
        method='L-BFGS-B',
    )
    assert plan.cost == pytest.approx(flat.fun, rel=1e-3)


def test_receding_horizon_reaches_within_half_a_millimetre_and_replays(arm):
    dynamics, kinematics = ArmDynamics(arm), ArmKinematics(arm)
    target = arm.workspace.to_world([0.5, -0.4])

    def run():
        planner = Ilqg(dynamics)
        cost = ArmCost(arm, kinematics, PointEnergy(target), 0.12)
        q, qd = arm.home, np.zeros(arm.num_joints)
        for k in range(120):
            plan = planner.plan(0.02 * k, q, qd, cost)
            q, qd = plan.positions[1], plan.velocities[1]
        return q

    q = run()
    error = kinematics.tool(q).position - [*target, 0.12]
    assert np.linalg.norm(error) < 0.0005
    assert kinematics.tool(q).axis[2] < -0.999
    np.testing.assert_array_equal(run(), q)


def test_links_go_round_a_tower_where_the_tool_alone_would_push_through():
    arm = ArmDescription.load('franka')
    dynamics, kinematics = ArmDynamics(arm), ArmKinematics(arm)
    tower = np.array([0.47, 0.12, 0.30, 0.02])

    def run(links):
        planner, gap = Ilqg(dynamics), np.inf
        cost = ArmCost(arm, kinematics, PointEnergy(np.array([0.52, 0.2])), 0.1, links=links)
        q, qd = arm.home, np.zeros(arm.num_joints)
        for k in range(110):
            plan = planner.plan(0.02 * k, q, qd, cost)
            q, qd = plan.positions[1], plan.velocities[1]
            centres = kinematics.sphere_centres(kinematics.frames(q))
            foot = np.column_stack([np.tile(tower[:2], (len(centres), 1)), centres[:, 2]])
            foot[:, 2] = np.clip(foot[:, 2], 0.0, tower[2])
            distance = np.linalg.norm(centres - foot, axis=1)
            gap = min(gap, (distance - kinematics.spheres[:, 3] - tower[3]).min())
        return gap, np.linalg.norm(kinematics.tool(q).position[:2] - [0.52, 0.2])

    blind, _ = run(None)
    seeing, error = run(LinkClearance(kinematics, tower[None]))
    assert blind < -0.03, 'else the tower is not in the way'
    assert seeing > -0.015
    assert error < 0.02, 'the tool still comes near'


def test_stiffness_turns_energies_into_squared_metres(arm):
    energy = concept_energy(arm)
    expected = 1 / arm.workspace.half_extent**2
    assert stiffness(energy, np.array([0.5, 0.0])) == pytest.approx(expected, rel=1e-6)


def test_refinement_finds_the_minimum_and_keeps_clear(arm):
    energy, none = concept_energy(arm), (np.zeros((0, 2)), np.zeros(0))
    middle = arm.workspace.to_world([-0.1, -0.1])
    refined = refine_target(energy, middle + np.array([0.05, -0.03]), *none)
    np.testing.assert_allclose(refined, middle, atol=1e-4)
    obstacle = middle + np.array([0.02, 0.0])
    start = middle + np.array([0.07, 0.0])
    refined = refine_target(energy, start, obstacle[None], np.array([0.04]))
    assert np.linalg.norm(refined - obstacle) >= 0.04 - 1e-9
