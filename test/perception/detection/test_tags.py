"""Things with an AprilTag are found by it, and their file is refused where it is wrong."""

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from concept_control.errors import PerceptionError
from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.tags import TagDetector
from concept_control.perception.known_things import KnownThings

CAMERA = Intrinsics(640, 480, 570.0, 570.0, 319.5, 239.5)
FILE = """
tags: {family: 36h11, size: 0.03}
things:
  cup: {size: [0.04, 0.04, 0.06], color: red, tag: 7}
  bar: {size: [0.08, 0.04, 0.04], color: [0.2, 0.2, 0.8], tag: 3, class: carton}
  post: {size: [0.04, 0.04, 0.1], position: [0.5, 0.1, 0.05]}
"""


@pytest.fixture
def things(tmp_path):
    (tmp_path / 'things.yaml').write_text(FILE)
    return KnownThings.load(tmp_path / 'things.yaml')


def pose():
    """A camera that looks down at the table at a slant."""
    T = np.eye(4)
    T[:3, :3] = Rotation.from_euler('x', 195, degrees=True).as_matrix()
    T[:3, 3] = [0.5, -0.2, 0.8]
    return T


def picture(tags):
    """Draw tags of 3 cm: number, middle (3,) and yaw of each."""
    image, T = np.full((480, 640), 200, np.uint8), np.linalg.inv(pose())
    depth = np.full((480, 640), np.nan)
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36H11)
    pixels = 160
    # With a white margin of a tenth around the black square.
    square = 0.0375 / 2 * np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0]])
    for number, middle, yaw in tags:
        tag = cv2.copyMakeBorder(
            cv2.aruco.generateImageMarker(family, number, pixels), 20, 20, 20, 20,
            cv2.BORDER_CONSTANT, value=255,
        )  # fmt: skip
        corners = Rotation.from_euler('z', yaw).apply(square) + middle
        outline = CAMERA.project(corners @ T[:3, :3].T + T[:3, 3]).astype(np.float32)
        edge = np.array([[0, 0], [199, 0], [199, 199], [0, 199]], np.float32)
        H = cv2.getPerspectiveTransform(edge, outline)
        drawn = cv2.warpPerspective(tag, H, (640, 480), flags=cv2.INTER_AREA)
        inside = cv2.warpPerspective(np.full_like(tag, 255), H, (640, 480)) > 127
        image[inside] = drawn[inside]
        depth[inside] = (T[:3, :3] @ middle + T[:3, 3])[2]
    return np.repeat(image[..., None], 3, axis=2), depth


def test_things_are_found_by_their_tags(things):
    detector = TagDetector(CAMERA, things)
    cup, bar = np.array([0.45, 0.05, 0.06]), np.array([0.6, -0.02, 0.04])
    image, depth = picture([(7, cup, 0.3), (3, bar, 1.2), (11, np.array([0.5, -0.1, 0.04]), 0.0)])
    found = sorted(detector.detect(image, depth, pose()), key=lambda d: d.size[0])
    assert [d.size.tolist() for d in found] == [[0.04, 0.04, 0.06], [0.08, 0.04, 0.04]]
    for one, top, yaw in zip(found, (cup, bar), (0.3, 1.2)):
        middle = top - np.array([0.0, 0.0, one.size[2] / 2])
        np.testing.assert_allclose(one.position, middle, atol=2e-3)
        assert abs(one.yaw - yaw) < 0.05
    np.testing.assert_allclose(found[0].color, [0.9, 0.1, 0.1])
    (far, _) = detector.detect(image, np.full((480, 640), np.nan), pose())
    distance = min(np.linalg.norm(far.position - d.position) for d in found)
    assert distance < 0.03  # by its size in the image, of 25 pixels, alone


def test_the_file_of_things_is_checked(things, tmp_path):
    assert set(things.by_tag) == {3, 7} and set(things.by_class) == {'carton'}
    (post,) = things.standing.values()
    assert post.state().position.tolist() == [0.5, 0.1, 0.05]
    path = tmp_path / 'wrong.yaml'
    for text, complaint in (
        ('things: {}', 'things'),
        ('things: {a: {size: [1, 1]}}', 'things.a.size'),
        ('things: {a: {size: [1, 1, 1], color: beige}}', 'one of red'),
        ('things: {a: {size: [1, 1, 1], tag: 1}}', 'say how large'),
        ('tags: {size: 0.1, family: 9}\nthings: {a: {size: [1, 1, 1]}}', 'tags.family'),
        ('tags: {size: 0.1}\nthings: {a: {size: [1, 1, 1], tag: 1}, b: {size: [1, 1, 1], tag: 1}}',
         'on two things'),
    ):  # fmt: skip
        path.write_text(text)
        with pytest.raises(PerceptionError, match=complaint):
            KnownThings.load(path)
    path.write_text('things: {a: {size: [1, 1, 1]}}')
    with pytest.raises(PerceptionError, match='none of the known things has a tag'):
        TagDetector(CAMERA, KnownThings.load(path))
