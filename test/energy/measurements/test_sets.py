"""Measurements of the set of things that are meant."""

import pytest
import torch

from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.sets import set_measurements


def _named(name):
    (measurement,) = (each for each in set_measurements() if each.name == f'set: {name}')
    return measurement


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
    assert _named(name).sentence(*bounds) == expected


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('wedge y', 1.0),
        ('reach y', 0.0),
        ('mirror upright', 0.0),
        ('mirror level', 0.2),
        ('shared column', 0.173),
        ('smallest gap x', 0.173),
        ('first sideways x', 0.3),
        ('largest free around', 0.246),
        ('largest size step x', 0.1),
        ('middle size higher x', 0.1),
        ('smallest colour step 1 x', 0.0),
        ('unsorted size x', 1 / 3),
        ('largest y', 1.0),
        ('furthest alike size', 0.346),
        ('both halves x', 0.173),
        ('unequal robot', 0.283),
        ('from others', 0.3),
    ],
)
def test_values_of_a_triangle_that_points_up(make_scene, name, expected):
    """Its corners are 0.2 from the middle of the table, the upper one is the largest."""
    scene = make_scene(1, count=4, meant=3)
    places = [[0.0, 0.5], [-0.1732, -0.1], [0.0, 0.2], [0.1732, -0.1]]
    sides = torch.tensor([0.1, 0.1, 0.2, 0.1]).double().reshape(1, 4, 1).expand(-1, -1, 2)
    scene = scene._replace(
        after=torch.tensor([places]).double(), sides=sides, colors=torch.ones(1, 4, 3).double()
    )
    (value,) = evaluate([_named(name)], SceneView(scene)).flatten().tolist()
    assert value == pytest.approx(expected, abs=0.01)
