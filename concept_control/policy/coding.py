"""One energy for every figure: a code says which, and is inferred from one to five examples."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from concept_control.policy.datasets import random_figure
from concept_control.policy.model import SHIPPED_POLICIES, StrokePolicy, load_network, save_network
from concept_control.policy.network import CODE_POINTS, CODE_STROKES, PolicyConfig, PolicyEnergy
from concept_control.policy.state_correction import CorrectedSteps, CorrectionConfig
from concept_control.policy.strokes import Strokes, resample
from concept_control.policy.training import begin, fit, ranking

REFINEMENT_RATE = 0.002
"""Learning rate of the refinement of a code, whose numbers are points in sizes of the figure."""

LARGEST_GRADIENT = 5.0
"""Norm to which gradients of the training on random figures are clipped."""

CODED = PolicyConfig(z_dim=96, hidden=64, state_width=128, state_depth=2, is_coded=True)
"""Sizes of the energy of all figures: more state than action to understand."""


def code_from_examples(examples: np.ndarray) -> torch.Tensor:
    """Return the (CODE_SIZE,) first guess of a figure's code: points of its examples.

    Args:
        examples: (B, T + 1, 2) positions; of more than five some are taken, fewer are taken
            again.
    """
    number = max(len(examples), CODE_STROKES)
    which = np.linspace(0, number - 1, CODE_STROKES).round().astype(int) % len(examples)
    points = np.stack([resample(stroke, CODE_POINTS) for stroke in examples[which]])
    return torch.as_tensor(points.reshape(-1), dtype=torch.float32)


@dataclass(frozen=True)
class CodingConfig:
    """Training on random figures.

    Attributes:
        steps: Number of steps of Adam, with one cycle of the learning rate.
        figures: Number of figures drawn afresh for each step.
        states: Number of states of each figure in each step.
        negatives: Number of actions from the proposal for each state.
        learning_rate: Highest learning rate.
        correction: Displacement of states.
        seed: Seed of everything random.
    """

    steps: int = 4000
    figures: int = 24
    states: int = 16
    negatives: int = 20
    learning_rate: float = 2e-3
    correction: CorrectionConfig = field(default_factory=CorrectionConfig)
    seed: int = 0


@dataclass
class CodedPolicy:
    """The energy of all figures.

    Attributes:
        network: Energy, conditioned by a figure's code.
        card: Facts about the training.
    """

    network: PolicyEnergy
    card: dict

    @classmethod
    def load(cls, path: str | Path | None = None) -> CodedPolicy:
        """Read the shipped policy, or that of a card.

        Raises:
            ModelError: as `load_network`.
        """
        return cls(*load_network(SHIPPED_POLICIES / 'any.json' if path is None else Path(path)))

    def save(self, path: str | Path) -> Path:
        """Write weights and card; return the card's path."""
        return save_network(self.network, self.card, path)

    def infer(self, examples: Strokes, refinement: int = 60, seed: int = 0) -> StrokePolicy:
        """Return the policy of a figure from one to five examples.

        Args:
            examples: Strokes of the figure; of more than five some are taken.
            refinement: Number of gradient steps on the code, by the loss of the training.
            seed: Seed of these steps' samples.
        """
        code = code_from_examples(examples.positions).unsqueeze(0)
        if refinement:
            rng, generator = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
            source = CorrectedSteps(examples)
            code = code.clone().requires_grad_(True)

            def loss() -> torch.Tensor:
                pairs = source.draw(rng, 128)
                return ranking(self.network, *pairs, 24, generator, code.expand(128, -1))

            schedule = partial(CosineAnnealingLR, T_max=refinement)
            fit([code], loss, refinement, REFINEMENT_RATE, schedule=schedule)
            code = code.detach()
        card = {'recipe': 'code', 'examples': examples.num_strokes, 'refinement': refinement}
        return StrokePolicy.of_figure(examples, self.network, card, code)


def train_coded(config: CodingConfig | None = None) -> CodedPolicy:
    """Train the energy; every step sees figures that were never seen before."""
    config = config or CodingConfig()
    rng, generator, network = begin(config.seed, CODED)

    def loss() -> torch.Tensor:
        shots = int(rng.integers(1, CODE_STROKES + 1))
        figures = [random_figure(rng, shots + 1) for _ in range(config.figures)]
        codes = torch.stack([code_from_examples(figure.positions[:shots]) for figure in figures])
        # The last stroke is not among the examples: a code must not be of one hand's slips.
        pairs = [
            CorrectedSteps(figure[shots:], config.correction).draw(rng, config.states)
            for figure in figures
        ]
        states, actions = map(np.concatenate, zip(*pairs))
        codes = codes.repeat_interleave(config.states, dim=0)
        return ranking(network, states, actions, config.negatives, generator, codes)

    start, title = time.monotonic(), 'training on random figures'
    rate, parameters = config.learning_rate, network.parameters()
    recent = fit(parameters, loss, config.steps, rate, title, LARGEST_GRADIENT)
    card = {
        'recipe': 'ranking on random figures, codes of their points',
        'training': asdict(config),
        'seconds': round(time.monotonic() - start, 1),
        'loss': round(recent, 4),
    }
    network.eval().requires_grad_(False)
    return CodedPolicy(network, card)
