"""Success rates of a model on unseen concepts, judged by the particle world's predicates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch

from concept_control.concepts.family import Family
from concept_control.energy.inference.code_inference import InferenceConfig, infer_codes
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import ACTION, EnergyNetwork
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.search.generation import generate_outcomes, lowest_attention
from concept_control.energy.search.langevin import LangevinConfig
from concept_control.reports.tables import text_table
from concept_control.training.labels import with_last_state
from concept_control.world.events import Events

_SAMPLER = LangevinConfig(chains=8)


@dataclass(frozen=True)
class FamilyScores:
    """Judgements of one family, scene by scene; None where it has no such operation.

    Attributes:
        generated: (C, S) 1 where the predicate holds in the generated scene, else 0; NaN where
            nobody is named as subject and there is nothing to generate.
        errors: (C, S) distances to satisfaction [workspace units]; NaN likewise.
        identified: (C, S) 1 where the predicate holds under the mask found, else 0.
        exact: (C, S) 1 where the mask found is the demonstrated one, else 0.
        data: Mean energy of demonstrated outcomes.
        sample: Mean energy of generated outcomes.
        random: Mean energy of random outcomes.
    """

    generated: np.ndarray | None = None
    errors: np.ndarray | None = None
    identified: np.ndarray | None = None
    exact: np.ndarray | None = None
    data: float | None = None
    sample: float | None = None
    random: float | None = None


@dataclass(frozen=True)
class FamilyReport:
    """Results of one family; None where the family has no such operation.

    Attributes:
        generated: Share of generated scenes in which the predicate holds.
        median_error: Median distance to satisfaction [workspace units].
        worst_error: 95th percentile of the same.
        identified: Share of scenes in which the predicate holds under the mask found.
        exact: Share of scenes in which the mask found is the demonstrated one.
        data: Mean energy of demonstrated outcomes.
        sample: Mean energy of generated outcomes.
        random: Mean energy of random outcomes.
    """

    generated: float | None
    median_error: float | None
    worst_error: float | None
    identified: float | None
    exact: float | None
    data: float | None
    sample: float | None
    random: float | None

    @classmethod
    def from_scores(cls, scores: FamilyScores) -> FamilyReport:
        """Summarise what was judged."""
        return cls(
            generated=_mean(scores.generated),
            median_error=_quantile(scores.errors, 0.5),
            worst_error=_quantile(scores.errors, 0.95),
            identified=_mean(scores.identified),
            exact=_mean(scores.exact),
            data=scores.data,
            sample=scores.sample,
            random=scores.random,
        )

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers, rounded, as plain JSON values."""
        return {k: None if v is None else round(v, 5) for k, v in asdict(self).items()}

    @property
    def success(self) -> float:
        """Mean of the operations' success rates."""
        rates = [rate for rate in (self.generated, self.identified) if rate is not None]
        return float(np.mean(rates)) if rates else 0.0


def judge_family(
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    family: Family,
    rng: np.random.Generator,
    num_concepts: int = 20,
    shots: int = 5,
    num_scenes: int = 3,
    num_entities: int | None = None,
    inference: InferenceConfig | None = None,
) -> FamilyScores:
    """Infer codes of fresh concepts and judge what is done with them by the predicate.

    Args:
        network: Energy network.
        encoder: Encoder of demonstrations.
        family: Family whose concepts are judged.
        rng: Source of randomness of concepts, scenes and searches.
        num_concepts: Number C of concepts.
        shots: Demonstrations per concept.
        num_scenes: Number S of scenes per concept.
        num_entities: Number N of entities in each scene; None lets the family vary it.
        inference: Way to infer codes; by the encoder alone if None.
    """
    params = family.sample_concepts(rng, num_concepts)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    demonstrations = family.sample(rng, params, shots, num_entities=num_entities)
    tests = family.sample(rng, params, num_scenes, num_entities=num_entities)
    codes, _ = infer_codes(
        network,
        encoder,
        scene_batch_from_events(demonstrations),
        shots,
        inference or InferenceConfig(method='encoder'),
        rng,
    )
    each = codes.repeat_interleave(num_scenes, dim=0)
    scores = FamilyScores()
    if family.generates:
        scores = _judge_generation(network, family, params, tests, each, generator)
    if family.identifies:
        identified, exact = _judge_identification(network, family, params, tests, each, generator)
        scores = replace(scores, identified=identified, exact=exact)
    return scores


def _judge_generation(
    network: EnergyNetwork,
    family: Family,
    params: np.ndarray,
    tests: Events,
    codes: torch.Tensor,
    generator: torch.Generator,
) -> FamilyScores:
    """Judge generated scenes of concepts (C, P) with codes (C * S, 2W); masks are left out."""
    scene = scene_batch_from_events(tests)
    before = scene._replace(after=scene.before)
    positions, energies = generate_outcomes(network, before, codes, _SAMPLER, generator)
    outcome = with_last_state(tests, positions)
    # Demonstrations in which nobody is named as subject leave nothing to generate.
    acts = (scene.subjects.sum(dim=-1) > 0).numpy()
    shape = (len(params), -1)
    width = network.config.code_width
    gate = scene.subjects.unsqueeze(-1)
    anywhere = 2 * torch.rand(scene.after.shape, generator=generator) - 1
    elsewhere = scene._replace(after=scene.after * (1 - gate) + anywhere * gate)
    with torch.no_grad():
        data = network.energy(scene, codes[:, :width], ACTION).mean().item()
        random = network.energy(elsewhere, codes[:, :width], ACTION).mean().item()
    return FamilyScores(
        generated=np.where(acts, family.holds(outcome, params), np.nan).reshape(shape),
        errors=np.where(acts, family.error(outcome, params), np.nan).reshape(shape),
        data=data,
        sample=energies.mean().item(),
        random=random,
    )


def _judge_identification(
    network: EnergyNetwork,
    family: Family,
    params: np.ndarray,
    tests: Events,
    codes: torch.Tensor,
    generator: torch.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (C, S) whether the predicate holds under the masks found and whether they are exact.

    Subjects are hidden where they are the attended: they would give the answer away.
    """
    scene = scene_batch_from_events(tests)
    members = (scene.subjects * scene.attention).sum(dim=-1, keepdim=True) > 0
    hidden = scene._replace(subjects=scene.subjects * (~members).float())
    masks = lowest_attention(network, hidden, codes, generator)[0][:, 0]
    found = family.holds(replace(tests, attention=masks), params)
    exact = (masks == scene.attention).all(dim=-1).double().numpy()
    shape = (len(params), -1)
    return np.asarray(found, dtype=float).reshape(shape), exact.reshape(shape)


def _mean(values: np.ndarray | None) -> float | None:
    return None if values is None else float(np.nanmean(values))


def _quantile(values: np.ndarray | None, share: float) -> float | None:
    return None if values is None else float(np.nanquantile(values, share))


def report_families(
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    families: Mapping[str, Family],
    seed: int,
    num_concepts: int,
) -> dict[str, FamilyReport]:
    """Report every family, see `judge_family`; the concepts depend on the seed alone."""
    return {
        name: FamilyReport.from_scores(
            judge_family(
                network,
                encoder,
                family,
                np.random.default_rng([seed, index]),
                num_concepts=num_concepts,
            )
        )
        for index, (name, family) in enumerate(sorted(families.items()))
    }


def format_table(reports: Mapping[str, FamilyReport]) -> str:
    """Return the reports as a table of text."""
    columns = {
        'generate': ('generated', 2),
        'median': ('median_error', 3),
        'p95': ('worst_error', 3),
        'identify': ('identified', 2),
        'exact': ('exact', 2),
        'E data': ('data', 4),
        'sample': ('sample', 4),
        'random': ('random', 3),
    }
    rows = [
        [name, *(_cell(getattr(report, key), digits) for key, digits in columns.values())]
        for name, report in reports.items()
    ]
    return text_table(['family', *columns], rows)


def _cell(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'
