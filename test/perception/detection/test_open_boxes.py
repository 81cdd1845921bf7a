"""An open box is seen as one, with what stands in it; blocks in a ring are blocks."""

import numpy as np
import pytest

from concept_control.perception.detection.detector import Detector
from concept_control.perception.tracking.tracker import EntityTracker
from concept_control.simulation.opengl import find_backend
from concept_control.simulation.scene import SceneConfig, build_scene
from concept_control.simulation.simulated_camera import SimulatedCamera
from concept_control.world.entity import OPEN_BOX, RIM

BACKEND = find_backend()[0]


def look(config):
    scene = build_scene(config)
    with SimulatedCamera(scene.model, 'top', 640, 480, BACKEND) as view:
        data = scene.new_data()
        detector = Detector(view.intrinsics)
        return scene, detector, detector.detect(*view.render(data), view.T_world_camera(data))


@pytest.mark.parametrize('stacks', [(), ((2, 3),)], ids=['empty', 'full'])
def test_a_box_and_what_is_in_it_are_found_where_they_are(stacks):
    config = SceneConfig(num_blocks=4, seed=1, open_boxes=[2], min_gap=0.06, stacks=stacks)
    scene, detector, found = look(config)
    assert len(found) == 4
    for row, place in enumerate(scene.initial_positions):
        one = min(found, key=lambda d: np.linalg.norm(d.position - place) + (d.shape == OPEN_BOX))
        if row == 1:
            one = next(d for d in found if d.shape == OPEN_BOX)
            np.testing.assert_allclose(one.size, [0.14, 0.14, 0.04], atol=2e-3)
            turn = one.yaw - scene.initial_yaws[row]
            assert abs((turn + np.pi / 4) % (np.pi / 2) - np.pi / 4) < np.deg2rad(1)
        np.testing.assert_allclose(one.position, place, atol=1.5e-3)
    tracker = EntityTracker()
    for stamp in (0.0, 0.1, 0.2):
        known = tracker.update(found, stamp, hidden=detector.could_hide)
    assert sorted(entity.rim for entity in known) == [0.0, 0.0, 0.0, RIM]
    # The box goes only where its rim is seen to be gone.
    emptied = look(SceneConfig(num_blocks=0))[1]
    for hidden, left in ((lambda *_: True, 4), (emptied.could_hide, 0)):
        for stamp in np.arange(3, 14) / 10 + (left == 0) * 2:
            known = tracker.update([], float(stamp), hidden=hidden)
        assert len(known) == left


def test_four_blocks_in_a_ring_are_no_box():
    away = 0.043
    xy = np.array([[0.5, 0.0]]) + away * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
    corners = np.array([[0.5, 0.0]]) + away * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    config = SceneConfig(num_blocks=8, positions=np.concatenate([xy, corners]), random_yaw=False)
    _, _, found = look(config)
    assert found and all(detection.shape != OPEN_BOX for detection in found)
