"""N-way K-shot recognition of concepts that were not used in training.

Each episode shows K demonstrations of each of N concepts and asks for every concept's own further
event which of the N it shows. Ours infers a code of each concept and takes the one under which
the event is likeliest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from concept_control.benchmarks.concepts.recognition_baselines import (
    MAML_STEPS,
    MATCHING_STEPS,
    TRAINING_WAYS,
    Maml,
    MatchingNetwork,
    trained,
)
from concept_control.benchmarks.concepts.recognition_pool import SHOTS, Pool, draw_pool
from concept_control.concepts import held_out_families, training_families
from concept_control.energy.agreement.agreement_energy import AgreementEnergy
from concept_control.energy.inference.code_inference import InferenceConfig
from concept_control.energy.model import ConceptModel
from concept_control.energy.network_energy import NetworkEnergy
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.storage import load_model
from concept_control.reports import intervals

EPISODES = 600
WAYS = (5, 20)
SHOTS_ASKED = (1, 5)
TEST_CONCEPTS = 20
TRAINING_CONCEPTS = 400
CACHE = Path('runs') / 'recognition'
"""Folder in which trained baselines are kept."""

VARIANTS = {'any family': False, 'one family': True}
"""Whether the N concepts of an episode are all of one family; the harder case, as then they do
not differ in what moves, in how many are attended or in the number of time steps."""

DIFFERENCES = (
    'Test concepts: fresh parameters of the parametrised training families, and the families held '
    'out of training. Baselines are trained on the training families alone, with an encoder of '
    'the same kind; MAML is first order and adapts all weights. The nearest centroid uses the '
    "matching network's embedding. Intervals are over episodes, which share a pool of concepts."
)
Score = Callable[[np.ndarray, int], torch.Tensor]
"""Rows (N,) of an episode and the number of shots to scores (N queries, N concepts)."""

Setting = tuple[str, int, int]
"""Variant, N and K of episodes."""


def run(
    model: ConceptModel,
    seed: int = 0,
    episodes: int = EPISODES,
    quick: bool = False,
    folder: Path = CACHE,
    num_ways: Sequence[int] = WAYS,
    num_shots: Sequence[int] = SHOTS_ASKED,
) -> dict[str, Any]:
    """Train or read the baselines, then run all episodes with every method.

    Args:
        model: Concept model whose energy is used.
        seed: Seed of concepts, training and episodes.
        episodes: Number of episodes of each setting.
        quick: Whether there is little of everything; the baselines are then hardly trained.
        folder: Folder in which trained baselines are kept.
        num_ways: Numbers of concepts among which an event is recognised.
        num_shots: Numbers of demonstrations of each concept.

    Returns:
        `accuracy[variant]['5-way 1-shot'][method]` with intervals, and what differs from the
        usual setting.
    """
    share = 12 if quick else 1
    concepts = max(*TRAINING_WAYS, TRAINING_CONCEPTS // share)
    rng = np.random.default_rng([seed, 0])
    training = draw_pool(training_families(), rng, concepts, 1, 'training concepts')
    pool = draw_test_pool(seed, max(*num_ways, TEST_CONCEPTS // share**2))
    source = (training, seed, folder)
    matching = trained(MatchingNetwork, 'matching network', *source, MATCHING_STEPS // share**2)
    maml = trained(Maml, 'maml', *source, MAML_STEPS // share**2)
    network, encoder, _ = load_model()
    quick_guess = NetworkEnergy(network, encoder, InferenceConfig(method='encoder'))
    drawn = _draw_episodes(pool, seed, max(2, episodes // share**2), num_ways, num_shots)
    methods: dict[str, Score] = {
        'energy': _by_energy(model.energy_function, pool, seed, drawn),
        'network': _by_energy(quick_guess, pool, seed, drawn),
        'matching network': _by(pool, matching),
        'nearest centroid': _by(pool, matching.nearest_centroid),
        'MAML': _by(pool, maml),
    }
    accuracy: dict[str, Any] = {variant: {} for variant in VARIANTS}
    for (variant, ways, shots), rows in drawn.items():
        accuracy[variant][f'{ways}-way {shots}-shot'] = _accuracies(methods, rows, shots)
    alone = {str(ways): [pool.names[i] for i in pool.families_with(ways)] for ways in num_ways}
    return {
        'seed': seed,
        'episodes': len(next(iter(drawn.values()))),
        'differs': DIFFERENCES,
        'families': list(pool.names),
        'families_alone': alone,
        'accuracy': accuracy,
    }


def rows(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return (what, result, baselines of the same run) for a table."""
    table = []
    for variant, settings in result['accuracy'].items():
        for setting, methods in settings.items():
            others = [f'{n} {100 * v["value"]:.1f}' for n, v in methods.items() if n != 'energy']
            ours = methods['energy']
            value, low, high = (100 * ours[key] for key in ('value', 'low', 'high'))
            table.append(
                (
                    f'recognition {setting}, {variant}',
                    f'{value:.1f} % ({low:.1f} to {high:.1f})',
                    ', '.join(others),
                )
            )
    return table


def draw_test_pool(seed: int, concepts: int) -> Pool:
    """Draw concepts that nobody trained, so many of each family."""
    rng = np.random.default_rng([seed, 1])
    fresh = {
        name: family
        for name, family in training_families().items()
        if family.sample_concepts(np.random.default_rng(0), 1).shape[1] > 0
    }
    return draw_pool({**fresh, **held_out_families()}, rng, concepts, 1, 'test concepts')


def _by(pool: Pool, method: Callable[[SceneBatch, SceneBatch, int], torch.Tensor]) -> Score:
    def score(rows: np.ndarray, shots: int) -> torch.Tensor:
        with torch.no_grad():
            return method(pool.events(rows, 0, shots), pool.events(rows, SHOTS, 1), len(rows))

    return score


def _draw_episodes(
    pool: Pool, seed: int, episodes: int, num_ways: Sequence[int], num_shots: Sequence[int]
) -> dict[Setting, list[np.ndarray]]:
    """Return the rows (N,) of every episode by variant, N and K."""
    drawn = {}
    for (variant, same_family), ways, shots in product(VARIANTS.items(), num_ways, num_shots):
        rng = np.random.default_rng([seed, 2, ways, shots, same_family])
        drawn[variant, ways, shots] = [
            pool.episode(rng, ways, same_family) for _ in range(episodes)
        ]
    return drawn


def _by_energy(
    energy: AgreementEnergy | NetworkEnergy,
    pool: Pool,
    seed: int,
    drawn: Mapping[Setting, Sequence[np.ndarray]],
) -> Score:
    """Return the scores under codes: one of each concept, which all queries meet at once."""
    tables = {}
    for asked in sorted({shots for _, _, shots in drawn}):
        is_met = np.zeros((len(pool), len(pool)), dtype=bool)
        for (_, _, shots), episodes in drawn.items():
            for rows in episodes if shots == asked else ():
                is_met[np.ix_(rows, rows)] = True
        table = torch.full((len(pool), len(pool)), torch.nan)
        codes = np.flatnonzero(is_met.any(axis=1))
        for row in tqdm(codes, desc=f'{energy.name}, {asked}-shot', unit='code', file=sys.stderr):
            code = energy.infer(pool.events(np.array([row]), 0, asked), seed)
            queries = np.flatnonzero(is_met[row])
            with torch.no_grad():
                table[queries, row] = energy.score(pool.events(queries, SHOTS, 1), code)
        tables[asked] = table

    def score(rows: np.ndarray, shots: int) -> torch.Tensor:
        return tables[shots][np.ix_(rows, rows)]

    return score


def _accuracies(
    methods: Mapping[str, Score], episodes: Sequence[np.ndarray], shots: int
) -> dict[str, dict[str, float]]:
    """Return the share of queries that each method recognises, with intervals over episodes."""
    found = {}
    for name, score in methods.items():
        right = []
        for rows in tqdm(episodes, desc=name, unit='episode', leave=False, file=sys.stderr):
            is_right = score(rows, shots).argmax(dim=-1) == torch.arange(len(rows))
            right.append(is_right.float().mean().item())
        found[name] = intervals.mean(right)
    return found
