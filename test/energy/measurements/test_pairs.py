"""Measurements in the frame of a pair of points."""

import torch

from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.pairs import measurements_in_frame
from concept_control.energy.measurements.scene_view import SceneView


def test_along_and_across_are_coordinates_in_the_frame(make_scene):
    scene = make_scene(1, count=3, meant=2)
    after = torch.tensor([[[0.3, 0.2], [0.0, 0.0], [0.4, 0.0]]]).double()
    view = SceneView(scene._replace(after=after))
    named = {each.name: each for each in measurements_in_frame('x', 'pair', 2)}
    for name, expected in (('along', 0.1), ('across', 0.2), ('|along|', 0.1)):
        assert abs(float(evaluate([named[f'pair x: {name}']], view)) - expected) < 1e-6
