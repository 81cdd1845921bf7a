"""Report of a drawing: what is printed, the picture, the line and the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from concept_control.demos.drawing_config import DrawConfig
from concept_control.demos.drawing_pictures import draw_report
from concept_control.demos.drawing_result import DrawingResult, hausdorff_distance
from concept_control.policy.drawing import DrawingStroke
from concept_control.policy.metrics import nearest
from concept_control.reports.provenance import provenance

GOOD_CODE = 0.05
"""Fréchet distance of a drawn figure to its examples, in sizes, above which people are told."""


@dataclass(frozen=True)
class DrawReport:
    """Outcome of a drawing.

    Attributes:
        is_good: Whether the arm drew it within the tolerance.
        numbers: Plain values for `--json`.
    """

    is_good: bool
    numbers: dict[str, Any]


def report_code_quality(parts: Sequence[DrawingStroke]) -> list[float]:
    """Print how well policies from a file draw their examples; return the Fréchet distances."""
    qualities = []
    for part in parts:
        if part.examples is None:
            continue
        distance = nearest(part.policy.rollout()[0], part.examples.positions)[0]
        qualities.append(distance)
        if distance > GOOD_CODE:
            print(f'{part.policy.name}: drawn {100 * distance:.1f} % of its size off')
    if qualities:
        how = 'a network each' if parts[0].policy.code is None else 'a code each for one network'
        print(
            f'{len(qualities)} stroke(s), {how}, drawn {100 * np.median(qualities):.1f} % of '
            f'their size off (median), {100 * max(qualities):.1f} % at most'
        )
        if max(qualities) > GOOD_CODE and parts[0].policy.code is not None:
            print('a network for each may be nearer: --train --no-ros')
    return qualities


def report(
    config: DrawConfig,
    result: DrawingResult,
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    qualities: Sequence[float],
) -> DrawReport:
    """Write picture and line, and print how it went.

    Args:
        config: Configuration of the drawing.
        result: Lines that were drawn.
        before: Images (H, W, 3) at the start, one a point of view.
        after: Images at the end, the line in them.
        qualities: Fréchet distances of the policies to their examples.
    """
    config.output.mkdir(parents=True, exist_ok=True)
    each = [
        hausdorff_distance(line[:, :2], path) for line, path in zip(result.lines, result.paths)
    ]
    name = Path(config.figure).stem
    picture = config.output / f'{name}.png'
    draw_report(picture, f'draw {name}', before, after, result.lines, result.paths, each)
    arrays: dict[str, Any] = {f'line_{i + 1}': line for i, line in enumerate(result.lines)}
    np.savez(config.output / f'{name}.npz', **arrays)
    deviation = result.deviation()
    is_bent = config.extra_energy is not None
    is_good = result.status == 'satisfied' and (is_bent or deviation <= config.tolerance)
    numbers: dict[str, Any] = {
        'figure': config.figure,
        'status': result.status,
        'text': result.text,
        'deviation_mm': 1000 * deviation if np.isfinite(deviation) else None,
        'each_mm': [1000 * value for value in each],
        'tolerance_mm': 1000 * config.tolerance,
        'frechet_to_examples': list(qualities),
        'duration_s': result.duration,
        'guarded_periods': result.guarded,
        'provenance': provenance(),
    }
    if len(result.plan_times):
        p50, p99 = 1000 * np.percentile(result.plan_times, [50, 99])
        numbers |= {'plan_p50_ms': p50, 'plan_p99_ms': p99}
    print(f'picture: {picture}')
    limit = 'bent by what was added' if is_bent else f'tolerance {1000 * config.tolerance:g} mm'
    print(
        f'RESULT: {"SUCCESS" if is_good else "FAILURE"}: {result.text}, the line at most '
        f"{1000 * deviation:.2f} mm from the policy's path ({limit}), "
        f'{result.duration:.1f} s simulated'
    )
    return DrawReport(is_good, numbers)
