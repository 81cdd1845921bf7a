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


def test_things_of_one_size_are_no_pair(make_scene):
    # Measured from the one point that both ends were, all of it was 0 at that point alone: five
    # demonstrations of "between" with equal blocks agreed on the cosine of an angle.
    scene = make_scene(8, count=4, meant=2)
    view = SceneView(scene._replace(sides=torch.full_like(scene.sides, 0.15)))
    values = evaluate(list(measurements_in_frame('size', 'pair', 2)), view)
    assert torch.equal(values, values[:1].expand_as(values))
