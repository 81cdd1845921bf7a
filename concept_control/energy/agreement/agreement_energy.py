"""The agreement energy and its operations on batches of scenes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import torch

from concept_control.energy.agreement.agreement_code import SCHEMA, AgreementCode
from concept_control.energy.agreement.bounds import KEPT, NEXT
from concept_control.energy.agreement.confidence import ConfidenceCurve
from concept_control.energy.agreement.drawn_readings import NAT, bind_readings
from concept_control.energy.agreement.elsewhere import with_places
from concept_control.energy.agreement.explanation import explain, propose, readings
from concept_control.energy.agreement.generation import arrange_subjects, place_subject
from concept_control.energy.agreement.identification import each_with_masks, mask_log_probabilities
from concept_control.energy.agreement.inference import infer_agreement
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.agreement.recognition import log_likelihoods
from concept_control.energy.agreement.recordings import bound_residual, recorded_residual
from concept_control.energy.agreement.scorer import RuleScorer
from concept_control.energy.code import ConceptCode, Terms
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import BoundResiduals, SceneBatch
from concept_control.energy.torchscript import export_residual
from concept_control.errors import CodeError

_UNLISTED = 20.0
"""Implausibility of a mask that is not among the candidates [nats]."""


class AgreementEnergy:
    """E(x, a, w) from bounds on measurements; w says which, so nothing is trained.

    The energy of an outcome is the squared norm of the residual: by how much measurements are
    beyond their bounds, in workspace units. That of a mask is how much less plausible it is than
    the likeliest.

    Args:
        scorer: Prior of the relevance of rules.
        curve: Curve of the confidence in codes; None leaves it at 1.
    """

    name = 'agreement'
    fingerprint = f'agreement-{SCHEMA}'

    def __init__(self, scorer: RuleScorer, curve: ConfidenceCurve | None = None) -> None:
        self._scorer, self.curve = scorer, curve

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the weights of the priors and of the confidence, hex."""
        digest = hashlib.sha256(repr(self.curve).encode())
        for name, value in sorted(self._scorer.state_dict().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: torch.device) -> AgreementEnergy:
        """Return the energy: it computes wherever the scenes are."""
        return self

    def infer(self, scene: SceneBatch, seed: int) -> ConceptCode:
        """Infer the code of the one concept that all events show."""
        generator = torch.Generator().manual_seed(seed)
        agreed = infer_agreement(scene, self._scorer, generator)
        if self.curve is not None:
            agreed = self.curve.judge(agreed, scene)
        return ConceptCode(agreement=agreed)

    def generate(
        self, scene: SceneBatch, code: ConceptCode, generator: torch.Generator
    ) -> SceneBatch:
        """Return scenes that start at `before` as they should be then.

        Raises:
            CodeError: if the demonstrations showed nothing that moves.
        """
        agreed = self.check(code)
        scene = scene._replace(after=scene.before, bottoms=scene.bottoms_before)
        if agreed.arrangement is not None:
            return arrange_subjects(agreed.arrangement, agreed.patterns, scene, generator)
        if agreed.placing is None:
            raise CodeError(
                'the code says only what is meant, not where anything goes: nothing moved in its '
                'demonstrations'
            )
        places = place_subject(agreed.placing, scene, generator)
        return with_places(scene, places.unsqueeze(1), agreed.placing.reads_heights)

    def identify(
        self, scene: SceneBatch, code: ConceptCode, generator: torch.Generator
    ) -> torch.Tensor:
        """Return the likeliest masks (B, N)."""
        found = [
            masks[self.mask_energies(one, code, masks).argmin()]
            for one, masks in each_with_masks(self.check(code), scene)
        ]
        return torch.stack(found)

    def confidence(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return the confidence (B,) that the likeliest mask of each scene holds, in [0, 1]."""
        if self.curve is None:
            return scene.after.new_ones(scene.num_events)
        return self.curve.of_scenes(self.check(code), scene)

    def residual(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return the residuals (B, K) of outcomes, differentiable in the positions."""
        agreement = acting_part(self.check(code))
        if agreement is None:
            return scene.after.new_zeros(scene.num_events, 1)
        return agreement.residual(SceneView(scene))

    def export(self, code: ConceptCode, count: int, path: str | Path) -> None:
        """Write the residual of a code into one file, see `export_residual`.

        Args:
            code: Code of a concept that acts.
            count: Number N of entities in a scene.
            path: File to write.

        Raises:
            CodeError: if the code says nothing of where things go.
        """
        part = acting_part(self.check(code))
        if part is None:
            raise CodeError(
                'the code says only what is meant, not where anything goes; export a concept that '
                'acts'
            )
        # Constants of the bounds are computed before: an export must not depend on values.
        _ = part.units, part.needs
        export_residual(
            lambda scene: part.residual(SceneView(scene)), count, path, part.reads_heights
        )

    def implausibility(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return how implausible (B,) outcomes are, bounds and doubts together [nats]."""
        agreed = self.check(code)
        # Ties of an arrangement are bounds of its own, those less certain.
        part = agreed.arrangement if agreed.placing is None else agreed.placing.without_ties
        if part is None:
            return scene.after.new_zeros(scene.num_events)
        return part.energy(SceneView(scene))

    def argument_energy(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return the energies (B,) of the masks of scenes."""
        found = []
        for one, masks in each_with_masks(self.check(code), scene):
            energies = self.mask_energies(one, code, masks)
            same = (masks == one.attention).all(dim=-1)
            missing = energies.new_tensor(NAT * _UNLISTED)
            found.append(energies[same].min() if bool(same.any()) else missing)
        return torch.stack(found)

    def mask_energies(
        self, one: SceneBatch, code: ConceptCode, masks: torch.Tensor
    ) -> torch.Tensor:
        """Return the energies (G,) of masks (G, N) of one scene, of which one is the likeliest."""
        logs = mask_log_probabilities(self.check(code), one, masks)
        return NAT * (logs.max() - logs).clamp(max=_UNLISTED)

    def score(self, scene: SceneBatch, code: ConceptCode) -> torch.Tensor:
        """Return scores (B,) of how well a code explains events: log likelihoods."""
        return log_likelihoods(self.check(code), scene)

    def explain(self, code: ConceptCode) -> list[str]:
        """Return what a code says in sentences, the most certain first."""
        return explain(self.check(code))

    def propose(
        self, scene: SceneBatch, code: ConceptCode, generator: torch.Generator
    ) -> torch.Tensor:
        """Return the positions (B, N, 2) that would decide between the readings of a code.

        Raises:
            CodeError: if the code is not about one subject's place, or leaves no doubt.
        """
        placing = self.check(code).placing
        if placing is None or len(readings(placing)) < 2:
            raise CodeError('the code leaves no two readings that another place would tell apart')
        scene = scene._replace(after=scene.before)
        return with_places(scene, propose(placing, scene, generator).unsqueeze(1)).after

    def bind(self, terms: Terms, is_recorded: bool = False) -> BoundResiduals:
        """Return the residuals of M terms as a function of scenes.

        Args:
            terms: Codes and what they are about.
            is_recorded: Whether each runs as a recording: quicker, without gradients.
        """
        parts = [acting_part(self.check(code)) for code in terms.codes]
        acting, about = terms.subjects.float(), terms.attention.float()
        run = recorded_residual if is_recorded else bound_residual

        def residuals(scene: SceneBatch) -> list[torch.Tensor]:
            return [
                run(part, scene, acts, meant)
                if part is not None
                else scene.after.new_zeros(scene.num_events, 1)
                for part, acts, meant in zip(parts, acting, about)
            ]

        return residuals

    def bind_readings(
        self,
        terms: Terms,
        count: int,
        generator: torch.Generator,
        is_sum: bool = False,
        alternatives: int = 1,
    ) -> BoundResiduals:
        """Return the residuals of M terms under drawn readings, see `drawn_readings`."""
        parts = [self.check(code).outcome for code in terms.codes]
        return bind_readings(parts, *terms[1:], count, generator, is_sum, alternatives)

    def check(self, code: ConceptCode) -> AgreementCode:
        """Return the agreement of a code.

        Raises:
            CodeError: if it has none.
        """
        if code.agreement is None:
            raise CodeError(
                'the code is for the network alone; infer it again from its demonstrations, or '
                'load the model with energy="network"'
            )
        return code.agreement


_LIKELY = 0.25
"""Weight of a reading, relative to the likeliest, from which on it is kept in mind when acting."""

_NOTHING_MORE = 0.5
"""Weight of all readings beside certain bounds below which none is kept in mind: more likely than
not the bounds say it all."""


def acting_part(agreed: AgreementCode) -> Agreement | None:
    """Return the bounds that an outcome has to keep: the certain ones and likely readings."""
    if agreed.outcome is None:
        return None
    acting = agreed.outcome.without_ties
    bounds = acting.bounds
    is_doubt = bounds.kind[bounds.clause] == NEXT
    doubt = torch.where(is_doubt, bounds.weight, 0.0)
    is_certain = KEPT in bounds.kind.tolist()
    # The likeliest reading counts whole: an outcome beyond it does not hold, however many other
    # readings there are. Doubts beside a bound that is certain share their weight.
    most = torch.zeros(len(bounds.kind)).scatter_reduce(0, bounds.clause, bounds.weight, 'amax')
    most = most[bounds.clause]
    is_likely = bounds.weight >= _LIKELY * most
    if is_certain:
        most = torch.where(is_doubt, doubt[is_likely].sum() / doubt.sum(), most)
        is_likely &= ~is_doubt | (doubt.sum() >= _NOTHING_MORE)
    likely = torch.nonzero(is_likely)[:, 0]
    return replace(acting, bounds=replace(bounds, weight=bounds.weight / most)).pick(likely)
