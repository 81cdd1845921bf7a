"""The agreement energy with the papers' network as a further expert beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch

from concept_control.energy.agreement.agreement_code import SCHEMA, AgreementCode
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.confidence import ConfidenceCurve
from concept_control.energy.agreement.elsewhere import anywhere
from concept_control.energy.agreement.identification import may_be_meant
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.agreement.scorer import RuleScorer
from concept_control.energy.code import ConceptCode, Terms
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.scene_batch import NAT, BoundResiduals, SceneBatch

WEIGHTS = (0.0, 0.1, 0.3, 1.0)
"""Weights of the network's energy that are compared."""

_GAIN = 3.0
"""Log score that a weight must gain over none [nats]."""

_OUTCOMES = 64


@dataclass(frozen=True)
class _AgreementAndNetwork(Agreement):
    """An agreement whose residual ends with that of the network."""

    beside: Callable[[SceneBatch], torch.Tensor] | None = None

    def _beside(self, view: SceneView) -> torch.Tensor:
        assert self.beside is not None
        return self.beside(view.scene._replace(attention=view.meant))

    def energy(self, view: SceneView) -> torch.Tensor:
        return super().energy(view) + self._beside(view).square().sum(dim=-1) / NAT

    def residual(self, view: SceneView) -> torch.Tensor:
        return torch.cat([super().residual(view), self._beside(view)], dim=-1)


class BothEnergy(AgreementEnergy):
    """E = ‖r_agreement‖² + w ‖r_network‖², with a weight w for each concept.

    The weight is that under which the demonstrations, each judged by what is learned from the
    others, stand out most from other outcomes and masks of the same scene (stacking: Wolpert,
    "Stacked generalization", 1992). Both halves of a code end with it; without, it has none.
    Drawn readings and scores of recognition are of the agreement alone.

    Args:
        scorer: Prior of the relevance of rules.
        curve: Curve of the confidence in codes.
        network: Energy of the papers' network.
    """

    name = 'both'

    def __init__(
        self, scorer: RuleScorer, curve: ConfidenceCurve | None, network: NetworkEnergy
    ) -> None:
        super().__init__(scorer, curve)
        self._network = network
        self.fingerprint = f'both-{SCHEMA}-{network.fingerprint}'

    def to(self, device: torch.device) -> BothEnergy:
        """Move the network to a device and return the energy."""
        self._network.to(device)
        return self

    def infer(self, scene: SceneBatch, seed: int) -> ConceptCode:
        """Infer the code of the one concept that all events show, and weigh the network."""
        code, scores = super().infer(scene, seed), self._log_scores(scene, seed)
        if scores.max() <= scores[0] + _GAIN:
            return code
        network, weight = self._network.infer(scene, seed), WEIGHTS[int(scores.argmax())]
        action, argument = (
            torch.cat([half, half.new_tensor([weight])])
            for half in (network.action, network.argument)
        )
        return ConceptCode(action, argument, code.agreement)

    def _log_scores(self, scene: SceneBatch, seed: int) -> torch.Tensor:
        """Return the leave-one-out log scores (W,) of the demonstrations under each weight."""
        generator = torch.Generator().manual_seed(seed)
        total = torch.zeros(len(WEIGHTS))
        for row, one in enumerate(scene.split(1) if scene.num_events > 1 else ()):
            rest = scene.select(torch.arange(scene.num_events) != row)
            agreed, code = super().infer(rest, seed), self._network.infer(rest, seed)
            many = one.repeat(_OUTCOMES)
            states = SceneBatch.concatenate([one, anywhere(many, many.subjects, generator)])
            masks = candidate_masks(may_be_meant(self.check(agreed), one))
            is_shown = (masks == one.attention).all(dim=-1)
            total += _log_scores(
                self.implausibility(states, agreed), self._network.implausibility(states, code)
            )[:, 0]
            total += _log_scores(
                self.mask_energies(one, agreed, masks) / NAT,
                self._network.mask_energies(one, code, masks) / NAT,
            )[:, is_shown].sum(dim=-1)
        return total

    def mask_energies(
        self, one: SceneBatch, code: ConceptCode, masks: torch.Tensor
    ) -> torch.Tensor:
        """Return the energies (G,) of masks (G, N) of one scene, of which one is the likeliest."""
        energies = super().mask_energies(one, code, masks)
        if code.size:
            by_network = self._network.mask_energies(one, _of_network(code), masks)
            energies = energies + code.argument[-1] * by_network
        return energies - energies.min()

    def bind(self, terms: Terms, is_recorded: bool = False) -> BoundResiduals:
        """Return the residuals of M terms; those with the network are not recorded."""
        return super().bind(terms, is_recorded and not any(code.size for code in terms.codes))

    def check(self, code: ConceptCode) -> AgreementCode:
        """Return the agreement of a code, with the network beside it where it has a weight.

        Raises:
            CodeError: if it has none, or its halves are not the network's.
        """
        agreed = super().check(code)
        if not code.size:
            return agreed
        plain, factor = _of_network(code), code.action[-1].sqrt()
        self._network.check(plain)

        def beside(scene: SceneBatch) -> torch.Tensor:
            return factor * self._network.residual(scene, plain)

        def joined(part: Agreement | None) -> Agreement | None:
            if part is None:
                return None
            values = {field.name: getattr(part, field.name) for field in fields(part)}
            return _AgreementAndNetwork(**values, beside=beside)

        placing, arrangement = joined(agreed.placing), joined(agreed.arrangement)
        return replace(agreed, placing=placing, arrangement=arrangement)


def _of_network(code: ConceptCode) -> ConceptCode:
    return ConceptCode(code.action[:-1], code.argument[:-1])


def _log_scores(by_agreement: torch.Tensor, by_network: torch.Tensor) -> torch.Tensor:
    """Return the log probabilities (W, G) of G choices under each weight of the network."""
    weights = by_network.new_tensor(WEIGHTS).unsqueeze(-1)
    return torch.log_softmax(-by_agreement - weights * by_network, dim=-1).cpu()
