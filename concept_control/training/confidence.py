"""Training of the confidence: when does what is done with codes hold?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.confidence import (
    FEATURES,
    ConfidenceCurve,
    arguments_kind,
    demonstration_features,
    outcome_kind,
    scene_features,
)
from concept_control.energy.scene_batch import SceneBatch, hide_members, scene_batch_from_events
from concept_control.training.report import draw_trial, judge_codes

SHOTS = (1, 2, 5)
CONCEPTS = 3
"""Concepts of each family and number of demonstrations."""

_SCENES = 3
_RIDGE = 0.02


@dataclass(frozen=True)
class ConfidenceSample:
    """What was done with a code in one new scene, and what the inference said of it.

    Attributes:
        kind: One of the keys of `FEATURES`.
        features: Features of that kind.
        success: 1 where the predicate held, else 0; 0 for demonstrations of nothing.
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
            trial = draw_trial(family, rng, concepts, shots, _SCENES)
            scenes = list(scene_batch_from_events(trial.demonstrations).split(shots))
            codes = [energy.infer(scene, seed) for scene in scenes]
            scores = judge_codes(energy, family, trial.params, codes, trial.tests, rng)
            tests = hide_members(scene_batch_from_events(trial.tests)).split(_SCENES)
            never = np.zeros(_SCENES)
            for number, (code, scene, asked) in enumerate(zip(codes, scenes, tests)):
                placed, found = (
                    None if each is None else each[number]
                    for each in (scores.generated, scores.identified)
                )
                yield from _samples(energy.check(code), scene, asked, placed, found, True)
                if shots > 1:
                    nothing = shuffled(scene, rng)
                    other = energy.check(energy.infer(nothing, seed))
                    placed, found = (None if e is None else never for e in (placed, found))
                    yield from _samples(other, nothing, asked, placed, found, False)


def _samples(
    code: AgreementCode,
    shown: SceneBatch,
    asked: SceneBatch,
    generated: np.ndarray | None,
    identified: np.ndarray | None,
    is_concept: bool,
) -> Iterator[ConfidenceSample]:
    """Yield what was done in each scene that was asked about; NaN where nothing was."""
    if generated is not None and code.outcome is not None:
        features = demonstration_features(code, shown, of_outcome=True)
        for success in generated[np.isfinite(generated)]:
            yield ConfidenceSample(outcome_kind(code), features, float(success), is_concept)
    if identified is not None:
        features = demonstration_features(code, shown)
        for success, of_scene in zip(identified, scene_features(code, asked)):
            found = (*of_scene, *features)
            yield ConfidenceSample(arguments_kind(code), found, float(success), is_concept)


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
    """Return the logistic curves that fit samples best, one for each kind of what is done."""
    weights = {}
    for kind in FEATURES:
        chosen = [sample for sample in samples if sample.kind == kind]
        x = np.array([[*sample.features, 1.0] for sample in chosen])
        y = np.array([sample.success for sample in chosen])
        scale = x[:, :-1].std(axis=0)

        def loss(
            w: np.ndarray, x: np.ndarray = x, y: np.ndarray = y, scale: np.ndarray = scale
        ) -> float:
            logit = x @ w
            fit = np.logaddexp(0, -logit) * y + np.logaddexp(0, logit) * (1 - y)
            return float(fit.mean() + _RIDGE * np.square(w[:-1] * scale).mean())

        weights[kind] = tuple(minimize(loss, np.zeros(x.shape[1])).x.round(4).tolist())
    return ConfidenceCurve(weights)
