"""Identification under an agreement: which things are meant."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch

_MISCOUNT = 3.0
"""Energy of one thing more or fewer than demonstrated, where one subject is placed [nats]."""

_MISCOUNT_OF_A_SHAPE = 30.0


def counting_log_probabilities(
    agreement: Agreement, one: SceneBatch, masks: torch.Tensor, miscount: float = 0.0
) -> torch.Tensor:
    """Return the log probabilities (G,) of masks (G, N) of one scene.

    Args:
        agreement: What outcome and mask agree on.
        one: One scene.
        masks: Masks to compare.
        miscount: Energy of each thing more or fewer than in the demonstrations [nats].
    """
    view = SceneView(one.repeat(len(masks)), masks)
    number = masks.sum(dim=-1)
    fewest, most = agreement.count
    wrong = (fewest - number).clamp(min=0.0) + (number - most).clamp(min=0.0)
    return torch.log_softmax(-agreement.energy(view) - miscount * wrong, dim=0)


def mask_log_probabilities(
    code: AgreementCode, one: SceneBatch, masks: torch.Tensor
) -> torch.Tensor:
    """Return the log probabilities (G,) of masks (G, N) of one scene under a code."""
    if code.arrangement is not None and code.rules is None:
        return counting_log_probabilities(code.arrangement, one, masks, _MISCOUNT_OF_A_SHAPE)
    by_set = None
    if code.placing is not None and bool((one.subjects > 0.5).any()):
        by_set = counting_log_probabilities(code.placing, one, masks, _MISCOUNT)
    elif code.counting is not None:
        by_set = counting_log_probabilities(code.counting, one, masks)
    if code.rules is None:
        if by_set is None:
            return torch.full((len(masks),), -math.log(len(masks)))
        return by_set
    by_rules = code.rules.log_probabilities(one, masks)
    if by_set is None:
        return by_rules
    share = min(max(code.rule_share, 1e-4), 1 - 1e-4)
    return torch.logaddexp(by_rules + math.log(share), by_set + math.log1p(-share))


def may_be_meant(code: AgreementCode, one: SceneBatch) -> torch.Tensor:
    """Return which things (N,) of one scene may be meant: subjects only where they are members."""
    present = one.present[0] > 0.5
    return present if code.members else present & (one.subjects[0] < 0.5)


def each_with_masks(
    code: AgreementCode, scene: SceneBatch
) -> Iterator[tuple[SceneBatch, torch.Tensor]]:
    """Yield each scene alone, and the masks (G, N) of what may be meant in it."""
    for row in range(scene.num_events):
        one = scene.select(slice(row, row + 1))
        yield one, candidate_masks(may_be_meant(code, one))
