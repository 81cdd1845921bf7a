"""Confidence in a code: the probability that what is done with it holds in new scenes.

A logistic curve over a few features of the inference (Platt, "Probabilistic outputs for support
vector machines", 1999), fitted to concepts of the training families and to demonstrations that
show nothing in common, see `training/confidence.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.identification import mask_log_probabilities, may_be_meant
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.placing import Agreement, with_places
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.lowest_place import cell_centers
from concept_control.errors import ModelError
from concept_control.model_files import read_card, write_card

FILE = 'confidence.json'
KINDS = ('place', 'shape', 'things')
NUM_FEATURES = 4

_SIDE = 24
_MOST_SCENES = 3
_MOST_SUPPORT = 20.0


@dataclass(frozen=True)
class ConfidenceCurve:
    """Weights of the features, by kind of concept.

    Attributes:
        weights: (NUM_FEATURES,) weights and the offset after them, by `KINDS`.
    """

    weights: Mapping[str, tuple[float, ...]]

    def of(self, code: AgreementCode, scene: SceneBatch) -> float:
        """Return the confidence in a code that was inferred from demonstrations, in [0, 1]."""
        return self.value(*confidence_features(code, scene))

    def value(self, kind: str, features: Sequence[float]) -> float:
        """Return the confidence that goes with the features of one kind, in [0, 1]."""
        *slopes, offset = self.weights[kind]
        logit = offset + sum(slope * value for slope, value in zip(slopes, features))
        return 1 / (1 + math.exp(-max(-30.0, min(30.0, logit))))

    def save(self, folder: Path) -> None:
        """Write the curve beside the model."""
        write_card(folder / FILE, {'weights': dict(self.weights)})

    @classmethod
    def load(cls, folder: Path) -> ConfidenceCurve:
        """Read the curve beside a model.

        Raises:
            ModelError: if it is missing or damaged.
        """
        values = read_card(folder / FILE)
        try:
            weights = {k: tuple(float(w) for w in values['weights'][k]) for k in KINDS}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f'{folder / FILE} holds no confidence curve: {error!r}') from error
        if any(len(w) != NUM_FEATURES + 1 for w in weights.values()):
            raise ModelError(f'{folder / FILE} needs {NUM_FEATURES + 1} weights of each kind')
        return cls(weights)


def confidence_features(code: AgreementCode, scene: SceneBatch) -> tuple[str, tuple[float, ...]]:
    """Return the kind of a concept and what its inference says of how sure it is.

    Args:
        code: Inferred code.
        scene: Demonstrations that it was inferred from.
    """
    shots = math.log(scene.num_events)
    scene = scene.select(slice(0, _MOST_SCENES))
    if code.placing is not None:
        support = _support(code.placing)
        return 'place', (support, _plausibility(code.placing, scene), shots, support * shots)
    if code.arrangement is not None and code.rules is None:
        support = _support(code.arrangement)
        certain = float((code.arrangement.bounds.relevance > 0.9).sum())
        return 'shape', (support, certain, shots, support * shots)
    likeliest, again = _things(code, scene)
    return 'things', (likeliest, again, shots, likeliest * shots)


def _support(agreement: Agreement) -> float:
    """Return the log odds of the bounds that the demonstrations speak for most, limited."""
    return max(-_MOST_SUPPORT, min(agreement.support, _MOST_SUPPORT))


def _plausibility(agreement: Agreement, scene: SceneBatch) -> float:
    """Return the mean plausibility of the best places in the demonstrated scenes."""
    many = with_places(scene, cell_centers(_SIDE).expand(scene.num_events, -1, -1))
    energy = agreement.without_ties.energy(SceneView(many)).unflatten(0, (scene.num_events, -1))
    return float((-energy.amin(dim=1)).exp().mean())


def _things(code: AgreementCode, scene: SceneBatch) -> tuple[float, float]:
    """Return the mean log probability of the likeliest mask, and the share found again."""
    logs, again = [], []
    for row in range(scene.num_events):
        one = scene.select(slice(row, row + 1))
        masks = candidate_masks(may_be_meant(code, one))
        found = mask_log_probabilities(code, one, masks)
        best = found.argmax()
        logs.append(float(found[best]))
        again.append(float((masks[best] == one.attention[0]).all()))
    return sum(logs) / len(logs), sum(again) / len(again)
