"""Candidate outcomes and masks of test events, labelled by the particle world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from concept_control.concepts.family import Family, per_event
from concept_control.energy.inference.code_inference import candidate_masks, candidate_outcomes
from concept_control.world.events import Events

LARGEST_DISTANCE = 3.0
"""Label of outcomes from which a concept cannot be satisfied at all [workspace units]."""


def labelled_outcomes(
    rng: np.random.Generator, family: Family, events: Events, params: np.ndarray, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw outcomes beside the demonstrated ones and measure how far they are from satisfaction.

    Args:
        rng: Source of randomness.
        family: Family of the concepts.
        events: B events in which the concepts hold.
        params: (C, P) concepts, B a multiple of C.
        count: Number k of candidates per event.

    Returns:
        outcomes (B, 1 + k, N, 2), the demonstrated one first, and distances (B, 1 + k), both in
        workspace units; all distances are 0 where the family generates nothing.
    """
    after = events.positions[:, -1].numpy()
    drawn = candidate_outcomes(
        rng,
        after,
        events.positions[:, 0].numpy(),
        events.subjects.numpy(),
        events.present.numpy(),
        count,
    )
    outcomes = torch.from_numpy(np.concatenate([after[:, None], drawn], axis=1))
    if not family.generates:
        return outcomes, torch.zeros(outcomes.shape[:2])
    many = events.repeat(1 + count)
    candidates = with_last_state(many, outcomes.flatten(0, 1))
    distances = np.nan_to_num(
        np.asarray(family.error(candidates, per_event(params, many)), dtype=np.float32),
        nan=LARGEST_DISTANCE,
        posinf=LARGEST_DISTANCE,
    )
    distances = distances.clip(0.0, LARGEST_DISTANCE).reshape(len(events), -1)
    return outcomes, torch.from_numpy(distances)


def labelled_masks(
    rng: np.random.Generator, family: Family, events: Events, params: np.ndarray, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw masks beside the demonstrated ones and judge under which the concepts hold.

    Arguments as for `labelled_outcomes`.

    Returns:
        masks (B, 1 + k, N), the demonstrated one first, and (B, 1 + k) whether the concept holds
        under each; true throughout where the family identifies nothing.
    """
    attention = events.attention.numpy()
    drawn = candidate_masks(rng, attention, events.subjects.numpy(), events.present.numpy(), count)
    masks = torch.from_numpy(np.concatenate([attention[:, None], drawn], axis=1))
    if not family.identifies:
        return masks, torch.ones(masks.shape[:2], dtype=torch.bool)
    many = events.repeat(1 + count)
    candidates = replace(many, attention=masks.flatten(0, 1))
    holds = np.asarray(family.holds(candidates, per_event(params, many)), dtype=bool)
    return masks, torch.from_numpy(holds.reshape(len(events), -1))


def with_last_state(events: Events, positions: torch.Tensor) -> Events:
    """Return events of the same T whose last state is `positions` (B, N, 2)."""
    states = torch.cat([events.positions[:, :-1], positions[:, None]], dim=1)
    return replace(events, positions=states)


def holds_in_last_state(
    family: Family, demonstrations: Events, params: np.ndarray
) -> torch.Tensor:
    """Tell (C,) for which concepts the last states alone are demonstrations, as 0 or 1."""
    last = replace(demonstrations, positions=demonstrations.positions[:, -1:])
    holds = np.asarray(family.holds(last, params)).reshape(len(params), -1)
    return torch.from_numpy(holds.all(axis=1).astype(np.float32))
