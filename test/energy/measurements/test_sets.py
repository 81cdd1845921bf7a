"""Measurements of the set of things that are meant."""

from concept_control.energy.measurements.sets import set_measurements


def test_every_measurement_is_what_it_says_to_be(check):
    check(set_measurements())
