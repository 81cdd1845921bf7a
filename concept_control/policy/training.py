"""Training a stroke policy: as in the thesis, or by ranking with corrected states."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR
from tqdm import tqdm

from concept_control.policy.descents import ChainConfig, langevin
from concept_control.policy.model import StrokePolicy
from concept_control.policy.network import PolicyConfig, PolicyEnergy
from concept_control.policy.samplers import BoxProposal, RingProposal, energy_at
from concept_control.policy.state_correction import CorrectedSteps
from concept_control.policy.strokes import Strokes
from concept_control.seeding import seeded_weights

StepCallback = Callable[[int, PolicyEnergy], None]
"""Function of a training step's number and the network, called after the step."""

PROPOSAL = RingProposal()
"""Distribution of the negatives of ranking."""


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


def fit(
    parameters: Iterable[torch.Tensor],
    loss: Callable[[], torch.Tensor],
    steps: int,
    rate: float,
    title: str | None = None,
    largest_gradient: float = math.inf,
    schedule: Callable[[torch.optim.Optimizer], LRScheduler] | None = None,
    on_step: Callable[[int], None] | None = None,
) -> float:
    """Minimise by Adam a loss that is drawn anew at each step.

    Args:
        parameters: Parameters that are fitted.
        loss: Draws a batch and returns its loss.
        steps: Number of steps.
        rate: Highest learning rate.
        title: Text before the progress bar.
        largest_gradient: Norm to which gradients are clipped.
        schedule: Maker of the learning rate's schedule; None for one cycle.
        on_step: Function of a step's number, called after the step.

    Returns:
        Running mean of the loss at the end.
    """
    fitted = list(parameters)
    optimizer = torch.optim.Adam(fitted, rate)
    rates = schedule(optimizer) if schedule else OneCycleLR(optimizer, rate, total_steps=steps)
    recent = 0.0
    bar = tqdm(range(steps), desc=title, unit='step', leave=False, disable=None)
    for step in bar:
        value = loss()
        optimizer.zero_grad()
        value.backward()
        if math.isfinite(largest_gradient):
            nn.utils.clip_grad_norm_(fitted, largest_gradient)
        optimizer.step()
        rates.step()
        recent = 0.99 * recent + 0.01 * value.item()
        bar.set_postfix_str(f'loss {recent:.3f}', refresh=False)
        if on_step is not None:
            on_step(step + 1)
    return recent


def ranking(
    network: PolicyEnergy,
    states: np.ndarray,
    actions: np.ndarray,
    num_negatives: int,
    generator: torch.Generator,
    codes: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the ranking noise-contrastive loss with proposal-corrected logits −E − log q.

    Singh, Tu, Sindhwani, "Revisiting Energy Based Models as Policies" (arXiv 2309.05803): without
    the correction, what is learned is the density relative to the proposal.

    Args:
        network: Energy that is trained.
        states: (B, 2) states.
        actions: (B, 2) demonstrated steps.
        num_negatives: Number of steps from the proposal for each state.
        generator: Random generator of these.
        codes: (B, c) codes of the figures, if the network is coded.
    """
    negatives = PROPOSAL.sample((len(states), num_negatives), generator)
    candidates = torch.cat([_single(actions).unsqueeze(1), negatives], dim=1)
    logits = -network(_single(states), candidates, codes) - PROPOSAL.log_density(candidates)
    return torch.logsumexp(logits, dim=1).sub(logits[:, 0]).mean()


def begin(
    seed: int, config: PolicyConfig
) -> tuple[np.random.Generator, torch.Generator, PolicyEnergy]:
    """Return generators for a training, and a network with weights, all from one seed."""
    with seeded_weights(seed):
        network = PolicyEnergy(config)
    return np.random.default_rng(seed), torch.Generator().manual_seed(seed), network


def train_ranking(
    strokes: Strokes, config: RankingConfig | None = None, on_step: StepCallback | None = None
) -> StrokePolicy:
    """Train a policy by ranking on corrected states."""
    config = config or RankingConfig()
    rng, generator, network = begin(config.seed, config.network)
    source = CorrectedSteps(strokes)

    def loss() -> torch.Tensor:
        pairs = source.draw(rng, config.batch)
        return ranking(network, *pairs, config.negatives, generator)

    return _trained(strokes, network, loss, config, 'ranking', None, on_step)


def train_thesis(
    strokes: Strokes, config: ThesisConfig | None = None, on_step: StepCallback | None = None
) -> StrokePolicy:
    """Train a policy by the contrastive loss with Langevin negatives."""
    config = config or ThesisConfig()
    rng, generator, network = begin(config.seed, config.network)
    box = BoxProposal(config.network.action_size, config.noise)
    replay = box.sample((config.buffer, 1), generator)
    all_states = strokes.positions[:, :-1].reshape(-1, 2)
    all_actions = strokes.actions.reshape(-1, 2)

    def loss() -> torch.Tensor:
        rows = rng.integers(len(all_states), size=config.batch)
        spread = config.action_noise * rng.normal(size=(config.batch, 2))
        states = _single(all_states[rows])
        actions = _single(all_actions[rows] + spread).unsqueeze(1)
        begin = box.sample((config.batch, 1), generator)
        slots = torch.as_tensor(rng.integers(config.buffer, size=config.batch))
        goes_on = torch.rand((config.batch, 1, 1), generator=generator) < config.persistent
        begin = torch.where(goes_on, replay[slots], begin)
        network.eval()  # spectral norm estimates its norms in training mode only
        with parametrize.cached():  # nor do the weights change while the chains run
            energy = energy_at(network, states)
            *_, last = langevin(energy, begin, config.chain, generator)
        ends = last.detach()
        network.train()
        replay[slots] = ends
        # Lower what was drawn, raise what the chains found.
        level = network(states, torch.cat([actions, ends], dim=1))
        contrast = level[:, :1].mean() - level[:, 1:].mean()
        return contrast + config.l1 * level.abs().mean() + config.l2 * level.square().mean()

    constant = partial(ConstantLR, factor=1.0)
    return _trained(strokes, network, loss, config, 'thesis', constant, on_step)


def _trained(
    strokes: Strokes,
    network: PolicyEnergy,
    loss: Callable[[], torch.Tensor],
    config: RankingConfig | ThesisConfig,
    recipe: str,
    schedule: Callable[[torch.optim.Optimizer], LRScheduler] | None,
    on_step: StepCallback | None,
) -> StrokePolicy:
    start = time.monotonic()
    fit(
        network.parameters(),
        loss,
        config.steps,
        config.learning_rate,
        f'training {strokes.name}',
        schedule=schedule,
        on_step=on_step and (lambda step: on_step(step, network)),
    )
    seconds = round(time.monotonic() - start, 1)
    card = {'recipe': recipe, 'training': asdict(config), 'seconds': seconds}
    return StrokePolicy.of_figure(strokes, network.eval().requires_grad_(False), card)


def _single(values: np.ndarray) -> torch.Tensor:
    """Return values in single precision."""
    return torch.as_tensor(values, dtype=torch.float32)
