"""Does it know whether what it does holds? Judged on families that the curve was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from concept_control.concepts import held_out_families
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.confidence import FEATURES, ConfidenceCurve
from concept_control.energy.model import ConceptModel
from concept_control.errors import ModelError
from concept_control.training.confidence import ConfidenceSample, confidence_samples

PLACED, FOUND = {'place', 'shape'}, {'about a place', 'of a shape', 'things'}
"""Kinds of what is done, see `FEATURES`: things are put somewhere, or found."""

COVERAGE = 0.8
"""Share of what could be done that is done: what is of most confidence."""


def run(model: ConceptModel, seed: int, concepts: int) -> dict[str, float]:
    """Return how well confidence tells success from failure, and concepts from nothing.

    Args:
        model: Model whose codes are judged.
        seed: Seed of concepts and scenes.
        concepts: Concepts of each family and number of demonstrations.

    Raises:
        ModelError: if the model's energy has no confidence.
    """
    energy = model.energy_function
    if not isinstance(energy, AgreementEnergy) or energy.curve is None:
        raise ModelError('only codes of the agreement energy have a confidence')
    samples = list(confidence_samples(energy, held_out_families(), concepts, seed))
    found: dict[str, float] = {}
    for name, kinds in (('all', set(FEATURES)), ('placed', PLACED), ('found', FOUND)):
        chosen = [sample for sample in samples if sample.kind in kinds]
        figures = _figures(energy.curve, chosen)
        found |= {f'{name}: {what}': value for what, value in figures.items()}
    return found


def _figures(curve: ConfidenceCurve, samples: Sequence[ConfidenceSample]) -> dict[str, float]:
    confidence = np.array([curve.value(sample.kind, sample.features) for sample in samples])
    success = np.array([sample.success for sample in samples])
    is_concept = np.array([sample.is_concept for sample in samples])
    best = np.argsort(-confidence[is_concept], kind='stable')
    acted_on = success[is_concept][best[: int(COVERAGE * len(best))]]
    return {
        'ROC area, success': round(area_under_curve(confidence, success >= 0.5), 3),
        'ROC area, a concept or nothing': round(area_under_curve(confidence, is_concept), 3),
        f'error at {COVERAGE:.0%} coverage': round(1 - float(acted_on.mean()), 3),
        'error of all': round(1 - float(success[is_concept].mean()), 3),
        'samples': len(samples),
    }


def area_under_curve(confidence: np.ndarray, is_positive: np.ndarray) -> float:
    """Return the probability that a positive has more confidence than a negative."""
    positive, negative = confidence[is_positive], confidence[~is_positive]
    more = (positive[:, None] > negative).mean()
    return float(more + 0.5 * (positive[:, None] == negative).mean())
