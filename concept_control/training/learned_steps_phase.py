"""Learn the step sizes of the code inference through the unrolled descent.

The energy and the encoder stay as they are. The encoder's guess of fresh concepts is refined on
their demonstrations, and what the refined codes do in scenes that were not demonstrated is
differentiated through all steps, in the step sizes (a hyper-gradient, checked against finite
differences by a test).
"""

from __future__ import annotations

import numpy as np
import torch
from tqdm import tqdm

from concept_control.energy.inference.code_inference import DemonstrationLoss, InferenceConfig
from concept_control.energy.inference.learned_steps import InferenceSteps
from concept_control.training.concept_batch import ConceptBatch
from concept_control.training.config import TrainingConfig
from concept_control.training.losses import Learner, Phase
from concept_control.training.pool import ConceptPool

_LEARNING_RATE = 0.05
_CONCEPTS = 12
_SHOTS = (1, 3, 5, 5, 10)


def train_learned_steps(
    learner: Learner,
    pool: ConceptPool,
    config: TrainingConfig,
    generator: torch.Generator,
) -> InferenceSteps:
    """Return step sizes learned on concepts of the pool.

    Args:
        learner: Energy and encoder; not changed.
        pool: Concepts to learn on.
        config: Number of steps and weights of the losses.
        generator: Source of randomness.
    """
    width = config.network.code_width
    steps = InferenceSteps(width)
    optimiser = torch.optim.Adam(steps.parameters(), lr=_LEARNING_RATE, betas=(0.9, 0.98))
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    learner.requires_grad_(False)
    floor = config.last_floor
    gain = 0.0
    total = config.inference_training_steps
    bar = tqdm(range(total), desc='inference steps', mininterval=1.0)
    for step in bar:
        batch = pool.draw(_CONCEPTS)
        shots = min(int(rng.choice(_SHOTS)), config.num_demonstrations)
        with torch.no_grad():
            guess = learner.guess(batch, generator, shots)
            before = outer_loss(learner, batch, guess, floor, generator)
        codes = refine(steps, learner, batch, guess, shots, rng)
        loss = outer_loss(learner, batch, codes, floor, generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(steps.parameters(), 1.0)
        optimiser.param_groups[0]['lr'] = _LEARNING_RATE * (1 - step / total)
        optimiser.step()
        gain = 0.98 * gain + 0.02 * float(before - loss.detach())
        bar.set_postfix_str(f'gain over the guess {gain:.3f}', refresh=False)
    learner.requires_grad_(True)
    return steps.requires_grad_(False)


def refine(
    steps: InferenceSteps,
    learner: Learner,
    batch: ConceptBatch,
    guess: torch.Tensor,
    shots: int,
    rng: np.random.Generator,
) -> torch.Tensor:
    """Return refined codes (C, 2W), differentiable in the step sizes."""
    width = guess.shape[1] // 2
    available = batch.demonstrations.num_events // len(batch)
    rows = torch.arange(len(batch))[:, None] * available + torch.arange(shots)
    scene = batch.demonstrations.select(rows.flatten())
    loss = DemonstrationLoss(learner.network, scene, shots, InferenceConfig(), rng)
    halves = []
    for name, half in zip(InferenceSteps.HALVES, guess.split(width, dim=1)):
        loss_fn, sample_candidates = loss.parts(name)
        halves.append(
            steps.descend(name, loss_fn, sample_candidates, half.detach(), unrolled=True)
        )
    return torch.cat(halves, dim=1)


def outer_loss(
    learner: Learner,
    batch: ConceptBatch,
    codes: torch.Tensor,
    floor: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Return what codes do to the test scenes' outcomes and masks, a scalar."""
    phase = Phase(encoder_share=1.0, noise=0.0, floor=floor)
    losses = learner.test_losses(batch, codes, phase, generator)
    return losses['outcome'] + losses['mask']
