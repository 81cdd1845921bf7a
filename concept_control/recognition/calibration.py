"""From energies to probabilities: how likely a concept truly holds.

Fitted in the particle world, where the predicate says what truly holds: demonstrations of every
word, their subjects displaced by nothing, a little or a lot, are labelled by the predicate, and a
logistic curve is fitted to the labels (Platt, "Probabilistic outputs for support vector machines",
1999), both labels weighing the same. So 0.5 is where the predicate is as likely to say yes as no,
for a scene of which nothing is known beforehand.

Two numbers are read: the energy, which says how far an outcome is from where the concept surely
holds, and the implausibility, which knows how sure that is. For an exact place the second says the
same of all outcomes that are not quite there; for a wide region the first says too little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from concept_control.concepts.vocabulary import NamedConcept, vocabulary
from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.energy.scene_batch import settled
from concept_control.language.library import LibraryConcept
from concept_control.world.events import Events

FLOORS = (1e-6, 1e-2)
"""Energy [workspace units²] and implausibility [nats] added before logarithms are taken."""

SLOPE_RIDGE = 0.01
"""Ridge penalty on the logarithms of the slopes; keeps the fit finite for separable labels."""

NUM_EVENTS = 200
"""Number of labelled events of each word."""


@dataclass(frozen=True)
class Calibration:
    """P(holds | x) = 1 / (1 + exp(slopes . (x - middle) - offset)), x as `evidence` returns it.

    Attributes:
        middle: (2,) mean of x where it was fitted.
        slopes: (2,) steepness of the curve in both, > 0.
        offset: Log odds at the middle.
        word: Name it was fitted to; '' for all words together.
    """

    middle: np.ndarray
    slopes: np.ndarray
    offset: float
    word: str = ''

    def probability(self, x: np.ndarray) -> np.ndarray:
        """Return the probabilities (B,) that go with evidence (B, 2)."""
        logit = self.offset - (x - self.middle) @ self.slopes
        return 1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0)))


def evidence(model: ConceptModel, events: Events, code: ConceptCode) -> np.ndarray:
    """Return (B, 2) logarithms of energy and implausibility of the events' outcomes."""
    both = (model.action_energy(events, code), model.implausibility(events, code))
    return np.log(np.stack([x.cpu().numpy().astype(float) for x in both], axis=-1) + FLOORS)


def labelled(word: NamedConcept, seed: int, count: int = NUM_EVENTS) -> tuple[Events, np.ndarray]:
    """Draw events of a word, some perturbed, and label them by its predicate.

    Returns:
        About `count` events, and their labels (B,) bool.
    """
    rng = np.random.default_rng([seed, *word.name.encode()])
    drawn = word.demonstrations(seed + 1, count)
    events = drawn[drawn.subjects.any(dim=-1)]
    after = events.positions[:, -1].numpy().copy()
    subjects = events.subjects.numpy()
    kind = rng.random(len(events))[:, None, None]
    scale = np.exp(rng.uniform(np.log(0.01), np.log(0.6), (len(events), 1, 1)))
    displaced = np.clip(after + scale * rng.standard_normal(after.shape), -1.0, 1.0)
    anywhere = rng.uniform(-0.95, 0.95, after.shape)
    perturbed = np.where(kind < 0.7, displaced, anywhere)
    after = np.where(subjects[..., None] & (kind > 0.3), perturbed, after)
    bottoms = events.bottoms[:, -1] if events.is_stacked else None
    moved = settled(events.with_outcome(torch.as_tensor(after, dtype=torch.float32), bottoms))
    return moved, np.asarray(word.holds(moved), dtype=bool)


def fit(x: np.ndarray, holds: np.ndarray, word: str = '') -> Calibration:
    """Fit the curve to labelled evidence (B, 2), both labels weighing the same."""
    middle = x.mean(axis=0)
    sign = np.where(holds, 1.0, -1.0)
    weight = np.where(holds, 0.5 / max(holds.sum(), 1), 0.5 / max((~holds).sum(), 1))

    def loss(parameters: np.ndarray) -> float:
        offset, *log_slopes = parameters
        margin = sign * (offset - (x - middle) @ np.exp(log_slopes))
        ridge = SLOPE_RIDGE * float(np.square(log_slopes).sum())
        return float(weight @ np.logaddexp(0.0, -margin)) + ridge

    options = {'maxiter': 2000}
    offset, *log_slopes = minimize(
        loss, [0.0, -1.0, -1.0], method='Nelder-Mead', options=options
    ).x
    return Calibration(middle, np.exp(log_slopes), float(offset), word)


def calibrate(
    model: ConceptModel, concepts: Sequence[LibraryConcept], seed: int = 0
) -> dict[str, Calibration]:
    """Fit a curve for each concept that acts; one for all words where a predicate is missing.

    A taught concept has no predicate. As energies are distances squared in the same units for
    all of them, it gets the curve of all words together.
    """
    words = vocabulary()
    found: dict[str, Calibration] = {}
    pooled: list[tuple[np.ndarray, np.ndarray]] = []
    shipped = [c for c in concepts if c.acts and c.source == 'shipped' and c.name in words]
    for concept in shipped:
        events, holds = labelled(words[concept.name], seed)
        x = evidence(model, events, concept.code)
        found[concept.name] = fit(x, holds, concept.name)
        pooled.append((x, holds))
    if not pooled:
        return found
    x, holds = (np.concatenate(part) for part in zip(*pooled))
    together = fit(x, holds)
    return {c.name: found.get(c.name, together) for c in concepts if c.acts}
