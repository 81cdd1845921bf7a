"""Baselines for recognition: a matching network, nearest centroids, and MAML.

Their set encoder pools pairs and single entities by role exactly as the energy does, with own
weights, so that what differs is the method. They are trained on episodes of the training
families: half of them of concepts of many families, half of one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.func import functional_call
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR

from concept_control.benchmarks.concepts.recognition_pool import SHOTS, Pool
from concept_control.energy.networks.pooling import NUM_RAW, ScenePooling
from concept_control.energy.scene_batch import SceneBatch
from concept_control.policy.training import fit
from concept_control.seeding import seeded_weights

WIDTH = 192
EMBEDDING = 64
TRAINING_WAYS = (5, 10, 20)
MATCHING_STEPS = 6000
MAML_STEPS = 4000
INNER_STEPS = 5
INNER_RATES = (0.01, 0.1)
"""First step sizes of body and head."""

_LEARNING_RATE = 1e-3
_LARGEST_GRADIENT = 5.0

Method = TypeVar('Method', bound=nn.Module)


class EventEmbedding(nn.Module):
    """Embed events (B) as vectors (B, `EMBEDDING`), whatever the order of their entities."""

    def __init__(self) -> None:
        super().__init__()
        self.pooling = ScenePooling(1)
        self.first = nn.Linear(self.pooling.num_learned + NUM_RAW, WIDTH)
        self.second = nn.Linear(WIDTH, WIDTH)
        self.last = nn.Linear(WIDTH, EMBEDDING)

    def forward(self, scene: SceneBatch) -> torch.Tensor:
        """Embed a scene of B events."""
        nothing = self.pooling.condition(scene.after.new_zeros(1, 1))
        pooled = self.pooling(scene, scene.attention.unsqueeze(1), nothing)
        value = torch.cat([pooled.learned, pooled.raw], dim=-1)[:, 0]
        value = functional.silu(self.first(value))
        value = value + functional.silu(self.second(value))
        return functional.layer_norm(self.last(value), (EMBEDDING,))


class MatchingNetwork(nn.Module):
    """O. Vinyals et al., NeurIPS 2016: attention by cosine over embedded demonstrations."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = EventEmbedding()
        self.log_scale = nn.Parameter(torch.tensor(2.3))

    def forward(self, support: SceneBatch, queries: SceneBatch, ways: int) -> torch.Tensor:
        """Return log-probabilities (Q, ways); support: ways * K events, those of one in a row."""
        shown = functional.normalize(self.embedding(support), dim=-1)
        asked = functional.normalize(self.embedding(queries), dim=-1)
        attention = functional.log_softmax(self.log_scale.exp() * asked @ shown.T, dim=-1)
        return attention.unflatten(-1, (ways, -1)).logsumexp(dim=-1)

    def nearest_centroid(
        self, support: SceneBatch, queries: SceneBatch, ways: int
    ) -> torch.Tensor:
        """Return minus the squared distances (Q, ways) to the mean embeddings of each concept."""
        centroids = self.embedding(support).unflatten(0, (ways, -1)).mean(dim=1)
        return -torch.cdist(self.embedding(queries), centroids).square()


class Maml(nn.Module):
    """C. Finn et al., ICML 2017, first order: all weights are adapted to the demonstrations.

    The head's rows all start from one learned vector, so that any number of concepts can be told
    apart and their order means nothing (H.-J. Ye and W.-L. Chao, ICLR 2022). The step sizes of
    body and head are learned too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = EventEmbedding()
        self.head = nn.Parameter(torch.zeros(EMBEDDING))
        self.log_rates = nn.Parameter(torch.tensor(INNER_RATES).log())

    def forward(self, support: SceneBatch, queries: SceneBatch, ways: int) -> torch.Tensor:
        """Adapt on the support and return logits (Q, ways) of the queries."""
        truth = torch.arange(ways).repeat_interleave(support.num_events // ways)
        weights: dict[str, torch.Tensor] = dict(self.embedding.named_parameters())
        weights['head'] = self.head.expand(ways, -1)
        body, head = self.log_rates.exp()
        for _ in range(INNER_STEPS):
            with torch.enable_grad():
                # Cut from what came before: only the last weights meet the demonstrations.
                here = {n: w.detach().clone().requires_grad_(True) for n, w in weights.items()}
                loss = functional.cross_entropy(self._logits(here, support), truth)
                slopes = torch.autograd.grad(loss, list(here.values()))
            weights = {
                name: weight - (head if name == 'head' else body) * slope
                for (name, weight), slope in zip(weights.items(), slopes, strict=True)
            }
        return self._logits(weights, queries)

    def _logits(self, weights: dict[str, torch.Tensor], scene: SceneBatch) -> torch.Tensor:
        body = {name: value for name, value in weights.items() if name != 'head'}
        return functional_call(self.embedding, body, (scene,)) @ weights['head'].T


def trained(
    make: Callable[[], Method], name: str, pool: Pool, seed: int, folder: Path, steps: int
) -> Method:
    """Return a method trained on a pool, read from `folder` if it is there."""
    with seeded_weights(seed):
        method = make()
    path = (
        folder / f'{name.replace(" ", "_")}_{_fingerprint(method, pool, seed, steps)}.safetensors'
    )
    if path.is_file():
        method.load_state_dict(load_file(path))
        return method.eval()
    rng, same_family = np.random.default_rng(seed), cycle((False, True))

    def loss() -> torch.Tensor:
        ways, shots = int(rng.choice(TRAINING_WAYS)), int(rng.choice([1, SHOTS]))
        rows = pool.episode(rng, ways, next(same_family))
        logits = method(pool.events(rows, 0, shots), pool.events(rows, SHOTS, 1), ways)
        return functional.cross_entropy(logits, torch.arange(ways))

    def schedule(optimiser: torch.optim.Optimizer) -> OneCycleLR:
        return OneCycleLR(optimiser, _LEARNING_RATE, steps + 1)

    title = f'train {name}'
    fit(method.parameters(), loss, steps, _LEARNING_RATE, title, _LARGEST_GRADIENT, schedule)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(method.state_dict(), path)
    return method.eval()


def _fingerprint(method: nn.Module, pool: Pool, seed: int, steps: int) -> str:
    """Hash what the trained weights depend on: sizes, schedule and the data itself."""
    sizes = {name: list(value.shape) for name, value in method.state_dict().items()}
    schedule = [seed, steps, INNER_STEPS, INNER_RATES, TRAINING_WAYS, _LEARNING_RATE]
    digest = hashlib.sha256(json.dumps([sizes, schedule]).encode())
    for value in pool.scene:
        digest.update(value.numpy().tobytes())
    return digest.hexdigest()[:12]
