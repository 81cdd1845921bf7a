"""Scores are probabilities: calibrated on other events than they were fitted to."""

import numpy as np

from concept_control.concepts.vocabulary import vocabulary
from concept_control.recognition.calibration import calibrate, evidence, labelled


def test_scores_are_probabilities_on_events_they_were_not_fitted_to(runner):
    concepts = [c for c in runner.library if c.acts]
    curves = calibrate(runner.model, concepts, seed=0)
    said, true = [], []
    for concept in concepts:
        events, holds = labelled(vocabulary()[concept.name], seed=1)
        said.append(curves[concept.name].probability(evidence(runner.model, events, concept.code)))
        true.append(holds)
    said, true = np.concatenate(said), np.concatenate(true)
    bins = np.clip((10 * said).astype(int), 0, 9)
    error = sum(
        (bins == b).mean() * abs(said[bins == b].mean() - true[bins == b].mean())
        for b in np.unique(bins)
    )
    assert error < 0.05  # expected calibration error
    assert np.square(said - true).mean() < 0.06  # Brier score; 0.25 is what always 0.5 gets
