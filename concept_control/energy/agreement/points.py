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
from typing import NamedTuple

import torch
from torch.nn.utils.rnn import pad_sequence

from concept_control.energy.measurements.fitted import POINT, Fitted, anchor_point
from concept_control.energy.measurements.scene_view import SceneView

_NOISES = (0.004, 0.012, 0.035)
_FACTORS = ((1.0, 1.0), (-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (0.5, 0.5), (2.0, 2.0), (0.0, 0.0))
"""Plain factors of an anchor's x and y."""
_TABLE_DENSITY = 0.25
_COST = 3.0
_OFFSET_VARIANCE = 0.36
_SHORTEST_PAIR = 0.05
"""Distance of two anchors from which on they are a frame [workspace units]."""


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
    plain, fit = _plain_combination(view, count), _regression(view, count)
    return plain if plain.log_odds >= fit.log_odds else fit


def points_as_shown(view: SceneView, count: int) -> list[PointHypothesis]:
    """Return the ways to put the one demonstrated place over to other scenes.

    It is where it was on the table, or as seen from an anchor, or in the frame of a pair of
    anchors, turned and as large as the pair. That as many numbers fit one place speaks neither for
    nor against any of them: their log odds are their costs.

    Args:
        view: One demonstration of one subject.
        count: Number of attended.
    """
    found = []
    for anchors in _anchor_sets(count):
        is_swapped = any(anchor.endswith("'") for anchor in anchors)
        fitted = None if is_swapped else _as_shown(view, anchors)
        if fitted is not None:
            cost = _Form(anchors, has_offset=True, is_split=False).cost(count)
            found.append(PointHypothesis(-cost, _NOISES[-1], fitted))
    return found


def _as_shown(view: SceneView, anchors: tuple[str, ...]) -> Fitted | None:
    """Return the place seen from no anchor, one, or a pair; None where the two are one point."""
    place, *points = (each[0].tolist() for each in (view.place, *map(view.anchor, anchors)))
    if len(points) < 2:
        x, y = points[0] if points else (0.0, 0.0)
        return Fitted(POINT, anchors, (1.0,) * (2 * len(points)) + (place[0] - x, place[1] - y))
    at, first, last = (complex(*each) for each in (place, *points))
    if abs(last - first) < _SHORTEST_PAIR:
        return None
    # In complex numbers a frame is turned and stretched by one factor.
    share = (at - first) / (last - first)
    along, across = share.real, share.imag
    swapped = tuple(f"{anchor}'" for anchor in anchors)
    factors = (1 - along, 1 - along, along, along, across, -across, -across, across)
    return Fitted(POINT, (*anchors, *swapped), (*factors, 0.0, 0.0))


def _anchor_sets(count: int) -> list[tuple[str, ...]]:
    sets: list[tuple[str, ...]] = [(), ('start',), ("start'",)]
    if count >= 1:
        sets += [('attended',), ('attended', 'start'), ("attended'",), ('attended', "start'")]
    if count >= 2:
        orders = ('x', 'y', 'start', 'size', 'brightness')
        sets += [(f'first {order}', f'last {order}') for order in orders]
    return sets


class _Form(NamedTuple):
    """What a regression reads: anchors; whether an offset; whether x and y have factors apart."""

    anchors: tuple[str, ...]
    has_offset: bool
    is_split: bool

    def cost(self, count: int) -> float:
        """Return the log odds by which it is less likely than a place anywhere."""
        cost = _COST + len(self.anchors) + 1.5 * self.is_split
        if count >= 1 and 'attended' not in self.anchors and len(self.anchors) < 2:
            cost += 2.5
        return cost

    def prior(self) -> torch.Tensor:
        """Return the prior variances (P,) of the factors and the offset."""
        number = len(self.anchors) * (2 if self.is_split else 1)
        return torch.tensor([1.0] * number + [_OFFSET_VARIANCE] * (2 * self.has_offset))


def _regression(view: SceneView, count: int) -> PointHypothesis:
    """Return the likeliest regression of the demonstrated places on anchors."""
    shots = len(view.place)
    target = view.place.reshape(-1).double()
    axes = torch.eye(2).repeat(1, shots)
    forms = [
        _Form(anchors, *rest)
        for anchors in _anchor_sets(count)
        for rest in itertools.product((True, False), (False, True))
        if anchors or rest == (True, False)
    ]
    columns = {
        name: anchor_point(view, name).reshape(-1) for form in forms for name in form.anchors
    }
    designs = []
    for form in forms:
        rows = [columns[n] * axes if form.is_split else columns[n][None] for n in form.anchors]
        designs.append(torch.cat([*rows, axes] if form.has_offset else rows).double())
    # Padded with columns of zeros: the decomposition of all serves every level of noise, too.
    design = pad_sequence(designs, batch_first=True)
    prior = pad_sequence([form.prior() for form in forms], batch_first=True)
    values, vectors = torch.linalg.eigh(design.mT @ (prior.unsqueeze(-1) * design))
    noises = target.new_tensor(_NOISES)
    variances = values.clamp(min=0.0).unsqueeze(1) + noises[:, None].square()
    squares = (vectors.mT @ target).square().unsqueeze(1) / variances
    likelihoods = -0.5 * (squares + (2 * math.pi * variances).log()).sum(dim=-1)
    costs = target.new_tensor([form.cost(count) for form in forms])
    log_odds = likelihoods - shots * math.log(_TABLE_DENSITY) - costs.unsqueeze(-1)
    best, level = divmod(int(log_odds.argmax()), len(_NOISES))
    return _fit(forms[best], designs[best], target, _NOISES[level], float(log_odds[best, level]))


def _fit(
    form: _Form, design: torch.Tensor, target: torch.Tensor, noise: float, log_odds: float
) -> PointHypothesis:
    """Fit the factors of the anchors, and the offset, by a design (P, 2 M)."""
    precision = design @ design.T / noise**2 + torch.diag(1 / form.prior())
    found = torch.linalg.solve(precision, design @ target / noise**2).tolist()
    factors = found[: len(found) - 2 * form.has_offset]
    if not form.is_split:
        factors = [factor for factor in factors for _ in range(2)]
    offset = found[-2:] if form.has_offset else (0.0, 0.0)
    return PointHypothesis(log_odds, noise, Fitted(POINT, form.anchors, (*factors, *offset)))


def _plain_combination(view: SceneView, count: int) -> PointHypothesis:
    """Return the likeliest combination with plain factors: they cost no evidence for fitting."""
    nowhere = (0.0, 0.0)
    of_attended = _FACTORS if count >= 1 else (nowhere,)
    attended, start = torch.tensor(of_attended), torch.tensor(_FACTORS)
    cost_attended, cost_start = (
        torch.tensor([2.0 if f != (1.0, 1.0) else 1.0 for f in factors])
        * torch.tensor([f != nowhere for f in factors])
        for factors in (of_attended, _FACTORS)
    )
    points = (view.anchor('attended') * attended[:, None])[:, None]
    points = points + view.start * start[:, None]
    square = (view.place - points).square().sum(dim=-1).unsqueeze(-2)
    variances = torch.tensor(_NOISES[:2]).square().unsqueeze(-1)
    density = -0.5 * square / variances - (2 * math.pi * variances).log()
    log_odds = (density - math.log(_TABLE_DENSITY)).sum(dim=-1)
    log_odds -= (_COST + 1.0 + cost_attended[:, None] + cost_start).unsqueeze(-1)
    best = int(log_odds.argmax())
    rest, level = divmod(best, 2)
    i, j = divmod(rest, len(_FACTORS))
    anchors = ('attended', 'start') if count >= 1 else ('start',)
    factors = (*of_attended[i], *_FACTORS[j]) if count >= 1 else _FACTORS[j]
    fitted = Fitted(POINT, anchors, (*factors, *nowhere))
    return PointHypothesis(float(log_odds.flatten()[best]), _NOISES[level], fitted)
