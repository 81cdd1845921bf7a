"""Numbers of perception benchmarks: frames and sequences added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from concept_control.benchmarks.perception.frames import TRAITS, BlockResult, FrameResult
from concept_control.benchmarks.perception.sequences import SequenceResult
from concept_control.world.entity import EntityStatus

HALF_VISIBLE = 0.5
"""Share of a block's silhouette from which it counts."""

WITHIN_95 = 7.815
"""95th percentile of chi-squared with three degrees of freedom, which a normalised error follows
if the claimed covariance is right."""


@dataclass
class Tally:
    """Frames of one kind, added up.

    Attributes:
        blocks: Results of every block of every frame.
        num_false: Detections where no block is.
        seconds: CPU time of each detection [s].
    """

    blocks: list[BlockResult] = field(default_factory=list)
    num_false: int = 0
    seconds: list[float] = field(default_factory=list)

    def add(self, frame: FrameResult) -> None:
        """Add one frame."""
        self.blocks += frame.blocks
        self.num_false += len(frame.false)
        self.seconds.append(frame.seconds)

    def summary(self) -> dict[str, Any]:
        """Return the numbers, lengths in millimetres, of blocks at least half visible."""
        judged = [block for block in self.blocks if block.visible >= HALF_VISIBLE]
        times = 1e3 * np.array(self.seconds)
        return {
            **_summary(judged),
            'false': self.num_false,
            'ms_median': _percentile(times, 50),
            'ms_p95': _percentile(times, 95),
            'traits': {
                trait: _summary([block for block in judged if trait in block.traits])
                for trait in TRAITS
            },
        }


def _summary(judged: Sequence[BlockResult]) -> dict[str, Any]:
    """Return the numbers of some blocks."""
    found = [(b.truth, b.detection, b) for b in judged if b.detection is not None]
    errors = 1e3 * np.array([np.linalg.norm(b.error) for _, _, b in found])
    sizes = 1e3 * np.array([np.abs(d.size - t.size).max() for t, d, _ in found])
    tints = np.array([b.color_error for _, _, b in found])
    normalised = np.array([b.error @ np.linalg.solve(d.covariance, b.error) for _, d, b in found])
    right = np.array([float(d.shape == t.shape) for t, d, _ in found])
    return {
        'blocks': len(judged),
        'missed': len(judged) - len(found),
        'median_mm': _percentile(errors, 50),
        'p95_mm': _percentile(errors, 95),
        'p99_mm': _percentile(errors, 99),
        'max_mm': _percentile(errors, 100),
        'size_median_mm': _percentile(sizes, 50),
        'size_p95_mm': _percentile(sizes, 95),
        'color_median': _percentile(tints, 50),
        'color_p95': _percentile(tints, 95),
        'shape_right': float(right.mean()) if found else float('nan'),
        **_nees(normalised),
    }


def summarise_sequences(results: Sequence[SequenceResult]) -> dict[str, Any]:
    """Add up sequences, lengths in millimetres."""
    summary: dict[str, Any] = {
        'sequences': len(results),
        'frames': sum(result.num_frames for result in results),
    }
    for name in ('switches', 'lost', 'extra', 'wrong_holds'):
        summary[name] = sum(getattr(result, name) for result in results)
    for status in EntityStatus:
        word = status.name.lower()
        errors = [1e3 * e for result in results for e in result.errors.get(status, ())]
        normalised = [e for result in results for e in result.normalised_errors.get(status, ())]
        summary[f'{word}_median_mm'] = _percentile(errors, 50)
        summary[f'{word}_p95_mm'] = _percentile(errors, 95)
        summary |= {f'{word}_{key}': value for key, value in _nees(normalised).items()}
    times = [1e3 * seconds for result in results for seconds in result.seconds]
    return {**summary, 'ms_median': _percentile(times, 50), 'ms_p95': _percentile(times, 95)}


def _nees(normalised: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Summarise squared errors in units of the claimed covariance."""
    within = np.asarray(normalised) < WITHIN_95
    return {
        'nees_mean': float(np.mean(normalised)) if len(normalised) else float('nan'),
        'nees_median': _percentile(normalised, 50),
        'nees_within_95': float(within.mean()) if len(normalised) else float('nan'),
    }


def _percentile(values: Sequence[float] | np.ndarray, share: float) -> float:
    return float(np.percentile(values, share)) if len(values) else float('nan')
