"""One energy for every figure: a code says which, and is inferred from one to five examples."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from concept_control.policy.correction import CorrectedSteps, CorrectionConfig
from concept_control.policy.model import StrokePolicy
from concept_control.policy.network import PolicyConfig, PolicyEnergy
from concept_control.policy.objectives import ranking
from concept_control.policy.proposals import RingProposal
from concept_control.policy.random_strokes import random_figure
from concept_control.policy.storage import SHIPPED, filled, read_tensors, write_network
from concept_control.policy.strokes import NUM_STEPS, Strokes

MAX_EXAMPLES = 5
CODE_SIZE = 48
ENCODER_WIDTH = 256
CODED = PolicyConfig(z_dim=96, hidden=64, state_width=192, state_depth=3, code_size=CODE_SIZE)
"""Sizes of the energy of all figures: more state than action to understand."""


class StrokeEncoder(nn.Module):
    """From examples of a figure to the first guess of its code."""

    def __init__(self, num_steps: int = NUM_STEPS, code_size: int = CODE_SIZE) -> None:
        super().__init__()
        self.num_steps = num_steps
        self.each = nn.Sequential(
            nn.Linear(2 * num_steps, ENCODER_WIDTH),
            nn.SiLU(),
            nn.Linear(ENCODER_WIDTH, ENCODER_WIDTH),
            nn.SiLU(),
        )
        self.together = nn.Sequential(
            nn.Linear(ENCODER_WIDTH, code_size), nn.LayerNorm(code_size, elementwise_affine=False)
        )

    def forward(self, examples: torch.Tensor) -> torch.Tensor:
        """Return (B, c) codes from (B, K, T + 1, 2) examples, their order not mattering."""
        flat = examples[:, :, 1:].flatten(start_dim=2)
        return self.together(self.each(flat).mean(dim=1))


@dataclass(frozen=True)
class CodingConfig:
    """Training of energy and encoder on random figures.

    Attributes:
        steps: of Adam, with one cycle of the learning rate.
        figures: drawn afresh for each step.
        states: of each figure in each step.
        negatives: for each state.
        learning_rate: its highest.
        correction: how states are displaced.
        seed: of everything.
    """

    steps: int = 8000
    figures: int = 24
    states: int = 16
    negatives: int = 20
    learning_rate: float = 2e-3
    correction: CorrectionConfig = field(default_factory=CorrectionConfig)
    seed: int = 0


@dataclass
class CodedPolicy:
    """The energy of all figures and the encoder of examples."""

    network: PolicyEnergy
    encoder: StrokeEncoder
    card: dict

    @classmethod
    def load(cls, path: str | Path | None = None) -> CodedPolicy:
        """Read the shipped one, or that of a card.

        Raises:
            ModelError: as `storage.read_tensors`.
        """
        path = SHIPPED / 'any.json' if path is None else Path(path)
        card, tensors = read_tensors(path)
        network = filled(PolicyEnergy(PolicyConfig(**card['network'])), 'network.', tensors, path)
        encoder = filled(StrokeEncoder(card['num_steps']), 'encoder.', tensors, path)
        return cls(network, encoder, card)

    def save(self, path: str | Path) -> Path:
        """Write weights and card; return the card's path."""
        modules = {'network': self.network, 'encoder': self.encoder}
        facts = {**self.card, 'num_steps': self.encoder.num_steps}
        return write_network(Path(path).with_suffix(''), modules, self.network.config, facts)

    def infer(self, examples: Strokes, refinement: int = 150, seed: int = 0) -> StrokePolicy:
        """Return the policy of a figure from one to five examples.

        Args:
            examples: of the figure; more than five are thinned.
            refinement: gradient steps on the code, by the loss of the training.
            seed: of these steps' samples.
        """
        chosen = examples.positions[:: -(-examples.num_strokes // MAX_EXAMPLES)]
        given = torch.as_tensor(chosen[None], dtype=torch.float32)
        with torch.no_grad():
            code = self.encoder(given)
        if refinement:
            code = self._refined(code, examples, refinement, seed)
        return StrokePolicy(
            network=self.network,
            step_length=examples.step_length,
            num_steps=examples.num_steps,
            is_closed=examples.is_closed,
            center=examples.center,
            name=examples.name,
            code=code,
            card={'recipe': 'code', 'examples': examples.num_strokes, 'refinement': refinement},
        )

    def _refined(
        self, code: torch.Tensor, examples: Strokes, steps: int, seed: int
    ) -> torch.Tensor:
        rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        source, proposal = CorrectedSteps(examples), RingProposal()
        code = code.clone().requires_grad_(True)
        optimizer = torch.optim.Adam([code], 0.02)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            states, actions = source.draw(rng, 128)
            loss = coded_loss(
                self.network,
                torch.as_tensor(states, dtype=torch.float32),
                torch.as_tensor(actions, dtype=torch.float32).unsqueeze(1),
                code.expand(len(states), -1),
                proposal.sample((len(states), 24), generator),
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        return code.detach()


def coded_loss(
    network: PolicyEnergy,
    states: torch.Tensor,
    actions: torch.Tensor,
    codes: torch.Tensor,
    negatives: torch.Tensor,
) -> torch.Tensor:
    """Return the ranking loss of (B, 1, 2) steps in (B, 2) states under (B, c) codes."""
    energies = network(states, torch.cat([actions, negatives], dim=1), codes)
    return ranking(energies[:, :1], energies[:, 1:], actions, negatives, RingProposal())


def train_coded(config: CodingConfig | None = None) -> CodedPolicy:
    """Train energy and encoder together; every step sees figures that were never seen before."""
    config = config or CodingConfig()
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    network, encoder, proposal = PolicyEnergy(CODED), StrokeEncoder(), RingProposal()
    weights = [*network.parameters(), *encoder.parameters()]
    optimizer = torch.optim.Adam(weights, config.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, config.learning_rate, total_steps=config.steps
    )
    start, recent = time.monotonic(), 0.0
    bar = tqdm(range(config.steps), desc='training on random figures', disable=None, unit='step')
    for _ in bar:
        shots = int(rng.integers(1, MAX_EXAMPLES + 1))
        figures = [random_figure(rng, shots + 1) for _ in range(config.figures)]
        examples = np.stack([figure.positions[:shots] for figure in figures])
        # The last stroke is not among the examples: a code must not be of one hand's slips.
        pairs = [
            CorrectedSteps(figure[shots:], config.correction).draw(rng, config.states)
            for figure in figures
        ]
        states = torch.as_tensor(np.concatenate([p[0] for p in pairs]), dtype=torch.float32)
        actions = torch.as_tensor(np.concatenate([p[1] for p in pairs]), dtype=torch.float32)
        codes = encoder(torch.as_tensor(examples, dtype=torch.float32))
        negatives = proposal.sample((len(states), config.negatives), generator)
        loss = coded_loss(
            network,
            states,
            actions.unsqueeze(1),
            codes.repeat_interleave(config.states, dim=0),
            negatives,
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        schedule.step()
        recent = 0.99 * recent + 0.01 * loss.item()
        bar.set_postfix(loss=f'{recent:.3f}')
    card = {
        'recipe': 'ranking on random figures, code from an encoder',
        'training': asdict(config),
        'seconds': round(time.monotonic() - start, 1),
        'loss': round(recent, 4),
    }
    network.eval().requires_grad_(False)
    encoder.eval().requires_grad_(False)
    return CodedPolicy(network, encoder, card)
