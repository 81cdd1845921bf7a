from dataclasses import replace

import numpy as np
import pytest

from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics, check_frame, pose_matrix

CAMERA = Intrinsics(640, 480, 570.0, 572.0, 321.0, 238.5)
LENS = Intrinsics(640, 480, 570.0, 572.0, 321.0, 238.5, (-0.12, 0.05, 0.001, -0.0008, 0.01))
WIDE = Intrinsics(
    640, 480, 500.0, 501.0, 318.0, 242.0, (0.7, -0.4, 4e-4, 2e-4, 0.02, 1.0, -0.3, 0.0)
)
TILTED = replace(WIDE, distortion=(*WIDE.distortion, 1e-3, 1e-4, -1e-3, 2e-4, 0.01, -0.02))


def test_frames_that_do_not_belong_together_are_refused():
    color = np.zeros((480, 640, 3), np.uint8)
    depth = np.ones((480, 640), np.float32)
    check_frame(color, depth, CAMERA)
    with pytest.raises(PerceptionError, match='registered'):
        check_frame(color, depth[::2], CAMERA)
    with pytest.raises(PerceptionError, match='calibration'):
        check_frame(color[:, :320], depth, CAMERA)
    with pytest.raises(PerceptionError, match='float'):
        check_frame(color, depth.astype(np.uint16), CAMERA)


@pytest.mark.parametrize('camera', [CAMERA, LENS, WIDE, TILTED])
def test_projecting_and_undistorting_are_inverse(camera):
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, (639, 479), (200, 2))
    depth = rng.uniform(0.3, 3.0, 200)
    points = np.column_stack([camera.undistort(pixels), np.ones(200)]) * depth[:, None]
    np.testing.assert_allclose(camera.project(points), pixels, atol=1e-4)
    rays = camera.rays()
    np.testing.assert_allclose(
        camera.project(rays[100, 200][None] * 1.7), [[200.0, 100.0]], atol=1e-4
    )
    with pytest.raises(PerceptionError, match='behind'):
        camera.project(-points)


def test_calibration_messages_are_checked():
    k = CAMERA.matrix.ravel()
    assert Intrinsics.from_calibration(640, 480, k, [0.0] * 5) == CAMERA
    assert Intrinsics.from_calibration(640, 480, k, LENS.distortion) == LENS
    again = Intrinsics.from_calibration(
        640, 480, TILTED.matrix.ravel(), TILTED.distortion, 'rational_polynomial'
    )
    assert again == TILTED
    with pytest.raises(PerceptionError, match=r'plumb_bob.*rectify'):
        Intrinsics.from_calibration(640, 480, k, [0.1] * 4, 'equidistant')
    with pytest.raises(PerceptionError, match='3 coefficients'):
        Intrinsics.from_calibration(640, 480, k, [0.1] * 3)
    with pytest.raises(PerceptionError, match='calibrated'):
        Intrinsics.from_calibration(640, 480, np.zeros(9))
    with pytest.raises(PerceptionError, match='finite'):
        Intrinsics(640, 480, np.nan, 570.0, 320.0, 240.0)
    with pytest.raises(PerceptionError, match='degrees'):
        Intrinsics(640, 480, 1e-3, 570.0, 320.0, 240.0)
    with pytest.raises(PerceptionError, match='nowhere near'):
        Intrinsics(640, 480, 570.0, 570.0, 320.0, 24000.0)
    skewed = k.copy()
    skewed[1] = 3.0
    with pytest.raises(PerceptionError, match='no camera matrix'):
        Intrinsics.from_calibration(640, 480, skewed)


def test_the_distortion_is_the_published_polynomial():
    """OpenCV's formula for both models, written out; 8 coefficients divide by a polynomial."""
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(-0.4, 0.4, (50, 2)), np.ones(50)])
    x, y = points[:, 0], points[:, 1]
    r2 = x * x + y * y
    for camera in (LENS, WIDE):
        k1, k2, p1, p2, k3, k4, k5, k6 = (*camera.distortion, 0.0, 0.0, 0.0)[:8]
        radial = (1 + k1 * r2 + k2 * r2**2 + k3 * r2**3) / (1 + k4 * r2 + k5 * r2**2 + k6 * r2**3)
        u = camera.fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + camera.cx
        v = camera.fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + camera.cy
        np.testing.assert_allclose(camera.project(points), np.column_stack([u, v]), atol=1e-6)


def test_pixels_beyond_a_folded_lens_model_see_nothing():
    barrel = Intrinsics(640, 480, 400.0, 400.0, 320.0, 240.0, (-0.35, 0.0, 0.0, 0.0))
    rays = barrel.rays()
    assert np.isnan(rays[0, 0]).any()
    assert not np.isnan(rays[200:280, 200:440]).any()
    with pytest.raises(PerceptionError, match='cannot be undone'):
        Intrinsics(640, 480, 400.0, 400.0, 320.0, 240.0, (-50.0, 0.0, 0.0, 0.0)).rays()


@pytest.mark.parametrize(
    ('position', 'rotation'),
    [
        ([0.0, 0.0], [0, 0, 0, 1]),
        ([0.0, 0.0, np.nan], [0, 0, 0, 1]),
        ([0.0, 0.0, 0.0], [0, 0, 0, 0]),
        ([0.0, 0.0, 0.0], [0, 0, 1]),
    ],
)
def test_what_is_no_pose_is_refused(position, rotation):
    with pytest.raises(PerceptionError, match='no pose'):
        pose_matrix(position, rotation)
