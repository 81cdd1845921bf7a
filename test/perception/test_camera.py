import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.errors import PerceptionError
from concept_control.perception.camera import (
    COLOR_CHANNELS,
    Intrinsics,
    check_frame,
    check_stamps,
    decode_color,
    decode_depth,
)

sizes = st.integers(1, 7)
CAMERA = Intrinsics(640, 480, 570.0, 572.0, 321.0, 238.5)
LENS = Intrinsics(640, 480, 570.0, 572.0, 321.0, 238.5, (-0.12, 0.05, 0.001, -0.0008, 0.01))
WIDE = Intrinsics(
    640, 480, 500.0, 501.0, 318.0, 242.0, (0.7, -0.4, 4e-4, 2e-4, 0.02, 1.0, -0.3, 0.0)
)


def padded(rows: np.ndarray, padding: int) -> tuple[bytes, int]:
    rows = rows.reshape(len(rows), -1).view(np.uint8)
    wide = np.concatenate([rows, np.full((len(rows), padding), 0xAB, np.uint8)], axis=1)
    return wide.tobytes(), wide.shape[1]


@settings(max_examples=60, deadline=None)
@given(
    sizes, sizes, st.integers(0, 9), st.sampled_from(sorted(COLOR_CHANNELS)), st.integers(0, 99)
)
def test_color_comes_back_whatever_the_encoding_and_padding(
    height, width, padding, encoding, seed
):
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    num_channels, order = COLOR_CHANNELS[encoding]
    image = np.full((height, width, num_channels), 7, dtype=np.uint8)
    image[..., list(order)] = rgb
    data, step = padded(image, padding)
    for buffer in (data, bytearray(data), np.frombuffer(data, np.uint8), list(data)):
        decoded = decode_color(encoding, height, width, step, False, buffer)
        assert decoded.dtype == np.uint8
        np.testing.assert_array_equal(decoded, rgb)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(0, 5), st.booleans(), st.integers(0, 99))
def test_depth_comes_back_in_metres_with_holes(height, width, padding, is_bigendian, seed):
    rng = np.random.default_rng(seed)
    order = '>' if is_bigendian else '<'
    millimetres = rng.integers(0, 4000, (height, width)) * rng.integers(0, 2, (height, width))
    data, step = padded(millimetres.astype(order + 'u2'), 2 * padding)
    depth = decode_depth('16UC1', height, width, step, is_bigendian, data)
    expected = np.where(millimetres > 0, millimetres * 1e-3, np.nan)
    np.testing.assert_allclose(depth, expected, rtol=1e-6)

    metres = rng.uniform(0.1, 5.0, (height, width)).astype(np.float32)
    holes = rng.choice([np.nan, np.inf, -np.inf, 0.0, -1.0], (height, width))
    is_hole = rng.random((height, width)) < 0.3
    values = np.where(is_hole, holes, metres).astype(order + 'f4')
    data, step = padded(values, padding)
    depth = decode_depth('32FC1', height, width, step, is_bigendian, data)
    assert depth.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(depth), is_hole)
    np.testing.assert_array_equal(depth[~is_hole], metres[~is_hole])


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (('mono8', 2, 2, 2, False, b'1234'), 'rgb8'),
        (('rgb8', 2, 2, 5, False, bytes(10)), 'at least 6'),
        (('rgb8', 2, 2, 6, False, bytes(11)), '12 are expected'),
        (('bgra8', 0, 2, 8, False, b''), 'empty'),
    ],
)
def test_wrong_color_is_refused_by_name(arguments, text):
    with pytest.raises(PerceptionError, match=text):
        decode_color(*arguments)


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (('8UC1', 1, 1, 1, False, b'1'), '16UC1'),
        (('16UC1', 1, 4, 4, False, bytes(4)), 'at least 8'),
        (('32FC1', 2, 1, 4, False, bytes(4)), '8 are expected'),
    ],
)
def test_wrong_depth_is_refused_by_name(arguments, text):
    with pytest.raises(PerceptionError, match=text):
        decode_depth(*arguments)


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
    check_stamps(10.0, 10.01)
    with pytest.raises(PerceptionError, match=r'100\.0 ms apart'):
        check_stamps(10.0, 10.1)
    with pytest.raises(PerceptionError):
        check_stamps(10.0, np.nan)


@pytest.mark.parametrize('camera', [CAMERA, LENS, WIDE], ids=['pinhole', 'plumb_bob', 'rational'])
def test_projection_and_deprojection_are_inverse(camera):
    rng = np.random.default_rng(0)
    pixels = rng.uniform(0, (639, 479), (200, 2))
    depth = rng.uniform(0.3, 3.0, 200)
    points = camera.deproject(pixels, depth)
    np.testing.assert_allclose(points[:, 2], depth)
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
    with pytest.raises(PerceptionError, match='plumb_bob'):
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
