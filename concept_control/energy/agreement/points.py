"""Hypotheses that say exactly where: the subject's place as an affine function of anchors.

Bayesian linear regression of the demonstrated places on anchors, for several sets of anchors and
levels of noise, and a few plain combinations (the mirror image, half-way, ...). The log evidence
is that of the regression against a place drawn uniformly from the table (Bishop, "Pattern
recognition and machine learning", 2006, section 3.5).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch

from concept_control.energy.measurements.fitted import POINT, Fitted, anchor_point
from concept_control.energy.measurements.scene_view import SceneView

_NOISES = (0.004, 0.012, 0.035)
_FACTORS = ((1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (0.5, 0.5), (2.0, 2.0), (0.0, 0.0))
"""Plain factors of an anchor's x and y."""
_TABLE_DENSITY = 0.25
_COST = 3.0
_OFFSET_VARIANCE = 0.36


@dataclass(frozen=True)
class PointHypothesis:
    """One way to say where the subject goes.

    Attributes:
        log_odds: Log evidence against anywhere on the table, its cost subtracted.
        noise: Standard deviation of the places around the point [workspace units].
        fitted: Measurement of the distance to the point.
    """

    log_odds: float
    noise: float
    fitted: Fitted


def point_hypotheses(view: SceneView, count: int) -> list[PointHypothesis]:
    """Return hypotheses about the places of M demonstrations, the likeliest first.

    Args:
        view: M demonstrations of one subject.
        count: Fewest attended of any demonstration.
    """
    found = [
        hypothesis
        for anchors in _anchor_sets(count)
        for hypothesis in _regressions(view, anchors, count)
    ]
    found += _plain_combinations(view, count)
    return sorted(found, key=lambda each: -each.log_odds)


def _anchor_sets(count: int) -> list[tuple[str, ...]]:
    sets: list[tuple[str, ...]] = [(), ('start',), ("start'",)]
    if count >= 1:
        sets += [('attended',), ('attended', 'start'), ("attended'",), ('attended', "start'")]
    if count >= 2:
        orders = ('x', 'y', 'start', 'size', 'brightness')
        sets += [(f'first {order}', f'last {order}') for order in orders]
    return sets


def _regressions(view: SceneView, anchors: tuple[str, ...], count: int) -> list[PointHypothesis]:
    found = []
    for has_offset, is_split in itertools.product((True, False), (False, True)):
        if not anchors and (is_split or not has_offset):
            continue
        cost = _COST + len(anchors) + 1.5 * is_split
        if count >= 1 and 'attended' not in anchors and len(anchors) < 2:
            cost += 2.5
        found.append(_regression(view, anchors, has_offset, is_split, cost))
    return found


def _regression(
    view: SceneView, anchors: tuple[str, ...], has_offset: bool, is_split: bool, cost: float
) -> PointHypothesis:
    design = _design(view, anchors, has_offset, is_split)
    number = len(anchors) * (2 if is_split else 1)
    prior = torch.tensor([1.0] * number + [_OFFSET_VARIANCE] * (2 * has_offset))
    target = view.place.reshape(-1).double()
    shots = len(view.place)
    best = PointHypothesis(-math.inf, _NOISES[0], Fitted(POINT, anchors, ()))
    for noise in _NOISES:
        covariance = (design * prior) @ design.T + noise**2 * torch.eye(2 * shots).double()
        factor = torch.linalg.cholesky(covariance)
        whitened = torch.linalg.solve_triangular(factor, target[:, None], upper=False)
        likelihood = (
            -0.5 * whitened.square().sum()
            - factor.diagonal().log().sum()
            - shots * math.log(2 * math.pi)
        )
        log_odds = float(likelihood) - shots * math.log(_TABLE_DENSITY) - cost
        if log_odds > best.log_odds:
            precision = design.T @ design / noise**2 + torch.diag(1 / prior)
            weights = torch.linalg.solve(precision, design.T @ target / noise**2)
            parameters = _parameters(weights.tolist(), len(anchors), has_offset, is_split)
            best = PointHypothesis(log_odds, noise, Fitted(POINT, anchors, parameters))
    return best


def _design(
    view: SceneView, anchors: tuple[str, ...], has_offset: bool, is_split: bool
) -> torch.Tensor:
    """Return the design matrix (2 M, P): x and y of each demonstration in turn."""
    columns = []
    for name in anchors:
        point = anchor_point(view, name)
        columns += [point * axis for axis in torch.eye(2)] if is_split else [point]
    if has_offset:
        columns += [axis.expand_as(view.place) for axis in torch.eye(2)]
    return torch.stack([column.reshape(-1) for column in columns], dim=-1).double()


def _parameters(
    weights: list[float], anchors: int, has_offset: bool, is_split: bool
) -> tuple[float, ...]:
    each = weights[: anchors * (2 if is_split else 1)]
    factors = each if is_split else [weight for weight in each for _ in range(2)]
    return (*factors, *(weights[-2:] if has_offset else (0.0, 0.0)))


def _plain_combinations(view: SceneView, count: int) -> list[PointHypothesis]:
    """Return combinations with plain factors: they cost no evidence for fitting."""
    found = []
    attended = view.anchor('attended') if count >= 1 else torch.zeros_like(view.place)
    nowhere = (0.0, 0.0)
    for of_attended in _FACTORS if count >= 1 else (nowhere,):
        for of_start in _FACTORS:
            point = attended * torch.tensor(of_attended) + view.start * torch.tensor(of_start)
            square = (view.place - point).square().sum(dim=-1)
            cost = (
                _COST
                + 1.0
                + sum(
                    2.0 if factors != (1.0, 1.0) else 1.0
                    for factors in (of_attended, of_start)
                    if factors != nowhere
                )
            )
            anchors = ('attended', 'start') if count >= 1 else ('start',)
            factors = (*of_attended, *of_start) if count >= 1 else of_start
            for noise in _NOISES[:2]:
                density = -0.5 * square / noise**2 - math.log(2 * math.pi * noise**2)
                log_odds = float((density - math.log(_TABLE_DENSITY)).sum()) - cost
                fitted = Fitted(POINT, anchors, (*factors, 0.0, 0.0))
                found.append(PointHypothesis(log_odds, noise, fitted))
    return found
