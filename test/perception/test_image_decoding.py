from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.errors import PerceptionError
from concept_control.perception.image_decoding import COLOR_CHANNELS, decode_color, decode_depth

sizes = st.integers(1, 7)


def message(*values):
    names = ('encoding', 'height', 'width', 'step', 'is_bigendian', 'data')
    return SimpleNamespace(**dict(zip(names, values)))


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
        decoded = decode_color(message(encoding, height, width, step, False, buffer))
        assert decoded.dtype == np.uint8
        np.testing.assert_array_equal(decoded, rgb)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.integers(0, 5), st.booleans(), st.integers(0, 99))
def test_depth_comes_back_in_metres_with_holes(height, width, padding, is_bigendian, seed):
    rng = np.random.default_rng(seed)
    order = '>' if is_bigendian else '<'
    millimetres = rng.integers(0, 4000, (height, width)) * rng.integers(0, 2, (height, width))
    data, step = padded(millimetres.astype(order + 'u2'), 2 * padding)
    depth = decode_depth(message('16UC1', height, width, step, is_bigendian, data))
    expected = np.where(millimetres > 0, millimetres * 1e-3, np.nan)
    np.testing.assert_allclose(depth, expected, rtol=1e-6)

    metres = rng.uniform(0.1, 5.0, (height, width)).astype(np.float32)
    holes = rng.choice([np.nan, np.inf, -np.inf, 0.0, -1.0], (height, width))
    is_hole = rng.random((height, width)) < 0.3
    values = np.where(is_hole, holes, metres).astype(order + 'f4')
    data, step = padded(values, padding)
    depth = decode_depth(message('32FC1', height, width, step, is_bigendian, data))
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
        decode_color(message(*arguments))


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
        decode_depth(message(*arguments))
