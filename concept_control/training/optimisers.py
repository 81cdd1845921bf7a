"""Optimisers of the parameters, and the running average of the weights.

Muon orthogonalises the momentum of a matrix (Keller Jordan 2024), which in trials learned more
from the same minutes than AdamW; everything that is no matrix of some size stays with AdamW.
"""

from __future__ import annotations

import torch

from concept_control.training.config import TrainingConfig
from concept_control.training.losses import Learner

EMBEDDING_FACTOR = 0.1
"""Factor of the embedding's learning rate where codes begin without meaning: a fast embedding
follows the energy's first, common gradient until all codes are the same."""

_SMALLEST_MATRIX = 16
_MUON_DECAY = 1e-3


def make_optimisers(
    learner: Learner, config: TrainingConfig, embedding_factor: float = EMBEDDING_FACTOR
) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a run; each group's 'factor' scales the learning rate.

    Args:
        learner: Networks that are trained.
        config: Options of the run.
        embedding_factor: Factor of the privileged embedding's learning rate.
    """
    trained = [*learner.network.parameters(), *learner.encoder.parameters()]
    large = [p for p in trained if p.ndim == 2 and min(p.shape) >= _SMALLEST_MATRIX]
    matrices = large if config.optimiser == 'muon' else []
    theirs = {id(p) for p in matrices}
    rest = [p for p in trained if id(p) not in theirs]
    groups = [
        ([p for p in rest if p.ndim >= 2], config.weight_decay, 1.0),
        ([p for p in rest if p.ndim < 2], 0.0, 1.0),
        (list(learner.embedding.parameters()), 0.0, embedding_factor),
    ]
    optimisers: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(
            [
                {'params': params, 'weight_decay': decay, 'factor': factor}
                for params, decay, factor in groups
            ],
            lr=config.learning_rate,
            betas=(0.9, 0.98),
        )
    ]
    if matrices:
        optimisers.append(
            torch.optim.Muon(
                [{'params': matrices, 'factor': 1.0}],
                lr=config.learning_rate,
                weight_decay=_MUON_DECAY,
                adjust_lr_fn='match_rms_adamw',
            )
        )
    return optimisers


def average_weights(slow: torch.nn.Module, fast: torch.nn.Module, step: int, decay: float) -> None:
    """Let a running average of weights follow after a step, faster in the first of them."""
    with torch.no_grad():
        for mean, value in zip(slow.parameters(), fast.parameters(), strict=True):
            mean.lerp_(value, 1 - min(decay, (1 + step) / (10 + step)))
