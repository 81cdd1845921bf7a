"""Inference by agreement: from demonstrations to a code."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.arranging import demonstrated_patterns, infer_arrangement
from concept_control.energy.agreement.counting import CountingInference
from concept_control.energy.agreement.identification import counting_log_probabilities
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.placing import Agreement, PlacingInference
from concept_control.energy.agreement.rules import Rules, infer_rules
from concept_control.energy.agreement.scorer import RuleScorer
from concept_control.energy.measurements.features import PLAIN
from concept_control.energy.scene_batch import SceneBatch

MOVED = 1e-3
"""Distance from which a subject counts as moved [workspace units]."""

_UNSEEN = 0.1
"""Pseudo-demonstrations with a circumstance, and without it (Beta prior of its probability)."""

_RULES_BESIDE_PLACING = 0.02
_RULES_FIRST = 1.5
_LEAST_LOG_PROBABILITY = -6.0
_FEWEST_OF_A_SHAPE = 2
_FEWEST_OF_A_STILL_SHAPE = 3
"""Fewest meant things whose arrangement may be what is shown, where nothing moves."""


def shows_place(scene: SceneBatch) -> bool:
    """Return whether demonstrations show where at most one subject goes that is not meant."""
    subjects = scene.subjects * scene.present > 0.5
    is_member = bool((subjects & (scene.attention > 0.5)).any())
    return _acts(scene) and not is_member and bool((subjects.sum(dim=1) <= 1).all())


def circumstances(scene: SceneBatch) -> torch.Tensor:
    """Return (B, 4) in how events are shown, whatever is meant, 1 for yes and 0 for no.

    There is a subject that is not meant; one that is; subjects move; other things do.
    """
    subjects = scene.subjects * scene.present > 0.5
    meant, moved = scene.attention > 0.5, (scene.shifts > MOVED) & (scene.present > 0.5)
    each = (subjects & ~meant, subjects & meant, subjects & moved, ~subjects & moved)
    return torch.stack([mask.any(dim=1) for mask in each], dim=1).to(scene.after)


def _acts(scene: SceneBatch) -> bool:
    """Return whether subjects move, and nothing else: then they are no markers of what happens."""
    _, _, subjects_move, others_move = circumstances(scene).amax(dim=0).tolist()
    return subjects_move > others_move


def infer_agreement(
    scene: SceneBatch, scorer: RuleScorer, generator: torch.Generator
) -> AgreementCode:
    """Infer what M demonstrations of one concept agree on.

    Args:
        scene: M demonstrations; their order does not matter.
        scorer: Prior of the rules' relevance.
        generator: Random generator of the backgrounds.
    """
    shown = circumstances(scene).sum(dim=0)
    likely = (shown + _UNSEEN) / (scene.num_events + 2 * _UNSEEN)
    return replace(_agreement(scene, scorer, generator), circumstances=tuple(likely.tolist()))


def _agreement(scene: SceneBatch, scorer: RuleScorer, generator: torch.Generator) -> AgreementCode:
    """Return the code of M demonstrations but for its circumstances."""
    subjects = scene.subjects * scene.present > 0.5
    meant = scene.attention * scene.present > 0.5
    members = bool((subjects & meant).any())
    acting = subjects.any(dim=1)
    has_moved = _acts(scene)
    rules, plain = None, None
    if bool(meant.any()) and not members:
        plain = PLAIN.evaluate(scene)
        (rules,) = infer_rules(scene, scorer, plain)
    if shows_place(scene):
        placing = PlacingInference(scene.select(acting), generator, scorer.places).infer()
        share = _RULES_BESIDE_PLACING if rules is not None else 0.0
        return AgreementCode(placing=placing, rules=rules, rule_share=share)
    arrangement: Agreement | None = None
    patterns: tuple[torch.Tensor, ...] = ()
    fewest = int(meant.sum(dim=1).min())
    if fewest >= (_FEWEST_OF_A_SHAPE if members or has_moved else _FEWEST_OF_A_STILL_SHAPE):
        arrangement = infer_arrangement(scene, generator)
        patterns = tuple(demonstrated_patterns(scene))
    if arrangement is not None and (members or has_moved):
        return AgreementCode(arrangement=arrangement, patterns=patterns, members=members)
    found = AgreementCode(arrangement=arrangement, patterns=patterns, rules=rules, rule_share=1.0)
    if plain is None:
        return found
    if acting.any():
        return replace(found, left_out=_left_out_by_rules(scene, scorer, plain))
    counting, share, left_out = _counting(scene, scorer, plain, found.form_log_odds)
    return replace(found, counting=counting, rule_share=share, left_out=left_out)


def _left_out_by_rules(scene: SceneBatch, scorer: RuleScorer, plain: torch.Tensor) -> float:
    """Return the mean log odds of the demonstrated masks under the rules of the others."""
    total = 0.0
    for one, rules in zip(scene.split(1), _rules_of_others(scene, scorer, plain)):
        masks = candidate_masks((one.present * (1 - one.subjects))[0] > 0.5)
        by_rules = rules.log_probabilities(one, masks)
        shown = by_rules[(masks == one.attention).all(dim=-1)].tolist()
        total += max([_LEAST_LOG_PROBABILITY, *shown]) + math.log(len(masks))
    return total / scene.num_events


def _rules_of_others(scene: SceneBatch, scorer: RuleScorer, plain: torch.Tensor) -> list[Rules]:
    """Return the rules that all demonstrations but one agree on, for each; of one, none."""
    shots = scene.num_events
    if shots == 1:
        return []
    others = ~torch.eye(shots, dtype=torch.bool, device=plain.device)
    return infer_rules(scene, scorer, plain, list(others))


def _counting(
    scene: SceneBatch, scorer: RuleScorer, plain: torch.Tensor, form_log_odds: float
) -> tuple[Agreement, float, float]:
    """Return what the meant sets agree on as sets, and the probability that rules decide.

    Either is judged by how well it predicts each demonstration from the others, and sets by their
    form; how well both predict, together, is returned beside, see `AgreementCode.left_out`.
    """
    counting = CountingInference(scene)
    shots = scene.num_events
    log_rules, log_sets = _RULES_FIRST, math.log1p(math.exp(min(form_log_odds, 50.0)))
    predicted = []
    of_others = zip(scene.split(1), _rules_of_others(scene, scorer, plain))
    for row, (one, rules) in enumerate(of_others):
        rest = [other for other in range(shots) if other != row]
        masks, shown = counting.masks[row], counting.shown[row]
        by_rules = rules.log_probabilities(one, masks)
        by_sets = counting_log_probabilities(counting.infer(rest), one, masks)
        logs = [max(float(by[shown]), _LEAST_LOG_PROBABILITY) for by in (by_rules, by_sets)]
        log_rules, log_sets = log_rules + logs[0], log_sets + logs[1]
        predicted.append([log + math.log(len(masks)) for log in logs])
    share = 1 / (1 + math.exp(min(log_sets - log_rules, 50.0)))
    odds = [math.log(share * math.exp(r) + (1 - share) * math.exp(s)) for r, s in predicted]
    return counting.infer(), share, sum(odds) / max(len(odds), 1)
