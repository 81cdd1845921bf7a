"""Candidates that demonstrations are contrasted with."""

import numpy as np

from concept_control.energy.inference.candidates import candidate_masks, candidate_outcomes


def test_candidates_change_only_what_they_may():
    rng = np.random.default_rng(0)
    positions = rng.uniform(-1, 1, (5, 6, 2))
    subjects = np.arange(6) == np.arange(5)[:, None]
    present = np.arange(6) < 5 + np.zeros((5, 1))
    attention = (rng.random((5, 6)) > 0.5) & ~subjects & present
    outcomes = candidate_outcomes(rng, positions, positions, subjects, present, 40)
    still = ~np.broadcast_to(subjects[:, None], outcomes.shape[:3])
    np.testing.assert_array_equal(
        outcomes[still], np.broadcast_to(positions[:, None], outcomes.shape)[still].astype('f4')
    )
    assert np.abs(outcomes[~still]).max() <= 1.1
    masks = candidate_masks(rng, attention.astype(float), subjects, present, 40)
    assert set(np.unique(masks)) == {0.0, 1.0}
    assert not (masks * ~present[:, None]).any()
    flips = np.abs(masks - attention[:, None]).sum(axis=-1)
    assert (flips == 1).mean() > 0.3
