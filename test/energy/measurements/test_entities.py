"""Measurements of entities: names, symmetries, independence of order and padding."""

import numpy as np
import pytest
import torch

from concept_control.concepts.registry import families
from concept_control.energy.measurements.entities import INDEX, MEASUREMENTS, measure_entities
from concept_control.energy.measurements.entity_view import EntityView
from concept_control.energy.measurements.features import ALL_MEASUREMENTS, fit_features
from concept_control.energy.measurements.measurement import MIRROR, SHIFT, TURN
from concept_control.energy.scene_batch import scene_batch_from_events


@pytest.fixture(scope='module')
def scene():
    """Two things and a marker moved: motions, a marker and colours, without padding."""
    rng = np.random.default_rng(5)
    family = families()['moved_after']
    return scene_batch_from_events(family.sample(rng, family.sample_concepts(rng, 1), 6, 7))


def test_every_measurement_has_a_name_of_its_own(scene):
    assert measure_entities(EntityView(scene)).shape == (6, 7, len(MEASUREMENTS))
    assert len({m.name for m in ALL_MEASUREMENTS}) == len(ALL_MEASUREMENTS)
    assert not measure_entities(EntityView(scene)).isnan().any()


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
    features = fit_features(scene)
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
