"""Ids in the pictures of a run."""

import numpy as np

from concept_control.demos.views import labelled_views


def test_ids_stand_beside_their_blocks_in_both_views():
    grey = [np.full((240, 320, 3), 128, dtype=np.uint8)] * 2
    right, left = np.array([0.5, -0.1, 0.02]), np.array([0.5, 0.1, 0.02])
    first, second = (labelled_views(grey, 'franka', {1: place}) for place in (right, left))
    (oblique_right, top_right), (oblique_left, top_left) = (
        [np.flatnonzero((view != 128).any(axis=(0, 2))) for view in views]
        for views in (first, second)
    )
    # The camera above has the robot below, the oblique one faces it.
    assert top_left.max() < top_right.min() and oblique_right.max() < oblique_left.min()
    assert (grey[0] == 128).all()
