"""Search for false minima: places where the energy is low and the concept does not hold.

Random candidates never hit the thin curves of zero energy that descent always finds. So descent
itself looks for them with the energy as it stands; what it finds is labelled by the particle
world and goes back into the pool, satisfied or not.
"""

from __future__ import annotations

import torch

from concept_control.energy.search.generation import generate_outcomes, lowest_attention
from concept_control.energy.search.langevin import LangevinConfig
from concept_control.training.concept_batch import NUM_TESTS
from concept_control.training.losses import Learner, forget_members
from concept_control.training.pool import ConceptPool

_CONCEPTS = 96
_CHAINS = 2
_MASKS = 4
_SAMPLER = LangevinConfig(
    chains=1, steps=16, largest=0.35, smallest=0.02, noise=0.2, limit=1.05, gradient_only=True
)


def mine(
    learner: Learner, pool: ConceptPool, generator: torch.Generator, encoder_share: float
) -> None:
    """Descend the energy for some concepts of the pool and add what is found to it.

    Args:
        learner: Networks as they stand; not changed.
        pool: Pool of concepts, to which the found candidates are added.
        generator: Random generator of starts and noise.
        encoder_share: Share of concepts searched with the encoder's code.
    """
    group, rows, batch = pool.draw_indexed(_CONCEPTS)
    with torch.no_grad():
        codes = learner.embedding(batch.types, batch.values)
        take = torch.rand(len(batch), 1, generator=generator) < encoder_share
        codes = torch.where(take, learner.guess(batch, generator), codes)
    each = codes.repeat_interleave(NUM_TESTS, dim=0)
    learner.requires_grad_(False)
    try:
        outcomes = masks = None
        if learner.config.operations != 'identify':
            found = []
            for _ in range(_CHAINS):
                gate = batch.tests.subjects.unsqueeze(-1)
                anywhere = 2 * torch.rand(batch.tests.after.shape, generator=generator) - 1
                start = batch.tests.after * (1 - gate) + anywhere * gate
                found.append(
                    generate_outcomes(
                        learner.network, batch.tests, each, _SAMPLER, generator, start
                    )[0]
                )
            outcomes = torch.stack(found, dim=1).unflatten(0, (len(batch), NUM_TESTS))
        if learner.config.operations != 'generate':
            tests = forget_members(batch.tests, generator)
            number = min(_MASKS, 2 ** batch.tests.present.shape[1])
            masks, _ = lowest_attention(learner.network, tests, each, generator, number)
            masks = masks.unflatten(0, (len(batch), NUM_TESTS))
    finally:
        learner.requires_grad_(True)
    pool.add_hard(group, rows, outcomes, masks)
