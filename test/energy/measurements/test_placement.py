"""Measurements of where the subject is."""

import pytest
import torch

from concept_control.energy.measurements.placement import placement_measurements
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.vocabulary import measurement_named


def test_every_measurement_is_what_it_says_to_be(check):
    check(placement_measurements())


@pytest.mark.parametrize(
    ('name', 'expected'),
    [('attended: x', 0.0), ('attended: distance', 0.3), ('start: y', 0.3), ('table: y', 0.4)],
)
def test_plain_ones_have_the_values_that_their_names_say(make_scene, name, expected):
    """The subject goes up by 0.3, to 0.3 above the middle of two that are meant."""
    scene = make_scene(1, count=3, meant=2)
    after = torch.tensor([[[0.1, 0.4], [-0.1, 0.1], [0.3, 0.1]]]).double()
    before = after - torch.tensor([0.0, 0.3]) * scene.subjects[..., None]
    found = measurement_named(name).value(SceneView(scene._replace(before=before, after=after)))
    assert abs(float(found) - expected) < 1e-6
