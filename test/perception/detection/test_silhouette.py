import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_control.perception.camera_model import Intrinsics
from concept_control.perception.detection.outline import outline_polygon
from concept_control.perception.detection.silhouette import (
    DISTANCES,
    LIMIT,
    OUTLINE,
    Outlines,
    fit_silhouettes,
    surface_distance,
)

CAMERA = Intrinsics(640, 480, 600.0, 600.0, 319.5, 239.5)


def looking_at(position, target):
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0.0, 1.0] if abs(forward[2]) < 0.99 else [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = position
    return pose


def parameters_of(shape, xy, size, yaw):
    if shape == 'box':
        return np.array([*xy, yaw, size[0], size[1]])
    return np.array([*xy, 0.5 * size[0]])


def outline_of(shape, xy, size, yaw, pose, num=60):
    """Sample a body's exact outline, as the fit sees it."""
    center = np.array([*xy, 0.5 * size[2]])
    polygon = outline_polygon(shape, center, size, yaw, CAMERA, pose)
    ends = np.roll(polygon, -1, axis=0)
    share = np.linspace(0, 1, num // len(polygon) + 2)[:-1]
    pixels = (polygon[:, None] + share[:, None] * (ends - polygon)[:, None]).reshape(-1, 2)
    rays = np.column_stack([CAMERA.undistort(pixels), np.ones(len(pixels))]) @ pose[:3, :3].T
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    drop = (size[2] - pose[2, 3]) / rays[:, 2]
    points = pose[:2, 3] + rays[:, :2] * drop[:, None]
    return Outlines(
        points=points[None],
        rays=rays[None],
        weights=np.ones((1, len(points))),
        kinds=np.full((1, len(points)), OUTLINE),
        top=np.array([size[2]]),
        bottom=np.zeros(1),
        sigma=np.array([5e-4]),
        origin=pose[:3, 3],
        floor=np.zeros(1),
    )


bodies = st.tuples(
    st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.floats(0.02, 0.06), st.floats(-0.75, 0.75)
)
cameras = st.sampled_from([(0.0, 0.0, 1.2), (0.9, -0.8, 0.9), (-0.5, 0.1, 0.6)])


@settings(max_examples=60, deadline=None)
@given(bodies, cameras, st.sampled_from(sorted(DISTANCES)))
def test_a_body_s_own_outline_has_no_distance(body, camera, shape):
    x, y, side, yaw = body
    size = np.array([side, side * (0.8 if shape == 'box' else 1.0), side])
    pose = looking_at(np.array(camera), np.array([0.0, 0.0, 0.0]))
    outlines = outline_of(shape, (x, y), size, yaw, pose)
    distance = DISTANCES[shape](outlines, parameters_of(shape, (x, y), size, yaw)[None])
    # The polygon of a round body cuts its arcs by up to r (1 - cos(pi / 24)); a hull of float32
    # pixels leaves out a corner between two edges of nearly one direction.
    tolerance = 1e-4 if shape == 'box' else 0.011 * side
    assert np.abs(distance).max() < tolerance
    center = np.array([[x, y]])
    outlines.points[:] = center
    outlines.rays[:] = np.array([x, y, side / 2]) - pose[:3, 3]
    outlines.rays[:] /= np.linalg.norm(outlines.rays[0, 0])
    inside = DISTANCES[shape](outlines, parameters_of(shape, (x, y), size, yaw)[None])
    assert (inside < 0).all()


@settings(max_examples=40, deadline=None)
@given(bodies, cameras, st.sampled_from(sorted(DISTANCES)), st.integers(0, 99))
def test_a_fit_finds_the_body_from_a_wrong_start(body, camera, shape, seed):
    x, y, side, yaw = body
    size = np.full(3, side)
    pose = looking_at(np.array(camera), np.array([0.0, 0.0, 0.0]))
    outlines = outline_of(shape, (x, y), size, yaw, pose)
    truth = parameters_of(shape, (x, y), size, yaw)
    rng = np.random.default_rng(seed)
    start = truth + rng.uniform(-0.2, 0.2, len(truth)) * side
    if shape == 'box':
        start[2] = yaw + rng.uniform(-0.4, 0.4)
    free = np.full((1, len(truth)), np.inf)
    found = fit_silhouettes(shape, outlines, start[None], start[None], free)
    np.testing.assert_allclose(found.parameters[0, :2], truth[:2], atol=4e-4)
    assert found.rms[0] < 4e-4
    assert (np.linalg.eigvalsh(found.covariance[0]) > 0).all()


def test_what_an_occluder_hides_does_not_bend_the_fit():
    size = np.full(3, 0.04)
    pose = looking_at(np.array([0.0, 0.0, 1.2]), np.array([0.1, 0.1, 0.0]))
    outlines = outline_of('box', (0.1, 0.05), size, 0.3, pose)
    truth = parameters_of('box', (0.1, 0.05), size, 0.3)
    # An occluder covers what lies beyond x = 0.105: its edge is all that is seen there.
    hidden = outlines.points[..., 0] > 0.105
    assert 0.2 < hidden.mean() < 0.6
    outlines.points[..., 0] = np.minimum(outlines.points[..., 0], 0.105)
    outlines.kinds[hidden] = LIMIT
    prior = np.array([[0.0, 0.0, 0.0, 0.04, 0.04]])
    sigma = np.array([[np.inf, np.inf, np.inf, 0.006, 0.006]])
    start = truth[None] + np.array([[-0.006, 0.004, 0.2, 0.0, 0.0]])
    found = fit_silhouettes('box', outlines, start, prior, sigma)
    np.testing.assert_allclose(found.parameters[0, :2], truth[:2], atol=1e-3)
    # It knows what it does not see: along x it is less sure than along y.
    assert found.covariance[0, 0, 0] > 3 * found.covariance[0, 1, 1]


@pytest.mark.parametrize('shape', sorted(DISTANCES))
def test_surface_distance_is_a_distance(shape):
    rng = np.random.default_rng(0)
    size = np.full(3, 0.04)
    parameters = parameters_of(shape, (0.1, -0.2), size, 0.4)
    points = np.array([0.1, -0.2, 0.02]) + rng.uniform(-0.05, 0.05, (500, 3))
    distance = surface_distance(shape, parameters, 0.04, points)
    # It changes by no more than the way from point to point.
    steps = np.linalg.norm(points[1:] - points[:-1], axis=1)
    assert (np.abs(np.diff(distance)) <= steps + 1e-9).all()
    assert surface_distance(shape, parameters, 0.04, np.array([[0.1, -0.2, 0.05]])) == (
        pytest.approx(0.01, abs=1e-9)
    )
    # What is under its lower face is of another body.
    assert surface_distance(shape, parameters, 0.04, np.array([[0.1, -0.2, -0.03]])) == (
        pytest.approx(0.03, abs=1e-9)
    )
