"""The arm's description, kinematics and dynamics against MuJoCo and finite differences."""

import mujoco
import numpy as np
import pytest
import yaml

from concept_control.control.arm.description import ARMS_FOLDER, ArmDescription, arm_names
from concept_control.control.arm.dynamics import ArmDynamics
from concept_control.control.arm.inverse_kinematics import solve_ik
from concept_control.control.arm.kinematics import ArmKinematics
from concept_control.errors import ArmError
from concept_control.world.workspace import Workspace

ARMS = arm_names()


@pytest.fixture(params=[*ARMS, 'rail'])
def arm(request, rail_arm):
    return ArmDescription.load(rail_arm if request.param == 'rail' else request.param)


def random_positions(arm, count, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(*arm.position_limits.T, (count, arm.num_joints))


def test_workspace_follows_the_contract_and_inverts():
    workspace = Workspace()
    right, above = workspace.to_world([[1.0, 0.0], [0.0, 1.0]]) - workspace.center
    np.testing.assert_allclose(right, [0.0, -0.24], atol=1e-12)
    np.testing.assert_allclose(above, [0.24, 0.0], atol=1e-12)
    points = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    np.testing.assert_allclose(workspace.to_workspace(workspace.to_world(points)), points)
    assert workspace.contains([0.53, 0.23]) and not workspace.contains([0.53, 0.23], margin=0.02)
    with pytest.raises(ArmError, match='positive half_extent'):
        Workspace(half_extent=0.0)


def test_kinematics_agree_with_mujoco(arm):
    kinematics, offset = ArmKinematics(arm), np.array([0.01, -0.02, 0.03])
    model = arm.spec().compile()
    data, site = mujoco.MjData(model), model.site(arm.tool_site).id
    q = random_positions(arm, 20)
    motion = kinematics.tool(q, offset, jacobians=True)
    for i in range(len(q)):
        data.qpos[:] = q[i]
        mujoco.mj_forward(model, data)
        rotation = data.site_xmat[site].reshape(3, 3)
        point = data.site_xpos[site] + rotation @ offset
        linear, angular = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        mujoco.mj_jac(model, data, linear, angular, point, model.site_bodyid[site])
        np.testing.assert_allclose(motion.position[i], point, atol=1e-9)
        np.testing.assert_allclose(motion.rotation[i], rotation, atol=1e-9)
        np.testing.assert_allclose(motion.position_jacobian[i], linear, atol=1e-9)
        np.testing.assert_allclose(
            motion.direction_jacobian(2)[i], np.cross(angular.T, rotation[:, 2]).T, atol=1e-9
        )


def num_hinges(model, body):
    """Count the hinges that turn a body."""
    own = model.jnt_type[model.jnt_bodyid == body] == mujoco.mjtJoint.mjJNT_HINGE
    return own.sum() + (num_hinges(model, int(model.body_parentid[body])) if body else 0)


def test_spheres_cover_the_links_that_can_come_near_something(arm):
    kinematics, model = ArmKinematics(arm), arm.spec().compile()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(0)
    data.qpos[:] = random_positions(arm, 1)[0]
    mujoco.mj_kinematics(model, data)
    frames = kinematics.frames(data.qpos.copy())
    centres, radii = kinematics.sphere_centres(frames), kinematics.spheres[:, 3]
    tool = int(model.site_bodyid[model.site(arm.tool_site).id])
    link = int(model.body_parentid[tool])
    while num_hinges(model, link) > 1:
        for geom in np.flatnonzero(model.geom_bodyid == link):
            half = model.geom_aabb[geom, 3:]
            inside = model.geom_aabb[geom, :3] + rng.uniform(-0.7, 0.7, (50, 3)) * half
            points = data.geom_xpos[geom] + inside @ data.geom_xmat[geom].reshape(3, 3).T
            gaps = np.linalg.norm(points[:, None] - centres, axis=-1) - radii
            assert gaps.min(axis=1).max() < 0.01, (arm.name, model.body(link).name)
        link = int(model.body_parentid[link])


def test_linearization_agrees_with_central_differences(arm):
    dynamics = ArmDynamics(arm)
    rng = np.random.default_rng(1)
    n = arm.num_joints
    state = np.concatenate([arm.home, 0.5 * rng.normal(size=n)])
    control = dynamics.holding_control(arm.home) + 0.05 * arm.effort_limits * rng.normal(size=n)

    def step(x, u):
        return dynamics.rollout(x, u[None])[1]

    by_state, by_control = dynamics.linearize(np.stack([state, state]), control[None])
    h = 1e-5
    columns = [
        (step(state + h * e, control) - step(state - h * e, control)) / (2 * h)
        for e in np.eye(2 * n)
    ]
    np.testing.assert_allclose(by_state[0], np.array(columns).T, atol=2e-4)
    columns = [
        (step(state, control + h * e) - step(state, control - h * e)) / (2 * h) for e in np.eye(n)
    ]
    np.testing.assert_allclose(by_control[0], np.array(columns).T, atol=2e-4)


def test_derivatives_between_steps_are_those_of_the_smooth_motion(arm):
    dynamics, hold = ArmDynamics(arm), 0.02 * arm.effort_limits
    controls = dynamics.holding_control(arm.home) + hold * np.sin(np.arange(20) / 4)[:, None]
    states = dynamics.rollout(np.concatenate([arm.home, np.zeros(arm.num_joints)]), controls)
    sparse = dynamics.linearize(states, controls)
    dynamics.linearized_every = 1
    for between, exact in zip(sparse, dynamics.linearize(states, controls), strict=True):
        assert 0 < np.abs(between - exact).max() < 0.05 * np.abs(exact - exact[0]).max()


def test_payload_adds_the_torque_of_its_weight(arm):
    dynamics, kinematics = ArmDynamics(arm), ArmKinematics(arm)
    offset = np.array([0.01, 0.0, 0.02])
    free = dynamics.holding_control(arm.home)
    dynamics.set_payload(0.5, offset)
    jacobian = kinematics.tool(arm.home, offset, jacobians=True).position_jacobian
    np.testing.assert_allclose(
        dynamics.holding_control(arm.home) - free, jacobian.T @ [0.0, 0.0, 0.5 * 9.81], atol=1e-4
    )
    dynamics.set_payload(0.0, np.zeros(3))
    np.testing.assert_allclose(dynamics.holding_control(arm.home), free, atol=1e-4)


def test_reach_covers_the_workspace_and_not_the_horizon(arm):
    kinematics = ArmKinematics(arm)
    # Blocks stand at least 2 cm inside the border.
    edge = 1 - 0.02 / arm.workspace.half_extent
    steps = np.linspace(-edge, edge, 5)
    for xy in arm.workspace.to_world([[x, y] for x in steps for y in steps]):
        for z in (0.04, 0.12):
            q = solve_ik(arm, kinematics, np.array([*xy, z]))
            assert q is not None, (xy, z)
            assert (q >= arm.position_limits[:, 0]).all()
            assert (q <= arm.position_limits[:, 1]).all()
            assert np.linalg.norm(kinematics.tool(q).position - [*xy, z]) < 0.003
    assert solve_ik(arm, kinematics, np.array([1.5, 0.0, 0.1])) is None


def test_an_incomplete_description_is_named(tmp_path):
    source = ARMS_FOLDER / 'franka' / 'franka.yaml'
    fields = yaml.safe_load(source.read_text())
    fields['model'] = str(source.parent / 'franka.xml')

    def refuse(match, **changes):
        path = tmp_path / 'arm.yaml'
        changed = {**fields, **changes}
        path.write_text(yaml.safe_dump({k: v for k, v in changed.items() if v is not None}))
        with pytest.raises(ArmError, match=match) as caught:
            ArmDescription.load(path)
        assert 'arm.yaml' in str(caught.value) or '.xml' in str(caught.value)

    refuse('model: Field required', model=None)
    refuse('stiffness must be 7 numbers', stiffness=None)
    refuse('damping.0: .*number', damping=['a'] * 7)
    refuse('7 numbers', damping=[1.0] * 8)
    refuse('joints: .*got 5', joints=5)
    refuse('workspace.half_extent', workspace={'center': [0, 0], 'half_extent': 'wide'})
    refuse('finite', velocity_limits=[float('nan')] * 7)
    refuse('no site', tool_site='gripper')
    refuse('no such file', model='nowhere.xml')
    refuse('every joint', joints=[f'joint{i}' for i in range(7)])
    refuse('outside the position limits of fr3_joint4', home=[0.0] * 7)
    refuse(r"unknown \['speed'\]; there are model, joints", speed=3)
    with pytest.raises(ArmError, match='franka'):
        ArmDescription.load('nonesuch')
