"""Accuracy of strokes whose codes are inferred from a few examples, for one network."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from concept_control.policy.coding import CodedPolicy
from concept_control.policy.datasets import FIGURES, load_figure, random_figure
from concept_control.policy.metrics import nearest
from concept_control.policy.strokes import Strokes

SHOT_COUNTS = (1, 5)
FRESH_SEED = 2021
"""Seed of figures that no training saw; that of the training starts at 0."""

HAND_SEED = 7
"""Seed of the data sets' demonstrations: others than the shipped policies were trained on."""

HELD_OUT = 3
"""Number of strokes of a fresh figure that are not shown, to compare with."""

APART = 8
"""Least number of steps between two places of a stroke that are not the same turn of it."""

TOUCHES = 0.06
"""Places nearer than this [sizes] look the same to a policy that only knows where it is."""


def code_rows(num_random: int, num_rollouts: int) -> list[dict[str, Any]]:
    """Infer codes from 1 and from 5 examples, draw, and compare with strokes of the same hand.

    Args:
        num_random: Number of figures drawn at random, beside the four data sets.
        num_rollouts: Number of rollouts for each of the data sets; 1 for a random figure.

    Returns:
        A row for each data set, one for random figures that keep off themselves, and one for those
        that cross or touch themselves, by number of examples.
    """
    coded, rows = CodedPolicy.load(), []
    for shots in SHOT_COUNTS:
        for name in FIGURES:
            strokes, _ = load_figure(name, HAND_SEED)
            distances, seconds = _drawn(coded, strokes, shots, num_rollouts)
            rows.append(_row(name, shots, distances, [seconds]))
        rng = np.random.default_rng(FRESH_SEED)
        figures = [random_figure(rng, max(SHOT_COUNTS) + HELD_OUT) for _ in range(num_random)]
        for name, touches in (('random', False), ('crossing', True)):
            found = [_drawn(coded, f, shots, 1) for f in figures if is_touching(f) == touches]
            if found:
                distances = np.concatenate([d for d, _ in found])
                rows.append(_row(name, shots, distances, [s for _, s in found]))
    return rows


def is_touching(strokes: Strokes) -> bool:
    """Tell whether a figure comes near a place again where it was, other than at its end."""
    points = strokes.positions[0]
    steps = np.arange(len(points))
    gap = np.abs(steps[:, None] - steps)
    if strokes.is_closed:
        gap = np.minimum(gap, len(points) - 1 - gap)
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    return bool((distance[gap > APART] < TOUCHES).any())


def _drawn(
    coded: CodedPolicy, strokes: Strokes, shots: int, rollouts: int
) -> tuple[np.ndarray, float]:
    """Return (rollouts,) Fréchet distances in sizes, and the seconds of inference."""
    start = time.monotonic()
    policy = coded.infer(strokes[:shots])
    seconds = time.monotonic() - start
    lines = policy.rollout(np.zeros((rollouts, 2)))
    return np.array([nearest(line, strokes.positions)[0] for line in lines]), seconds


def _row(name: str, shots: int, distances: np.ndarray, seconds: list[float]) -> dict[str, Any]:
    return {
        'figure': name,
        'drawings': len(distances),
        'examples': shots,
        'frechet_median': float(np.median(distances)),
        'frechet_p95': float(np.percentile(distances, 95)),
        'frechet_worst': float(distances.max()),
        'within_5_percent': float((distances <= 0.05).mean()),
        'inference_s': float(np.median(seconds)),
    }
