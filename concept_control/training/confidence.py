"""Training of the confidence in codes: when does what is done with them hold?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.confidence import (
    KINDS,
    NUM_FEATURES,
    ConfidenceCurve,
    confidence_features,
)
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.training.report import judge_codes

SHOTS = (1, 2, 5)
CONCEPTS = 3
"""Concepts of each family and number of demonstrations."""

_SCENES = 3
_RIDGE = 0.02


@dataclass(frozen=True)
class ConfidenceSample:
    """One code, what its inference said, and how it did.

    Attributes:
        kind: One of `KINDS`.
        features: Features of the inference.
        success: Share of new scenes in which the predicate held; 0 for demonstrations of nothing.
        is_concept: Whether the demonstrations were of one concept.
    """

    kind: str
    features: tuple[float, ...]
    success: float
    is_concept: bool


def confidence_samples(
    energy: AgreementEnergy, families: Mapping[str, Family], concepts: int, seed: int
) -> Iterator[ConfidenceSample]:
    """Yield samples of every family, and as many of demonstrations that show nothing."""
    for name, family in tqdm(families.items(), desc='confidence', unit='family'):
        rng = np.random.default_rng([seed, *name.encode()])
        for shots in SHOTS:
            params = family.sample_concepts(rng, concepts)
            demonstrations = family.sample(rng, params, shots)
            tests = family.sample(rng, params, _SCENES)
            shown = scene_batch_from_events(demonstrations)
            codes, scenes = [], []
            for concept in range(concepts):
                scene = shown.select(slice(concept * shots, (concept + 1) * shots))
                codes.append(energy.infer(scene, seed))
                scenes.append(scene)
            scores = judge_codes(energy, family, params, codes, tests, rng)
            parts = [p for p in (scores.generated, scores.identified) if p is not None]
            success = np.nanmin([np.nanmean(part, axis=1) for part in parts], axis=0)
            for code, scene, share in zip(codes, scenes, success):
                if code.agreement is not None and np.isfinite(share):
                    features = confidence_features(code.agreement, scene)
                    yield ConfidenceSample(*features, float(share), True)
                if shots > 1:
                    nothing = shuffled(scene, rng)
                    other = energy.infer(nothing, seed)
                    if other.agreement is not None:
                        features = confidence_features(other.agreement, nothing)
                        yield ConfidenceSample(*features, 0.0, False)


def shuffled(scene: SceneBatch, rng: np.random.Generator) -> SceneBatch:
    """Return scenes in which subjects are put anywhere and the meant are drawn anew."""
    after, attention = scene.after.clone(), scene.attention.clone()
    anywhere = torch.as_tensor(rng.uniform(-0.95, 0.95, after.shape), dtype=after.dtype)
    gate = scene.subjects.unsqueeze(-1)
    moved = ((scene.after - scene.before).norm(dim=-1) > 0).any(dim=-1)[:, None, None]
    after = torch.where(moved, after * (1 - gate) + anywhere * gate, after)
    members = ((scene.subjects * scene.attention).sum(dim=-1) > 0).tolist()
    for row in range(scene.num_events):
        if members[row]:
            continue
        free = np.flatnonzero((scene.present[row] * (1 - scene.subjects[row])).numpy() > 0.5)
        count = int(scene.attention[row].sum())
        attention[row] = 0.0
        attention[row, rng.permutation(free)[:count]] = 1.0
    return scene._replace(after=after, attention=attention)


def fit_confidence(samples: list[ConfidenceSample]) -> ConfidenceCurve:
    """Return the logistic curves that fit samples best, one for each kind of concept."""
    weights = {}
    for kind in KINDS:
        chosen = [sample for sample in samples if sample.kind == kind]
        x = np.array([[*sample.features, 1.0] for sample in chosen])
        y = np.array([sample.success for sample in chosen])

        def loss(w: np.ndarray, x: np.ndarray = x, y: np.ndarray = y) -> float:
            logit = x @ w
            fit = np.logaddexp(0, -logit) * y + np.logaddexp(0, logit) * (1 - y)
            return float(fit.mean() + _RIDGE * np.square(w[:-1]).sum() / NUM_FEATURES)

        weights[kind] = tuple(minimize(loss, np.zeros(NUM_FEATURES + 1)).x.round(4).tolist())
    return ConfidenceCurve(weights)
