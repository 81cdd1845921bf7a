"""Recorded residuals of agreements: TorchScript that runs without Python, on the scene's device.

TorchScript never frees the memory of a recording, so those of agreements on the same measurements
share one: the bounds go into it as tensors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from concept_control.energy import torchscript
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.fitted import Fitted
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.scene_batch import SceneBatch, grounded

_Form = tuple[tuple[str | Fitted, ...], tuple[int, int] | None, int]

RECORDINGS: dict[_Form, torchscript.Recorded] = {}
"""Recordings by the measurements, by how many things were shown where a form depends on it, and by
the number of entities."""

_BOUNDS = ('lower', 'upper', 'open_lower', 'open_upper', 'sign', 'weight')
"""Attributes of bounds that a residual depends on."""


def bound_residual(
    agreement: Agreement, scene: SceneBatch, subjects: torch.Tensor, attention: torch.Tensor
) -> torch.Tensor:
    """Return the residuals (B, K) of an agreement about some entities of B scenes.

    Args:
        agreement: Bounds to keep.
        scene: B scenes; their own masks are ignored.
        subjects: (N,) 0 or 1, entities that act.
        attention: (N,) 0 or 1, entities that are meant.
    """
    return agreement.residual(SceneView(grounded(scene, subjects, attention)))


def recorded_residual(
    agreement: Agreement, scene: SceneBatch, subjects: torch.Tensor, attention: torch.Tensor
) -> torch.Tensor:
    """Return `bound_residual`, computed without Python and without gradients.

    The first call for other measurements makes the recording, which takes some tenths of a second.
    """
    shown = agreement.count if any(agreement.needs[2]) else None
    form = agreement.specs, shown, scene.after.shape[1]
    bounds = (getattr(agreement.bounds, name) for name in _BOUNDS)
    inputs = (*scene, subjects, attention, *bounds)

    def flat(*values: torch.Tensor) -> torch.Tensor:
        *scene, acts, meant = values[: -len(_BOUNDS)]
        named: dict[str, Any] = dict(zip(_BOUNDS, values[-len(_BOUNDS) :]))
        given = replace(agreement, bounds=replace(agreement.bounds, **named))
        return bound_residual(given, SceneBatch(*scene), acts, meant)

    if form not in RECORDINGS:
        RECORDINGS[form] = torchscript.record(flat, inputs)
    return RECORDINGS[form](*inputs)
