"""Measurements of entities: names, symmetries, independence of order and padding."""

import math

import numpy as np
import pytest
import torch

from concept_control.concepts.registry import families
from concept_control.energy.measurements.entities import INDEX, MEASUREMENTS, measure_entities
from concept_control.energy.measurements.entity_view import EntityView
from concept_control.energy.measurements.features import (
    ALL_MEASUREMENTS,
    OUTER,
    PLAIN,
    Features,
    fit_features,
    rank_view,
)
from concept_control.energy.measurements.measurement import MIRROR, SHIFT, TURN
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.world.events import Events


@pytest.fixture(scope='module')
def scene():
    """Two things and a marker moved: motions, a marker and colours, without padding."""
    rng = np.random.default_rng(5)
    family = families()['moved_after']
    return scene_batch_from_events(family.sample(rng, family.sample_concepts(rng, 1), 6, 7))


def test_every_measurement_has_a_name_of_its_own(scene):
    assert measure_entities(EntityView(scene)).shape == (6, 7, len(MEASUREMENTS))
    assert len({m.name for m in ALL_MEASUREMENTS}) == len(ALL_MEASUREMENTS)


def test_only_times_and_directions_of_what_did_not_move_are_undefined(scene):
    view = EntityView(scene)
    undefined = measure_entities(view).isnan()
    for known, names in (
        (view.has_time, ('time', 'onset', 'time_marker', 'same_time')),
        (view.has_moved, ('off_marker', 'direction_motion')),
    ):
        for index in (INDEX[name] for name in names):
            assert torch.equal(undefined[..., index], ~known)
            undefined[..., index] = False
    assert view.has_time.any() and not view.has_time.all() and not undefined.any()


CHANGES = {
    SHIFT: lambda p: p + torch.tensor([0.2, -0.1]),
    TURN: lambda p: torch.stack([-p[..., 1], p[..., 0]], dim=-1),
    MIRROR: lambda p: p * torch.tensor([-1.0, 1.0]),
}


@pytest.mark.parametrize('change', CHANGES)
def test_exactly_the_invariant_measurements_ignore_a_change(scene, change):
    move = CHANGES[change]
    other = scene._replace(before=move(scene.before), after=move(scene.after))
    gap = (
        (measure_entities(EntityView(other)) - measure_entities(EntityView(scene)))
        .nan_to_num()
        .abs()
        .amax(dim=(0, 1))
    )
    ignoring = {m.name for m, g in zip(MEASUREMENTS, gap.tolist()) if g < 1e-5}
    said = {m.name for m in MEASUREMENTS if change in m.keeps}
    assert ignoring == said


def test_without_a_marker_only_what_is_relative_to_it_is_undefined(scene):
    alone = scene._replace(subjects=torch.zeros_like(scene.subjects))
    undefined = measure_entities(EntityView(alone)).isnan().all(dim=0).all(dim=0)
    assert {MEASUREMENTS[i].name for i in undefined.nonzero()[:, 0]} == {
        m.name for m in MEASUREMENTS if 'marker' in m.about
    }


def test_features_follow_the_entities_and_ignore_padding(scene):
    features = PLAIN.join(*fit_features(scene, [torch.ones(len(scene.after), dtype=torch.bool)]))
    values = features.evaluate(scene)
    order = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    shuffled = type(scene)(*(value[:, order] for value in scene))
    torch.testing.assert_close(
        features.evaluate(shuffled), values[:, order], equal_nan=True, atol=1e-5, rtol=1e-5
    )
    padded = type(scene)(*(torch.cat([v, torch.zeros_like(v[:, :2])], dim=1) for v in scene))
    torch.testing.assert_close(
        features.evaluate(padded)[:, :7], values, equal_nan=True, atol=1e-5, rtol=1e-5
    )


def test_a_measurement_is_what_its_name_says(scene):
    values = measure_entities(EntityView(scene))
    marker = scene.after[scene.subjects > 0].unsqueeze(1)
    torch.testing.assert_close(
        values[..., INDEX['distance_marker']], (scene.after - marker).norm(dim=-1)
    )
    torch.testing.assert_close(values[..., INDEX['size']], scene.sizes)
    torch.testing.assert_close(
        values[..., INDEX['x_start']], scene.after[..., 0] - scene.before[..., 0]
    )


def view_of(places, sizes=None, first=None):
    """A scene of things at `places` without a marker, or with the first as the marker."""
    paths = torch.tensor(places)
    count = paths.shape[-2]
    subjects = torch.tensor([[float(row == first) for row in range(count)]])
    return EntityView(
        scene_batch_from_events(
            Events(
                paths.reshape(1, -1, count, 2),
                torch.full((1, count, 3), 0.5),
                torch.tensor([sizes or [0.1] * count]),
                subjects=subjects,
            )
        )
    )


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('size_neighbour', [-0.1, 0.1, 0.05]),
        ('nearest_2', [0.8, 0.7, 0.8]),
        ('distance_robot', [1.0, 1.01**0.5, 1.64**0.5]),
    ],
)
def test_comparisons_with_the_nearest(name, expected):
    """Two beside each other, one further right."""
    view = view_of([[[0.0, 0.0], [0.1, 0.0], [0.8, 0.0]]], [0.1, 0.2, 0.25])
    found = MEASUREMENTS[INDEX[name]].value(view)[0].tolist()
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('largest_kin', [-0.15, -0.05, 0.05]),
        ('smallest_kin', [0.1, -0.1, -0.15]),
        ('nearest_larger', [0.1, 0.7, 3.0]),
        ('between', [0.2, 0.0, 1.4]),
        ('open_side', [math.pi, 0.0, math.pi]),
        ('next_right', [0.1, 0.7, 3.0]),
        ('lane_y', [0.0, 0.0, 0.0]),
        ('edge', [1.0, 0.9, 0.2]),
        ('mutual', [0.0, 0.0, 0.6]),
        ('chosen', [1.0, 2.0, 0.0]),
    ],
)
def test_what_is_around(name, expected):
    """The same three, of one colour."""
    view = view_of([[[0.0, 0.0], [0.1, 0.0], [0.8, 0.0]]], [0.1, 0.2, 0.25])
    found = MEASUREMENTS[INDEX[name]].value(view)[0].tolist()
    assert found == pytest.approx(expected, abs=1e-5)


def test_what_stands_in_the_line_of_sight_hides():
    view = view_of([[[0.0, 0.5], [0.02, -0.5], [0.8, -0.5]]])
    hidden, hides = (MEASUREMENTS[INDEX[name]].value(view)[0] for name in ('hidden', 'hides'))
    assert (hidden < 0).tolist() == [True, False, False]
    assert (hides < 0).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('moved_alike', [0.2, 0.2, 1.64**0.5, 3.0]),
        ('exchanged', [0.5**0.5, 1.94**0.5, 0.5**0.5, 3.0]),
        ('into_another', [0.0, 1.94**0.5, 0.5**0.5, 3.0]),
        ('crossed', [-0.5, 0.0, -0.5, 3.0]),
        ('passed_right_middle', [0.5, -0.5, 0.0, -0.9]),
        ('passed_y_middle', [0.0, 0.0, 0.5, -0.9]),
        ('past_x', [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_motion_among_the_others(name, expected):
    """Two go right, the second from where the first ends; one up between; one stays."""
    before = [[-0.5, 0.0], [0.5, 0.0], [0.0, -0.5], [0.9, 0.9]]
    after = [[0.5, 0.0], [1.3, 0.0], [0.0, 0.5], [0.9, 0.9]]
    found = MEASUREMENTS[INDEX[name]].value(view_of([before, after]))[0].tolist()
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('half_x', [0.0, -0.4]),
        ('radius_marker', [0.0, 0.2]),
        ('bearing_marker', [-math.pi / 2, math.atan2(0.3, -0.4)]),
        ('beyond_middle', [-0.3, -0.7]),
        ('beside_middle', [0.3, 0.3]),
        ('beyond_robot', [-0.39 / 1.09**0.5, 0.09 / 1.09**0.5]),
    ],
)
def test_places_in_the_frames_of_a_marker(name, expected):
    """The marker is at (0.3, 0), the others below the middle and up on its left."""
    view = view_of([[[0.3, 0.0], [0.0, -0.3], [-0.4, 0.3]]], first=0)
    found = MEASUREMENTS[INDEX[name]].value(view)[0, 1:].tolist()
    assert found == pytest.approx(expected, abs=1e-5)


def test_who_set_off_first_counts_even_if_it_came_back():
    still, there = [0.0, 0.0], [0.5, 0.5]
    paths = [[still, still, still], [there, still, still], [still, there, still],
             [still, there, still]]  # fmt: skip
    onset = MEASUREMENTS[INDEX['onset']].value(view_of(paths))[0]
    assert onset.tolist() == [-1.0, 0.0, pytest.approx(torch.nan, nan_ok=True)]


def test_the_outer_rank_is_lowest_at_both_ends():
    view = view_of([[[0.1, 0.0], [-0.5, 0.0], [0.9, 0.0], [0.3, 0.0]]])
    feature = Features.of([(INDEX['x_middle'], rank_view(OUTER), torch.zeros(4))])
    assert feature.evaluate(view.scene)[0, :, 0].tolist() == [1.0, 0.0, 0.0, 1.0]
