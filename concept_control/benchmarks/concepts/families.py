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

from concept_control.concepts.family import Family
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.energy.model import ConceptModel
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.storage import load_model
from concept_control.errors import EventError
from concept_control.reports.intervals import mean
from concept_control.training.report import FamilyScores, judge_family

SHOT_COUNTS = (1, 3, 5, 10)
NUMBERS = (3, 4, 6, 8, 10, 12)

DETERMINED = 0.8
"""Share of the weight of all readings from which on they agree, so that what is asked for is
determined by the demonstrations, as far as the vocabulary can say."""

METHODS = ('agreement', 'network', 'network, gradient', 'network, both')
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
) -> dict[str, Any]:
    """Return rates of one family with intervals: `generated`, `identified`, `exact`, errors."""
    scores = judge_family(
        energy,
        family,
        np.random.default_rng([seed, shots, *family.name.encode()]),
        num_concepts=concepts,
        shots=shots,
        num_scenes=scenes,
        num_entities=num_entities,
    )
    return {
        'held_out': family.held_out,
        'generated': _rate(scores.generated),
        'median_error': _median(scores),
        'identified': _rate(scores.identified),
        'exact': _rate(scores.exact),
        **_determined(scores.generated, scores.places_agree, 'generated'),
        **_determined(scores.identified, scores.masks_agree, 'identified'),
    }


def by_shots(
    model: ConceptModel,
    families: Mapping[str, Family],
    seed: int,
    concepts: int,
    shots: Sequence[int] = SHOT_COUNTS,
) -> dict[str, dict[str, Any]]:
    """Judge every family from 1, 3, 5 and 10 demonstrations."""
    return _judge_pairs(
        'families',
        families,
        shots,
        lambda name, number: judge(model.energy_function, families[name], seed, concepts, number),
    )


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
    for name, method in zip(METHODS[1:], ('encoder', 'gradient', 'both')):
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
            values = {
                name: rows[str(shots)][measure]['value']
                for name, rows in families.items()
                if rows[str(shots)]['held_out'] == held_out and rows[str(shots)].get(measure)
            }
            if values:
                worst = min(values, key=lambda name: values[name])
                found[f'{kind} {measure}'] = {
                    'mean': float(np.mean(list(values.values()))),
                    'worst': values[worst],
                    'worst_family': worst,
                    'families': len(values),
                }
    return found


def _determined(values: np.ndarray | None, agree: np.ndarray | None, name: str) -> dict[str, Any]:
    """Return the rate where readings agree, and the share of such scenes."""
    if values is None or agree is None:
        return {}
    where = ~np.isnan(values)
    clear = where & (agree >= DETERMINED)
    share = {'value': float(clear.sum() / max(where.sum(), 1))}
    rate = {'value': float(values[clear].mean())} if clear.any() else None
    return {f'{name} where determined': rate, f'{name} determined': share}


def _rate(values: np.ndarray | None) -> dict[str, float] | None:
    if values is None:
        return None
    per_concept = np.nanmean(values[~np.isnan(values).all(axis=1)], axis=1)
    return mean(per_concept) if len(per_concept) else None


def _median(scores: FamilyScores) -> float | None:
    return None if scores.errors is None else float(np.nanmedian(scores.errors))
