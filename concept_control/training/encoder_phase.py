"""Train the encoder alone, at the end of a run: it is what learns last.

Energy and embedding stay as they are, so that a step costs an eighth of one of the run. In
families that are new the encoder learns to predict the privileged codes; in the others, where its
codes from many demonstrations are better than those, it learns to say the same from fewer.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts.family import MAX_ENTITIES, Family
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.training.config import TrainingConfig
from concept_control.training.labels import holds_in_last_state
from concept_control.training.losses import STATIC_SHARE, Learner, as_static, code_loss
from concept_control.training.optimisers import average_weights

_LEARNING_RATE = 5e-4
_BATCH = 48
_NEW_SHARE = 0.3
_SHOTS = (1, 2, 3, 5, 5, 10)
_CONCEPTS = 1500
_NEW_CONCEPTS = 8000
_LARGEST_GRADIENT = 1.0
_AVERAGE_DECAY = 0.998


def train_encoder(
    learner: Learner,
    families: Mapping[str, Family],
    config: TrainingConfig,
    generator: torch.Generator,
    concepts: int = _CONCEPTS,
    new_concepts: int = _NEW_CONCEPTS,
) -> None:
    """Train the encoder of a learner in place.

    A pool of few concepts is soon known by heart, which costs concepts unlike those in it most.

    Args:
        learner: Energy, encoder and embedding.
        families: Families that the run was trained on.
        config: Number of steps, and which families are new.
        generator: Source of randomness.
        concepts: Number of concepts held ready of each family.
        new_concepts: The same of each new family.
    """
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    shown = config.num_demonstrations
    scene, target, may_hide, chance = _prepare(
        learner, families, config, rng, concepts, new_concepts
    )
    encoder, average = copy.deepcopy(learner.encoder).requires_grad_(True), learner.encoder
    optimiser = torch.optim.AdamW(encoder.parameters(), betas=(0.9, 0.98), weight_decay=1e-4)
    bar = tqdm(range(config.encoder_steps), desc='encoder alone', mininterval=1.0)
    for step in bar:
        annealed = 0.5 * (1 + math.cos(math.pi * step / config.encoder_steps))
        optimiser.param_groups[0]['lr'] = _LEARNING_RATE * min(1, (step + 1) / 100) * annealed
        chosen = torch.from_numpy(rng.choice(len(chance), _BATCH, p=chance))
        shots = min(int(rng.choice(_SHOTS)), shown)
        rows = chosen[:, None] * shown + torch.from_numpy(rng.permutation(shown)[:shots])
        hide = may_hide[chosen] & (torch.rand(_BATCH, generator=generator) < STATIC_SHARE)
        seen = as_static(scene.select(rows.flatten()), hide.repeat_interleave(shots))
        guess = encoder(seen, torch.ones(_BATCH, shots))
        loss = code_loss((guess - target[chosen]).square().mean(dim=-1))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        average_weights(average, encoder, step, _AVERAGE_DECAY)
        if step % 50 == 0:
            bar.set_postfix_str(f'loss {loss.item():.3f}', refresh=False)


@torch.no_grad()
def _prepare(
    learner: Learner,
    families: Mapping[str, Family],
    config: TrainingConfig,
    rng: np.random.Generator,
    concepts: int,
    new_concepts: int,
) -> tuple[SceneBatch, torch.Tensor, torch.Tensor, np.ndarray]:
    """Draw C concepts of all families and what the encoder is to say of them.

    Returns:
        C * D demonstrations, codes (C, 2W), (C,) bool whether the last states alone are
        demonstrations, and the probabilities (C,) with which concepts are drawn.
    """
    shown, num_new = config.num_demonstrations, len(config.encoder_learns)
    scenes, targets, static, weights = [], [], [], []
    for name, family in families.items():
        is_new = name in config.encoder_learns
        number = new_concepts if is_new else concepts
        params = family.sample_concepts(rng, number)
        events = family.sample(rng, params, shown)
        scene = scene_batch_from_events(events.pad(MAX_ENTITIES))
        if is_new:
            types, values = (torch.from_numpy(v) for v in family.tokens(params))
            target = learner.embedding(types, values)
        else:
            target = learner.encoder(scene, torch.ones(number, shown))
        scenes.append(scene)
        targets.append(target)
        static.append(holds_in_last_state(family, events, params))
        share = _NEW_SHARE / num_new if is_new else 1 / (len(families) - num_new)
        weights.append(np.full(number, share / number))
    chance = np.concatenate(weights)
    may_hide = torch.cat(static) > 0
    return SceneBatch.concatenate(scenes), torch.cat(targets), may_hide, chance / chance.sum()
