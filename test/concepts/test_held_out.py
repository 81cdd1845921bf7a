"""Families kept from training are not among those that the procedural families draw."""

import numpy as np

from concept_control.concepts import families
from concept_control.concepts.procedural import comparison_rules, placement_rules


def test_what_is_kept_from_training_is_not_drawn_at_random():
    known = families()
    rules = known['measure_tests'].sample_concepts(np.random.default_rng(0), 2000)[:, 1:]
    for kind, *values in (*rules[:, :5], *rules[:, 5:]):
        if kind == placement_rules.STRIP:
            assert abs(values[1]) > np.sin(np.deg2rad(9.9)), 'band'
        if kind == placement_rules.MIRRORED and values[3] == 3:
            assert max(values[:2]) <= 0.75, 'corner'
        if kind == placement_rules.SPREAD:
            assert values[0] >= 0.15 or values[1] >= 0.2, 'equidistant'
    lines = known['lines'].sample_concepts(np.random.default_rng(0), 2000)
    degrees = np.rad2deg(np.arctan2(lines[:, 4], lines[:, 3])) % 180
    upright = np.minimum(degrees, 180 - degrees)
    assert upright[(lines[:, 1] == 0) & (lines[:, 2] == 0)].min() > 9.9, 'band'
    assert np.abs(degrees - 135)[lines[:, 1] == 1].min() > 9.9, 'diagonal'
    for name in ('side_tests', 'lane_tests'):
        _, _, cosine, sine, *_ = known[name].sample_concepts(np.random.default_rng(0), 500).T
        assert (cosine * sine < 1e-9).all(), 'diagonal'
    kept = {
        'brighter_than_marker': (comparison_rules.BRIGHTNESS, comparison_rules.OF_MARKER, 1),
        'lone': (comparison_rules.NEAREST, comparison_rules.EXTREME, 1),
        'odd_color': (comparison_rules.TYPICAL, comparison_rules.EXTREME, 1),
    }
    assert not set(kept.values()) & set(comparison_rules.CELLS)
