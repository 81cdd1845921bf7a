"""Optimisers of the parameters.

Muon orthogonalises the momentum of a matrix (Keller Jordan 2024), which in trials learned more
from the same minutes than AdamW; everything that is no matrix of some size stays with AdamW.
"""

from __future__ import annotations

import torch

from concept_control.training.config import TrainingConfig
from concept_control.training.losses import Learner

EMBEDDING_FACTOR = 0.1
"""Factor of the embedding's learning rate: a fast embedding follows the energy's first, common
gradient until all codes are the same."""

_SMALLEST_MATRIX = 16
_MUON_DECAY = 1e-3


def make_optimisers(learner: Learner, config: TrainingConfig) -> list[torch.optim.Optimizer]:
    """Return the optimisers of a run; each group's 'factor' scales the learning rate.

    Args:
        learner: Networks that are trained.
        config: Options of the run.
    """
    trained = [*learner.network.parameters(), *learner.encoder.parameters()]
    large = [p for p in trained if p.ndim == 2 and min(p.shape) >= _SMALLEST_MATRIX]
    matrices = large if config.optimiser == 'muon' else []
    theirs = {id(p) for p in matrices}
    rest = [p for p in trained if id(p) not in theirs]
    groups = [
        ([p for p in rest if p.ndim >= 2], config.weight_decay, 1.0),
        ([p for p in rest if p.ndim < 2], 0.0, 1.0),
        (list(learner.embedding.parameters()), 0.0, EMBEDDING_FACTOR),
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
