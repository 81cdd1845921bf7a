"""Agreement about which set is meant, of all sets that could be: how many, in what shape."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from concept_control.energy.agreement.conjunction import BoundSearch
from concept_control.energy.agreement.masks import candidate_masks
from concept_control.energy.agreement.place_prior import set_prior
from concept_control.energy.agreement.placing import Agreement
from concept_control.energy.measurements.measurement import evaluate
from concept_control.energy.measurements.scene_view import SceneView
from concept_control.energy.measurements.sets import plain_set_measurements
from concept_control.energy.scene_batch import SceneBatch

_MOST_KEPT = 6
_ANY_NUMBER = (0, 1000)
"""How many things bounds are about: any, as the number itself is among the measurements."""

_FEWEST = 1.5
"""Effective number of masks of each demonstration below which nothing more is kept."""


class CountingInference:
    """Inference of what the meant sets agree on, from subsets of the same demonstrations.

    Args:
        scene: M demonstrations without subjects.

    Attributes:
        masks: Masks (G, N) of each demonstration.
        shown: Number of the demonstrated mask among them.
    """

    def __init__(self, scene: SceneBatch) -> None:
        self._measurements = plain_set_measurements()
        self._needs = torch.tensor([each.needs for each in self._measurements])
        self._prior = set_prior(self._measurements)
        self._is_signed = torch.tensor([each.is_signed for each in self._measurements])
        self.masks = [candidate_masks(present > 0.5) for present in scene.present]
        self.shown = [
            int((masks == meant).all(dim=-1).nonzero()[0, 0])
            for masks, meant in zip(self.masks, scene.attention)
        ]
        sizes = torch.tensor([len(masks) for masks in self.masks])
        rows = torch.arange(len(sizes)).repeat_interleave(sizes)
        view = SceneView(scene.select(rows), torch.cat(self.masks))
        found = evaluate(self._measurements, view)
        enough = self._needs <= view.meant.sum(dim=-1, keepdim=True)
        # Where too few are meant, there is no value.
        self._values = torch.where(enough, found, torch.nan).split(sizes.tolist())

    def infer(self, chosen: Sequence[int] | None = None) -> Agreement:
        """Return what the sets of the demonstrations agree on, all or some of them (by number)."""
        rows = list(range(len(self.masks))) if chosen is None else list(chosen)
        shown = torch.stack([self._values[row][self.shown[row]] for row in rows])
        background = torch.cat([self._values[row] for row in rows])
        sizes = torch.tensor([len(self.masks[row]) for row in rows])
        weights = (1 / (sizes * len(rows))).repeat_interleave(sizes)
        # Where too few are meant for a measurement, it counts as far out.
        mean = background.nanmean(dim=0)
        spread = (background - mean).abs().nanmean(dim=0)
        background = torch.where(background.isnan(), mean + 3 * spread + 1e-3, background)
        search = BoundSearch(
            shown.nan_to_num(),
            background.nan_to_num(),
            weights,
            self._prior,
            self._is_signed,
            ~shown.isnan().any(dim=0),
            is_continuous=False,
        )
        bounds, score, support = search.run(_FEWEST * len(rows), _MOST_KEPT)
        specs = tuple(self._measurements[i].name for i in bounds.index.tolist())
        return Agreement(specs, bounds, _ANY_NUMBER, score, support)
