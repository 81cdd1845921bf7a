import numpy as np
import pytest

from concept_control.errors import PerceptionError
from concept_control.perception.annotate import annotate
from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.tracking.tracker import TrackedEntity
from concept_control.world.entity import EntityStatus

CAMERA = Intrinsics(320, 240, 300.0, 300.0, 159.5, 119.5)
ABOVE = np.array([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 1.0], [0, 0, 0, 1]])


def entity(number, x, status=EntityStatus.SEEN, shape='box'):
    return TrackedEntity(
        id=number,
        position=np.array([x, 0.0, 0.02]),
        covariance=np.diag([0.004, 0.001, 0.001]) ** 2,
        yaw=0.3,
        color=np.array([0.9, 0.1, 0.1]),
        size=np.full(3, 0.04),
        shape=shape,
        status=status,
        last_seen=0.0,
    )


def test_entities_are_drawn_where_they_are_and_the_image_is_kept():
    image = np.full((240, 320, 3), 100, np.uint8)
    blocks = [
        entity(1, -0.2),
        entity(2, 0.0, EntityStatus.OCCLUDED, 'cylinder'),
        entity(3, 0.2, EntityStatus.HELD, 'ball'),
    ]
    picture = annotate(image, CAMERA, ABOVE, blocks, caption='now')
    assert (image == 100).all()
    changed = (picture != image).any(axis=2)
    for block in blocks:
        u = 159.5 + 300 * block.position[0] / 0.98
        assert changed[100:140, int(u) - 15 : int(u) + 15].any()
    assert not changed[200:].any()


def test_attention_is_brightness():
    image = np.full((240, 320, 3), 200, np.uint8)
    blocks = [entity(1, -0.2), entity(2, 0.2)]
    picture = annotate(image, CAMERA, ABOVE, blocks, attention={2: 1.0})
    left, right = 159.5 - 300 * 0.2 / 0.98, 159.5 + 300 * 0.2 / 0.98
    dim, bright = picture[115, int(left) + 3], picture[115, int(right) + 3]
    assert dim.max() < 90
    assert bright.min() > 180
    assert picture[220, 20].max() < 90


def test_what_cannot_be_drawn():
    image = np.full((240, 320, 3), 100, np.uint8)
    behind = entity(1, 0.0)
    behind = TrackedEntity(**{**behind.__dict__, 'position': np.array([0.0, 0.0, 2.0])})
    np.testing.assert_array_equal(annotate(image, CAMERA, ABOVE, [behind]), image)
    outside = entity(2, 5.0)
    annotate(image, CAMERA, ABOVE, [outside])
    with pytest.raises(PerceptionError, match='calibration'):
        annotate(image[:100], CAMERA, ABOVE, [])
