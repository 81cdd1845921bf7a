import cv2
import numpy as np
import pytest

from concept_control.benchmarks.perception.frames import evaluate_frame
from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.detector import Detector
from concept_control.perception.detection.limits import BlockLimits
from concept_control.simulation.camera_noise import StructuredLightNoise
from concept_control.simulation.clutter import random_clutter
from concept_control.simulation.opengl import find_backend
from concept_control.simulation.raycast import RaycastBackend
from concept_control.simulation.scene import TABLE_COLOR, SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera

cv2.setNumThreads(1)
GL = find_backend()[0]
BACKENDS = sorted({GL, 'raycast'})


def look(seed, camera, backend='raycast', noise=None, config=None):
    rng = np.random.default_rng(seed)
    clutter = random_clutter(rng, config)
    with SimulatedCamera(clutter.model, camera, 640, 480, backend) as view:
        return evaluate_frame(clutter, [view], noise, rng)[0]


def summary(frames, visible=0.5):
    blocks = [block for frame in frames for block in frame.blocks if block.visible >= visible]
    errors = np.array([np.linalg.norm(block.error) for block in blocks])
    return blocks, errors


@pytest.mark.parametrize(('camera', 'backend'), [('top', GL), ('oblique', 'raycast')])
def test_every_block_of_random_tables_is_found_where_it_is(backend, camera):
    frames = [look(seed, camera, backend) for seed in range(8)]
    blocks, errors = summary(frames)
    assert len(blocks) > 30
    assert not np.isnan(errors).any()
    assert np.median(errors) < 0.5e-3
    assert errors.max() < 4e-3
    assert sum(len(frame.false) for frame in frames) == 0
    assert all(block.detection.shape == block.truth.shape for block in blocks)
    clear = [block for block in blocks if block.visible > 0.9]
    sizes = [np.abs(block.detection.size - block.truth.size).max() for block in clear]
    assert np.median(sizes) < 1e-3
    assert np.median([block.color_error for block in clear]) < 0.1
    for block in clear:
        if block.truth.shape == 'box':
            turn = block.detection.yaw - block.truth.yaw
            assert abs((turn + np.pi / 4) % (np.pi / 2) - np.pi / 4) < np.deg2rad(5)


def test_camera_noise_costs_accuracy_but_no_block():
    frames = [look(seed, 'top', noise=StructuredLightNoise()) for seed in range(8)]
    blocks, errors = summary(frames)
    assert not np.isnan(errors).any()
    assert np.median(errors) < 1.5e-3
    assert sum(len(frame.false) for frame in frames) == 0
    # The covariance claims neither too much nor far too little: about 3 for a (3,) error.
    normalised = [b.error @ np.linalg.solve(b.detection.covariance, b.error) for b in blocks]
    assert 0.2 < np.mean(normalised) < 6.0


@pytest.mark.parametrize(('table', 'draw'), [(12, 15), (118, 13), (118, 19)])
def test_a_small_ball_half_behind_a_box_is_found_for_all_its_mixed_pixels(table, draw):
    clutter = random_clutter(np.random.default_rng(table))
    with SimulatedCamera(clutter.model, 'oblique', 640, 480, 'raycast') as view:
        color, depth = view.render(clutter.data)
        noise = StructuredLightNoise()
        noisy = noise.apply(np.random.default_rng(draw), color, depth, view.intrinsics.fx)
        pose = view.T_world_camera(clutter.data)
        found = Detector(view.intrinsics, table_color=clutter.table_color).detect(*noisy, pose)
    assert clutter.shapes[0] == 'ball'
    nearest = min(found, key=lambda d: np.linalg.norm(d.position - clutter.positions[0]))
    assert nearest.shape == 'ball'
    assert np.linalg.norm(nearest.position - clutter.positions[0]) < 5e-3


def touching(gap=0.0005, colors=('red', 'red'), sizes=0.04):
    positions = np.array([[0.45, 0.02], [0.45 + 0.04 + gap, 0.03]])
    return build_scene(
        SceneConfig(
            num_blocks=2, colors=colors, positions=positions, random_yaw=False, sizes=sizes
        )
    )


@pytest.mark.parametrize('colors', [('red', 'red'), ('white', (0.5, 0.5, 0.5)), ('red', 'orange')])
@pytest.mark.parametrize('camera', ['top', 'oblique'])
def test_touching_blocks_are_two(colors, camera):
    scene = touching(colors=colors)
    data = scene.new_data()
    with SimulatedCamera(scene.model, camera, 640, 480, 'raycast') as view:
        color, depth = view.render(data)
        found = Detector(view.intrinsics).detect(color, depth, view.T_world_camera(data))
    assert len(found) == 2
    found.sort(key=lambda detection: detection.position[0])
    for detection, position in zip(found, scene.initial_positions):
        np.testing.assert_allclose(detection.position, position, atol=3e-3)


@pytest.mark.parametrize('backend', BACKENDS)
def test_named_colors_come_out_as_themselves(backend):
    scene = build_scene(SceneConfig(num_blocks=8, seed=3))
    data = scene.new_data()
    with SimulatedCamera(scene.model, 'top', 640, 480, backend) as view:
        color, depth = view.render(data)
        detector = Detector(view.intrinsics, table_color=np.array(TABLE_COLOR))
        found = detector.detect(color, depth, view.T_world_camera(data))
    assert len(found) == 8
    for detection in found:
        distances = np.linalg.norm(scene.initial_positions - detection.position, axis=1)
        index = int(np.argmin(distances))
        assert distances[index] < 1e-3
        tint = np.linalg.norm(scene.colors - detection.color, axis=1)
        assert int(np.argmin(tint)) == index
        assert tint[index] < 0.2


@pytest.mark.parametrize(
    'distortion',
    [(-0.15, 0.06, 0.001, -0.001, 0.0), (0.7, -0.4, 4e-4, 2e-4, 0.02, 1.0, -0.3, 0.0)],
    ids=['plumb_bob', 'rational'],
)
def test_a_lens_s_distortion_is_undone(distortion):
    clutter = random_clutter(np.random.default_rng(2), has_arm=False)
    lens = Intrinsics(640, 480, 560.0, 560.0, 322.0, 236.0, distortion)
    camera = clutter.model.camera('top').id
    color, depth = RaycastBackend(clutter.model, camera, lens).render(clutter.data)
    with SimulatedCamera(clutter.model, 'top', 32, 24, 'raycast') as view:
        pose = view.T_world_camera(clutter.data)
    found = Detector(lens).detect(color, depth, pose)
    assert len(found) == len(clutter.positions)
    for detection in found:
        nearest = np.linalg.norm(clutter.positions - detection.position, axis=1).min()
        assert nearest < 1e-3


def test_a_tilted_table_is_noticed():
    clutter = random_clutter(np.random.default_rng(4), has_arm=False)
    with SimulatedCamera(clutter.model, 'top', 640, 480, 'raycast') as view:
        color, depth = view.render(clutter.data)
        pose = view.T_world_camera(clutter.data)
    tilt = np.deg2rad(0.3)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]
    pose[2, 3] += 0.003
    found = Detector(view.intrinsics).detect(color, depth, pose @ turn)
    heights = sorted(detection.size[2] for detection in found)
    np.testing.assert_allclose(heights, sorted(clutter.sizes[:, 2]), atol=1e-3)


def test_an_empty_table_holes_and_bounds():
    scene = touching(colors=('red', 'blue'), gap=0.05)
    data = scene.new_data()
    with SimulatedCamera(scene.model, 'top', 640, 480, 'raycast') as view:
        color, depth = view.render(data)
        pose = view.T_world_camera(data)
    assert Detector(view.intrinsics).detect(color, np.full_like(depth, np.nan), pose) == []
    left = BlockLimits(bounds=(0.3, 0.48, -0.2, 0.2))
    found = Detector(view.intrinsics, left).detect(color, depth, pose)
    assert [round(d.position[0], 2) for d in found] == [0.45]
    holes = depth.copy()
    holes[np.random.default_rng(0).random(depth.shape) < 0.1] = np.nan
    found = Detector(view.intrinsics).detect(color, holes, pose)
    assert len(found) == 2
    for detection in found:
        nearest = np.linalg.norm(scene.initial_positions - detection.position, axis=1).min()
        assert nearest < 2e-3


def test_impossible_inputs_are_refused():
    camera = Intrinsics(64, 48, 60.0, 60.0, 31.5, 23.5)
    color, depth = np.zeros((48, 64, 3), np.uint8), np.ones((48, 64), np.float32)
    with pytest.raises(PerceptionError, match='extrinsics'):
        Detector(camera).detect(color, depth, np.eye(4))
    high = np.diag([1.0, -1.0, -1.0, 1.0])
    high[2, 3] = 2.0
    with pytest.raises(PerceptionError, match=r'table.*extrinsics'):
        Detector(camera).detect(color, depth, high)
    with pytest.raises(PerceptionError, match='rotation'):
        Detector(camera).detect(color, depth, np.ones((4, 4)))
    with pytest.raises(PerceptionError, match='finite'):
        Detector(camera).detect(color, depth, np.full((4, 4), np.nan))
    with pytest.raises(PerceptionError, match='min_height'):
        BlockLimits(min_height=0.1)
    with pytest.raises(PerceptionError, match='table colour'):
        Detector(camera, table_color=np.array([0.3, 0.3, 30.0]))
