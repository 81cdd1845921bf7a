"""All rules that demonstrations allow: which bounds on features single out the attended entities?

The version space of a feature is every pair of bounds between the attended entities and the
nearest others. One feature, or two that exclude every other entity together, make a rule. Each
rule is described by a token of plain numbers that says nothing of which measurement it is, so
that a scorer of tokens (`scorer.py`) serves measurements it was not trained on.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

import torch

from concept_control.energy.measurements.entity_measurement import FLAGS
from concept_control.energy.measurements.entity_view import candidates_of
from concept_control.energy.measurements.features import (
    ALL_MEASUREMENTS,
    GROUPS,
    PLAIN,
    RANKS,
    VALUE,
    VIEWS,
    Features,
    fit_features,
    rank_view,
)
from concept_control.energy.scene_batch import SceneBatch

OPEN = 1e9
"""Size of a bound that excludes nothing."""

UPPER, LOWER, BOTH, BORDER, PAIR = range(5)
"""Kinds of rules: at most; at least; within; on one side of a border; two features."""

MAX_PAIRS = 60
"""Largest number of rules with two features."""

PAIR_FEATURES = 64
"""Number of features that are tried in pairs: those that exclude the most."""

_FAR_GAP = 3.0
_NO_GAP = 3.5
"""Gap that stands for "nothing there", beyond the largest `_FAR_GAP`, in standard deviations."""

_BEYOND = 0.1
"""Largest distance from a border of what is beyond it, in standard deviations."""

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
    """

    low: torch.Tensor
    high: torch.Tensor
    below: torch.Tensor
    above: torch.Tensor
    spread: torch.Tensor

    @classmethod
    def of(
        cls, low: torch.Tensor, high: torch.Tensor, spread: torch.Tensor, others: torch.Tensor
    ) -> _Margins:
        """Compare the attended with the others (n, F); NaN is in no group, no neighbour."""
        end = low.new_full((1, len(low)), OPEN)
        below = torch.cat([others.masked_fill(~(others < low), -OPEN), -end]).amax(dim=0)
        above = torch.cat([others.masked_fill(~(others > high), OPEN), end]).amin(dim=0)
        return cls(low, high, below, above, spread)

    @property
    def under(self) -> torch.Tensor:
        """(F,) bool, whether nothing is below."""
        return self.below <= -OPEN

    @property
    def over(self) -> torch.Tensor:
        """(F,) bool, whether nothing is above."""
        return self.above >= OPEN

    def gaps(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (F,) gaps below and above in standard deviations, `_NO_GAP` for no other."""
        below = ((self.low - self.below) / self.spread).clamp(max=_FAR_GAP)
        above = ((self.above - self.high) / self.spread).clamp(max=_FAR_GAP)
        return torch.where(self.under, _NO_GAP, below), torch.where(self.over, _NO_GAP, above)


def find_rules(
    scene: SceneBatch,
    plain: torch.Tensor | None = None,
    sets: Sequence[torch.Tensor] | None = None,
) -> list[RuleCandidates]:
    """Return every rule of the version space of demonstrations, those of pairs limited.

    Args:
        scene: (M,) demonstrations.
        plain: (M, N, F) values of `PLAIN` in them, where they were computed before.
        sets: (M,) bool each, demonstrations of several sets that are asked for; None: all of them
            are the one set.
    """
    if sets is None:
        sets = [torch.ones(scene.num_events, dtype=torch.bool, device=scene.present.device)]
    plain = PLAIN.evaluate(scene) if plain is None else plain
    fitted = fit_features(scene, sets)
    sizes = [len(each) for each in fitted]
    if not sum(sizes):
        return [_no_rules(PLAIN) for _ in sets]  # nothing is attended
    # What is fitted to any of the sets is measured at once.
    every = PLAIN.join(*fitted)
    values = every.select(slice(len(PLAIN), None)).evaluate(scene).split(sizes, dim=-1)
    tells = [tuple(each.split([len(PLAIN), *sizes], dim=-1)) for each in every.telling(scene)]
    return [
        _rules_of(
            scene.select(chosen),
            PLAIN.join(own),
            torch.cat([plain[chosen], value[chosen]], dim=-1),
            [torch.cat([each[0], each[number]], dim=-1)[chosen].any(dim=0) for each in tells],
        )
        for number, (chosen, own, value) in enumerate(zip(sets, fitted, values), 1)
    ]


def _rules_of(
    scene: SceneBatch, features: Features, values: torch.Tensor, tells: Sequence[torch.Tensor]
) -> RuleCandidates:
    """Return the rules of demonstrations in which features have values (M, N, F).

    Those features count of which both say (F,) that they may tell what no plainer one does.
    """
    candidates = candidates_of(scene)
    attended = candidates & (scene.attention > 0.5)
    if not attended.any():
        return _no_rules(features)
    meant, others = values[attended], values[candidates & ~attended]
    every = torch.cat([meant, others])
    known = (~every.isnan()).sum(dim=0).clamp(min=1)
    mean = every.nansum(dim=0) / known
    spread = ((every - mean).square().nansum(dim=0) / known).sqrt() + 1e-6
    margins = _Margins.of(meant.amin(dim=0), meant.amax(dim=0), spread, others)
    is_inside = (others >= margins.low) & (others <= margins.high)
    is_defined = ~meant.isnan().any(dim=0) & tells[0] & tells[1]
    singles = _single_rules(features, margins, is_defined & ~is_inside.any(dim=0))
    facts = _feature_facts(features)
    pairs = _pair_rules(features, facts, margins, is_defined, is_inside, others)
    clauses = torch.cat([singles.clauses, pairs.clauses])
    if not len(clauses):
        return _no_rules(features)
    table = RuleTable(features, clauses, torch.cat([singles.bounds, pairs.bounds]))
    first, second = facts[clauses[:, 0]], facts[clauses[:, 1].clamp(min=0)]
    described = torch.where((clauses[:, 1] >= 0).unsqueeze(-1), (first + second) / 2, first)
    context = _context(scene, attended, candidates, len(clauses)).expand(len(clauses), -1)
    numbers = torch.cat([singles.numbers, pairs.numbers])
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


def _single_rules(features: Features, margins: _Margins, is_alone: torch.Tensor) -> _Found:
    """Return rules of one feature: all kinds of bounds that exclude every other entity."""
    low, high, spread, under, over = (
        margins.low, margins.high, margins.spread, margins.under, margins.over
    )  # fmt: skip
    is_rank = features.views > VALUE
    border = _BORDERS[features.measurements].masked_fill(is_rank, torch.nan)
    is_beyond = low > border
    crosses = (is_beyond & (margins.below <= border) & over) | (
        (high < border) & (margins.above >= border) & under
    )
    zero, end = torch.zeros_like(low), torch.full_like(low, OPEN)
    # What is just at the border, as what did not move, is on neither side.
    from_border = torch.where(is_beyond, torch.minimum(low, border + _BEYOND * spread), -end)
    to_border = torch.where(is_beyond, end, torch.maximum(high, border - _BEYOND * spread))
    # A side without other entities is closed by a pad.
    lower = (low, torch.where(under, low - _PAD * spread, margins.below))
    upper = (high, torch.where(over, high + _PAD * spread, margins.above))
    signs = torch.where(is_beyond, border, -end), torch.where(is_beyond, end, border)
    kinds = (
        (UPPER, under & ~(over & is_rank), (-end, -end, *upper)),
        (LOWER, over & ~under, (*lower, end, end)),
        # The first ones are said once, by an upper bound.
        (BOTH, ~(is_rank & (low < 0.5)), (*lower, *upper)),
        (BORDER, crosses, (from_border, signs[0], to_border, signs[1])),
    )
    gaps = margins.gaps()
    columns = (
        *gaps,
        torch.minimum(*gaps),
        ((high - low) / spread).clamp(max=_FAR_GAP),
        (low.abs() < 0.1 * spread).float(),
        (torch.minimum(margins.below.abs(), margins.above.abs()) < 0.1 * spread).float(),
        low.clamp(0.0, 4.0) / 4 * is_rank,
        (is_rank & (high < 0.5)).float(),
        (is_rank & (high > low + 0.5)).float(),
        zero,
        zero,
    )
    chosen = [(is_alone & is_allowed).nonzero()[:, 0] for _, is_allowed, _ in kinds]
    index = torch.cat(chosen)
    kind = torch.cat([torch.full_like(c, k) for c, (k, _, _) in zip(chosen, kinds)])
    bounds = torch.cat([torch.stack(sides, dim=-1)[c] for c, (_, _, sides) in zip(chosen, kinds)])
    blank = torch.tensor([-OPEN, -OPEN, OPEN, OPEN]).expand_as(bounds)
    return _Found(
        torch.stack([index, torch.full_like(index, -1)], dim=-1),
        torch.stack([bounds, blank], dim=1),
        _numbers(kind, [column[index] for column in columns]),
    )


def _pair_rules(
    features: Features,
    facts: torch.Tensor,
    margins: _Margins,
    is_defined: torch.Tensor,
    is_inside: torch.Tensor,
    others: torch.Tensor,
) -> _Found:
    """Return rules of two values, neither of which excludes all others (n, F) alone."""
    if not len(others):
        none = torch.zeros(0, 2, dtype=torch.int64)
        return _Found(none, torch.zeros(0, 2, 4), torch.zeros(0, _NUM_NUMBERS))
    excluded = ~is_inside
    share = excluded.float().mean(dim=0)
    awkward = facts[
        :, [FLAGS.index(flag) for flag in ('oblique', 'anchored', 'before', 'seldom')]
    ].sum(-1)
    useful = is_defined & (features.views == VALUE) & (share > 0.25) & (share < 1.0)
    (index,) = (useful & (awkward < 0.5)).nonzero(as_tuple=True)
    index = index[share[index].topk(min(PAIR_FEATURES, len(index))).indices]
    missed = (~excluded[:, index]).float()
    first, second = torch.triu(missed.T @ missed < 0.5, diagonal=1).nonzero(as_tuple=True)
    clauses = torch.stack([index[first], index[second]], dim=-1)
    best = share[clauses].sum(dim=-1).topk(min(MAX_PAIRS, len(clauses))).indices
    clauses = clauses[best]
    bounds, gaps = [], []
    # The first excludes what the second cannot; the second what the first leaves over.
    left = ~excluded[:, clauses[:, 1]]
    for index in clauses.unbind(dim=1):
        value = others[:, index]
        each = _Margins.of(
            margins.low[index],
            margins.high[index],
            margins.spread[index],
            value.masked_fill(~left, torch.nan),
        )
        lower, upper = (
            torch.where(each.under, -OPEN, each.low),
            torch.where(each.over, OPEN, each.high),
        )
        bounds.append(torch.stack([lower, each.below, upper, each.above], dim=-1))
        left = ~((value <= each.below) | (value >= each.above) | value.isnan())
        gaps.append(torch.minimum(*each.gaps()))
    zero = torch.zeros(len(clauses))
    columns = [*gaps, torch.minimum(*gaps), *[zero] * 6, share[clauses].sum(dim=-1), zero + 1]
    kind = torch.full((len(clauses),), PAIR)
    return _Found(clauses, torch.stack(bounds, dim=1), _numbers(kind, columns))


def _numbers(kind: torch.Tensor, columns: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the token numbers (H, _NUM_NUMBERS) of rules: their kind, one-hot, and facts."""
    one_hot = torch.nn.functional.one_hot(kind, PAIR + 1).float()
    return torch.cat([one_hot, torch.stack(list(columns), dim=-1)], dim=-1)


# ------------------------------------------------------------------ tokens


def _flagged(about: Iterable[Container[str]]) -> torch.Tensor:
    return torch.tensor([[float(flag in each) for flag in FLAGS] for each in about])


_ABOUT = _flagged(m.about for m in ALL_MEASUREMENTS)
_GROUP_ABOUT = _flagged(about.split() for *_, about in GROUPS)
_BORDERS = torch.tensor([m.border for m in ALL_MEASUREMENTS])


def _view_facts() -> torch.Tensor:
    rows = torch.zeros(len(VIEWS), 3 + len(RANKS))
    rows[VALUE, 0] = 1.0
    for group in range(len(GROUPS)):
        for rank in range(len(RANKS)):
            view = rank_view(rank, group)
            rows[view, 1 + rank] = 1.0
            rows[view, -2] = float(0 < group < len(GROUPS) - 1)
            rows[view, -1] = float(group == len(GROUPS) - 1)
    return rows


_VIEW_FACTS = _view_facts()
_NUM_CONTEXT = 9
_NUM_NUMBERS = 16

NUM_TOKEN_NUMBERS = _NUM_CONTEXT + len(FLAGS) + _VIEW_FACTS.shape[1] + _NUM_NUMBERS
"""Length of a token."""


def _feature_facts(features: Features) -> torch.Tensor:
    """Return (F, D) what each feature is about and how it is seen."""
    groups = (features.views - 1).clamp(min=0) // len(RANKS)
    about = torch.maximum(_ABOUT[features.measurements], _GROUP_ABOUT[groups])
    return torch.cat([about, _VIEW_FACTS[features.views]], dim=-1)


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
