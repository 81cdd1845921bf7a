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

import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.identification import each_with_masks, mask_log_probabilities
from concept_control.energy.agreement.placing import Agreement, with_places
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.lowest_place import cell_centers
from concept_control.errors import ModelError
from concept_control.model_files import read_card, write_card

FILE = 'confidence.json'
KINDS = ('place', 'shape', 'things')
NUM_FEATURES = 4

_SIDE = 20
_MOST_SCENES, _NEW_SCENES = 3, 3
_MOST_SUPPORT = 20.0
_LEAST_LOG_PROBABILITY = -12.0
_WITHIN = 0.9
"""Largest |coordinate| of things in new scenes [workspace units]."""


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
        code: Code as it was inferred.
        scene: Demonstrations that it was inferred from.
    """
    shots = math.log(scene.num_events)
    if code.placing is not None:
        support = _support(code.placing)
        room, mask = _room(code.placing, _new_scenes(scene)), _demonstrated_mask(code, scene)
        return 'place', (room, mask, shots, support * shots)
    if code.arrangement is not None and code.rules is None:
        support = _support(code.arrangement)
        certain = float((code.arrangement.bounds.relevance > 0.9).sum())
        return 'shape', (support, certain, shots, support * shots)
    holds, likeliest = _likeliest_mask(code, _new_scenes(scene))
    return 'things', (holds, likeliest, shots, code.left_out * shots)


def _support(agreement: Agreement) -> float:
    """Return the log odds of the bounds that the demonstrations speak for most, limited."""
    return max(-_MOST_SUPPORT, min(agreement.support, _MOST_SUPPORT))


def _new_scenes(scene: SceneBatch) -> SceneBatch:
    """Return the scenes with their things elsewhere, motions and sizes exchanged among them.

    What they had in common by chance, they have no longer; and nothing but them is known.
    """
    generator = torch.Generator().manual_seed(0)
    scene = scene.select(torch.arange(_NEW_SCENES) % scene.num_events)
    free = scene.present * (1 - scene.subjects) > 0.5

    def exchanged(values: torch.Tensor) -> torch.Tensor:
        values = values.clone()
        for row, these in enumerate(free):
            (index,) = torch.nonzero(these, as_tuple=True)
            values[row, index] = values[
                row, index[torch.randperm(len(index), generator=generator)]
            ]
        return values

    motion = exchanged(torch.cat([scene.after - scene.before, scene.motion], dim=-1))
    anywhere = 2 * torch.rand(scene.before.shape, generator=generator).to(scene.before) - 1
    before = _WITHIN * anywhere
    return scene._replace(
        before=before,
        after=before + motion[..., :2],
        motion=motion[..., 2:],
        sides=exchanged(scene.sides),
    )


def _room(agreement: Agreement, scene: SceneBatch) -> float:
    """Return the mean log share of the table that is as plausible as its best place."""
    grid = cell_centers(_SIDE).to(scene.after)
    many = with_places(scene._replace(after=scene.before), grid.expand(scene.num_events, -1, -1))
    energy = agreement.without_ties.energy(SceneView(many)).unflatten(0, (scene.num_events, -1))
    return float((-energy).log_softmax(dim=1).amax(dim=1).mean().neg() - math.log(len(grid)))


def _demonstrated_mask(code: AgreementCode, scene: SceneBatch) -> float:
    """Return the mean log probability of the demonstrated masks."""
    found = []
    for one, masks in each_with_masks(code, scene.select(slice(0, _MOST_SCENES))):
        logs = mask_log_probabilities(code, one, masks)[(masks == one.attention).all(dim=-1)]
        found.append(max([_LEAST_LOG_PROBABILITY, *logs.tolist()]))
    return sum(found) / len(found)


def _likeliest_mask(code: AgreementCode, scene: SceneBatch) -> tuple[float, float]:
    """Return how likely the likeliest masks hold, as others may too, and how likely they are."""
    holds, likeliest = [], []
    for one, masks in each_with_masks(code, scene):
        logs = mask_log_probabilities(code, one, masks)
        best = masks[logs.argmax()].unsqueeze(0)
        likeliest.append(float(logs.max().exp()))
        sets = code.counting or (code.arrangement if code.rules is None else None)
        share = 0.0 if code.rules is None else code.rule_share if sets else 1.0
        by_rules = 0.0 if code.rules is None else float(code.rules.agreeing(one, best))
        by_sets = 0.0 if sets is None else float((-sets.energy(SceneView(one, best))).exp())
        holds.append(share * by_rules + (1 - share) * by_sets)
    return sum(holds) / len(holds), sum(likeliest) / len(likeliest)
