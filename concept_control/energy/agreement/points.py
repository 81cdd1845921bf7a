"""Hypotheses that say exactly where: the subject's place as an affine function of anchors.

Bayesian linear regression of the demonstrated places on anchors, for several sets of anchors and
levels of noise, and a few plain combinations (the mirror image, half-way, ...). The log evidence
is that of the regression against a place drawn uniformly from the table (Bishop, "Pattern
recognition and machine learning", 2006, section 3.5).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
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


def best_point(view: SceneView, count: int) -> PointHypothesis:
    """Return the likeliest hypothesis about the places of M demonstrations.

    Args:
        view: M demonstrations of one subject.
        count: Fewest attended of any demonstration.
    """
    plain = max(_plain_combinations(view, count), key=lambda each: each.log_odds)
    fit = max(_regressions(view, count), key=lambda each: each.log_odds)
    return plain if plain.log_odds >= fit.log_odds else fit.hypothesis(view)


def _anchor_sets(count: int) -> list[tuple[str, ...]]:
    sets: list[tuple[str, ...]] = [(), ('start',), ("start'",)]
    if count >= 1:
        sets += [('attended',), ('attended', 'start'), ("attended'",), ('attended', "start'")]
    if count >= 2:
        orders = ('x', 'y', 'start', 'size', 'brightness')
        sets += [(f'first {order}', f'last {order}') for order in orders]
    return sets


@dataclass(frozen=True)
class _Regression:
    """A regression of the demonstrated places on anchors, at its likeliest level of noise."""

    anchors: tuple[str, ...]
    has_offset: bool
    is_split: bool
    noise: float
    log_odds: float

    def hypothesis(self, view: SceneView) -> PointHypothesis:
        """Fit the factors of the anchors, and the offset."""
        design = _design(view, self.anchors, self.has_offset, self.is_split)
        prior = _prior_variances(self.anchors, self.has_offset, self.is_split)
        precision = design.T @ design / self.noise**2 + torch.diag(1 / prior)
        target = view.place.reshape(-1).double()
        found = torch.linalg.solve(precision, design.T @ target / self.noise**2).tolist()
        factors = found[: len(found) - 2 * self.has_offset]
        if not self.is_split:
            factors = [factor for factor in factors for _ in range(2)]
        offset = found[-2:] if self.has_offset else (0.0, 0.0)
        fitted = Fitted(POINT, self.anchors, (*factors, *offset))
        return PointHypothesis(self.log_odds, self.noise, fitted)


def _regressions(view: SceneView, count: int) -> Iterator[_Regression]:
    for anchors in _anchor_sets(count):
        for has_offset, is_split in itertools.product((True, False), (False, True)):
            if not anchors and (is_split or not has_offset):
                continue
            cost = _COST + len(anchors) + 1.5 * is_split
            if count >= 1 and 'attended' not in anchors and len(anchors) < 2:
                cost += 2.5
            noise, log_odds = _likeliest_noise(view, anchors, has_offset, is_split)
            yield _Regression(anchors, has_offset, is_split, noise, log_odds - cost)


def _likeliest_noise(
    view: SceneView, anchors: tuple[str, ...], has_offset: bool, is_split: bool
) -> tuple[float, float]:
    """Return the likeliest noise, and its log evidence against anywhere on the table."""
    design = _design(view, anchors, has_offset, is_split)
    prior = _prior_variances(anchors, has_offset, is_split)
    target = view.place.reshape(-1).double()
    # One decomposition serves every level of noise.
    values, vectors = torch.linalg.eigh((design * prior) @ design.T)
    variances = values.clamp(min=0.0) + target.new_tensor(_NOISES)[:, None].square()
    squares = (vectors.T @ target).square() / variances
    likelihoods = -0.5 * (squares + (2 * math.pi * variances).log()).sum(dim=-1)
    best = int(likelihoods.argmax())
    against = len(view.place) * math.log(_TABLE_DENSITY)
    return _NOISES[best], float(likelihoods[best]) - against


def _prior_variances(anchors: tuple[str, ...], has_offset: bool, is_split: bool) -> torch.Tensor:
    number = len(anchors) * (2 if is_split else 1)
    return torch.tensor([1.0] * number + [_OFFSET_VARIANCE] * (2 * has_offset))


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
