from types import SimpleNamespace

import cv2
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


def test_compressed_images_come_back_as_image_transport_packs_them():
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, 32:] = (200, 60, 10)
    for suffix, tolerance in (('.jpg', 12), ('.png', 0)):
        data = cv2.imencode(suffix, rgb[..., ::-1])[1].tobytes()
        packed = SimpleNamespace(format=f'rgb8; {suffix[1:]} compressed bgr8', data=data)
        assert np.abs(decode_color(packed)[:, 36:].astype(int) - rgb[:, 36:]).max() <= tolerance
    metres = np.linspace(0.4, 3.0, 48 * 64, dtype=np.float32).reshape(48, 64)
    metres[5:9, 5:9] = np.nan
    # As codec.cpp of compressed_depth_image_transport: quantised by the inverse of depth.
    a, b = 100.0 * 101.0, 1.0 - 100.0 * 101.0 / 10.0
    inverse = np.nan_to_num(a / metres + b).astype(np.uint16)
    for encoding, values, tolerance in (
        ('16UC1', np.nan_to_num(1e3 * metres).round().astype(np.uint16), 6e-4),
        ('32FC1', inverse, 1e-3),
    ):
        header = np.int32(1).tobytes() + np.array([a, b], np.float32).tobytes()
        data = header + cv2.imencode('.png', values)[1].tobytes()
        packed = SimpleNamespace(format=f'{encoding}; compressedDepth png', data=data)
        np.testing.assert_allclose(decode_depth(packed), metres, atol=tolerance)
    for content, form, complaint in (
        (b'', 'jpeg', 'of 0 bytes'),
        (b'no image', 'jpeg', 'JPEG and PNG can'),
        (data, 'jpeg', 'compressedDepth of 16UC1'),
    ):
        decode = decode_depth if content == data else decode_color
        with pytest.raises(PerceptionError, match=complaint):
            decode(SimpleNamespace(format=form, data=content))
