"""From energies to probabilities: how likely a concept truly holds, given its energy.

Fitted in the particle world, where the predicate says what truly holds: demonstrations of every
word, their subjects displaced by nothing, a little or a lot, are labelled by the predicate, and a
logistic curve over the logarithm of the energy is fitted to the labels (Platt, "Probabilistic
outputs for support vector machines", 1999), both labels weighing the same. So 0.5 is where the
predicate is as likely to say yes as no, for a scene of which nothing is known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from concept_control.concepts.vocabulary import NamedConcept, vocabulary
from concept_control.energy.model import ConceptModel
from concept_control.language.library import LibraryConcept
from concept_control.world.events import Events

FLOOR = 1e-6
"""Energy that is added before the logarithm is taken."""

SLOPE_RIDGE = 0.01
"""Ridge penalty on log(slope); keeps the fit finite for separable labels."""

NUM_EVENTS = 200
"""Number of labelled events of each word."""


@dataclass(frozen=True)
class Calibration:
    """P(holds | E) = 1 / (1 + exp(slope * (log(E + FLOOR) - middle))).

    Attributes:
        middle: Logarithm of the energy at which it is as likely as not.
        slope: Steepness of the curve, > 0.
        word: Name it was fitted to; '' for all words together.
    """

    middle: float
    slope: float
    word: str = ''

    def probability(self, energies: np.ndarray) -> np.ndarray:
        """Return the probabilities (...,) that go with energies (...,)."""
        logit = self.slope * (self.middle - np.log(np.asarray(energies) + FLOOR))
        return 1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0)))


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
    events = events.with_outcome(torch.as_tensor(after, dtype=torch.float32))
    return events, np.asarray(word.holds(events), dtype=bool)


def fit(energies: np.ndarray, holds: np.ndarray, word: str = '') -> Calibration:
    """Fit the curve to labelled energies (B,), both labels weighing the same."""
    x = np.log(np.asarray(energies, dtype=float) + FLOOR)
    sign = np.where(holds, 1.0, -1.0)
    weight = np.where(holds, 0.5 / max(holds.sum(), 1), 0.5 / max((~holds).sum(), 1))

    def loss(parameters: np.ndarray) -> float:
        middle, log_slope = parameters
        margin = sign * np.exp(log_slope) * (middle - x)
        return float(weight @ np.logaddexp(0.0, -margin) + SLOPE_RIDGE * log_slope**2)

    start = np.array([np.median(x), 0.0])
    middle, log_slope = minimize(loss, start, method='Nelder-Mead').x
    return Calibration(float(middle), float(np.exp(log_slope)), word)


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
        energies = model.action_energy(events, concept.code).cpu().numpy()
        found[concept.name] = fit(energies, holds, concept.name)
        pooled.append((energies, holds))
    if not pooled:
        return found
    energies, holds = (np.concatenate(part) for part in zip(*pooled))
    together = fit(energies, holds)
    return {c.name: found.get(c.name, together) for c in concepts if c.acts}
