"""Scenes as configured, and clear errors."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from concept_control.control.arm.description import ARMS_FOLDER
from concept_control.control.tracker import PlanTracker
from concept_control.simulation.scene import SceneConfig, SceneError, box_parts, build_scene
from concept_control.simulation.world import SimulatedWorld
from concept_control.world.colors import NAMED_COLORS


def test_a_scene_holds_what_was_asked_for():
    config = SceneConfig(num_blocks=4, seed=3, sizes=[0.03, 0.04, 0.05, 0.04], cylinders=[2])
    scene = build_scene(config)
    kind = scene.model.geom(scene.block_names[1]).type
    assert kind == mujoco.mjtGeom.mjGEOM_CYLINDER
    np.testing.assert_allclose(scene.colors[0], NAMED_COLORS['red'])
    assert [scene.model.camera(i).name for i in range(scene.model.ncam)] == ['top', 'oblique']
    world = SimulatedWorld(scene)
    tracker = PlanTracker(scene.arm)
    for _ in range(250):
        world.step(tracker.effort(world.time, *world.joint_state()))
    # At rest nothing slides, sinks or tips.
    np.testing.assert_allclose(world.block_positions(), scene.initial_positions, atol=5e-4)
    np.testing.assert_allclose(world.block_yaws(), scene.initial_yaws, atol=1e-3)
    np.testing.assert_allclose(scene.initial_positions[:, 2], scene.sizes / 2)


def test_layouts_are_seeded_inside_the_workspace_and_apart():
    layouts = []
    for seed in range(20):
        scene = build_scene(SceneConfig(num_blocks=5, seed=seed))
        xy = scene.initial_positions[:, :2]
        assert scene.arm.workspace.contains(xy, margin=0.03 - 1e-9).all()
        gaps = np.linalg.norm(xy[:, None] - xy, axis=-1) + np.eye(5)
        assert gaps.min() > 0.04 * np.sqrt(2) + 0.03 - 1e-9
        layouts.append(xy)
    again = build_scene(SceneConfig(num_blocks=5, seed=7)).initial_positions[:, :2]
    np.testing.assert_array_equal(layouts[7], again)
    assert np.abs(layouts[0] - layouts[1]).max() > 0.01


def test_blocks_and_gaps_shrink_with_a_small_workspace(tmp_path):
    text = (ARMS_FOLDER / 'ur5e' / 'ur5e.yaml').read_text()
    small = text.replace('half_extent: 0.24', 'half_extent: 0.16')
    assert small != text
    (tmp_path / 'small.yaml').write_text(small.replace('model: ', f'model: {ARMS_FOLDER}/ur5e/'))
    config = SceneConfig(num_blocks=5, min_gap=0.08, arm=tmp_path / 'small.yaml')
    scene = build_scene(config)
    np.testing.assert_allclose(scene.sizes, 0.04 * 0.16 / 0.24)
    assert scene.arm.workspace.contains(scene.initial_positions[:, :2], margin=0.0199).all()
    np.testing.assert_array_equal(
        build_scene(replace(config, min_gap=0.0, sizes=0.03)).sizes, np.full(5, 0.03)
    )


def test_the_top_camera_sees_the_workspace_upright():
    scene = build_scene(SceneConfig(num_blocks=1))
    data = scene.new_data()
    camera = scene.model.camera('top').id
    right, up, backward = data.cam_xmat[camera].reshape(3, 3).T
    np.testing.assert_allclose(right, [0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(up, [1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(backward, [0, 0, 1], atol=1e-9)


@pytest.mark.parametrize(
    ('config', 'match'),
    [
        (SceneConfig(num_blocks=1, colors=['mauve']), 'mauve.*red'),
        (SceneConfig(num_blocks=2, colors=['red']), '1 colours for 2 blocks'),
        (SceneConfig(num_blocks=2, sizes=[0.04]), 'sizes has shape'),
        (SceneConfig(num_blocks=1, sizes=-1.0), 'positive'),
        (SceneConfig(num_blocks=1, positions=np.zeros((2, 2))), 'positions have shape'),
        (SceneConfig(num_blocks=8, min_gap=0.3), 'no layout'),
        (SceneConfig(num_blocks=2, open_boxes=[3]), 'expected ids among'),
        (SceneConfig(num_blocks=1, open_boxes=[1], cylinders=[1]), r'\[1\] cannot be both'),
        (SceneConfig(num_blocks=1, open_boxes=[1], sizes=0.01), 'an open box needs a side'),
    ],
)
def test_contradictions_are_refused(config, match):
    with pytest.raises(SceneError, match=match):
        build_scene(config)


def test_stacks_stand_on_one_another_and_stay_at_rest():
    config = SceneConfig(num_blocks=6, sizes=[0.04, 0.05, 0.04, 0.03, 0.04, 0.04], seed=1)
    world = SimulatedWorld(build_scene(replace(config, stacks=[(2, 1, 3, 5, 4)])))
    start = world.block_positions()
    np.testing.assert_allclose(start[[1, 0, 2, 4, 3], 2], [0.025, 0.07, 0.11, 0.15, 0.185])
    tracker = PlanTracker(world.scene.arm)
    for _ in range(1000):
        world.step(tracker.effort(world.time, *world.joint_state()))
    np.testing.assert_allclose(world.block_positions()[:, :2], start[:, :2], atol=5e-4)
    np.testing.assert_allclose(world.block_positions()[:, 2], start[:, 2], atol=1e-3)
    for stacks in ([(1, 7)], [(1, 2), (2, 3)]):
        with pytest.raises(SceneError, match='at most once'):
            build_scene(replace(config, stacks=stacks))


def test_an_open_box_holds_what_stands_in_it_and_gives_the_cup_no_face():
    config = SceneConfig(num_blocks=2, open_boxes=[1], stacks=[(1, 2)], seed=2)
    world = SimulatedWorld(build_scene(config))
    tracker = PlanTracker(world.scene.arm)
    for _ in range(500):
        world.step(tracker.effort(world.time, *world.joint_state()))
    box, block = world.entities().values()
    np.testing.assert_allclose(box.size, [0.14, 0.14, 0.04])
    np.testing.assert_allclose(block.position[:2], box.position[:2], atol=1e-3)
    assert block.position[2] == pytest.approx(0.02 + box.rim, abs=1e-3)
    parts = box_parts(box.size, box.rim)
    volume = 8 * sum(half.prod() for _, half in parts)
    inner = box.size - [2 * box.rim, 2 * box.rim, box.rim]
    assert volume == pytest.approx(box.size.prod() - inner.prod())
    assert scene_names(world.scene) == ['suction_concept/block_2']


def scene_names(scene):
    return [scene.model.equality(i).name for i in range(scene.model.neq)]
