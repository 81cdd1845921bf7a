import numpy as np

from concept_control.simulation.camera_noise import StructuredLightNoise

NOISE = StructuredLightNoise()


def test_depth_noise_is_that_of_the_sensor():
    flat = np.full((240, 320), 1.0, np.float32)
    color = np.full((240, 320, 3), 128, np.uint8)
    noisy_color, depth = NOISE.apply(np.random.default_rng(0), color, flat, 300.0)
    steps = np.unique(depth[~np.isnan(depth)])
    assert 2 <= len(steps) <= 4
    np.testing.assert_allclose(np.diff(steps), 1.0 / NOISE.disparity_constant, rtol=0.02)
    assert abs(np.nanmean(depth) - 1.0) < 1.5e-3
    assert 0.002 < np.isnan(depth).mean() < 0.01
    assert np.abs(noisy_color.astype(float).mean() - 128) < 1.0
    assert 1.5 < noisy_color.std() < 4.0
    # The frame itself is not touched.
    assert (flat == 1.0).all()
    assert (color == 128).all()


def test_an_edge_throws_the_projector_s_shadow_on_one_side():
    depth = np.full((60, 200), 1.0, np.float32)
    depth[20:40, 80:100] = 0.8
    color = np.zeros((60, 200, 3), np.uint8)
    quiet = StructuredLightNoise(lateral_sigma=0.0, disparity_sigma=0.0, dropout=0.0)
    _, noisy = quiet.apply(np.random.default_rng(0), color, depth, 300.0)
    # 300 px * 75 mm * (1 / 0.8 - 1) m^-1 = 5.6 px, to the right of what stands out.
    assert np.isnan(noisy[30, 101:104]).all()
    assert not np.isnan(noisy[30, 108:]).any()
    assert not np.isnan(noisy[30, :100]).any()
    assert not np.isnan(noisy[10]).any()


def test_the_same_seed_gives_the_same_noise_and_holes_stay():
    rng = np.random.default_rng(1)
    depth = rng.uniform(0.8, 1.2, (48, 64)).astype(np.float32)
    depth[:10] = np.nan
    color = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    first = NOISE.apply(np.random.default_rng(5), color, depth, 60.0)
    again = NOISE.apply(np.random.default_rng(5), color, depth, 60.0)
    for a, b in zip(first, again):
        np.testing.assert_array_equal(a, b)
    assert np.isnan(first[1][:7]).all()
