"""A batch of concepts: demonstrations, tests with labelled candidates, privileged tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from concept_control.energy.scene_batch import SceneBatch


@dataclass
class ConceptBatch:
    """C concepts over scenes of the same number N of entity slots.

    Attributes:
        demonstrations: C * D events.
        tests: C events that carry candidates.
        outcomes: (C, 1 + k, N, 2) candidate last positions, the demonstrated one first.
        distances: (C, 1 + k) workspace units to where the concept holds.
        masks: (C, 1 + k', N) candidate attention, the demonstrated one first.
        holds: (C, 1 + k') whether the concept holds under them.
        flips: (C, 1 + k') entities in which a mask differs from the demonstrated one.
        types: (C, K) token types, -1 for none.
        values: (C, K, V) token values.
        generates: (C,) 1 if outcomes are judged.
        identifies: (C,) 1 if masks are judged.
        static: (C,) 1 if the concept holds in what the demonstrations came to, however that was.
    """

    demonstrations: SceneBatch
    tests: SceneBatch
    outcomes: torch.Tensor
    distances: torch.Tensor
    masks: torch.Tensor
    holds: torch.Tensor
    flips: torch.Tensor
    types: torch.Tensor
    values: torch.Tensor
    generates: torch.Tensor
    identifies: torch.Tensor
    static: torch.Tensor

    def __len__(self) -> int:
        return self.generates.shape[0]

    def select(self, index: torch.Tensor) -> ConceptBatch:
        """Return the concepts at `index`."""
        chosen: dict[str, Any] = {}
        for name, value in vars(self).items():
            if isinstance(value, SceneBatch):
                each = value.num_events // len(self)
                rows = (index[:, None] * each + torch.arange(each)).flatten()
                chosen[name] = value.select(rows)
            else:
                chosen[name] = value[index]
        return ConceptBatch(**chosen)

    @staticmethod
    def concatenate(batches: list[ConceptBatch]) -> ConceptBatch:
        """Join batches of equal N."""
        joined: dict[str, Any] = {}
        for name, first in vars(batches[0]).items():
            values = [getattr(batch, name) for batch in batches]
            is_scene = isinstance(first, SceneBatch)
            joined[name] = SceneBatch.concatenate(values) if is_scene else torch.cat(values)
        return ConceptBatch(**joined)
