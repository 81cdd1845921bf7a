"""Identification under an agreement: which things are meant."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch.nn.functional import logsigmoid

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch

_MISCOUNT = (3.0, 3.0)
"""Energies of one thing more, and of one fewer, than demonstrated, where one subject is placed
[nats]."""

_MISCOUNT_OF_A_SHAPE = (3.0, 8.0)
"""The same in a shape: a few of its things often stand like it, too, by chance."""

_UNSAID = 0.5
"""Share of what a form can cost at most that is lost where it says nothing, as other numbers of
things were shown."""


def counting_log_probabilities(
    agreement: Agreement,
    one: SceneBatch,
    masks: torch.Tensor,
    miscount: tuple[float, float] = (0.0, 0.0),
) -> torch.Tensor:
    """Return the log probabilities (G,) of masks (G, N) of one scene.

    Args:
        agreement: What outcome and mask agree on.
        one: One scene.
        masks: Masks to compare.
        miscount: Energies of each thing more, and of each fewer, than in the demonstrations
            [nats].
    """
    view = SceneView(one.repeat(len(masks)), masks)
    number = masks.sum(dim=-1)
    fewest, most = agreement.count
    more, fewer = (number - most).clamp(min=0.0), (fewest - number).clamp(min=0.0)
    unsaid = torch.where(more + fewer > 0, _UNSAID * _most_of_number(agreement), 0.0)
    wrong = miscount[0] * more + miscount[1] * fewer + unsaid
    return torch.log_softmax(-agreement.energy(view) - wrong, dim=0)


def _most_of_number(agreement: Agreement) -> float:
    """Return the largest energy of the bounds that say nothing of other numbers of things."""
    bounds = agreement.bounds
    clauses = bounds.clause[agreement.of_number]
    doubt = (1 - bounds.relevance[clauses]).clamp(min=1e-12)
    return -float((bounds.power[clauses] * doubt.log()).sum())


def mask_log_probabilities(
    code: AgreementCode, one: SceneBatch, masks: torch.Tensor
) -> torch.Tensor:
    """Return the log probabilities (G,) of masks (G, N) of one scene under a code."""
    by_set, form = None, code.arrangement
    if code.placing is not None and bool((one.subjects > 0.5).any()):
        by_set = counting_log_probabilities(code.placing, one, masks, _MISCOUNT)
    elif code.counting is not None:
        by_set = counting_log_probabilities(code.counting, one, masks)
    if form is not None and (code.rules is None or code.counting is not None):
        by_form = counting_log_probabilities(form, one, masks, _MISCOUNT_OF_A_SHAPE)
        by_set = by_form if by_set is None else _either(by_form, by_set, code.form_log_odds)
    if code.rules is None:
        if by_set is None:
            return torch.full((len(masks),), -math.log(len(masks)))
        return by_set
    by_rules = code.rules.log_probabilities(one, masks)
    if by_set is None:
        return by_rules
    share = min(max(code.rule_share, 1e-4), 1 - 1e-4)
    return _either(by_rules, by_set, math.log(share / (1 - share)))


def _either(first: torch.Tensor, second: torch.Tensor, log_odds: float) -> torch.Tensor:
    """Return the log probabilities (G,) of a mixture, given the log odds of the first."""
    odds = first.new_tensor(log_odds)
    return torch.logaddexp(first + logsigmoid(odds), second + logsigmoid(-odds))


def may_be_meant(code: AgreementCode, one: SceneBatch) -> torch.Tensor:
    """Return which things (N,) of one scene may be meant: subjects only where they are members."""
    present = one.present[0] > 0.5
    return present if code.members else present & (one.subjects[0] < 0.5)


def each_with_masks(
    code: AgreementCode, scene: SceneBatch
) -> Iterator[tuple[SceneBatch, torch.Tensor]]:
    """Yield each scene alone, and the masks (G, N) of what may be meant in it."""
    for one in scene.split(1):
        yield one, candidate_masks(may_be_meant(code, one))
