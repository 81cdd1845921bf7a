import numpy as np

from concept_control.perception.detection.detector import Detection
from concept_control.perception.tracking.fusion import fuse


def seen(position, covariance, color=(0.8, 0.1, 0.1), visible=1.0, num_pixels=400):
    return Detection(
        position=np.asarray(position, dtype=float),
        covariance=np.asarray(covariance, dtype=float),
        color=np.asarray(color, dtype=float),
        size=np.full(3, 0.04),
        yaw=0.1,
        shape='box',
        num_pixels=num_pixels,
        visible_fraction=visible,
    )


def test_two_views_are_better_than_one():
    rng = np.random.default_rng(0)
    truth = np.array([0.5, 0.1, 0.02])
    along_x, along_y = np.diag([4.0, 0.5, 1.0]) * 1e-6, np.diag([0.5, 4.0, 1.0]) * 1e-6
    single, both = [], []
    for _ in range(400):
        views = [
            [seen(rng.multivariate_normal(truth, along_x), along_x)],
            [seen(rng.multivariate_normal(truth, along_y), along_y)],
        ]
        (fused,) = fuse(views)
        single.append(np.linalg.norm(views[0][0].position - truth))
        both.append(fused.position - truth)
    assert np.linalg.norm(both, axis=1).mean() < 0.7 * np.mean(single)
    np.testing.assert_allclose(np.cov(np.array(both).T), fused.covariance, atol=1.5e-7)


def test_each_block_is_there_once_and_none_is_lost():
    sure = 1e-6 * np.eye(3)
    red, blue = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)
    a, b, c = [0.4, 0.0, 0.02], [0.4, 0.041, 0.02], [0.6, 0.0, 0.02]
    first = [seen(a, sure, red), seen(b, sure, blue)]
    second = [seen(c, sure, red), seen(np.add(b, 1e-3), sure, blue), seen(a, sure, red)]
    third = [seen(np.add(c, [0, 1e-3, 0]), sure, red, visible=0.3, num_pixels=50)]
    fused = fuse([first, second, third])
    assert len(fused) == 3
    for position in (a, b, c):
        assert min(np.linalg.norm(d.position - position) for d in fused) < 1.5e-3
    assert fuse([]) == []
    assert fuse([[], []]) == []
    assert fuse([[], first]) == first
    reordered = fuse([third, second, first])
    key = [sorted(tuple(d.position.round(9)) for d in result) for result in (fused, reordered)]
    assert key[0] == key[1]


def test_the_view_that_shows_more_decides_on_color():
    sure = 1e-6 * np.eye(3)
    place = [0.4, 0.0, 0.02]
    clear = seen(place, sure, (0.9, 0.0, 0.0))
    hidden = seen(place, sure, (0.1, 0.1, 0.1), visible=0.2, num_pixels=40)
    (fused,) = fuse([[hidden], [clear]])
    assert fused.color[0] > 0.85
    assert fused.visible_fraction == 1.0
    assert fused.num_pixels == 440


def test_blocks_of_one_tower_stay_two():
    doubt = 1e-6 * np.eye(3)
    lower, upper = [0.4, 0.0, 0.02], [0.402, 0.0, 0.06]
    # One camera does not see what the upper one stands on, and guesses.
    guess = np.diag([1e-6, 1e-6, 9e-6])
    views = [[seen(np.add(upper, [0, 0, 0.004]), guess)], [seen(lower, doubt), seen(upper, doubt)]]
    fused = sorted(fuse(views), key=lambda detection: detection.position[2])
    assert len(fused) == 2
    np.testing.assert_allclose(fused[0].position, lower, atol=1e-9)
    np.testing.assert_allclose(fused[1].position, upper, atol=1e-3)


def test_blocks_that_one_view_alone_shows_tear_no_pair_apart():
    hardly, sure = np.diag([5.7, 5.7, 3.3]) ** 2 * 1e-6, 1e-6 * np.eye(3)
    pair, above, oblique = [0.433, -0.058, 0.02], [0.327, 0.193, 0.02], [0.548, -0.149, 0.02]
    fused = fuse(
        [[seen(above, sure), seen(pair, hardly)], [seen(oblique, sure), seen(pair, sure)]]
    )
    assert len(fused) == 3


def test_what_contradicts_a_surer_view_is_dropped_not_averaged():
    sure, doubt = 1e-6 * np.eye(3), 4e-6 * np.eye(3)
    place = np.array([0.4, 0.0, 0.02])
    # One camera took the block for two, halves of it and partly in each other.
    halves = [seen(np.add(place, [x, 0, 0]), doubt) for x in (0.013, -0.013)]
    for views in ([halves, [seen(place, sure)]], [[seen(place, sure)], halves]):
        (fused,) = fuse(views)
        np.testing.assert_allclose(fused.position, place, atol=1e-9)
    beside = seen(np.add(place, [0, 0.041, 0]), doubt)
    above = seen(np.add(place, [0.01, 0, 0.039]), doubt)
    assert len(fuse([[seen(place, sure)], [beside, above]])) == 3
