"""Selection by rules: the attended are the entities whose features lie within bounds.

Demonstrations leave many rules; the prior of relevance (`scorer.py`) weighs them. A `Rules` is the
short weighted list that remains. It predicts masks of scenes with any number of entities, turns
into plain JSON or a vector of floats and back, and says in words what it means.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch

from concept_control.energy.agreement.rule_search import (
    OPEN,
    RuleCandidates,
    RuleTable,
    find_rules,
)
from concept_control.energy.agreement.rule_sentences import clause_words
from concept_control.energy.agreement.scorer import RuleScorer
from concept_control.energy.measurements.features import (
    ALL_INDEX,
    ALL_MEASUREMENTS,
    NUM_PARAMETERS,
    VIEWS,
    Features,
)
from concept_control.energy.scene_batch import SceneBatch
from concept_control.errors import CodeError

MAX_RULES = 24
"""Largest number of rules that are kept."""

SHARES = (0.25, 0.5, 0.75)
"""Positions of a bound between the attended and the nearest others."""

FLOOR = 1e-4
"""Probability that is left for masks that no rule proposes."""

_VIEW_INDEX = {name: index for index, name in enumerate(VIEWS)}


@dataclass(frozen=True)
class Clause:
    """Bounds on one feature.

    Attributes:
        measurement: Name out of `ALL_INDEX`.
        view: Name out of `VIEWS`: the value or a rank.
        lower: Lower bound that is certainly met and the one that is certainly missed, or None.
        upper: Upper bound that is certainly met and the one that is certainly missed, or None.
        parameters: Four parameters of a fitted measurement or group.
    """

    measurement: str
    view: str
    lower: tuple[float, float] | None
    upper: tuple[float, float] | None
    parameters: tuple[float, ...] = (0.0,) * NUM_PARAMETERS


@dataclass(frozen=True)
class Rule:
    """One or two clauses that all hold for the attended entities and for no others.

    Attributes:
        weight: Probability of the rule.
        clauses: One clause, or two.
    """

    weight: float
    clauses: tuple[Clause, ...]


@dataclass(frozen=True)
class Rules:
    """Weighted rules, the likeliest first.

    Attributes:
        rules: Rules whose weights add up to one; empty where no rule fits the demonstrations.

    Raises:
        CodeError: if a rule names an unknown measurement or view, or has no or too many clauses.
    """

    rules: tuple[Rule, ...]

    def __post_init__(self) -> None:
        for rule in self.rules:
            if not 1 <= len(rule.clauses) <= 2:
                raise CodeError(f'a rule has {len(rule.clauses)} clauses; expected one or two')
            for clause in rule.clauses:
                if clause.measurement not in ALL_INDEX or clause.view not in _VIEW_INDEX:
                    raise CodeError(
                        f'a rule is about {clause.measurement!r} seen as {clause.view!r}, which '
                        'this version does not measure; infer the concept again'
                    )

    # -------------------------------------------------------------- predictions

    @cached_property
    def table(self) -> RuleTable:
        """The rules as tensors."""
        flat = [clause for rule in self.rules for clause in rule.clauses]
        number = itertools.count()
        index = [[*(next(number) for _ in rule.clauses), -1][:2] for rule in self.rules]
        blank = (-OPEN, -OPEN, OPEN, OPEN)
        bounds = [[*map(_numbers, rule.clauses), blank][:2] for rule in self.rules]
        features = Features(
            torch.tensor([ALL_INDEX[c.measurement] for c in flat], dtype=torch.int64),
            torch.tensor([_VIEW_INDEX[c.view] for c in flat], dtype=torch.int64),
            torch.tensor([c.parameters for c in flat]).reshape(-1, NUM_PARAMETERS),
        )
        return RuleTable(
            features,
            torch.tensor(index, dtype=torch.int64).reshape(-1, 2),
            torch.tensor(bounds).reshape(-1, 2, len(blank)),
        )

    def predictions(self, scene: SceneBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the masks (G, N) that the rules propose for a scene, and probabilities (G,).

        Args:
            scene: One scene of any number of entities, subjects that may be meant hidden.

        The likeliest mask comes first. No mask, and no probability, where there is no rule.
        """
        if not self.rules:
            return scene.present.new_zeros(0, scene.present.shape[1]), scene.present.new_zeros(0)
        proposed = self.table.masks(scene, SHARES)[0].flatten(0, 1)
        weight = torch.tensor([rule.weight for rule in self.rules]) / len(SHARES)
        weight = weight.repeat_interleave(len(SHARES))
        masks, index = torch.unique(proposed, dim=0, return_inverse=True)
        share = torch.zeros(len(masks)).index_add(0, index, weight)
        # Somebody is meant: a rule that nothing satisfies says nothing here.
        share = share * torch.where(masks.any(dim=-1), 1.0, FLOOR)
        order = share.argsort(descending=True, stable=True)
        return masks[order].to(scene.present), share[order] / share.sum()

    def agreeing(self, scene: SceneBatch, masks: torch.Tensor) -> torch.Tensor:
        """Return the probability (R,) of the rules that propose just these masks (R, N)."""
        if not self.rules:
            return scene.present.new_zeros(scene.num_events)
        proposed = self.table.masks(scene, SHARES)
        weight = torch.tensor([rule.weight for rule in self.rules]) / len(SHARES)
        # Somebody is meant: a rule that nothing satisfies says nothing here.
        share = weight.unsqueeze(-1) * torch.where(proposed.any(dim=-1), 1.0, FLOOR)
        same = (proposed == (masks > 0.5)[:, None, None]).all(dim=-1)
        return (share * same).sum(dim=(1, 2)) / share.sum(dim=(1, 2))

    def log_probabilities(self, scene: SceneBatch, masks: torch.Tensor) -> torch.Tensor:
        """Return (G,) log probabilities of masks (G, N) of one scene, normalised over them."""
        proposed, share = self.predictions(scene)
        likely = torch.full((len(masks),), FLOOR / max(len(masks), 1))
        if len(proposed):
            same = (masks > 0.5).unsqueeze(1) == (proposed > 0.5)
            likely = likely + (same.all(dim=-1) * share).sum(dim=-1)
        return (likely / likely.sum()).log()

    def sentences(self) -> list[tuple[float, str]]:
        """Return every rule's weight and what it says in words."""
        return [
            (
                rule.weight,
                ', and '.join(
                    clause_words(c.measurement, c.view, c.lower, c.upper, c.parameters)
                    for c in rule.clauses
                ),
            )
            for rule in self.rules
        ]

    # -------------------------------------------------------------- codes

    def to_json(self) -> list[dict[str, Any]]:
        """Return the rules as plain values for a JSON file."""
        return [asdict(rule) for rule in self.rules]

    @classmethod
    def from_json(cls, values: Sequence[Mapping[str, Any]]) -> Rules:
        """Return the rules that `to_json` wrote.

        Raises:
            CodeError: if the values are no such rules.
        """
        try:
            return cls(
                tuple(
                    Rule(float(row['weight']), tuple(_clause(**c) for c in row['clauses']))
                    for row in values
                )
            )
        except (KeyError, TypeError, ValueError, IndexError) as error:
            if isinstance(error, CodeError):
                raise
            raise CodeError(f'{values!r} are no rules: {error}') from error


def _clause(
    measurement: str,
    view: str,
    lower: Sequence[float] | None,
    upper: Sequence[float] | None,
    parameters: Sequence[float],
) -> Clause:
    sides = []
    for bound in (lower, upper):
        is_open = bound is None or abs(bound[0]) >= OPEN
        sides.append(None if is_open or bound is None else (float(bound[0]), float(bound[1])))
    return Clause(measurement, view, sides[0], sides[1], tuple(float(p) for p in parameters))


def _numbers(clause: Clause) -> tuple[float, float, float, float]:
    """Return the bounds as in `RuleTable.bounds`."""
    return (*(clause.lower or (-OPEN, -OPEN)), *(clause.upper or (OPEN, OPEN)))


# ------------------------------------------------------------------ inference


def infer_rules(
    scene: SceneBatch,
    scorer: RuleScorer,
    plain: torch.Tensor | None = None,
    sets: Sequence[torch.Tensor] | None = None,
) -> list[Rules]:
    """Infer the rules behind demonstrations.

    Args:
        scene: (M,) demonstrations with M >= 1, `hide_members` applied.
        scorer: Prior of relevance.
        plain: (M, N, F) values of `PLAIN` in them, where they were computed before.
        sets: (M,) bool each, demonstrations of several sets; None: all of them are the one set.

    Returns:
        The rules of each set.
    """
    return [_likeliest(found, scorer) for found in find_rules(scene, plain, sets)]


def _likeliest(found: RuleCandidates, scorer: RuleScorer) -> Rules:
    if not len(found.table):
        return Rules(())
    with torch.no_grad():
        weight = torch.softmax(scorer(found.tokens), dim=-1)
    kept = weight.topk(min(MAX_RULES, len(weight)))
    return _rules(found, kept.indices, kept.values / kept.values.sum())


def _rules(found: RuleCandidates, index: torch.Tensor, weight: torch.Tensor) -> Rules:
    table = found.table.select(index)
    features = table.features
    kinds, views = features.measurements.tolist(), features.views.tolist()
    parameters = features.parameters.tolist()
    rules = []
    for share, where, bounds in zip(
        weight.tolist(), table.clauses.tolist(), table.bounds.tolist(), strict=True
    ):
        clauses = tuple(
            _clause(ALL_MEASUREMENTS[kinds[i]].name, VIEWS[views[i]], b[:2], b[2:], parameters[i])
            for i, b in zip(where, bounds)
            if i >= 0
        )
        rules.append(Rule(share, clauses))
    return Rules(tuple(rules))
