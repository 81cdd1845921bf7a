"""Training a stroke policy: as in the thesis, or by ranking with corrected states."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch.nn.utils import parametrize
from tqdm import tqdm

from concept_control.policy.fitting import fit
from concept_control.policy.langevin import ChainConfig, run_chains
from concept_control.policy.model import StrokePolicy
from concept_control.policy.network import PolicyConfig, PolicyEnergy
from concept_control.policy.objectives import contrastive, ranking
from concept_control.policy.proposals import BoxProposal, RingProposal
from concept_control.policy.samplers import energy_at
from concept_control.policy.state_correction import CorrectedSteps
from concept_control.policy.strokes import Strokes
from concept_control.seeding import seeded_weights

StepCallback = Callable[[int, PolicyEnergy], None]
"""Function of a training step's number and the network, called after the step."""


@dataclass(frozen=True)
class RankingConfig:
    """Training by ranking noise-contrastive estimation.

    Attributes:
        steps: Number of steps of Adam, with one cycle of the learning rate.
        batch: Number of pairs of state and step in each.
        negatives: Number of actions from the proposal for each pair.
        learning_rate: Highest learning rate.
        network: Sizes of the network.
        seed: Seed of weights and samples.
    """

    steps: int = 3000
    batch: int = 256
    negatives: int = 32
    learning_rate: float = 3e-3
    network: PolicyConfig = field(default_factory=PolicyConfig)
    seed: int = 0


@dataclass(frozen=True)
class ThesisConfig:
    """Training as in the thesis; where it gives no number, ours stands.

    Attributes:
        steps: Number of steps of Adam.
        batch: Number of pairs of state and step in each.
        learning_rate: Constant learning rate.
        chain: Number K and size α of the steps of the negatives' Langevin chains.
        noise: Half side of the box the chains start in, in step lengths.
        action_noise: Standard deviation on demonstrated steps, in step lengths. A chain moves by
            noise of α each time, so its ends are never closer together than that; where
            demonstrations are, chains cannot look like them: the energy is sharpened until the
            chains bounce off it, and nothing is drawn. Not below α, therefore.
        l1: Weight of the energies' absolute level.
        l2: Weight of its square.
        persistent: Share of the chains that go on from a replay buffer of earlier ends instead of
            noise; 0 for none.
        buffer: Size of that buffer.
        network: Sizes and kinds of the network.
        seed: Seed of weights and samples.
    """

    steps: int = 1500
    batch: int = 128
    learning_rate: float = 1e-3
    chain: ChainConfig = field(default_factory=ChainConfig)
    noise: float = 1.5
    action_noise: float = 0.12
    l1: float = 0.01
    l2: float = 0.05
    persistent: float = 0.0
    buffer: int = 10_000
    network: PolicyConfig = field(default_factory=lambda: PolicyConfig(is_thesis=True))
    seed: int = 0


def train_ranking(
    strokes: Strokes, config: RankingConfig | None = None, on_step: StepCallback | None = None
) -> StrokePolicy:
    """Train a policy by ranking on corrected states."""
    config = config or RankingConfig()
    rng = np.random.default_rng(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    with seeded_weights(config.seed):
        network = PolicyEnergy(config.network)
    proposal = RingProposal()
    source = CorrectedSteps(strokes)

    def loss() -> torch.Tensor:
        states, actions = _tensors(*source.draw(rng, config.batch))
        negatives = proposal.sample((config.batch, config.negatives), generator)
        return ranking(network, states, actions, negatives, proposal)

    start = time.monotonic()
    title = f'training {strokes.name}'
    fit(network, loss, config.steps, config.learning_rate, title, on_step=on_step)
    return _finished(strokes, network, 'ranking', asdict(config), time.monotonic() - start)


def train_thesis(
    strokes: Strokes, config: ThesisConfig | None = None, on_step: StepCallback | None = None
) -> StrokePolicy:
    """Train a policy by the contrastive loss with Langevin negatives."""
    config = config or ThesisConfig()
    rng = np.random.default_rng(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    with seeded_weights(config.seed):
        network = PolicyEnergy(config.network)
    box = BoxProposal(config.network.action_size, config.noise)
    replay = box.sample((config.buffer, 1), generator)
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate)
    all_states = strokes.positions[:, :-1].reshape(-1, 2)
    all_actions = strokes.actions.reshape(-1, 2)
    start = time.monotonic()
    title = f'training {strokes.name}'
    for step in tqdm(range(config.steps), title, unit='step', leave=False, disable=None):
        rows = rng.integers(len(all_states), size=config.batch)
        spread = config.action_noise * rng.normal(size=(config.batch, 2))
        states, actions = _tensors(all_states[rows], all_actions[rows] + spread)
        begin = box.sample((config.batch, 1), generator)
        slots = torch.as_tensor(rng.integers(config.buffer, size=config.batch))
        goes_on = torch.rand((config.batch, 1, 1), generator=generator) < config.persistent
        begin = torch.where(goes_on, replay[slots], begin)
        network.eval()  # spectral norm estimates its norms in training mode only
        with parametrize.cached():  # nor do the weights change while the chains run
            energy = energy_at(network, states)
            ends = run_chains(energy, begin, config.chain, generator).detach()
        network.train()
        replay[slots] = ends
        energies = network(states, torch.cat([actions, ends], dim=1))
        loss = contrastive(energies[:, :1], energies[:, 1:], config.l1, config.l2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if on_step is not None:
            on_step(step + 1, network)
    return _finished(strokes, network, 'thesis', asdict(config), time.monotonic() - start)


def _tensors(states: np.ndarray, actions: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (B, 2) states and (B, 1, 2) actions."""
    return (
        torch.as_tensor(states, dtype=torch.float32),
        torch.as_tensor(actions, dtype=torch.float32).unsqueeze(1),
    )


def _finished(
    strokes: Strokes, network: PolicyEnergy, recipe: str, config: dict, seconds: float
) -> StrokePolicy:
    network.eval().requires_grad_(False)
    return StrokePolicy(
        network=network,
        step_length=strokes.step_length,
        num_steps=strokes.num_steps,
        is_closed=strokes.is_closed,
        center=strokes.center,
        name=strokes.name,
        first_steps=strokes.actions[:, 0],
        card={'recipe': recipe, 'training': config, 'seconds': round(seconds, 1)},
    )
