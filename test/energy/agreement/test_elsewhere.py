"""What the world allows is no news of a concept."""

import numpy as np

from concept_control.world.events import Events

SIDE, LEAST = 0.6, 0.7
"""Side of the bodies and distance that is kept [workspace units]."""


def events(subject, attended):
    after = np.stack([attended, subject], axis=1)
    before = after.copy()
    before[:, 1] = np.random.default_rng(2).uniform(-0.7, 0.7, subject.shape)
    masks = np.tile([False, True], (len(after), 1))
    colors = np.full((len(after), 2, 3), 0.5)
    sizes = np.full((len(after), 2), SIDE)
    return Events(
        np.stack([before, after], axis=1), colors, sizes, subjects=masks, attention=~masks
    )


def test_how_far_the_table_reaches_bounds_no_distance(model):
    """Shown at least 0.7 away from the middle, where bodies on the table are at most 1 away."""
    rng = np.random.default_rng(1)
    places = rng.uniform(-1 + SIDE / 2, 1 - SIDE / 2, (400, 2))
    middles = rng.uniform(-0.05, 0.05, (400, 2))
    kept = np.linalg.norm(places - middles, axis=1) > LEAST
    code = model.infer(events(places[kept][:20], middles[kept][:20]))
    assert model.explain(code)[0].startswith('it stands at least 0.7')
