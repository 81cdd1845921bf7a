"""Blocks on blocks are found at their heights, and followed when they are pushed over."""

import mujoco
import numpy as np
import pytest

from concept_control.benchmarks.perception.frames import evaluate_frame
from concept_control.control.arm.body_boxes import ArmBoxes
from concept_control.perception.detection.detector import Detector
from concept_control.perception.tracking.fusion import fuse
from concept_control.perception.tracking.tracker import EntityTracker
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.clutter import random_clutter
from concept_control.simulation.opengl import find_backend
from concept_control.simulation.scene import TABLE_COLOR, SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.world.entity import EntityStatus

BACKEND = find_backend()[0]


class Watched:
    """A scene with stacks and what both cameras make of it."""

    def __init__(self, stacks, cameras=('top', 'oblique'), **config):
        self.scene = build_scene(SceneConfig(stacks=stacks, **config))
        self.data = self.scene.new_data()
        self.robot = ArmBoxes(self.scene.arm).at(self.scene.arm.home)
        self.views = [SimulatedCamera(self.scene.model, c, 640, 480, BACKEND) for c in cameras]
        self.detectors = [
            Detector(view.intrinsics, table_color=np.array(TABLE_COLOR)) for view in self.views
        ]

    def look(self):
        found = []
        for view, detector in zip(self.views, self.detectors):
            frame = (*view.render(self.data), view.T_world_camera(self.data))
            found.append(detector.detect(*frame, self.robot))
        return fuse(found)

    def hidden(self, position, size):
        return all(detector.could_hide(position, size) for detector in self.detectors)

    def put(self, block, position):
        self.data.joint(self.scene.block_names[block]).qpos[:3] = position
        mujoco.mj_forward(self.scene.model, self.data)

    def close(self):
        for view in self.views:
            view.close()


def errors(found, positions):
    gaps = [[np.linalg.norm(d.position - place) for d in found] for place in positions]
    return np.min(gaps, axis=1)


@pytest.mark.parametrize(
    'config',
    [
        {'seed': 1},
        {'seed': 2, 'colors': ('red',) * 6},
        {'seed': 3, 'sizes': (0.05, 0.035, 0.03, 0.04, 0.03, 0.045)},
    ],
    ids=['colours', 'one colour', 'sizes'],
)
def test_every_block_of_towers_is_found_at_its_height(config):
    watched = Watched(((1, 2, 3), (4, 5)), num_blocks=6, min_gap=0.06, **config)
    found = watched.look()
    watched.close()
    scene = watched.scene
    assert len(found) == 6
    distances = errors(found, scene.initial_positions)
    assert np.median(distances) < 2e-3
    assert distances.max() < 8e-3
    for place, side, color in zip(scene.initial_positions, scene.sizes, scene.colors):
        nearest = min(found, key=lambda d: np.linalg.norm(d.position - place))
        assert abs(nearest.size[2] - side) < 5e-3
        assert np.linalg.norm(nearest.color - color) < 0.3


@pytest.mark.parametrize(
    ('noise', 'seeds'),
    [(None, (32, 66, 1025, 1035, 1058, 1092)), (StructuredLightNoise(), (1011, 1028, 1041))],
    ids=['clear', 'noise'],
)
def test_what_is_half_visible_on_random_tables_with_stacks_is_found(noise, seeds):
    blocks, false = [], 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        clutter = random_clutter(rng, False, has_stacks=True)
        cameras = [SimulatedCamera(clutter.model, c, backend=BACKEND) for c in ('top', 'oblique')]
        both = evaluate_frame(clutter, cameras, noise, rng)[-1]
        blocks += [block for block in both.blocks if block.visible >= 0.5]
        false += len(both.false)
        for camera in cameras:
            camera.close()
    distances = np.array([np.linalg.norm(block.error) for block in blocks])
    assert false == 0
    assert sum('on another' in block.traits for block in blocks) > 4
    assert not np.isnan(distances).any()
    assert np.median(distances) < 2e-3


def test_a_ball_is_no_stack_whatever_noise_does_to_its_colour():
    rng = np.random.default_rng(1005)
    clutter = random_clutter(rng)
    with SimulatedCamera(clutter.model, 'top', backend=BACKEND) as view:
        frames = [
            evaluate_frame(clutter, [view], StructuredLightNoise(), rng)[0] for _ in range(4)
        ]
    for frame in frames:
        assert not frame.false
        assert frame.blocks[4].truth.shape == 'ball'
        assert np.linalg.norm(frame.blocks[4].error) < 4e-3


@pytest.mark.parametrize(('sizes', 'tilt'), [((0.05, 0.045), 40), ((0.04, 0.03), 30)])
def test_a_leaning_block_is_one_thing_whose_place_is_uncertain(sizes, tilt):
    wall, side = sizes
    angle, start = np.deg2rad(tilt), np.array([[0.48, 0.0], [0.56, 0.1]])
    watched = Watched((), num_blocks=2, sizes=sizes, positions=start, random_yaw=False)
    # The lower edge is on the table, the upper one touches the wall of the other block.
    up, right = np.array([-np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), np.sin(angle)])
    x, z = 0.5 * side * (up + right)
    place = np.array([0.48 + 0.5 * wall + side * np.sin(angle) + x, 0.0, z])
    joint = watched.data.joint(watched.scene.block_names[1])
    joint.qpos[3:] = np.cos(angle / 2), 0.0, -np.sin(angle / 2), 0.0
    watched.put(1, place)
    found = watched.look()
    watched.close()
    assert len(found) == 2
    leaning = min(found, key=lambda d: np.linalg.norm(d.position - place))
    error = leaning.position - place
    assert np.linalg.norm(error) < 8e-3
    assert error @ np.linalg.solve(leaning.covariance, error) < 16.0
    assert np.sqrt(np.linalg.eigvalsh(leaning.covariance)[-1]) > 2e-3


def test_a_tower_pushed_over_keeps_its_ids_and_a_hidden_block_its_place():
    start = np.array([[0.48, 0.0], [0.48, 0.1], [0.48, -0.1]])
    config = {'colors': ('red', 'green', 'blue'), 'random_yaw': False}
    watched = Watched((), num_blocks=3, positions=start, **config)
    tracker, stamps = EntityTracker(), iter(0.1 * np.arange(100))

    def follow(num):
        for _ in range(num):
            entities = tracker.update(watched.look(), next(stamps), hidden=watched.hidden)
        assert len(entities) == 3
        return [
            min(entities, key=lambda e: np.linalg.norm(e.color - c)) for c in watched.scene.colors
        ]

    ids = [entity.id for entity in follow(4)]
    tower = np.array([[0.48, 0.0, 0.02], [0.48, 0.0, 0.06], [0.48, 0.003, 0.1]])
    for block in (1, 2):
        watched.put(block, tower[block])
        stacked = follow(6)
    assert [entity.id for entity in stacked] == ids
    for entity, place in zip(stacked, tower):
        np.testing.assert_allclose(entity.position, place, atol=3e-3)
    fallen = np.array([[0.48, 0.0, 0.02], [0.55, 0.02, 0.02], [0.6, -0.05, 0.02]])
    for block in (1, 2):
        watched.put(block, fallen[block])
    after = follow(4)
    assert [entity.id for entity in after] == ids
    watched.close()
    for entity, place in zip(after, fallen):
        assert entity.status == EntityStatus.SEEN
        np.testing.assert_allclose(entity.position, place, atol=2e-3)


def test_corners_of_a_face_that_look_out_from_under_a_block_have_its_colour():
    colors = ('red', 'blue', 'green', 'yellow')
    watched = Watched(((2, 3),), ('top',), num_blocks=4, colors=colors, seed=10, min_gap=0.06)
    found = watched.look()
    watched.close()
    place, color = watched.scene.initial_positions[1], watched.scene.colors[1]
    nearest = min(found, key=lambda d: np.linalg.norm(d.position - place))
    assert np.linalg.norm(nearest.position - place) < 4e-3
    assert np.linalg.norm(nearest.color - color) < 0.2
