"""Measurements of the set of things that are meant."""

import pytest

from concept_control.energy.measurements.sets import set_measurements


def test_every_measurement_is_what_it_says_to_be(check):
    check(set_measurements())


@pytest.mark.parametrize(
    ('name', 'bounds', 'expected'),
    [
        ('count', (2.0, 2.0), '2 things'),
        ('others less meant', (-2.0, 0.0), '1 fewer others than are meant, between 0 and 2'),
        ('width/length', (0.999, 1.0), 'a width of 1.00 of their length'),
        ('width', (-0.002, 0.002), 'a width of less than 0.01 across their line'),
    ],
)
def test_bounds_are_said_as_people_say_them(name, bounds, expected):
    (measurement,) = (each for each in set_measurements() if each.name == f'set: {name}')
    assert measurement.sentence(*bounds) == expected
