"""The world: blocks that can be sucked on and moved by a hand, and the truth about them."""

import mujoco
import numpy as np
import pytest

from concept_control.control.tracker import PlanTracker
from concept_control.simulation.scene import SceneConfig, SceneError, build_scene
from concept_control.simulation.world import Replica, SimulatedWorld
from concept_control.world.entity import TOOL_ID, EntityStatus


def test_suction_holds_a_block_where_it_was_and_lets_go():
    scene = build_scene(SceneConfig(num_blocks=2, seed=1))
    world = SimulatedWorld(scene)
    assert world.attach() is None
    # Bring the block to the cup rather than the cup to the block: same contact, no controller.
    tip, _ = world.tool_pose()
    start = world._block_qpos[0]
    offset = np.array([0.004, -0.003])
    world.data.qpos[start : start + 3] = [*(tip[:2] + offset), tip[2] - 0.022]
    world.set_suction(True)
    tracker = PlanTracker(scene.arm)
    world.step(tracker.effort(world.time, *world.joint_state()))
    assert world.held == 1
    for _ in range(250):
        world.step(tracker.effort(world.time, *world.joint_state()))
    tip = world.tool_pose()[0]
    np.testing.assert_allclose(world.block_positions()[0, :2] - tip[:2], offset, atol=1e-3)
    assert world.block_positions()[0, 2] == pytest.approx(tip[2] - 0.022, abs=1e-3)
    world.set_suction(False)
    assert world.held is None
    for _ in range(250):
        world.step(tracker.effort(world.time, *world.joint_state()))
    assert world.block_positions()[0, 2] < 0.05


def test_suction_needs_a_face_under_the_cup():
    scene = build_scene(SceneConfig(num_blocks=1, seed=1))
    world = SimulatedWorld(scene)
    tip = world.tool_pose()[0]
    start = world._block_qpos[0]
    for shift in ([0.0, 0.0, -0.028], [0.019, 0.0, -0.021]):
        world.data.qpos[start : start + 3] = tip + shift
        world.data.qpos[start + 3 : start + 7] = [1, 0, 0, 0]
        mujoco.mj_forward(world.model, world.data)
        assert world.attach() is None


@pytest.fixture(scope='module')
def scene():
    return build_scene(SceneConfig(num_blocks=2, seed=1))


def test_a_hand_puts_a_block_elsewhere_and_out_of_the_cup(scene):
    world = SimulatedWorld(scene)
    tip, _ = world.tool_pose()
    start = world._block_qpos[0]
    world.data.qpos[start : start + 3] = [*tip[:2], tip[2] - 0.022]
    mujoco.mj_forward(world.model, world.data)
    assert world.attach() == 1
    world.disturb(1, np.array([0.4, 0.1]), yaw=0.3)
    assert world.held is None
    np.testing.assert_allclose(world.block_positions()[0], [0.4, 0.1, scene.sizes[0] / 2])
    assert world.block_yaws()[0] == pytest.approx(0.3)
    world.disturb(1, np.array([0.5, 0.0]))
    assert world.block_yaws()[0] == pytest.approx(0.3)
    with pytest.raises(SceneError, match='no block 3; blocks are 1 … 2'):
        world.disturb(3, np.zeros(2))


def test_the_truth_is_told_by_id_and_in_workspace_units(scene):
    world = SimulatedWorld(scene)
    entities = world.entities()
    assert list(entities) == [1, 2]
    assert {state.status for state in entities.values()} == {EntityStatus.SEEN}
    np.testing.assert_array_equal(entities[2].color, scene.colors[1])
    np.testing.assert_allclose(entities[2].position, scene.initial_positions[1])
    assert world.tabletop().ids == (1, 2)
    table = world.tabletop(with_tool=True)
    assert table.ids == (TOOL_ID, 1, 2)
    places = [world.tool_pose()[0][:2], *scene.initial_positions[:, :2]]
    np.testing.assert_allclose(table.positions, scene.arm.workspace.to_workspace(np.array(places)))


@pytest.mark.parametrize('effort', [np.zeros(3), np.full(7, np.nan)])
def test_efforts_that_are_none_are_refused(scene, effort):
    with pytest.raises(SceneError, match='7 finite torques'):
        SimulatedWorld(scene).step(effort)


def test_a_replica_has_the_poses_of_the_world_it_copies(scene):
    world, replica = SimulatedWorld(scene), Replica(scene.model)
    world.disturb(2, np.array([0.45, -0.1]), yaw=0.2)
    data = replica.at(world.data.qpos)
    for field in ('xpos', 'site_xpos', 'cam_xpos', 'cam_xmat', 'light_xdir'):
        np.testing.assert_allclose(getattr(data, field), getattr(world.data, field), atol=1e-12)
