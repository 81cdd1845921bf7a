"""What demonstrations agree on: a conjunction of bounds, inferred one after the other.

Each step takes the measurement whose bounds the demonstrations speak for most, then draws the
background anew among outcomes that are within the bounds chosen so far: what follows from them
is no news any more. What remains is kept as doubt: one more bound, unknown which, and weak ones
that break ties.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from concept_control.energy.agreement.bounds import KEPT, NEXT, TIE, Bounds
from concept_control.energy.agreement.elsewhere import Redrawing
from concept_control.energy.agreement.evidence import (
    AROUND_ZERO,
    ONE_SIDED,
    ONE_SIGN,
    Background,
    log_evidence,
)
from concept_control.energy.agreement.usual_bounds import UsualBounds, step_scale

CONTINUE, _SIDE = 3.0, 1.0
"""Posterior log odds from which on a bound is kept, and by which a side comes before its line."""

_MOST_KEPT = 5
_TIGHT = 0.1
"""Width below which bounds fix a measurement, in standard deviations of the background."""

_CONSTANT = 1e-4
"""Deviation up to which a measurement is the same throughout."""

_FOLLOWS, _ON_ONE_SIDE = 0.3, 0.25
"""Share of its deviation that is left among the tenth of outcomes closest to an exact bound from
which on a measurement follows from that, and of these in a direction that is one side of it."""

_OF_POINT = 0.36
"""Share of the distance of four tenths of outcomes within which one tenth is, from which on a
bound fixes a point: a half in the plane, a quarter along a line."""

_NEXT_BONUS = 1.0
_NEXT_POWER = 1.5
_TIE_POWER = 0.5
_LEAST_NEXT, _LEAST_ALONE, _LEAST_TIE = 0.005, 0.001, 0.1
"""Shares from which on readings are told: beside what is kept, where nothing is; of ties. Of wide
bounds there are many readings, none of them likely; a place within most of them is safest."""

_FEWEST_POSSIBLE = 25.0
"""Fewest background samples that are possible from which on bounds are judged among them."""

_ENOUGH = 400.0
"""Effective number of background samples from which on none are drawn anew."""

_LEAST_USUAL = 0.03
"""Share from which on a usual bound is kept as a reading beside others."""


class _Kept(NamedTuple):
    """Bounds that are kept together, as readings of which one is meant.

    Attributes:
        members: (R,) their numbers, the likeliest first.
        weights: (R,) how likely each is, of sum one.
        odds: Log odds that one of them is meant.
        shares: (4, R) their kinds as they were when they were kept.
        is_upper: (R,) whether the one side is the upper, likewise.
        widths: (R,) excess at which they hold by 0.6.
    """

    members: torch.Tensor
    weights: torch.Tensor
    odds: float
    shares: torch.Tensor
    is_upper: torch.Tensor
    widths: torch.Tensor


class BoundSearch:
    """The greedy search for what M demonstrations agree on.

    Args:
        values: (M, K) measurements of the demonstrations.
        background: (n, K) measurements of the same scenes with subject or mask drawn anew.
        weights: (n,) weights of the background, of sum one.
        prior: (K,) log odds that a measurement matters.
        is_signed: (K,) bool, measurements whose zero is special.
        is_valid: (K,) bool, measurements that are defined.
        is_continuous: Whether masses of few samples are smoothed.
        is_count: (K,) bool, measurements that are whole numbers; None: all where masses are not
            smoothed, otherwise none.
        usual: Bounds that are tried beside those of the demonstrated values; they have the
            numbers from K on.
        comes_first: (K,) bool, measurements that are kept before others where they may be: on what
            a thing rests is chosen before the place on it, which would tell that, too.
        is_direction: (K,) bool, directions: shown exactly they are one side of a line.
        is_possible: (n,) 1 for rows that the world allows, 0 for others; None for all.

    Attributes:
        log_doubt: Log odds of what else may be meant beside what is kept, nothing included.
    """

    def __init__(
        self,
        values: torch.Tensor,
        background: torch.Tensor,
        weights: torch.Tensor,
        prior: torch.Tensor,
        is_signed: torch.Tensor,
        is_valid: torch.Tensor,
        is_continuous: bool = True,
        usual: UsualBounds | None = None,
        comes_first: torch.Tensor | None = None,
        is_possible: torch.Tensor | None = None,
        is_count: torch.Tensor | None = None,
        is_direction: torch.Tensor | None = None,
    ) -> None:
        self.shots = len(values)
        self._values, self._usual = values, (usual := usual or UsualBounds.none())
        # Which measurement bounds are on; those of the demonstrated values come first.
        self._measured = torch.cat([torch.arange(len(prior)), usual.index])
        lower, upper = usual.inner
        self.lower = torch.cat([values.amin(dim=0), lower])
        self.upper = torch.cat([values.amax(dim=0), upper])
        self.background, self.gate = background, weights * len(weights)
        self._is_possible = is_possible
        self.prior, self.is_signed = torch.cat([prior, usual.odds]), is_signed
        self.is_continuous, self._is_count = is_continuous, is_count
        none = torch.zeros(len(prior), dtype=torch.bool)
        self._comes_first = none if comes_first is None else comes_first
        self._weigh()
        deviation = self._ordered.deviation
        # What is demonstrated and never by chance is as far from chance as it deviates.
        never = (values.mean(dim=0) - background[0]).abs()
        self.deviation = torch.where(deviation > _CONSTANT, deviation, never)[self._measured]
        self._is_tight = self.upper - self.lower < _TIGHT * self.deviation
        is_half = none if is_direction is None else is_direction
        self._is_half_line = is_half & self._is_tight[: len(prior)]
        self._most_odds = torch.full_like(prior, torch.inf)
        self.is_valid = is_valid[self._measured] & (self.deviation > _CONSTANT)
        self._is_news = torch.ones_like(self.is_valid)
        self.kept: list[_Kept] = []
        self.num_tight, self.log_doubt = 0, 0.0
        self._score()

    def score(self) -> None:
        """Compute the posterior odds of all measurements against the current background."""
        self._weigh()
        self._score()

    def _weigh(self) -> None:
        self.effective = total = float(self.gate.sum())
        gate = self.gate if total > 1e-6 else torch.ones_like(self.gate)
        self._ordered = Background(self.background, gate / gate.sum())

    def _score(self) -> None:
        count, usual = len(self.is_signed), self._usual
        own = self.lower[:count], self.upper[:count]
        found = self._evidence(self._ordered, *own)
        if not self.kept and (gate := self._possible_gate()) is not None:
            # That what is shown is possible, as that whole bodies are on the table, is no news.
            among = self._evidence(Background(self.background, gate / gate.sum()), *own)
            found = torch.minimum(found[0], among[0]), *found[1:]
        rest = usual.log_evidence(self._values, self._ordered), usual.shares, -usual.side
        self.log_evidence, self.shares, self._lean = (
            torch.cat(each, dim=-1) for each in zip(found, rest)
        )
        self.odds = torch.where(self.is_valid, self.log_evidence + self.prior, -torch.inf)
        self.odds[:count] = torch.minimum(self.odds[:count], self._most_odds)
        for kept in self.kept:
            self.odds[kept.members] = -torch.inf

    def _evidence(
        self,
        background: Background,
        lower: torch.Tensor,
        upper: torch.Tensor,
        which: torch.Tensor | slice = slice(None),
        more: int = 0,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the log evidence (B,) of bounds, the shares (4, B) of their kinds and the lean.

        Args:
            background: Values of the same B measurements.
            lower: (B,) least values.
            upper: (B,) largest values.
            which: Numbers of the measurements.
            more: Number of demonstrations beside those of the search.
        """
        is_signed = self.is_signed[which]
        masses = background.masses(lower, upper, is_signed, self.is_continuous)
        # Whole numbers that never differ.
        is_same = None if self.is_continuous else lower == upper
        if self._is_count is not None:
            is_same = (lower == upper) & self._is_count[which]
        return *log_evidence(masses, is_signed, self.shots + more, is_same), masses.lean

    def _possible_gate(self) -> torch.Tensor | None:
        """Return the gates (n,) of what is possible; None where there is too little."""
        if self._is_possible is None:
            return None
        gate = self.gate * self._is_possible
        return gate if float(gate.sum()) >= _FEWEST_POSSIBLE else None

    def _kinds(self, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the shares (4, B) of the kinds of bounds, and whether one side is the upper (B,).

        They are judged among possible outcomes: a bound that none of them exceeds is none. Which
        side is meant is judged by these and by all together.
        """
        shares, lean = self.shares[:, index], self._lean[index]
        (own,) = torch.nonzero(index < len(self.is_signed), as_tuple=True)
        gate = self._possible_gate()
        if gate is None or not len(own):
            return shares, lean > 0
        which = index[own]
        possible = Background(self.background[:, which], gate / gate.sum())
        _, found, leans = self._evidence(possible, self.lower[which], self.upper[which], which)
        return shares.index_copy(1, own, found), lean.index_add(0, own, leans) > 0

    def evidence_with(self, values: torch.Tensor) -> torch.Tensor:
        """Return the log evidence (K,) of the demonstrations and one more, of values (K,)."""
        lower = torch.minimum(self.lower[: len(values)], values)
        upper = torch.maximum(self.upper[: len(values)], values)
        return self._evidence(self._ordered, lower, upper, more=1)[0]

    def keep(self, *members: int) -> None:
        """Keep the bounds of a measurement, or several as readings; weigh the background by them.

        Args:
            members: Numbers of the readings, the likeliest first.
        """
        index = torch.tensor(members)
        odds = self.odds[index]
        spread = self.upper[index] - self.lower[index]
        softness = torch.where(index < len(self.is_signed), 0.15 * spread, 0.0)
        widths = torch.maximum(softness, 0.04 * self.deviation[index])
        total = float(odds.logsumexp(dim=0))
        kept = _Kept(index, odds.softmax(dim=0), total, *self._kinds(index), widths)
        self.kept.append(kept)
        self.num_tight += bool(self._is_tight[index[0]])
        within = self._within(self.background[:, self._measured[index]], kept)
        # Outcomes of a reading are spread over all that it allows.
        mass = (self.gate @ within / self.effective).clamp(min=1e-6)
        holds = within @ (kept.weights / mass)
        self.gate = self.gate * holds / holds.amax().clamp(min=1e-12)

    def _within(self, values: torch.Tensor, kept: _Kept) -> torch.Tensor:
        """Return how far values (n, R) of what is kept are within its bounds, in [0, 1]."""
        ends = [self._ends(int(each), kept.shares[:, i]) for i, each in enumerate(kept.members)]
        lower, upper = torch.tensor(ends).T
        excess = (lower - values).clamp(min=0.0) + (values - upper).clamp(min=0.0)
        return torch.exp(-0.5 * (excess / kept.widths).square())

    def _ends(self, index: int, shares: torch.Tensor) -> tuple[float, float]:
        if index >= len(self.is_signed):
            low, high = (each[index - len(self.is_signed)] for each in self._usual.ends)
            return float(low), float(high)
        lower, upper = float(self.lower[index]), float(self.upper[index])
        if float(shares[AROUND_ZERO]) > 0.5:
            upper = max(abs(lower), abs(upper))
            lower = -upper
        return lower, upper

    def draw_again(self, resampling: Redrawing) -> None:
        """Draw the background anew among outcomes within the bounds kept so far."""
        is_drawn = False
        for spread in (0.03, 0.01):
            if not 1e-3 <= float(self.gate.sum()) <= _ENOUGH:
                break
            resampling.draw(self.gate, spread)
            is_drawn = True
            every = torch.cat([kept.members for kept in self.kept])
            values = resampling.values(self._measured[every].tolist())
            each = values.split([len(kept.members) for kept in self.kept], dim=1)
            # What is drawn is as dense as readings are likely: now it is enough that one holds.
            gates = [self._within(*pair).amax(dim=1) for pair in zip(each, self.kept)]
            self.gate = torch.stack(gates).prod(dim=0)
        if is_drawn:
            self.background, self._is_possible = resampling.values(), resampling.is_possible
            self._leave_out_what_follows()
            # Beside a bound that is kept, what follows from being possible is no news.
            gate = self._possible_gate()
            self.gate = self.gate if gate is None else gate

    def _leave_out_what_follows(self) -> None:
        """Leave out measurements that an exact bound on a line, the last one kept, fixes as well.

        Shown exactly, they are surprising even among outcomes that are drawn close to it. They are
        no news, but break ties like all others.
        """
        index = int(self.kept[-1].members[0])
        lower, upper = self._ends(index, self.kept[-1].shares[:, 0])
        if upper - lower >= _TIGHT * float(self.deviation[index]):
            return
        off = (self.background[:, self._measured[index]] - (lower + upper) / 2).abs()
        order = off.argsort()
        count = len(order) // 10
        # Outcomes within r of a line are as r, those within r of a point as its square.
        if off[order[count]] > _OF_POINT * off[order[4 * count]]:
            return
        closest = self.background[order[:count]]
        follows = closest.std(dim=0) < _FOLLOWS * self.background.std(dim=0)
        off = (closest - self.lower[: len(follows)]).abs() / self.deviation[: len(follows)]
        is_side = self._is_half_line & ((off < _TIGHT).float().mean(dim=0) > _ON_ONE_SIDE)
        # Of one side of the line no more is news than by how much it was likelier.
        rest = self.odds[: len(follows)] - self.kept[-1].odds
        self._most_odds = torch.where(is_side, rest, self._most_odds)
        self._is_news = self._is_news & ~follows[self._measured]

    def run(
        self,
        fewest: float = 25.0,
        most_kept: int = _MOST_KEPT,
        most_tight: int = _MOST_KEPT,
        resampling: Redrawing | None = None,
        rival: float = -math.inf,
    ) -> tuple[Bounds, float, float]:
        """Infer what the demonstrations agree on.

        Args:
            fewest: Effective number of background rows below which nothing more is kept.
            most_kept: Most bounds that are kept.
            most_tight: Most bounds that fix a measurement: as many as there are degrees of
                freedom, as all others follow from them.
            resampling: Background of which rows are drawn anew.
            rival: Log odds of what else may be meant instead of the first bound. It is kept where
                it is likelier, by as much as against nothing, than that and nothing together.

        Usual bounds are kept together, as readings: cones and lanes say nearly the same of five
        places, and any of them alone would be taken for certain.

        Returns:
            Bounds, the log evidence of those that are kept, and the log odds of the likeliest of
            all.
        """
        for _ in range(most_kept):
            members = self._likeliest()
            odds = float(self.odds[members].logsumexp(dim=0))
            least = CONTINUE + (0.0 if self.kept else math.log1p(math.exp(min(rival, 50.0))))
            if self.num_tight >= most_tight or self.effective < fewest or odds < least:
                break
            self.keep(*members)
            if resampling is not None:
                self.draw_again(resampling)
            self.score()
        support = max([*(kept.odds for kept in self.kept), float(self.odds.max())])
        score = sum(kept.odds for kept in self.kept)
        return self._collect(self.effective >= fewest), score, support

    def _likeliest(self) -> list[int]:
        """Return the measurement to keep next, or the usual bounds, the likeliest first."""
        odds = torch.where(self._is_news, self.odds, -torch.inf)
        own, usual = odds.split([len(self.is_signed), len(odds) - len(self.is_signed)])
        first = torch.where(self._comes_first, own, -torch.inf)
        if first.max() >= CONTINUE:
            return [int(first.argmax())]
        if usual.logsumexp(dim=0) <= own.max():
            if self.num_tight:  # of two exact bounds one side tells which place is meant
                own = own + _SIDE * self._is_half_line
            elif self._is_half_line[own.argmax()]:  # a line first; its side, if that is news
                own = own + _SIDE * (self._is_tight[: len(own)] & ~self._is_half_line)
            return [int(own.argmax())]
        share, order = usual.softmax(dim=0).sort(descending=True)
        return (len(self.is_signed) + order[share > _LEAST_USUAL]).tolist()

    def _collect(self, is_supported: bool) -> Bounds:
        """Return kept bounds, doubts and ties as clauses."""
        doubted = self.odds if is_supported else self.odds - 3.0
        rows = [
            (index, row, weight)
            for row, kept in enumerate(self.kept)
            for index, weight in zip(kept.members.tolist(), kept.weights.tolist())
        ]
        clauses = [
            (min(1 - 1e-6, 1 / (1 + math.exp(-kept.odds))), 1.0, KEPT) for kept in self.kept
        ]
        valid = torch.isfinite(self.odds)
        total = torch.logsumexp(torch.where(self.is_valid, self.prior, -torch.inf), dim=0)
        news = valid & self._is_news
        doubt = torch.where(news, doubted - total + _NEXT_BONUS, -torch.inf)
        # Something is meant: without any bound, "nothing more" is unlikely.
        every = torch.cat([doubt, doubt.new_tensor([0.0 if self.kept else -5.0])])
        self.log_doubt = float(torch.logsumexp(every, dim=0) + total) - _NEXT_BONUS
        share = torch.softmax(every, dim=0)[:-1]
        told = share > (_LEAST_NEXT if self.kept else _LEAST_ALONE)
        if not self.kept:
            # Something is meant: readings that are too unlikely to be told ask for no less.
            share = share * share.sum() / share[told].sum()
        rows += [(i, len(clauses), float(share[i])) for i in _indices(told)]
        clauses.append((1.0, _NEXT_POWER, NEXT))
        ties = torch.sigmoid(doubted).clamp(max=0.9 if is_supported else 0.3)
        for i in _indices(valid & (ties > _LEAST_TIE)):
            rows.append((i, len(clauses), 1.0))
            clauses.append((float(ties[i]), _TIE_POWER, TIE))
        return self.bounds(rows, clauses)

    def bounds(
        self, rows: list[tuple[int, int, float]], clauses: list[tuple[float, float, int]]
    ) -> Bounds:
        """Return bounds on measurements.

        Args:
            rows: Measurement, clause and weight of each bound.
            clauses: Relevance, power and kind of each clause.
        """
        index = torch.tensor([row[0] for row in rows], dtype=torch.long)
        deviation = self.deviation[index]
        shares, is_upper = self._kinds(index)
        # Those that are kept, the first ones, are as they were when they were chosen.
        if self.kept:
            was = torch.cat([kept.shares for kept in self.kept], dim=1)
            shares[:, : was.shape[1]] = was
            is_upper[: was.shape[1]] = torch.cat([kept.is_upper for kept in self.kept])
        lower, upper = self.lower[index], self.upper[index]
        # The side of zero that the values are on, before bounds are made symmetric.
        side = torch.where(upper <= 0.01 * deviation, -1.0, 1.0)
        largest = torch.maximum(lower.abs(), upper.abs())
        symmetric = shares[AROUND_ZERO] > 0.5
        lower = torch.where(symmetric, -largest, lower)
        upper = torch.where(symmetric, largest, upper)
        missing = shares[ONE_SIDED]
        columns = torch.tensor(clauses, dtype=torch.float64).reshape(-1, 3)
        return Bounds(
            index=index,
            lower=lower,
            upper=upper,
            scale=torch.where(
                index < len(self.is_signed),
                (upper - lower) + 0.02 * deviation,
                step_scale(upper - lower, deviation),
            ),
            slack=0.03 * deviation,
            open_lower=torch.where(is_upper, missing, 0.0),
            open_upper=torch.where(is_upper, 0.0, missing),
            sign=side * shares[ONE_SIGN],
            clause=torch.tensor([row[1] for row in rows], dtype=torch.long),
            weight=torch.tensor([row[2] for row in rows]),
            relevance=columns[:, 0].float(),
            power=columns[:, 1].float(),
            kind=columns[:, 2].long(),
            shots=self.shots,
        )


def _indices(mask: torch.Tensor) -> list[int]:
    return torch.nonzero(mask)[:, 0].tolist()
