"""Success rates of a model on unseen concepts, judged by the particle world's predicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from concept_control.concepts.family import Family
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.agreement.elsewhere import anywhere
from concept_control.energy.code import ConceptCode
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.scene_batch import hide_members, scene_batch_from_events
from concept_control.errors import CodeError
from concept_control.reports.tables import text_table
from concept_control.training.pool import with_last_state
from concept_control.world.events import Events


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

    def summary(self) -> FamilyReport:
        """Return shares and means over all scenes, rounded, by the names of a report's columns."""
        values = {
            'generated': _mean(self.generated),
            'median_error': _quantile(self.errors, 0.5),
            'worst_error': _quantile(self.errors, 0.95),
            'identified': _mean(self.identified),
            'exact': _mean(self.exact),
            'data': self.data,
            'sample': self.sample,
            'random': self.random,
        }
        return {name: None if v is None else round(v, 5) for name, v in values.items()}


FamilyReport = dict[str, float | None]
"""Results of one family as plain JSON values; None where it has no such operation."""


class Trial(NamedTuple):
    """Concepts of one family, their demonstrations, and new scenes, concept-major.

    Attributes:
        params: (C, P) parameters of the concepts.
        demonstrations: C * M demonstrations.
        tests: C * S scenes in which the concepts hold.
    """

    params: np.ndarray
    demonstrations: Events
    tests: Events


def draw_trial(
    family: Family,
    rng: np.random.Generator,
    num_concepts: int = 20,
    shots: int = 5,
    num_scenes: int = 3,
    num_entities: int | None = None,
) -> Trial:
    """Draw fresh concepts with demonstrations and scenes to judge them in.

    Args:
        family: Family whose concepts are judged.
        rng: Source of randomness.
        num_concepts: Number C of concepts.
        shots: Demonstrations per concept.
        num_scenes: Number S of scenes per concept.
        num_entities: Number N of entities in each scene; None lets the family vary it.
    """
    params = family.sample_concepts(rng, num_concepts)
    demonstrations = family.sample(rng, params, shots, num_entities=num_entities)
    tests = family.sample(rng, params, num_scenes, num_entities=num_entities)
    return Trial(params, demonstrations, tests)


def judge_trial(
    energy: NetworkEnergy | AgreementEnergy,
    family: Family,
    trial: Trial,
    rng: np.random.Generator,
) -> FamilyScores:
    """Infer the codes of concepts and judge what is done with them by the predicate.

    Args:
        energy: Energy whose operations are judged.
        family: Family of the concepts.
        trial: Concepts and scenes.
        rng: Source of randomness of the searches.
    """
    shown = scene_batch_from_events(trial.demonstrations)
    shots = shown.num_events // len(trial.params)
    codes = [energy.infer(part, int(rng.integers(2**31))) for part in shown.split(shots)]
    return judge_codes(energy, family, trial.params, codes, trial.tests, rng)


def judge_codes(
    energy: NetworkEnergy | AgreementEnergy,
    family: Family,
    params: np.ndarray,
    codes: Sequence[ConceptCode],
    tests: Events,
    rng: np.random.Generator,
) -> FamilyScores:
    """Judge what is done with the codes of C concepts in C * S fresh scenes, concept-major.

    Args:
        energy: Energy whose operations are judged.
        family: Family of the concepts.
        params: (C, P) parameters of the concepts.
        codes: Code of each concept.
        tests: Scenes in which the concepts hold.
        rng: Source of randomness of the searches.
    """
    num_scenes = len(tests) // len(codes)
    generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
    scene = scene_batch_from_events(tests)
    # Demonstrations in which nobody is named as subject leave nothing to generate.
    acts = scene.subjects.sum(dim=-1) > 0
    positions, masks = scene.before.clone(), torch.zeros_like(scene.attention)
    bottoms = scene.bottoms_before.clone()
    energies: dict[str, list[float]] = defaultdict(list)
    for concept, code in enumerate(codes):
        rows = slice(concept * num_scenes, (concept + 1) * num_scenes)
        part = scene.select(rows)
        if family.identifies:
            masks[rows] = energy.identify(hide_members(part), code, generator)
        if family.generates and bool(acts[rows].any()):
            moving = torch.nonzero(acts[rows])[:, 0]
            index = concept * num_scenes + moving
            try:
                found = energy.generate(part.select(moving), code, generator)
                positions[index], bottoms[index] = found.after, found.bottoms
            except CodeError:
                # Demonstrations in which nothing moved may not tell that anything should.
                continue
            moved = part._replace(after=positions[rows], bottoms=bottoms[rows])
            elsewhere = anywhere(part, part.subjects, generator, part.is_stacked)
            with torch.no_grad():
                for name, outcome in (('data', part), ('sample', moved), ('random', elsewhere)):
                    residual = energy.residual(outcome, code)
                    energies[name].append(float(residual.square().sum(dim=-1).mean()))
    shape = (len(codes), -1)
    means: dict[str, Any] = {name: float(np.mean(each)) for name, each in energies.items()}
    scores = FamilyScores(**means)
    if family.generates:
        ended, there = with_last_state(tests, positions, bottoms), acts.numpy()
        generated = np.where(there, family.holds(ended, params), np.nan)
        errors = np.where(there, family.error(ended, params), np.nan)
        scores = replace(scores, generated=generated.reshape(shape), errors=errors.reshape(shape))
    if family.identifies:
        right = family.holds(replace(tests, attention=masks), params).astype(float)
        exact = (masks == scene.attention).all(dim=-1).double().numpy()
        scores = replace(scores, identified=right.reshape(shape), exact=exact.reshape(shape))
    return scores


def _mean(values: np.ndarray | None) -> float | None:
    return None if values is None else float(np.nanmean(values))


def _quantile(values: np.ndarray | None, share: float) -> float | None:
    return None if values is None else float(np.nanquantile(values, share))


def report_families(
    energy: NetworkEnergy | AgreementEnergy,
    families: Mapping[str, Family],
    seed: int,
    num_concepts: int,
) -> dict[str, FamilyReport]:
    """Report every family, see `judge_trial`; the concepts depend on the seed alone."""
    reports = {}
    for index, (name, family) in enumerate(sorted(families.items())):
        rng = np.random.default_rng([seed, index])
        trial = draw_trial(family, rng, num_concepts)
        reports[name] = judge_trial(energy, family, trial, rng).summary()
    return reports


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
        [name, *(_cell(report[key], digits) for key, digits in columns.values())]
        for name, report in reports.items()
    ]
    return text_table(['family', *columns], rows)


def _cell(value: float | None, digits: int) -> str:
    return '-' if value is None else f'{value:.{digits}f}'
