"""The size principle: how much demonstrated values speak for bounds on a measurement.

M demonstrations drawn from within bounds are each 1 / (mass of the bounds) likelier than under the
background, so narrow bounds that hold all of them are likely and become likelier with M.
Integrated over bounds that contain the values, with a prior uniform in the logarithm of their
mass: Tenenbaum, "A Bayesian framework for concept learning", 1999; Tenenbaum and Griffiths,
"Generalization, similarity, and Bayesian inference", BBS 2001.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

INTERVAL, ONE_SIDED, AROUND_ZERO, ONE_SIGN = range(4)
"""Kinds of bounds: both open to doubt, one missing, symmetric about zero, zero itself."""

PRIORS = (0.4, 0.2, 0.4, 0.1)
"""How likely bounds are of each kind."""

_LOG_RANGE = math.log(1000.0)
_LOG_SAME = math.log(0.4 / 8)
"""Prior that a whole number is always the same, and which of the eight that are usual."""

_LEAST = 1e-5
_BLUR = 0.01
"""Width by which values are blurred, in standard deviations of the background."""

_WINDOW = 0.06
_FEW = 10.0


class Masses(NamedTuple):
    """Shares (K,) of the background within bounds of demonstrated values.

    Attributes:
        hull: Between the least and the largest value.
        one_sided: On the rarer side: below the largest, or above the least.
        around_zero: Between minus and plus the largest absolute value; 0 where unsigned.
        sign: On the values' side of zero; 0 where they are on both, or unsigned.
        lean: Logarithm of the share above the least over that below the largest value: positive
            where an upper bound says more.
    """

    hull: torch.Tensor
    one_sided: torch.Tensor
    around_zero: torch.Tensor
    sign: torch.Tensor
    lean: torch.Tensor


class Background:
    """Values (n, K) of the background with weights (n,) that sum to one."""

    def __init__(self, values: torch.Tensor, weights: torch.Tensor) -> None:
        self.size = len(values)
        # Those of one measurement after those of another: masses are of each alone.
        self._values, self._weights = values.T.contiguous(), weights
        # What is compared is written into one tensor: others take longer to get than to fill.
        self._inside = torch.empty_like(self._values)
        mean = self._values @ weights
        square = torch.mul(self._values, self._values, out=self._inside) @ weights
        self.deviation = (square - mean.square()).clamp(min=0.0).sqrt()

    def mass(
        self,
        lower: torch.Tensor,
        upper: torch.Tensor | None = None,
        columns: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the weights (K,) within bounds (K,), of all measurements or of some columns."""
        values = self._values if columns is None else self._values.index_select(0, columns)
        return self._mass(values, lower, upper)

    def _mass(
        self, values: torch.Tensor, lower: torch.Tensor, upper: torch.Tensor | None = None
    ) -> torch.Tensor:
        has_room = len(values) <= len(self._inside)
        inside = self._inside[: len(values)] if has_room else torch.empty_like(values)
        if upper is None:
            torch.ge(values, lower.unsqueeze(-1), out=inside)
        else:
            torch.clamp(values, lower.unsqueeze(-1), upper.unsqueeze(-1), out=inside)
            torch.eq(inside, values, out=inside)
        return inside @ self._weights

    def masses(
        self,
        lower: torch.Tensor,
        upper: torch.Tensor,
        is_signed: torch.Tensor,
        is_continuous: bool = True,
    ) -> Masses:
        """Return the masses of the bounds of demonstrated values (K,).

        Args:
            lower: Least values.
            upper: Largest values.
            is_signed: (K,) bool, measurements whose zero is special.
            is_continuous: Whether a mass of few samples is taken from the density around.
        """
        blur, window = _BLUR * self.deviation, _WINDOW * self.deviation

        def smooth(
            found: torch.Tensor, low: torch.Tensor, high: torch.Tensor, columns: torch.Tensor
        ) -> torch.Tensor:
            if not is_continuous:
                return found
            (few,) = torch.nonzero(found < _FEW / self.size, as_tuple=True)
            width, wide, which = (high - low)[few], window[columns[few]], columns[few]
            around = self.mass(low[few] - wide, high[few] + wide, which)
            share = (width + 2 * blur[which]) / (width + 2 * wide).clamp(min=1e-12)
            return found.index_copy(0, few, around * share)

        low, high = lower - blur, upper + blur
        above = self.mass(low)
        below = torch.le(self._values, high.unsqueeze(-1), out=self._inside) @ self._weights
        hull = smooth(self.mass(low, high), lower, upper, torch.arange(len(lower)))
        (signed,) = torch.nonzero(is_signed, as_tuple=True)
        largest = torch.maximum(lower.abs(), upper.abs())[signed]
        reach, values = largest + blur[signed], self._values.index_select(0, signed)
        near_zero = self._mass(values, -reach, reach)
        inside = self._inside[: len(values)]
        positive = torch.ge(values, 0.0, out=inside) @ self._weights
        # Of whole numbers many are zero, which is on both sides.
        below_zero = torch.lt if is_continuous else torch.le
        negative = below_zero(values, 0.0, out=inside) @ self._weights
        is_negative = upper[signed] <= 0.5 * blur[signed]
        is_positive = lower[signed] >= -0.5 * blur[signed]
        sign = torch.where(is_positive, positive, 0.0)
        sign = torch.where(is_negative, negative, sign)
        nothing = torch.zeros_like(lower)
        return Masses(
            hull=hull,
            one_sided=torch.minimum(below, above),
            around_zero=nothing.index_copy(
                0, signed, smooth(near_zero, -largest, largest, signed)
            ),
            sign=nothing.index_copy(0, signed, sign),
            lean=(above.clamp(min=_LEAST) / below.clamp(min=_LEAST)).log(),
        )


def log_evidence(
    masses: Masses, is_signed: torch.Tensor, shots: int, is_same: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the logarithm (K,) of the evidence, and the shares (4, K) of the kinds in it.

    Args:
        masses: Shares of the background.
        is_signed: (K,) bool, measurements whose zero is special.
        shots: M, number of demonstrations.
        is_same: (K,) bool, whole numbers that are the same throughout: as there are few, that is
            no narrow interval among others. None for none.
    """
    hull, one_sided, around_zero = (
        each.clamp(_LEAST, 1.0) for each in (masses.hull, masses.one_sided, masses.around_zero)
    )
    nothing = torch.full_like(hull, -torch.inf)
    if shots > 1:
        # Logarithms throughout: with dozens of demonstrations the powers overflow.
        log_power = (1 - shots) * hull.log()
        rest = (1 / (shots - 1) - hull / shots) * (-log_power).exp()
        inner = (1 / (shots * (shots - 1)) - rest).clamp(min=1e-12)
        interval = log_power + inner.log() - math.log(_LOG_RANGE)
        side = _log_power_less_one(one_sided, shots - 1) - math.log(shots - 1)
    else:
        interval = torch.full_like(hull, math.log(0.25))
        side = (-one_sided.log()).clamp(min=1e-12).log()
    zero = _log_power_less_one(around_zero, shots) - math.log(shots * _LOG_RANGE)
    has_sign = is_signed & (masses.sign > 0)
    sign = _log_power_less_one(masses.sign.clamp(1e-3, 1.0), shots)
    kinds = (
        interval,
        side,
        torch.where(is_signed, zero, nothing),
        torch.where(has_sign, sign, nothing),
    )
    parts = torch.stack([math.log(prior) + each for prior, each in zip(PRIORS, kinds)])
    parts = parts.clamp(min=math.log(1e-12))
    if is_same is not None:
        same = torch.where(is_same, _LOG_SAME - shots * hull.log(), -torch.inf)
        parts[INTERVAL] = torch.logaddexp(parts[INTERVAL], same)
    return torch.logsumexp(parts, dim=0), torch.softmax(parts, dim=0)


def _log_power_less_one(mass: torch.Tensor, power: int) -> torch.Tensor:
    """Return log(mass^-power - 1), for masses up to 1."""
    log = -power * mass.log()
    return log + (-torch.expm1(-log)).clamp(min=1e-12).log()
