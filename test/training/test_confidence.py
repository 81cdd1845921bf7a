"""The confidence in codes is fitted to what was done with them."""

import numpy as np
import torch

from concept_control.concepts import families
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.confidence import FEATURES
from concept_control.energy.agreement.scorer import load_scorer
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.storage import SHIPPED_MODEL
from concept_control.training.confidence import (
    ConfidenceSample,
    confidence_samples,
    fit_confidence,
    shuffled,
)


def test_the_curve_tells_success_from_failure():
    rng = np.random.default_rng(0)
    samples = [
        ConfidenceSample(kind, (float(x), *[0.0] * (len(names) - 1)), float(x > 0), True)
        for kind, names in FEATURES.items()
        for x in rng.normal(size=200)
    ]
    slopes = fit_confidence(samples).weights['place']
    assert slopes[0] > 2
    assert max(map(abs, slopes[1:4])) < 1e-3


def test_shuffled_demonstrations_keep_numbers_and_show_nothing():
    family = families()['between']
    rng = np.random.default_rng(0)
    scene = scene_batch_from_events(family.sample(rng, family.sample_concepts(rng, 1), 20))
    nothing = shuffled(scene, rng)
    torch.testing.assert_close(nothing.attention.sum(dim=1), scene.attention.sum(dim=1))
    assert not (nothing.attention * nothing.subjects).any()
    torch.testing.assert_close(nothing.before, scene.before)
    still = scene.subjects == 0
    torch.testing.assert_close(nothing.after[still], scene.after[still])
    assert not torch.allclose(nothing.after, scene.after)


def test_samples_are_of_concepts_and_of_nothing():
    energy = AgreementEnergy(load_scorer(SHIPPED_MODEL))
    samples = list(confidence_samples(energy, {'offset': families()['offset']}, 1, seed=0))
    assert [sample.is_concept for sample in samples[::6]] == [True, True, False, True, False]
    by_five, by_nothing = samples[18:24], samples[24:30]
    assert [sample.kind for sample in by_five] == ['place'] * 3 + ['about a place'] * 3
    assert all(sample.success for sample in by_five)
    assert by_five[0].features[0] < by_nothing[0].features[0], (
        'a concept leaves less room than nothing'
    )
