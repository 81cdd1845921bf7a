"""Regions of the table at unknown places: discs, rings, half-planes and strips.

Which of them is meant is known by its kind alone: its odds are those of the kind (learned, see
`place_prior.py`), shared by all places or directions.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from concept_control.energy.agreement.evidence import (
    INTERVAL,
    ONE_SIDED,
    PRIORS,
    Background,
    log_evidence,
)
from concept_control.energy.measurements.fitted import DIRECTION, DISC, Fitted
from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.scene_view import SceneView

KINDS = ('disc', 'outside of a disc', 'ring', 'half-plane', 'strip')
"""Kinds of regions: three of bounds on the distance to a place, two of those in a direction."""

_IS_ONE_SIDED = torch.tensor([True, True, False, True, False])
_TICKS = torch.linspace(-0.6, 0.6, 13)
_CENTERS = torch.cartesian_prod(_TICKS, _TICKS)
_ANGLES = math.pi / 24 * torch.arange(24)
REGIONS = (
    *(Fitted(DISC, (), tuple(center)) for center in _CENTERS.tolist()),
    *(Fitted(DIRECTION, ('table',), (angle,)) for angle in _ANGLES.tolist()),
)
_MEASURED = tuple(region.measurement() for region in REGIONS)


class RegionEvidence(NamedTuple):
    """How much demonstrations speak for each of R regions.

    Attributes:
        log_evidence: (5, R) of each kind, of which all places share one; -inf where it is not of
            that kind.
        lower: (R,) least demonstrated value.
        upper: (R,) largest demonstrated value.
        deviation: (R,) standard deviation of the background.
        is_upper: (R,) bool, whether one side is the upper one.
    """

    log_evidence: torch.Tensor
    lower: torch.Tensor
    upper: torch.Tensor
    deviation: torch.Tensor
    is_upper: torch.Tensor

    def log_odds(self, odds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return log odds (R,) of regions by those of kinds (5,), and shares (R,) of one side."""
        each = self.log_evidence + odds.unsqueeze(-1)
        total = each.logsumexp(dim=0)
        return total, (each[_IS_ONE_SIDED].logsumexp(dim=0) - total).exp()


class Regions:
    """What demonstrations and their background are in all regions.

    Args:
        view: M demonstrations.
        around: The same scenes with the subject elsewhere.
    """

    def __init__(self, view: SceneView, around: SceneView) -> None:
        self._values, self._around = evaluate(_MEASURED, view), evaluate(_MEASURED, around)

    def evidence(self, weights: torch.Tensor | None = None) -> RegionEvidence:
        """Return the evidence by a background of weights (n,) that sum to one; None: all alike."""
        if weights is None:
            weights = torch.full((len(self._around),), 1 / len(self._around))
        lower, upper = self._values.amin(dim=0), self._values.amax(dim=0)
        background = Background(self._around, weights)
        is_signed = torch.zeros(len(REGIONS), dtype=torch.bool)
        masses = background.masses(lower, upper, is_signed)
        total, shares = log_evidence(masses, is_signed, len(self._values))
        kinds = [INTERVAL, ONE_SIDED]
        between, beyond = total + (shares[kinds] / torch.tensor(PRIORS)[kinds, None]).log()
        is_disc = torch.arange(len(REGIONS)) < len(_CENTERS)
        is_upper = masses.lean > 0
        is_kind = [is_disc & is_upper, is_disc & ~is_upper, is_disc, ~is_disc, ~is_disc]
        found = torch.where(_IS_ONE_SIDED.unsqueeze(-1), beyond, between)
        found = found - torch.where(is_disc, math.log(len(_CENTERS)), math.log(len(_ANGLES)))
        found = torch.where(torch.stack(is_kind), found, -torch.inf)
        return RegionEvidence(found, lower, upper, background.deviation, is_upper)
