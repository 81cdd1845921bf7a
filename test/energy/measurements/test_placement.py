"""Measurements of where the subject is."""

import math

import pytest
import torch

from concept_control.energy.agreement.elsewhere import at_places, with_places
from concept_control.energy.measurements.company import has_company
from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.vocabulary import measurement_named


def test_every_measurement_is_what_it_says_to_be(check):
    check(placement_measurements())


def test_all_of_many_places_are_measured_as_each_of_scenes_of_their_own(make_scene):
    scene, measurements = make_scene(3), placement_measurements(True)
    places = 2 * torch.rand(3, 5, 2, generator=torch.Generator().manual_seed(0)).double() - 1
    every = evaluate(measurements, at_places(SceneView(scene), places))
    view = SceneView(with_places(scene, places))
    each = torch.cat([evaluate([one], view) for one in measurements], dim=-1)
    torch.testing.assert_close(every, each)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('attended: x', 0.0),
        ('attended: distance', 0.3),
        ('start: y', 0.3),
        ('table: y', 0.4),
        ('pair radial: first - span', 0.17**0.5 - 0.02**0.5),
        ('pair radial: bearing', math.atan2(0.4, 0.1) - math.pi / 4),
        ('pair sight: past last', 0.3 * 1.1 / 1.22**0.5),
        ('attended: half y', 0.4),
        ('others: second nearest', 0.13**0.5),
        ('robot: distance', 1.97**0.5),
        ('pair home: off between', 0.3),
        ('x: off mirror', 0.3),
        ('attended: best approach', 0.2 - 0.13**0.5),
        ('attended: off crossing', 0.13**0.5),
        ('last other x: x', -0.2),
        ('pairs things: off middle', 0.3),
        ('gaps x: off widest', 0.0),
        ('gaps y: uneven', 1.0 + 0.1 - 2 * 0.4),
        ('way to start: clear', 0.2),
        ('everything: outside', 0.3),
        ('everything: middle y', 0.2),
        ('stripes x 0.0: off 0.40', 0.1),
        ('board 4: inside', 0.1),
    ],
)
def test_plain_ones_have_the_values_that_their_names_say(make_scene, name, expected):
    """The subject goes up by 0.3, to 0.3 above the middle of two that are meant."""
    scene = make_scene(1, count=3, meant=2)
    after = torch.tensor([[[0.1, 0.4], [-0.1, 0.1], [0.3, 0.1]]]).double()
    before = after - torch.tensor([0.0, 0.3]) * scene.subjects[..., None]
    found = evaluate(
        [measurement_named(name)], SceneView(scene._replace(before=before, after=after))
    )
    assert abs(float(found) - expected) < 1e-6


def test_groups_are_told_by_colour_and_by_what_the_subject_is_like(make_scene):
    """Others 0.3 and 0.4 away: a large red one and a small blue one; the subject is dark red."""
    scene = make_scene(2, count=3, meant=0)
    after = torch.tensor([[0.1, 0.4], [0.1, 0.1], [0.5, 0.4]]).double().expand(2, -1, -1)
    colors = torch.tensor([[0.7, 0.1, 0.1], [0.9, 0.1, 0.1], [0.1, 0.2, 0.9]]).double()
    sides = torch.tensor([0.15, 0.2, 0.1]).double()[:, None].expand(2, 3, 2)
    view = SceneView(scene._replace(after=after, colors=colors.expand(2, -1, -1), sides=sides))
    for group, expected in (('red', 0.3), ('blue', 0.4), ('own color', 0.3),
                            ('other color', 0.4), ('larger', 0.3), ('smaller', 0.4)):  # fmt: skip
        found = evaluate([measurement_named(f'{group}: nearest')], view)
        torch.testing.assert_close(found, torch.full_like(found, expected))
    names = {m.name for m in placement_measurements() if has_company(m, view)}
    assert {'red: nearest', 'all blue: x', 'pairs things: detour'} <= names
    assert names.isdisjoint({'green: nearest', 'pairs own color: detour'})


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('attended: gap right', 0.15), ('attended: gap in y', -0.05), ('attended: gap', 0.15),
     ('attended: shared y', 0.5), ('table: left edge', 0.3), ('attended: off way 0', 0.4),
     ('attended: off way 180', (1.6**2 + 0.1**2) ** 0.5 / 0.25)],
)  # fmt: skip
def test_faces_are_those_of_rectangles(make_scene, name, expected):
    """One of 0.2 x 0.1 right of one of 0.3 x 0.2, their middles 0.4 and 0.1 apart."""
    scene = make_scene(1, count=2, meant=1)
    acts = scene.subjects[..., None] > 0.5
    after = torch.where(acts, torch.tensor([0.4, 0.1]), torch.zeros(2)).double()
    sides = torch.where(acts, torch.tensor([0.2, 0.1]), torch.tensor([0.3, 0.2])).double()
    found = evaluate(
        [measurement_named(name)], SceneView(scene._replace(after=after, sides=sides))
    )
    assert abs(float(found) - expected) < 1e-5


@pytest.mark.parametrize(
    ('name', 'bounds', 'expected'),
    [
        ('angle 180', (-0.4, 0.4), 'left of what is meant, in direction 180° ± 23°'),
        ('angle 315', (-math.inf, -1.9), 'left of what is meant, in direction 171° ± 36°'),
        ('x', (-0.2, 0.2), 'at most 0.20 right or left of what is meant'),
        ('x', (-0.3, -0.1), '0.20 left of what is meant, between 0.10 and 0.30'),
        ('off way 0', (-math.inf, 1.8), 'right of what is meant, at most 1.80 sizes of the larger '
         'of the two off the line'),
        ('distance', (-math.inf, 0.001), 'less than 0.01 from what is meant'),
        ('number closer', (1.0, math.inf), 'at least 1 thing closer to it than what is meant'),
        ('number closer', (0.0, 1.1), '0.6 things closer to it than what is meant, between 0.0 '
         'and 1.1'),
    ],
)  # fmt: skip
def test_bounds_are_said_as_people_say_them(name, bounds, expected):
    assert measurement_named(f'attended: {name}').sentence(*bounds) == expected
