"""Candidate outcomes and masks that a demonstration is contrasted with."""

from __future__ import annotations

import numpy as np

REACH = 1.1
"""Bound of the candidates, drawn from [-REACH, REACH]², a little beyond the workspace."""


def candidate_outcomes(
    rng: np.random.Generator,
    positions: np.ndarray,
    before: np.ndarray,
    subjects: np.ndarray,
    present: np.ndarray,
    count: int,
) -> np.ndarray:
    """Draw outcomes in which the subjects stand elsewhere, at all scales.

    30 % are uniform, 50 % near the demonstrated outcome at log-uniform scales from 0.01 to 1, 2 %
    the first state, the rest close to, half-way between or opposite of other entities, where the
    minimum of a wrong binding of roles would lie. In half of the outcomes only one subject moves.

    Args:
        rng: Random generator.
        positions: (B, N, 2) demonstrated outcomes, workspace units.
        before: (B, N, 2) first states.
        subjects: (B, N) bool.
        present: (B, N) bool.
        count: k, number of outcomes per event.

    Returns:
        (B, k, N, 2) float32, workspace units; entities that are no subjects stay.
    """
    batch, num_entities, _ = positions.shape
    shape = (batch, count, num_entities, 2)
    here = np.broadcast_to(positions[:, None], shape)
    anywhere = rng.uniform(-REACH, REACH, shape)
    scale = np.exp(rng.uniform(np.log(0.01), 0.0, (batch, count, 1, 1)))
    nearby = here + scale * rng.standard_normal(shape)

    weight = rng.random((batch, count, num_entities, num_entities)) * present[:, None, None, :]
    first = weight.argmax(axis=-1)
    second = (weight * (np.arange(num_entities) != first[..., None])).argmax(axis=-1)
    rows = np.arange(batch)[:, None, None]
    a, b = positions[rows, first], positions[rows, second]
    share = rng.choice([0.0, 0.5, 1.0, 2.0], (batch, count, num_entities, 1))
    jitter = np.exp(rng.uniform(np.log(0.02), np.log(0.3), (batch, count, 1, 1)))
    tempting = a + share * (b - a) + jitter * rng.standard_normal(shape)

    stayed = np.broadcast_to(before[:, None], shape)
    kind = rng.random((batch, count, 1, 1))
    outcome = np.where(kind < 0.3, anywhere, np.where(kind < 0.8, nearby, tempting))
    outcome = np.where(kind > 0.98, stayed, outcome)
    outcome = np.clip(outcome, -REACH, REACH)

    pick = (rng.random((batch, count, num_entities)) * subjects[:, None]).argmax(axis=-1)
    one = np.arange(num_entities) == pick[..., None]
    moves = np.where(rng.random((batch, count, 1)) < 0.5, one, True) & subjects[:, None]
    return np.where(moves[..., None], outcome, here).astype(np.float32)


def candidate_masks(
    rng: np.random.Generator,
    attention: np.ndarray,
    subjects: np.ndarray,
    present: np.ndarray,
    count: int,
) -> np.ndarray:
    """Draw masks that differ from the demonstrated one.

    Half differ in one entity, a quarter are permutations of the demonstrated mask, a quarter are
    random. Where the demonstrated mask contains no subject, most candidates do not either.

    Args:
        rng: Random generator.
        attention: (B, N) 0 or 1, demonstrated masks.
        subjects: (B, N) bool.
        present: (B, N) bool.
        count: k, number of masks per event.

    Returns:
        (B, k, N) float32, 0 or 1; a few may equal the demonstrated mask.
    """
    batch, num_entities = attention.shape
    shape = (batch, count, num_entities)
    truth = np.broadcast_to(attention[:, None] > 0.5, shape)
    here = np.broadcast_to(present[:, None], shape)
    separate = ~(attention.astype(bool) & subjects).any(axis=-1)
    spare = subjects[:, None] & separate[:, None, None] & (rng.random((batch, count, 1)) < 0.8)
    free = here & ~spare

    flip = (rng.random(shape) * free).argmax(axis=-1)
    flipped = truth ^ (np.arange(num_entities) == flip[..., None])
    order = np.argsort(rng.random(shape) + 10.0 * ~free, axis=-1)
    ranked = np.argsort(-truth.astype(float) - 0.5 * rng.random(shape), axis=-1)
    permuted = np.zeros(shape, bool)
    np.put_along_axis(permuted, order, np.take_along_axis(truth, ranked, axis=-1), axis=-1)
    anything = rng.random(shape) < rng.uniform(0.1, 0.9, (batch, count, 1))
    kind = rng.random((batch, count, 1))
    masks = np.where(kind < 0.5, flipped, np.where(kind < 0.75, permuted, anything))
    return (masks & free).astype(np.float32)
