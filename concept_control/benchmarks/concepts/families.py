"""Success of concepts learned from demonstrations: by family, shots, number of entities.

Codes come from demonstrations of concepts with fresh parameters, scenes are fresh too, and the
predicate judges. Intervals are bootstrapped over concepts: the scenes of one concept share a code
and are no independent trials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from tqdm import tqdm

from concept_control.benchmarks.concepts.determined import Pool, determined
from concept_control.concepts import families as known_families
from concept_control.concepts.family import Family
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.energy.model import ConceptModel
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.storage import load_model
from concept_control.errors import EventError
from concept_control.reports.intervals import mean
from concept_control.training.report import FamilyScores, draw_trial, judge_trial

SHOT_COUNTS = (1, 3, 5, 10)
NUMBERS = (3, 4, 6, 8, 10, 12)

METHODS = ('agreement', 'both', 'network', 'network, gradient', 'network, refined')
"""Energies, and ways of the network to infer a code, to be compared."""


SOME_FAMILIES = (
    'place',
    'offset',
    'between',
    'near',
    'disc',
    'square',
    'line',
    'arrangement',
    'color',
    'size',
    'closest',
    'attribute_tests',
    'opposite',
    'rectangle',
)
"""Families on which the slower comparisons are made."""


def judge(
    energy: AgreementEnergy | NetworkEnergy,
    family: Family,
    seed: int,
    concepts: int,
    shots: int,
    num_entities: int | None = None,
    scenes: int = 3,
    pool: Pool | None = None,
) -> dict[str, Any]:
    """Return rates of one family with intervals: `generated`, `identified`, `exact`, errors.

    With a pool of concepts that could have been shown, also the rates where one demonstration
    determines what is asked for.
    """
    rng = np.random.default_rng([seed, shots, *family.name.encode()])
    trial = draw_trial(family, rng, concepts, shots, scenes, num_entities)
    scores = judge_trial(energy, family, trial, rng)
    found = {
        'held_out': family.held_out,
        'generated': _rate(scores.generated),
        'median_error': _median(scores),
        'identified': _rate(scores.identified),
        'exact': _rate(scores.exact),
    }
    if pool is not None:
        outcomes, masks = determined(pool, family, trial)
        found |= _where_determined(scores.generated, outcomes, 'generated')
        found |= _where_determined(scores.identified, masks, 'identified')
    return found


def by_shots(
    model: ConceptModel,
    families: Mapping[str, Family],
    seed: int,
    concepts: int,
    shots: Sequence[int] = SHOT_COUNTS,
) -> dict[str, dict[str, Any]]:
    """Judge every family from 1, 3, 5 and 10 demonstrations."""
    energy, known = model.energy_function, known_families()
    pool = Pool(known, seed)

    def judge_pair(name: str, number: int) -> dict[str, Any]:
        could_be = pool if number == 1 and name in known else None
        return judge(energy, families[name], seed, concepts, number, pool=could_be)

    return _judge_pairs('families', families, shots, judge_pair)


def by_number(
    model: ConceptModel, families: Mapping[str, Family], seed: int, concepts: int
) -> dict[str, dict[str, Any]]:
    """Judge some families in scenes of 3 to 12 entities; training saw 2 to 8."""

    def judge_number(name: str, number: int) -> dict[str, Any] | None:
        try:
            energy = model.energy_function
            return judge(energy, families[name], seed, concepts, 5, number, scenes=2)
        except EventError:
            # Some concepts need more entities than that.
            return None

    return _judge_pairs('number of entities', SOME_FAMILIES, NUMBERS, judge_number)


def by_method(
    model: ConceptModel, families: Mapping[str, Family], seed: int, concepts: int
) -> dict[str, dict[str, Any]]:
    """Compare the energies, and the network's ways of inference, at 5 shots."""
    network, encoder, _ = load_model()
    energies = {'agreement': model.energy_function}
    energies['both'] = ConceptModel.load(energy='both').energy_function
    for name, method in zip(METHODS[2:], ('encoder', 'gradient', 'both')):
        energies[name] = NetworkEnergy(network, encoder, InferenceConfig(method=method))
    return _judge_pairs(
        'energies',
        METHODS,
        SOME_FAMILIES,
        lambda method, name: judge(energies[method], families[name], seed, concepts, 5),
    )


_MEASURES = ('generated', 'identified', 'exact', 'generated where determined',
             'generated determined', 'identified where determined',
             'identified determined')  # fmt: skip


def _judge_pairs(
    description: str, rows: Iterable[Any], columns: Iterable[Any], judge_pair: Callable[..., Any]
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row, column in tqdm(list(product(rows, columns)), desc=description):
        found.setdefault(str(row), {})[str(column)] = judge_pair(row, column)
    return found


def summary(families: Mapping[str, Mapping[str, Any]], shots: int) -> dict[str, Any]:
    """Return means and worst of trained and of held-out families at a number of shots."""
    found: dict[str, Any] = {}
    for kind, held_out in (('trained', False), ('held_out', True)):
        for measure in _MEASURES:
            rates = {
                name: rows[str(shots)][measure]
                for name, rows in families.items()
                if rows[str(shots)]['held_out'] == held_out and rows[str(shots)].get(measure)
            }
            if rates:
                worst = min(rates, key=lambda name: rates[name]['value'])
                # Families of which few scenes are determined count by their scenes.
                weights = [rate.get('scenes', 1) for rate in rates.values()]
                values = [rate['value'] for rate in rates.values()]
                found[f'{kind} {measure}'] = {
                    'mean': float(np.average(values, weights=weights)),
                    'worst': rates[worst]['value'],
                    'worst_family': worst,
                    'families': len(rates),
                }
    return found


def _where_determined(
    values: np.ndarray | None, is_determined: np.ndarray, name: str
) -> dict[str, Any]:
    """Return the rate where one demonstration determines what is asked for, and their share."""
    if values is None:
        return {}
    where = ~np.isnan(values)
    clear = where & is_determined
    share = {'value': float(clear.sum() / max(where.sum(), 1)), 'scenes': int(where.sum())}
    rate = (
        {'value': float(values[clear].mean()), 'scenes': int(clear.sum())} if clear.any() else None
    )
    return {f'{name} where determined': rate, f'{name} determined': share}


def _rate(values: np.ndarray | None) -> dict[str, float] | None:
    if values is None:
        return None
    per_concept = np.nanmean(values[~np.isnan(values).all(axis=1)], axis=1)
    return mean(per_concept) if len(per_concept) else None


def _median(scores: FamilyScores) -> float | None:
    return None if scores.errors is None else float(np.nanmedian(scores.errors))
