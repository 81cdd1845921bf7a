"""Points, decisions and bounds that a code reads out."""

import torch

from concept_control.energy.networks.attributes import NUM_COMPARISONS
from concept_control.energy.networks.features import color_features
from concept_control.energy.networks.measurement import NUM_MEASURES
from concept_control.energy.networks.pooling import ScenePooling
from concept_control.energy.networks.readouts import (
    NUM_FEATURES,
    Decision,
    IntervalReadout,
    PlaceReadout,
)


def test_a_point_read_out_is_the_weighted_sum_it_should_be(make_scene):
    scene = make_scene(batch=1, count=4)
    scene = scene._replace(
        subjects=torch.tensor([[1.0, 0, 0, 0]]).double(),
        attention=torch.tensor([[0, 1.0, 1.0, 0]]).double(),
    )
    readout = PlaceReadout(3, 1).double()
    # A point off the mirror image of where it was; distance, along and beside are all gained.
    weights, place = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([0.1, -0.2])
    numbers = torch.cat([weights, place, torch.ones(4), torch.zeros(3), torch.zeros(1)])
    pooling = ScenePooling(3).double()
    roles = torch.stack([scene.subjects, scene.attention, 0 * scene.subjects], dim=1)
    raw = pooling.raw(scene, roles.unsqueeze(1), None)
    features, residuals, _ = readout(raw, numbers[None].double())
    first, second = scene.after[0, 1], scene.after[0, 2]
    away = scene.after[0, 0] - (first + second - scene.before[0, 0] + place)
    axis = (second - first) / (second - first).norm()
    beside = away[0] * axis[1] - away[1] * axis[0]
    expected = torch.stack([*away, away.norm(), (away @ axis).abs(), beside.abs()])
    torch.testing.assert_close(features[0, 0], expected, atol=6e-3, rtol=0)
    torch.testing.assert_close(residuals[0, 0], expected, atol=6e-3, rtol=0)


def test_a_decision_is_the_least_of_its_tests():
    decision = Decision(3, attributes=1).double()
    colors = torch.tensor([[[0.9, 0.1, 0.1], [0.9, 0.1, 0.1], [0.1, 0.2, 0.9]]]).double()
    compared = torch.zeros(1, 3, NUM_COMPARISONS).double()
    compared[0, :, 0] = torch.tensor([0.3, -0.3, 0.3])
    gains = torch.tensor([40.0, 0.0, 0.0, 0.0])
    red = color_features(colors[0, 0])
    film = torch.cat([gains, torch.zeros(1), red, torch.tensor([20.0, 0.5, 0.0, 2.0, 0.0])])
    scores, _ = decision(compared, colors, film[None].double())
    best = scores.square().min(dim=-1).indices
    assert best.tolist() == [[0, 1, 1]]  # attended only what is both to the right and red
    assert scores.square().min(dim=-1).values.max() < 1e-3


def test_what_is_within_its_bounds_costs_nothing_and_what_is_not_its_excess():
    readout = IntervalReadout(8, 2).double()
    measures = torch.linspace(-1, 1, NUM_MEASURES, dtype=torch.float64)[None, None]
    places = torch.zeros(1, 1, 2 * NUM_FEATURES, dtype=torch.float64)
    wide = torch.zeros(1, readout.film.out_features, dtype=torch.float64)
    wide[:, : readout.num_values] = 2.0
    wide[:, 2 * readout.num_values : 3 * readout.num_values] = 3.0
    half = float(torch.nn.functional.softplus(torch.tensor(0.0)))
    found = readout(measures, places, wide)[0, 0, :NUM_MEASURES]
    expected = 2 * torch.sign(measures[0, 0]) * (measures[0, 0].abs() - half).clamp(min=0)
    torch.testing.assert_close(found, expected)
