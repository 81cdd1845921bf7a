"""All rules that demonstrations allow: which bounds on features single out the attended entities?

The version space of a feature is every pair of bounds between the attended entities and the
nearest others. One feature, or two that exclude every other entity together, make a rule. Each
rule is described by a token of plain numbers that says nothing of which measurement it is, so
that a scorer of tokens (`scorer.py`) serves measurements it was not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from concept_control.energy.measurements.entities import candidates_of
from concept_control.energy.measurements.entity_vocabulary import FLAGS
from concept_control.energy.measurements.features import (
    ALL_MEASUREMENTS,
    ASCENDING,
    DESCENDING,
    GROUPS,
    MIDDLE,
    VALUE,
    Features,
    fit_features,
    rank_view,
)
from concept_control.energy.scene_batch import SceneBatch

OPEN = 1e9
"""Size of a bound that excludes nothing."""

UPPER, LOWER, BOTH, ZERO, PAIR = range(5)
"""Kinds of rules: at most; at least; within; beyond a natural zero; two features."""

MAX_PAIRS = 60
"""Largest number of rules with two features."""

PAIR_FEATURES = 64
"""Number of features that are tried in pairs: those that exclude the most."""

_FAR_GAP = 3.0
_NO_GAP = 3.5
"""Gap that stands for "nothing there", beyond the largest `_FAR_GAP`, in standard deviations."""

_PAD = 0.3
"""Width of the gap on a side without other entities, in standard deviations."""


@dataclass(frozen=True)
class RuleTable:
    """H rules over F features.

    Attributes:
        features: Features that the rules bound.
        clauses: (H, 2) int64 index of each clause's feature, -1 for none.
        bounds: (H, 2, 4) of each clause: lower bound that is certainly met, lower bound that is
            certainly missed, and the same two of the upper bound; ±`OPEN` for none.
    """

    features: Features
    clauses: torch.Tensor
    bounds: torch.Tensor

    def __len__(self) -> int:
        return self.clauses.shape[0]

    def select(self, index: torch.Tensor) -> RuleTable:
        """Return the rules that an index picks, with the features that they need."""
        clauses = self.clauses[index]
        needed, position = torch.unique(clauses.clamp(min=0), return_inverse=True)
        kept = torch.where(clauses < 0, -1, position)
        return RuleTable(self.features.select(needed), kept, self.bounds[index])

    def masks(self, scene: SceneBatch, shares: tuple[float, ...]) -> torch.Tensor:
        """Return (R, H, len(shares), N) bool, which entities of each scene the rules attend to.

        Args:
            scene: R scenes.
            shares: Positions of the bounds between the met (0) and the missed ones (1).
        """
        values = self.features.evaluate(scene)[..., self.clauses.clamp(min=0)]
        share = torch.tensor(shares, dtype=values.dtype).unsqueeze(-1)
        bounds = self.bounds.to(values.dtype).unsqueeze(2)  # (H, 2, 1, 4)
        lower = bounds[..., 0] + share[:, 0] * (bounds[..., 1] - bounds[..., 0])
        upper = bounds[..., 2] + share[:, 0] * (bounds[..., 3] - bounds[..., 2])
        values = values.unsqueeze(-1)  # (R, N, H, 2, 1)
        inside = (values >= lower) & (values <= upper)
        inside = (inside | (self.clauses < 0).unsqueeze(-1)).all(dim=3)
        return inside.permute(0, 2, 3, 1) & candidates_of(scene)[:, None, None]


@dataclass(frozen=True)
class RuleCandidates:
    """Rules that demonstrations allow.

    Attributes:
        table: H rules.
        tokens: (H, NUM_TOKEN_NUMBERS) facts about each rule.
    """

    table: RuleTable
    tokens: torch.Tensor


@dataclass(frozen=True)
class _Margins:
    """What demonstrations say about each of F features.

    Attributes:
        low: (F,) smallest value of the attended.
        high: (F,) largest value of the attended.
        below: (F,) largest value of others below `low`, -`OPEN` for none.
        above: (F,) smallest value of others above `high`, `OPEN` for none.
        spread: (F,) standard deviation over all.
        is_inside: (n, F) whether each other entity is within [low, high].
        is_defined: (F,) whether all the attended have a value.
    """

    low: torch.Tensor
    high: torch.Tensor
    below: torch.Tensor
    above: torch.Tensor
    spread: torch.Tensor
    is_inside: torch.Tensor
    is_defined: torch.Tensor

    @classmethod
    def of(cls, attended: torch.Tensor, others: torch.Tensor) -> _Margins:
        """Compare values of the attended (p, F), p >= 1, with those of others (n, F)."""
        low, high = attended.amin(dim=0), attended.amax(dim=0)
        # What is undefined is in no group: excluded, but no neighbour of a bound.
        below = others.masked_fill(~(others < low), -OPEN)
        above = others.masked_fill(~(others > high), OPEN)
        end = attended.new_full((1, attended.shape[1]), OPEN)
        every = torch.cat([attended, others])
        known = (~every.isnan()).sum(dim=0).clamp(min=1)
        mean = every.nansum(dim=0) / known
        spread = ((every - mean).square().nansum(dim=0) / known).sqrt() + 1e-6
        return cls(
            low,
            high,
            torch.cat([below, -end]).amax(dim=0),
            torch.cat([above, end]).amin(dim=0),
            spread,
            (others >= low) & (others <= high),
            ~attended.isnan().any(dim=0),
        )

    def gaps(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (F,) gaps below and above in standard deviations, `_NO_GAP` for no other."""
        under = ((self.low - self.below) / self.spread).clamp(max=_FAR_GAP)
        over = ((self.above - self.high) / self.spread).clamp(max=_FAR_GAP)
        return (
            torch.where(self.below <= -OPEN, _NO_GAP, under),
            torch.where(self.above >= OPEN, _NO_GAP, over),
        )


def find_rules(scene: SceneBatch) -> RuleCandidates:
    """Return every rule of the version space of demonstrations (M,), those of pairs limited."""
    features = fit_features(scene)
    candidates = candidates_of(scene)
    attended = candidates & (scene.attention > 0.5)
    if not attended.any():
        return _no_rules(features)
    values = features.evaluate(scene)
    margins = _Margins.of(values[attended], values[candidates & ~attended])
    singles = _single_rules(features, margins)
    pairs = _pair_rules(features, margins, values[candidates & ~attended])
    clauses = torch.cat([singles.clauses, pairs.clauses])
    if not len(clauses):
        return _no_rules(features)
    numbers = torch.cat([singles.numbers, pairs.numbers])
    table = RuleTable(features, clauses, torch.cat([singles.bounds, pairs.bounds]))
    facts = _feature_facts(features)
    first, second = facts[clauses[:, 0]], facts[clauses[:, 1].clamp(min=0)]
    described = torch.where((clauses[:, 1] >= 0).unsqueeze(-1), (first + second) / 2, first)
    context = _context(scene, attended, candidates, len(clauses)).expand(len(clauses), -1)
    return RuleCandidates(table, torch.cat([context, described, numbers], dim=-1))


def _no_rules(features: Features) -> RuleCandidates:
    table = RuleTable(features, torch.zeros(0, 2, dtype=torch.int64), torch.zeros(0, 2, 4))
    return RuleCandidates(table, torch.zeros(0, NUM_TOKEN_NUMBERS))


@dataclass(frozen=True)
class _Found:
    """Clauses (H, 2) and bounds (H, 2, 4) of rules, as in `RuleTable`, and their token numbers."""

    clauses: torch.Tensor
    bounds: torch.Tensor
    numbers: torch.Tensor


def _single_rules(features: Features, margins: _Margins) -> _Found:
    """Return rules of one feature: all kinds of bounds that exclude every other entity."""
    is_rank = features.views > VALUE
    alone = margins.is_defined & ~margins.is_inside.any(dim=0)
    under, over = margins.below <= -OPEN, margins.above >= OPEN
    signed = _feature_facts(features)[:, FLAGS.index('signed')] > 0
    crosses = ((margins.low > 0) & (margins.below < 0) & over) | (
        (margins.high < 0) & (margins.above > 0) & under
    )
    allowed = {
        UPPER: alone & under & ~(over & is_rank),
        LOWER: alone & over & ~under,
        # The first ones are said once, by an upper bound.
        BOTH: alone & ~(is_rank & (margins.low < 0.5)),
        ZERO: alone & signed & ~is_rank & crosses,
    }
    gap_below, gap_above = margins.gaps()
    width = ((margins.high - margins.low) / margins.spread).clamp(max=_FAR_GAP)
    open_bound = torch.full_like(margins.low, OPEN)
    pad = _PAD * margins.spread
    lowest = torch.where(under, margins.low - pad, margins.below)
    highest = torch.where(over, margins.high + pad, margins.above)
    zero = torch.zeros_like(margins.low)
    clauses, bounds, numbers = [], [], []
    for kind, is_allowed in allowed.items():
        sides = {
            UPPER: (-open_bound, -open_bound, margins.high, highest),
            LOWER: (margins.low, lowest, open_bound, open_bound),
            BOTH: (margins.low, lowest, margins.high, highest),
            ZERO: (
                torch.where(over, zero, -open_bound),
                torch.where(over, zero, -open_bound),
                torch.where(over, open_bound, zero),
                torch.where(over, open_bound, zero),
            ),
        }[kind]
        (index,) = is_allowed.nonzero(as_tuple=True)
        bounds.append(torch.stack(sides, dim=-1)[index])
        clauses.append(index)
        one_hot = torch.zeros(len(index), 5)
        one_hot[:, kind] = 1.0
        least = torch.minimum(gap_below, gap_above)
        close = (margins.low.abs() < 0.1 * margins.spread).float()
        position = margins.low.clamp(0.0, 4.0) / 4 * is_rank
        extreme = (is_rank & (margins.high < 0.5)).float()
        several = (is_rank & (margins.high > margins.low + 0.5)).float()
        columns = [gap_below, gap_above, least, width, close, position, extreme, several]
        columns += [zero, zero]
        numbers.append(torch.cat([one_hot, torch.stack(columns, dim=-1)[index]], dim=-1))
    flat = torch.cat(clauses)
    both = torch.cat(bounds)
    blank = torch.tensor([-OPEN, -OPEN, OPEN, OPEN]).expand(len(flat), 1, 4)
    return _Found(
        torch.stack([flat, torch.full_like(flat, -1)], dim=-1),
        torch.cat([both.unsqueeze(1), blank], dim=1),
        torch.cat(numbers),
    )


def _pair_rules(features: Features, margins: _Margins, others: torch.Tensor) -> _Found:
    """Return rules of two values, neither of which excludes all others (n, F) alone."""
    if not len(others):
        none = torch.zeros(0, 2, dtype=torch.int64)
        return _Found(none, torch.zeros(0, 2, 4), torch.zeros(0, _NUM_NUMBERS))
    excluded = ~margins.is_inside
    share = excluded.float().mean(dim=0).nan_to_num(0.0)
    facts = _feature_facts(features)
    awkward = facts[:, [FLAGS.index(flag) for flag in ('oblique', 'anchored', 'before')]].sum(-1)
    useful = margins.is_defined & (features.views == VALUE) & (share > 0.25) & (share < 1.0)
    useful &= awkward < 0.5
    (index,) = useful.nonzero(as_tuple=True)
    index = index[share[index].topk(min(PAIR_FEATURES, len(index))).indices]
    missed = (~excluded[:, index]).float()
    apart = torch.triu(missed.T @ missed < 0.5, diagonal=1)
    first, second = apart.nonzero(as_tuple=True)
    first, second = index[first], index[second]
    best = (share[first] + share[second]).topk(min(MAX_PAIRS, len(first))).indices
    clauses = torch.stack([first[best], second[best]], dim=-1)
    bounds, gaps = [], []
    # The first excludes what the second cannot; the second what the first leaves over.
    left = ~excluded[:, clauses[:, 1]]
    for index in clauses.unbind(dim=1):
        value = others[:, index]
        needed = value.masked_fill(~left, torch.nan)
        low, high = margins.low[index], margins.high[index]
        below = needed.masked_fill(~(needed < low), -OPEN).amax(dim=0)
        above = needed.masked_fill(~(needed > high), OPEN).amin(dim=0)
        under, over = below <= -OPEN, above >= OPEN
        lower, upper = torch.where(under, -OPEN, low), torch.where(over, OPEN, high)
        bounds.append(torch.stack([lower, below, upper, above], dim=-1))
        left = ~((value <= below) | (value >= above) | value.isnan())
        spread = margins.spread[index]
        gap_below = torch.where(under, _NO_GAP, ((low - below) / spread).clamp(max=_FAR_GAP))
        gap_above = torch.where(over, _NO_GAP, ((above - high) / spread).clamp(max=_FAR_GAP))
        gaps.append(torch.minimum(gap_below, gap_above))
    count = len(clauses)
    one_hot = torch.zeros(count, 5)
    one_hot[:, PAIR] = 1.0
    zero = torch.zeros(count)
    total = share[clauses].sum(dim=-1)
    columns = [*gaps, torch.minimum(*gaps), zero, zero, zero, zero, zero, total, zero + 1]
    return _Found(
        clauses,
        torch.stack(bounds, dim=1),
        torch.cat([one_hot, torch.stack(columns, dim=-1)], dim=-1),
    )


# ------------------------------------------------------------------ tokens


def _about() -> torch.Tensor:
    rows = [[float(flag in m.about) for flag in FLAGS] for m in ALL_MEASUREMENTS]
    return torch.tensor(rows)


_ABOUT = _about()
_NUM_VIEWS = 1 + 3 * len(GROUPS)


def _view_facts() -> torch.Tensor:
    rows = torch.zeros(_NUM_VIEWS, 6)
    rows[VALUE, 0] = 1.0
    for group in range(len(GROUPS)):
        for rank in (ASCENDING, DESCENDING, MIDDLE):
            view = rank_view(rank, group)
            rows[view, 1 + rank] = 1.0
            rows[view, 4] = float(0 < group < len(GROUPS) - 1)
            rows[view, 5] = float(group == len(GROUPS) - 1)
    return rows


_VIEW_FACTS = _view_facts()
_NUM_CONTEXT = 9
_NUM_NUMBERS = 15

NUM_TOKEN_NUMBERS = _NUM_CONTEXT + len(FLAGS) + _VIEW_FACTS.shape[1] + _NUM_NUMBERS
"""Length of a token."""


def _feature_facts(features: Features) -> torch.Tensor:
    """Return (F, len(FLAGS) + 6) what each feature is about and how it is seen."""
    return torch.cat([_ABOUT[features.measurements], _VIEW_FACTS[features.views]], dim=-1)


def _context(
    scene: SceneBatch, attended: torch.Tensor, candidates: torch.Tensor, count: int
) -> torch.Tensor:
    """Return (_NUM_CONTEXT,) what the demonstrations are like, the same for every rule."""
    moved = ((scene.after - scene.before).norm(dim=-1) * candidates > 1e-3).any()
    number = attended.sum(dim=-1).float()
    return torch.stack(
        [
            (scene.subjects.sum(dim=-1) > 0).all().float(),
            moved.float(),
            (number == 1).all().float(),
            (number == number[0]).all().float(),
            torch.tensor(float(len(number))).log(),
            number.mean() / 4,
            (number / candidates.sum(dim=-1).clamp(min=1)).mean(),
            candidates.sum(dim=-1).float().mean() / 8,
            torch.tensor(float(count)).log() / 5,
        ]
    )
