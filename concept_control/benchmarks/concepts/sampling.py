"""Effect of longer Langevin chains of the network on the result, and chains a second.

A model that only looks good at the number of steps it was tuned for drifts when the sampler runs
on (J. He 2021 saw it at K + 50). Here the chain goes on from where it stopped, for S more steps.
"""

from __future__ import annotations

import timeit
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts.family import Family
from concept_control.energy.inference.code_inference import InferenceConfig, infer_codes
from concept_control.energy.networks.energy_network import EnergyNetwork
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.energy.search.generation import generate_outcomes
from concept_control.energy.search.langevin import LangevinConfig
from concept_control.energy.storage import load_model
from concept_control.world.events import Events

CHAIN = LangevinConfig(chains=1, steps=40, smallest=0.004, gradient_only=True)
"""One chain, on until its noise and its steps have become small."""

MORE_STEPS = (50, 200)
CHAINS = {'cpu': (16, 128, 1024), 'cuda': (1024, 8192, 65536)}


def drift(families: Mapping[str, Family], seed: int, concepts: int) -> dict[str, Any]:
    """Run single chains of K steps on for S more; return how far they go and what still holds."""
    network, encoder, _ = load_model()
    found: dict[str, Any] = {}
    acting = {n: f for n, f in families.items() if f.generates and not f.held_out}
    moved: dict[int, list[float]] = {more: [] for more in MORE_STEPS}
    held: dict[int, list[float]] = {more: [] for more in (0, *MORE_STEPS)}
    for name, family in tqdm(acting.items(), desc='drift'):
        rng = np.random.default_rng([seed, *name.encode()])
        generator = torch.Generator().manual_seed(seed)
        params = family.sample_concepts(rng, concepts)
        shown = scene_batch_from_events(family.sample(rng, params, 5))
        codes, _ = infer_codes(network, encoder, shown, 5, InferenceConfig(), rng)
        tests = family.sample(rng, params, 1)
        scene = scene_batch_from_events(tests)
        before = scene._replace(after=scene.before)
        ends = generate_outcomes(network, before, codes, CHAIN, generator)
        gate = scene.subjects.unsqueeze(-1)
        acts = (scene.subjects.sum(dim=-1) > 0).numpy()
        held[0] += list(_judge(family, params, tests, ends)[acts])
        for more in MORE_STEPS:
            # On with the last step's size: nothing is annealed away.
            config = replace(CHAIN, steps=more, largest=CHAIN.smallest, noise=0.0)
            later = generate_outcomes(network, before, codes, config, generator, start=ends)
            shift = ((later - ends) * gate).norm(dim=-1).amax(dim=-1).numpy()
            moved[more] += list(shift[acts])
            held[more] += list(_judge(family, params, tests, later)[acts])
    found['steps'] = CHAIN.steps
    for more in (0, *MORE_STEPS):
        found[f'+{more}'] = {'holds': float(np.mean(held[more]))}
        if more:
            found[f'+{more}']['median_shift'] = float(np.median(moved[more]))
            found[f'+{more}']['p95_shift'] = float(np.quantile(moved[more], 0.95))
    return found


def _judge(
    family: Family, params: np.ndarray, tests: Events, positions: torch.Tensor
) -> np.ndarray:
    return np.asarray(family.holds(tests.with_outcome(positions), params), dtype=float)


def chains_per_second(seed: int) -> dict[str, Any]:
    """Measure Langevin chains of the default length finished a second, on CPU and GPU.

    Chains stay on their device from start to end.
    """
    found: dict[str, Any] = {}
    for device, sizes in CHAINS.items():
        if device == 'cuda' and not torch.cuda.is_available():
            found[device] = 'no CUDA device at hand'
            continue
        there = load_model()[0].to(device)
        for size in sizes:
            scene = random_scene(size, 6, seed).to(device)
            codes = torch.randn(
                1, 2 * there.config.code_width, generator=torch.Generator().manual_seed(seed)
            )
            call = partial(_run_chains, there, scene, codes.to(device), seed)
            times = timeit.repeat(call, number=1, repeat=3 if size < 1000 else 1)
            found[f'{device}, {size} at once'] = size / float(np.median(times))
    return found


def _run_chains(network: EnergyNetwork, scene: SceneBatch, codes: torch.Tensor, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    generate_outcomes(network, scene, codes, CHAIN, generator)
    if scene.after.is_cuda:
        torch.cuda.synchronize()


def random_scene(batch: int, entities: int, seed: int) -> SceneBatch:
    """Draw scenes with one subject and two attended others."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.rand((batch, entities, *shape), generator=generator)

    roles = torch.zeros(batch, entities, 2)
    roles[:, 0, 0] = roles[:, 1:3, 1] = 1.0
    return SceneBatch.flat(
        before=2 * draw(2) - 1,
        after=2 * draw(2) - 1,
        colors=draw(3),
        sides=0.1 + 0.1 * draw(1).expand(-1, -1, 2),
        present=torch.ones(batch, entities),
        subjects=roles[..., 0],
        attention=roles[..., 1],
        motion=torch.zeros(batch, entities, 2),
    )
