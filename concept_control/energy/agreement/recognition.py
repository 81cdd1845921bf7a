"""How likely an event is under a code, against the same scene with anything else in it."""

from __future__ import annotations

import math

import torch

from concept_control.energy.agreement.agreement_code import AgreementCode
from concept_control.energy.agreement.identification import mask_log_probabilities, may_be_meant
from concept_control.energy.agreement.inference import MOVED
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.placing import anywhere, with_places
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch
from concept_control.energy.search.lowest_place import cell_centers

_SIDE = 14
_ANYWHERE = 150
_IMPOSSIBLE = -10.0
"""Log likelihood of an event that the code says nothing of: nobody moves, or others [nats]."""


def log_likelihoods(code: AgreementCode, scene: SceneBatch) -> torch.Tensor:
    """Return the log likelihoods (B,) of outcomes and masks, relative to chance.

    That of an outcome is its plausibility over the mean plausibility of the subjects anywhere
    else; that of a mask is its probability times the number of masks.
    """
    found = []
    for row in range(scene.num_events):
        one = scene.select(slice(row, row + 1))
        masks = candidate_masks(may_be_meant(code, one))
        total = _outcome(code, one)
        if bool((one.attention > 0.5).any()):
            logs = mask_log_probabilities(code, one, masks)
            same = (masks == one.attention).all(dim=-1)
            shown = float(logs[same].max()) if bool(same.any()) else _IMPOSSIBLE
            total += max(shown, _IMPOSSIBLE) + math.log(len(masks))
        found.append(total)
    return torch.tensor(found)


def _outcome(code: AgreementCode, one: SceneBatch) -> float:
    subjects = one.subjects[0] > 0.5
    moved = ((one.after - one.before).norm(dim=-1)[0] > MOVED) & (one.present[0] > 0.5)
    acts = bool((moved & subjects).any()) and not bool((moved & ~subjects).any())
    if code.placing is None and code.arrangement is None:
        return _IMPOSSIBLE if acts else 0.0
    if not acts:
        return 0.0 if code.arrangement is not None and not bool(moved.any()) else _IMPOSSIBLE
    if code.placing is not None:
        if int(subjects.sum()) != 1 or bool((subjects & (one.attention[0] > 0.5)).any()):
            return _IMPOSSIBLE
        agreement = code.placing
        elsewhere = with_places(one, cell_centers(_SIDE).unsqueeze(0))
    elif code.arrangement is not None:
        agreement = code.arrangement
        if not bool((subjects & (one.attention[0] > 0.5)).any()):
            return _IMPOSSIBLE
        generator = torch.Generator().manual_seed(0)
        many = one.repeat(_ANYWHERE)
        elsewhere = anywhere(many, many.subjects, generator)
    here = -float(agreement.energy(SceneView(one))[0])
    there = torch.cat([-agreement.energy(SceneView(elsewhere)), torch.tensor([here])])
    chance = float(torch.logsumexp(there, dim=0)) - math.log(len(there))
    return max(here - chance, _IMPOSSIBLE)
