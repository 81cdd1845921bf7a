"""How well a model does, judged by the particle world's predicates on concepts it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from concept_control.energy.inference.code_inference import InferenceConfig, infer_codes
from concept_control.energy.inference.learned_steps import InferenceSteps
from concept_control.energy.networks.encoder import DemonstrationEncoder
from concept_control.energy.networks.energy_network import ACTION, EnergyNetwork
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.energy.search.generation import generate_outcomes, lowest_attention
from concept_control.energy.search.langevin import LangevinConfig
from concept_control.world.events import Events


@dataclass(frozen=True)
class FamilyScores:
    """What was judged of one family, scene by scene; None where it has no such operation.

    Attributes:
        generated: (C, S) whether the predicate holds in the generated scene; NaN where nobody is
            named as subject and there is nothing to generate.
        errors: (C, S) distances to satisfaction [workspace units]; NaN likewise.
        identified: (C, S) whether the predicate holds under the mask found.
        exact: (C, S) whether the mask found is the demonstrated one.
        data: mean energy of demonstrated outcomes.
        sample: mean energy of generated outcomes.
        random: mean energy of random outcomes.
    """

    generated: np.ndarray | None
    errors: np.ndarray | None
    identified: np.ndarray | None
    exact: np.ndarray | None
    data: float | None
    sample: float | None
    random: float | None


@dataclass(frozen=True)
class FamilyReport:
    """Results of one family; None where the family has no such operation.

    Attributes:
        generated: share of generated scenes in which the predicate holds.
        median_error: median distance to satisfaction, workspace units.
        worst_error: 95th percentile of the same.
        identified: share of scenes in which the predicate holds under the mask found.
        exact: share of scenes in which the mask found is the demonstrated one.
        data: mean energy of demonstrated outcomes.
        sample: mean energy of generated outcomes.
        random: mean energy of random outcomes.
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
    def of(cls, scores: FamilyScores) -> FamilyReport:
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
    family: Any,
    rng: np.random.Generator,
    num_concepts: int = 20,
    shots: int = 5,
    num_scenes: int = 3,
    num_entities: int | None = None,
    inference: InferenceConfig | None = None,
    steps: InferenceSteps | None = None,
    sampler: LangevinConfig | None = None,
) -> FamilyScores:
    """Infer codes of fresh concepts and judge what is done with them by the predicate.

    Args:
        network: the energy.
        encoder: the demonstrations' encoder.
        family: the family, see `concept_control.concepts`.
        rng: of concepts, scenes and searches.
        num_concepts: C, number of concepts.
        shots: demonstrations per concept.
        num_scenes: S, scenes per concept.
        num_entities: N; None lets the family vary it.
        inference: how codes are inferred; by the encoder alone if None.
        steps: learned steps of the inference, if any.
        sampler: how outcomes are generated.
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
        steps,
    )
    each = codes.repeat_interleave(num_scenes, dim=0)
    repeated = np.repeat(params, num_scenes, axis=0)
    scene = scene_batch_from_events(tests)
    shape = (num_concepts, num_scenes)
    generated = errors = identified = exact = None
    data = sample = random = None
    if family.generates:
        before = scene._replace(after=scene.before)
        positions, energies = generate_outcomes(
            network, before, each, sampler or LangevinConfig(chains=8), generator
        )
        outcome = _with_outcome(tests, positions)
        # Demonstrations in which nobody is named as subject leave nothing to generate.
        acts = (scene.subjects.sum(dim=-1) > 0).numpy()
        errors = np.where(acts, family.error(outcome, repeated), np.nan).reshape(shape)
        generated = np.where(acts, family.holds(outcome, repeated), np.nan).reshape(shape)
        width = network.config.code_width
        gate = scene.subjects.unsqueeze(-1)
        anywhere = 2 * torch.rand(scene.after.shape, generator=generator) - 1
        with torch.no_grad():
            data = network.energy(scene, each[:, :width], ACTION).mean().item()
            elsewhere = scene._replace(after=scene.after * (1 - gate) + anywhere * gate)
            random = network.energy(elsewhere, each[:, :width], ACTION).mean().item()
        sample = energies.mean().item()
    if family.identifies:
        members = (scene.subjects * scene.attention).sum(dim=-1, keepdim=True) > 0
        hidden = scene._replace(subjects=scene.subjects * (~members).float())
        masks = lowest_attention(network, hidden, each, generator)[0][:, 0]
        found = _with_attention(tests, masks)
        identified = np.asarray(family.holds(found, repeated), dtype=float).reshape(shape)
        exact = (masks == scene.attention).all(dim=-1).double().numpy().reshape(shape)
    return FamilyScores(generated, errors, identified, exact, data, sample, random)


def report_family(*args: Any, **options: Any) -> FamilyReport:
    """Judge one family, see `judge_family`, and summarise it."""
    return FamilyReport.of(judge_family(*args, **options))


def _mean(values: np.ndarray | None) -> float | None:
    return None if values is None else float(np.nanmean(values))


def _quantile(values: np.ndarray | None, share: float) -> float | None:
    return None if values is None else float(np.nanquantile(values, share))


def report_families(
    network: EnergyNetwork,
    encoder: DemonstrationEncoder,
    families: Mapping[str, Any],
    seed: int,
    **options: Any,
) -> dict[str, FamilyReport]:
    """Report every family, see `report_family`; the concepts depend on the seed alone."""
    return {
        name: report_family(
            network, encoder, family, np.random.default_rng([seed, index]), **options
        )
        for index, (name, family) in enumerate(sorted(families.items()))
    }


def format_table(reports: Mapping[str, FamilyReport]) -> str:
    """Return the reports as a table of text."""
    lines = [
        f'{"family":24s} {"generate":>8s} {"median":>7s} {"p95":>7s} {"identify":>8s} '
        f'{"exact":>7s} {"E data":>8s} {"sample":>8s} {"random":>8s}'
    ]
    for name, report in reports.items():
        cells = [
            _cell(report.generated, 8, 2),
            _cell(report.median_error, 7, 3),
            _cell(report.worst_error, 7, 3),
            _cell(report.identified, 8, 2),
            _cell(report.exact, 7, 2),
            _cell(report.data, 8, 4),
            _cell(report.sample, 8, 4),
            _cell(report.random, 8, 3),
        ]
        lines.append(f'{name:24s} ' + ' '.join(cells))
    return '\n'.join(lines)


def _cell(value: float | None, width: int, digits: int) -> str:
    return ' ' * (width - 1) + '-' if value is None else f'{value:{width}.{digits}f}'


def _with_outcome(events: Events, positions: torch.Tensor) -> Events:
    before = events.positions[:, :-1] if events.num_steps > 1 else events.positions
    moved = torch.cat([before, positions[:, None]], dim=1)
    if events.num_steps == 1:
        moved = positions[:, None]
    return Events(
        moved,
        events.colors,
        events.sizes,
        events.present,
        events.subjects,
        events.attention,
    )


def _with_attention(events: Events, masks: torch.Tensor) -> Events:
    return Events(
        events.positions, events.colors, events.sizes, events.present, events.subjects, masks
    )
