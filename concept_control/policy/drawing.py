"""Drawings as strokes with a policy each: shipped policies by name, and drawings from files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from concept_control.policy.coding import CodedPolicy
from concept_control.policy.model import StrokePolicy, load_policy
from concept_control.policy.smooth_pieces import smooth_pieces
from concept_control.policy.step_energy import PolicyStroke
from concept_control.policy.stroke_files import SUFFIXES, read_curves
from concept_control.policy.strokes import NUM_STEPS, Strokes, strokes_from_curves
from concept_control.policy.training import RankingConfig, train_ranking

OWN_TRAINING = RankingConfig(steps=1500)
"""Training of a policy for one stroke of a file, where that is asked for."""

STEPS_PER_SIZE = 20
"""Steps per length of a line in sizes of its figure, up to `NUM_STEPS`: a circle has these."""


@dataclass(frozen=True)
class DrawingStroke:
    """One stroke of a drawing, the longer side of whose box is 1.

    Attributes:
        policy: Policy that draws the stroke.
        middle: (2,) middle of the stroke's figure, from that of the drawing.
        size: Size of the stroke's figure.
        examples: Examples that the policy was learned or inferred from; None for a shipped one.
    """

    policy: StrokePolicy
    middle: np.ndarray
    size: float
    examples: Strokes | None = None


def load_strokes(what: str, is_trained: bool = False, seed: int = 0) -> Iterator[DrawingStroke]:
    """Read the strokes of a drawing, one after the other: each can take seconds.

    Args:
        what: Name of a shipped policy, path of a policy's card, or path of a drawing. The
            curves of an SVG are strokes beside each other, in pieces where they turn sharply or
            touch themselves; those of CSV and NPZ are examples of one stroke.
        is_trained: Whether each stroke of a file gets a network of its own, in minutes, instead
            of a code for the shipped one, in seconds.
        seed: Seed of the inference.

    Raises:
        ModelError: for a policy that is not there.
        StrokeError: for a file that holds no strokes.
    """
    path = Path(what)
    if path.suffix.lower() not in SUFFIXES:
        yield DrawingStroke(load_policy(what), np.zeros(2), 1.0)
        return
    curves = read_curves(path)
    is_drawing = path.suffix.lower() == '.svg'
    groups = [[p] for curve in curves for p in smooth_pieces(curve)] if is_drawing else [curves]
    yield from strokes_from_examples(groups, path.stem, is_trained, seed)


def strokes_from_examples(
    groups: Sequence[Sequence[np.ndarray]], name: str, is_trained: bool = False, seed: int = 0
) -> Iterator[DrawingStroke]:
    """Read the strokes of a drawing, each given by examples (L, 2) of it, see `load_strokes`."""
    first = np.concatenate([np.asarray(group[0], dtype=float) for group in groups])
    low, high = first.min(axis=0), first.max(axis=0)
    middle, extent = (low + high) / 2, float((high - low).max())
    coded = None if is_trained else CodedPolicy.load()
    for number, group in enumerate(groups):
        title = f'{name} {number + 1}' if len(groups) > 1 else name
        examples = strokes_from_curves(group, _num_steps(group[0]), title)
        policy = (
            train_ranking(examples, OWN_TRAINING)
            if coded is None
            else coded.infer(examples, seed=seed)
        )
        start = np.mean([np.asarray(curve, dtype=float)[0] for curve in group], axis=0)
        at = start + examples.scale * policy.center
        yield DrawingStroke(policy, (at - middle) / extent, examples.scale / extent, examples)


def _num_steps(curve: np.ndarray) -> int:
    """Return how many steps a line (L, 2) is divided into; a short and simple one needs few."""
    curve = np.asarray(curve, dtype=float)
    length = np.linalg.norm(np.diff(curve, axis=0), axis=1).sum()
    size = np.ptp(curve, axis=0).max()
    return int(min(STEPS_PER_SIZE * length / size, NUM_STEPS)) if size > 0 else NUM_STEPS


def place_strokes(
    strokes: Sequence[DrawingStroke],
    center: np.ndarray,
    size: float,
    rotation: np.ndarray,
    seed: int = 0,
) -> tuple[PolicyStroke, ...]:
    """Put a drawing on the table.

    Args:
        strokes: Strokes of the drawing.
        center: (2,) middle of the drawing in the world [m].
        size: Longer side of its box [m].
        rotation: (2, 2) rotation from the drawing's axes to the world's.
        seed: Seed of the choice of modes.
    """
    return tuple(
        PolicyStroke(
            stroke.policy,
            center,
            size * stroke.size,
            rotation,
            seed,
            offset=size * (rotation @ stroke.middle),
        )
        for stroke in strokes
    )
