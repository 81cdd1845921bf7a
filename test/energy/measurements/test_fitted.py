"""Measurements with fitted parameters."""

from concept_control.energy.measurements.fitted import DIRECTION, DISC, POINT, Fitted


def test_every_kind_is_what_it_says_to_be(check):
    check(
        [
            Fitted(DIRECTION, ('attended',), (0.3,)).measurement(),
            Fitted(DISC, (), (0.2, -0.9)).measurement(),
            Fitted(POINT, ('attended', 'start'), (0.5, 0.5, 0.5, 0.5, 0.1, 0.0)).measurement(),
            Fitted(POINT, ("start'",), (1.0, 1.0, 0.0, 0.0)).measurement(),
        ]
    )
