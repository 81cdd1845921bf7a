"""Confidence: the probability that what is done with a code holds, in new scenes or in this one.

Logistic curves over a few features of the inference (Platt, "Probabilistic outputs for support
vector machines", 1999), fitted to what was done with concepts of the training families and with
demonstrations that show nothing in common, see `training/confidence.py`. Where something goes is
as sure as its code; which things are meant is also as sure as one mask is likelier than the others
in the scene that is asked about.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.elsewhere import at_places
from concept_control.energy.agreement.identification import each_with_masks, mask_log_probabilities
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.lowest_place import cell_centers
from concept_control.errors import ModelError
from concept_control.model_files import read_card, write_card

FILE = 'confidence.json'

_OF_A_SCENE = ('probability', 'margin', 'holds')
_OF_A_PLACE = ('room', 'support', 'shots', 'support * shots')
_OF_A_SHAPE = ('support', 'shots', 'support * shots')

FEATURES = {
    'place': _OF_A_PLACE,
    'shape': _OF_A_SHAPE,
    'about a place': (*_OF_A_SCENE, *_OF_A_PLACE),
    'of a shape': (*_OF_A_SCENE, *_OF_A_SHAPE),
    'things': (*_OF_A_SCENE, 'shots', 'left out * shots'),
}
"""Features by what is done: putting something in a place, making a shape, and finding what a place
is about, what is of a shape, and things. *Probability* is that of the likeliest mask in a scene,
*margin* by how much it is before the next one [nats], *holds* how likely what was inferred holds
with it, whether or not it does with others (any two things are two); *room* is the log share of
the table that is as plausible as the best place, *support* the log odds of the likeliest bounds,
*shots* the logarithm of the number of demonstrations, *left out* how well each is told by the
others."""

_SCENE = len(_OF_A_SCENE)
_SIDE = 20
_NEW_SCENES = 3
_MOST_SUPPORT = 20.0
_MOST_MARGIN = 6.0
_WITHIN = 0.9
"""Largest |coordinate| of things in new scenes [workspace units]."""


@dataclass(frozen=True)
class ConfidenceCurve:
    """Weights of the features, by what is done.

    Attributes:
        weights: Weights of the features and the offset after them, by the keys of `FEATURES`.
    """

    weights: Mapping[str, tuple[float, ...]]

    def judge(self, code: AgreementCode, scene: SceneBatch) -> AgreementCode:
        """Return a code, inferred from these demonstrations, with its confidence."""
        kind, shown = arguments_kind(code), demonstration_features(code, scene)
        code = replace(code, log_odds_identified=_log_odds(self.weights[kind][_SCENE:], shown))
        if kind != 'things':
            return replace(code, confidence=self.value(outcome_kind(code), shown))
        return replace(code, confidence=float(self.of_scenes(code, _new_scenes(scene)).mean()))

    def of_scenes(self, code: AgreementCode, scene: SceneBatch) -> torch.Tensor:
        """Return the confidence (B,) that the likeliest mask of each scene holds."""
        weights = *self.weights[arguments_kind(code)][:_SCENE], code.log_odds_identified
        found = [_logistic(_log_odds(weights, each)) for each in scene_features(code, scene)]
        return scene.after.new_tensor(found)

    def value(self, kind: str, features: tuple[float, ...]) -> float:
        """Return the confidence that goes with all features of one kind, in [0, 1]."""
        return _logistic(_log_odds(self.weights[kind], features))

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
            weights = {k: tuple(float(w) for w in values['weights'][k]) for k in FEATURES}
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f'{folder / FILE} holds no confidence curve: {error!r}') from error
        for kind, names in FEATURES.items():
            if len(weights[kind]) != len(names) + 1:
                raise ModelError(f'{folder / FILE} needs {len(names) + 1} weights of {kind!r}')
        return cls(weights)


def _log_odds(weights: tuple[float, ...], features: tuple[float, ...]) -> float:
    *slopes, offset = weights
    return offset + sum(slope * value for slope, value in zip(slopes, features, strict=True))


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, log_odds))))


def outcome_kind(code: AgreementCode) -> str:
    """Return the key of `FEATURES` for putting things where they should go."""
    return 'shape' if code.placing is None else 'place'


def arguments_kind(code: AgreementCode) -> str:
    """Return the key of `FEATURES` for finding what a code is about."""
    if code.placing is not None:
        return 'about a place'
    return 'of a shape' if code.arrangement is not None and code.rules is None else 'things'


def demonstration_features(
    code: AgreementCode, scene: SceneBatch, of_outcome: bool = False
) -> tuple[float, ...]:
    """Return what the inference says of how sure a code is.

    Args:
        code: Code as it was inferred.
        scene: Demonstrations that it was inferred from.
        of_outcome: Whether it is asked where things go, not which are meant: of a code about
            things that stand in a shape the features differ.
    """
    shots = math.log(scene.num_events)
    if code.outcome is None or (arguments_kind(code) == 'things' and not of_outcome):
        return shots, code.left_out * shots
    support = max(-_MOST_SUPPORT, min(code.outcome.support, _MOST_SUPPORT))
    shape = support, shots, support * shots
    return shape if code.placing is None else (_room(code.placing, _new_scenes(scene)), *shape)


def scene_features(code: AgreementCode, scene: SceneBatch) -> Iterator[tuple[float, ...]]:
    """Yield what is asked of each scene beside: of its likeliest mask, see `FEATURES`."""
    for one, masks in each_with_masks(code, scene):
        logs = mask_log_probabilities(code, one, masks)
        best = logs.topk(min(2, len(logs)))
        most, next_most = float(best.values[0]), float(best.values[-1])
        holds = _holding(code, one, masks[best.indices[:1]])
        yield math.exp(most), min(most - next_most, _MOST_MARGIN), holds


def _holding(code: AgreementCode, one: SceneBatch, mask: torch.Tensor) -> float:
    """Return how likely what was inferred holds with a mask (1, N)."""
    rules, sets = code.rules, code.placing or code.counting
    if sets is None and rules is None:
        sets = code.arrangement
    by_sets = 0.0 if sets is None else float((-sets.energy(SceneView(one, mask))).exp())
    if rules is None:
        return by_sets
    share = 1.0 if sets is None else code.rule_share
    return share * float(rules.agreeing(one, mask)) + (1 - share) * by_sets


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
        bottoms_before=torch.zeros_like(scene.bottoms),
        bottoms=torch.zeros_like(scene.bottoms),
    )


def _room(agreement: Agreement, scene: SceneBatch) -> float:
    """Return the mean log share of the table that is as plausible as its best place."""
    grid = cell_centers(_SIDE).to(scene.after)
    places = grid.expand(scene.num_events, -1, -1)
    view = SceneView(scene._replace(after=scene.before))
    many = at_places(view, places, agreement.reads_heights)
    energy = agreement.without_ties.energy(many).unflatten(0, (scene.num_events, -1))
    return float((-energy).log_softmax(dim=1).amax(dim=1).mean().neg() - math.log(len(grid)))
