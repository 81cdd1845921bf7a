"""Bounds on measurements, and how plausible values are under them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

KEPT, NEXT, TIE = range(3)
"""Kinds of clauses: bounds that hold, one more of unknown measurement, weak ones for ties."""

PER_CLAUSE = ('relevance', 'power', 'kind')
"""Attributes of `Bounds` with one number for each clause."""

PER_BOUND = ('index', 'lower', 'upper', 'scale', 'slack', 'open_lower', 'open_upper', 'sign',
             'clause', 'weight')  # fmt: skip
"""Attributes of `Bounds` with one number for each bound."""

_LEAST_EXCESS = 1e-4


@dataclass(frozen=True)
class Bounds:
    """Bounds on B measurements and how they are combined into clauses.

    Attributes:
        index: (B,) measurement of each.
        lower: (B,) least demonstrated value; minus the largest where bounds are symmetric.
        upper: (B,) largest demonstrated value.
        scale: (B,) excess beyond a bound at which plausibility has dropped to 2^-(M-1).
        slack: (B,) excess that counts as none of the sign's.
        open_lower: (B,) probability that there is no lower bound.
        open_upper: (B,) probability that there is no upper bound.
        sign: (B,) probability that only the sign matters; negative where values are.
        clause: (B,) number of the clause that each belongs to.
        weight: (B,) weight within the clause; the rest up to one says nothing.
        relevance: (C,) probability that a clause matters.
        power: (C,) weight of a clause's logarithm.
        kind: (C,) `KEPT`, `NEXT` or `TIE`.
        shots: M, number of demonstrations.
    """

    index: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    scale: torch.Tensor
    slack: torch.Tensor
    open_lower: torch.Tensor
    open_upper: torch.Tensor
    sign: torch.Tensor
    clause: torch.Tensor
    weight: torch.Tensor
    relevance: torch.Tensor
    power: torch.Tensor
    kind: torch.Tensor
    shots: int

    def select(self, kinds: tuple[int, ...]) -> Bounds:
        """Return the clauses of some kinds alone."""
        chosen = torch.isin(self.kind, torch.tensor(kinds))
        number = chosen.long().cumsum(0) - 1
        per_clause = {name: getattr(self, name)[chosen] for name in PER_CLAUSE}
        kept = self.pick(torch.nonzero(chosen[self.clause])[:, 0])
        return replace(kept, **per_clause, clause=number[kept.clause])

    def pick(self, rows: torch.Tensor) -> Bounds:
        """Return some of the bounds, by number, with all clauses."""
        return replace(self, **{name: getattr(self, name)[rows] for name in PER_BOUND})

    def with_clause(
        self, relevance: float, power: float, kind: int, **bounds: torch.Tensor
    ) -> Bounds:
        """Return the bounds with one more clause.

        Args:
            relevance: Probability that the clause matters.
            power: Weight of its logarithm.
            kind: `KEPT`, `NEXT` or `TIE`.
            bounds: Bounds of the clause, every attribute of `PER_BOUND` but `clause`.
        """
        clause = zip(PER_CLAUSE, (relevance, power, kind))
        more: dict[str, Any] = {
            n: torch.cat([getattr(self, n), getattr(self, n).new_tensor([v])]) for n, v in clause
        }
        return replace(self, **more).with_readings(len(self.relevance), **bounds)

    def with_readings(self, clause: int, **bounds: torch.Tensor) -> Bounds:
        """Return the bounds with more of them in a clause.

        Args:
            clause: Number of the clause.
            bounds: Every attribute of `PER_BOUND` but `clause`.
        """
        bounds['clause'] = torch.full_like(bounds['index'], clause)
        joined: dict[str, Any] = {n: torch.cat([getattr(self, n), v]) for n, v in bounds.items()}
        return replace(self, **joined)

    def excess(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return by how much values (R, B) are below and above the bounds."""
        return (self.lower - values).clamp(min=0.0), (values - self.upper).clamp(min=0.0)

    def plausibility(self, values: torch.Tensor) -> torch.Tensor:
        """Return (R, B) in (0, 1]: the posterior predictive of the bounds at values (R, B).

        Of M values from within unknown bounds of width s, the next is a distance d beyond them
        with probability (1 + d/s)^-(M-1) (Tenenbaum 1999); here its corner at zero is rounded, so
        that its logarithm is quadratic near the bounds, as control wants it.
        """
        (both, first), (one_sided, second), (sign, third) = self.kinds(values)
        return first * both + second * one_sided + third * sign

    def kinds(self, values: torch.Tensor) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
        """Return plausibility (R, B) and share (B,), kind by kind.

        The kinds are bounds on both sides, on one side, and on the sign alone. Of values (R, M, B)
        in M places, it is the plausibility that all are within the same bounds.
        """
        power = max(self.shots - 1, 1)
        below, above = self.excess(values)
        wrong = (-values * self.sign.sign()).clamp(min=0.0)
        if values.ndim == 3:
            below, above, wrong = (_furthest(each) for each in (below, above, wrong))
        low, high = _falling(below / self.scale, power), _falling(above / self.scale, power)
        only_sign, is_open = self.sign.abs(), self.open_lower + self.open_upper
        no_lower = self.open_lower > 0  # products take a third of the time of a choice
        return (
            (low * high, (1 - only_sign) * (1 - is_open)),
            (low * ~no_lower + high * no_lower, (1 - only_sign) * is_open),
            (_falling(wrong / self.slack, power + 1), only_sign),
        )

    def shares(self, values: torch.Tensor) -> torch.Tensor:
        """Return (R, C) the weight of each clause's readings that hold at values (R, B)."""
        found = (self.plausibility(values) * self.weight).T
        rest = torch.zeros(len(self.relevance)).index_add(0, self.clause, self.weight)
        rest = (1 - rest).clamp(min=0.0).to(found).unsqueeze(-1).repeat(1, len(values))
        return rest.index_add(0, self.clause, found).T

    def clause_terms(self, values: torch.Tensor) -> torch.Tensor:
        """Return (R, C) terms >= 0 whose sum is the energy, in nats, of values (R, B)."""
        agreed = self.shares(values)
        relevance = self.relevance.to(agreed)
        total = ((1 - relevance) + relevance * agreed).clamp(min=1e-12)
        return -self.power.to(agreed) * total.log().clamp(max=0.0)

    def energy(self, values: torch.Tensor) -> torch.Tensor:
        """Return the energies (R,) in nats of values (R, B): minus the log plausibility."""
        return self.clause_terms(values).sum(dim=-1)


def _furthest(excess: torch.Tensor) -> torch.Tensor:
    """Return the 4-norm (R, B) of excesses (R, M, B): about the largest, but smooth."""
    return ((excess**4).sum(dim=1) + _LEAST_EXCESS**4) ** 0.25 - _LEAST_EXCESS


def _falling(excess: torch.Tensor, power: int) -> torch.Tensor:
    """Return 1 / (1 + rounded excess)^power, by squares: a general power takes far longer."""
    found = base = (excess + 0.25) / (excess.square() + excess + 0.25)
    for bit in f'{power:b}'[1:]:
        found = found.square() * base if bit == '1' else found.square()
    return found
