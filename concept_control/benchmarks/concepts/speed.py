"""Latency of each operation on one core, and energies a second against the naive network."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from concept_control.benchmarks.concepts.sampling import random_scene
from concept_control.concepts import families
from concept_control.energy.code import Terms
from concept_control.energy.model import ConceptModel
from concept_control.energy.networks.energy_network import ACTION, NetworkConfig
from concept_control.energy.networks.pooling import (
    NUM_PAIR_FEATURES,
    NUM_PAIR_ROLES,
    pair_features,
)
from concept_control.energy.scene_batch import BoundResiduals, SceneBatch
from concept_control.energy.storage import load_model
from concept_control.seeding import seeded_weights

NUM_ENTITIES = 6
SCENES = 128
"""Scenes evaluated at once when the throughput is measured."""

_POINT = 2 + 2 + 3 + 1


def operations(model: ConceptModel, seed: int, repeats: int = 30) -> dict[str, Any]:
    """Time every operation at N = 6, one scene, one thread, five demonstrations [ms]."""
    rng = np.random.default_rng(seed)
    found = {}
    for name in ('between', 'square', 'color'):
        family = families()[name]
        params = family.sample_concepts(rng, 1)
        shown = family.sample(rng, params, 5, NUM_ENTITIES)
        tests = family.sample(rng, params, 1, NUM_ENTITIES)
        code = model.infer(shown)
        calls: dict[str, Callable[[], object]] = {
            'infer': partial(model.infer, shown),
            'identify': partial(model.identify, tests, code),
            'energy': partial(model.energy, tests, code),
        }
        if family.generates and bool(tests.subjects.any()):
            calls['generate'] = partial(model.generate, tests, code)
        found[name] = {what: _times(call, repeats) for what, call in calls.items()}
    return found


def _times(call: Callable[[], object], repeats: int) -> dict[str, float]:
    for _ in range(3):
        call()
    times = 1e3 * np.array(timeit.repeat(call, number=1, repeat=repeats))
    return {'median': float(np.median(times)), 'p95': float(np.quantile(times, 0.95))}


class NaivePairwise(nn.Module):
    """The pairwise energy as arXiv 1811.02486 writes it, with the shipped network's widths.

    Both features of a pair are put together and go through both layers of g, pair by pair, before
    the gated sums; the code is an input of every layer. Weights are random: only time counts.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        width = config.code_width
        self.first = nn.Linear(2 * _POINT + NUM_PAIR_FEATURES + width, config.hidden)
        self.second = nn.Linear(config.hidden, NUM_PAIR_ROLES * config.hidden)
        self.head = nn.Linear(NUM_PAIR_ROLES * config.hidden + width, config.head_width)
        self.middle = nn.Linear(config.head_width, config.head_width)
        self.last = nn.Linear(config.head_width, config.num_outputs)

    def forward(self, scene: SceneBatch, code: torch.Tensor) -> torch.Tensor:
        """Return energies (B,)."""
        batch, count = scene.sizes.shape
        points = [scene.after, scene.before, scene.colors, scene.sizes.unsqueeze(-1)]
        each = torch.cat(points, dim=-1)
        source = each.unsqueeze(2).expand(-1, -1, count, -1)
        target = each.unsqueeze(1).expand(-1, count, -1, -1)
        codes = code.expand(batch, count, count, -1)
        pairs = torch.cat([source, target, pair_features(scene), codes], dim=-1)
        value = self.second(functional.silu(self.first(pairs)))
        value = value.unflatten(-1, (NUM_PAIR_ROLES, -1))
        s, a = scene.subjects, scene.attention
        o = (1 - s) * (1 - a)
        roles = ((s, a), (a, a), (s, s), (s, o), (a, o))
        gates = torch.stack([i.unsqueeze(2) * j.unsqueeze(1) for i, j in roles], dim=-1)
        pooled = (value * gates.unsqueeze(-1)).sum(dim=(1, 2)).flatten(1)
        value = functional.silu(self.head(torch.cat([pooled, code.expand(batch, -1)], dim=-1)))
        return self.last(functional.silu(self.middle(value))).square().sum(dim=-1)


def _energies(residuals: BoundResiduals, scene: SceneBatch) -> torch.Tensor:
    return residuals(scene)[0].square().sum(dim=-1)


def throughput(model: ConceptModel, seed: int, repeats: int = 15) -> dict[str, Any]:
    """Measure energies a second of three energies on the same scenes, one after the other.

    `agreement` is the energy of "between" as control evaluates it, `network` the shipped network,
    `naive` the pairwise network as it is written down.
    """
    network, _, _ = load_model()
    with seeded_weights(seed):
        naive = NaivePairwise(network.config)
    generator = torch.Generator().manual_seed(seed)
    code = torch.randn((1, network.config.code_width), generator=generator)
    between = families()['between']
    rng = np.random.default_rng(seed)
    agreed = model.infer(between.sample(rng, between.sample_concepts(rng, 1), 5, NUM_ENTITIES))
    found = {}
    with torch.no_grad():
        for number in (3, 6, 12, 24):
            scene = random_scene(SCENES, number, seed)
            terms = Terms([agreed], scene.subjects[:1] > 0, scene.attention[:1] > 0)
            residuals = model.energy_function.bind(terms, is_recorded=True)
            calls: dict[str, Callable[[], object]] = {
                'agreement': partial(_energies, residuals, scene),
                'network': partial(network.energy, scene, code, ACTION),
                'naive': partial(naive, scene, code),
            }
            found[str(number)] = {
                name: 1e3 * SCENES / _times(call, repeats)['median']
                for name, call in calls.items()
            }
    return found
