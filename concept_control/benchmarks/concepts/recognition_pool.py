"""Concepts with demonstrations and queries, of which recognition episodes are made."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from concept_control.concepts import Family
from concept_control.concepts.family import MAX_ENTITIES
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events

SHOTS = 5
"""Demonstrations of a concept in a pool; further events are queries."""


@dataclass(frozen=True)
class Pool:
    """C concepts with E events each, all demonstrations of theirs.

    Attributes:
        scene: C * E events of `MAX_ENTITIES` slots, concept-major.
        families: (C,) index of each concept's family.
        names: Names of the families.
        concepts: (C,) number of each concept; rows of one number are the same concept with other
            events.
    """

    scene: SceneBatch
    families: np.ndarray
    names: tuple[str, ...]
    concepts: np.ndarray

    def __len__(self) -> int:
        return len(self.families)

    def events(self, rows: np.ndarray, first: int, number: int) -> SceneBatch:
        """Return events `first` to `first + number` of each of the rows, concept-major."""
        each = self.scene.num_events // len(self)
        index = np.asarray(rows)[:, None] * each + np.arange(first, first + number)
        return self.scene.select(torch.from_numpy(index.ravel()))

    def episode(self, rng: np.random.Generator, ways: int, same_family: bool) -> np.ndarray:
        """Draw rows (ways,) of distinct concepts.

        Args:
            rng: Source of randomness.
            ways: Number of concepts.
            same_family: Whether they are all of one family, or of families drawn one by one.
        """
        if same_family:
            rows = self._rows_of(int(rng.choice(self.families_with(ways))))
            return rng.permutation(self._distinct(rng.permutation(rows)))[:ways]
        families = np.unique(self.families)
        chosen: list[int] = []
        while len(chosen) < ways:
            row = int(rng.choice(self._rows_of(int(rng.choice(families)))))
            if self.concepts[row] not in self.concepts[chosen]:
                chosen.append(row)
        return np.array(chosen)

    def families_with(self, ways: int) -> np.ndarray:
        """Return the families that have at least so many distinct concepts."""
        return np.array(
            [f for f in np.unique(self.families) if len(self._distinct(self._rows_of(f))) >= ways]
        )

    def _rows_of(self, family: int) -> np.ndarray:
        return np.flatnonzero(self.families == family)

    def _distinct(self, rows: np.ndarray) -> np.ndarray:
        return rows[np.unique(self.concepts[rows], return_index=True)[1]]


def draw_pool(
    families: Mapping[str, Family],
    rng: np.random.Generator,
    concepts: int,
    queries: int,
    description: str,
) -> Pool:
    """Draw fresh concepts of each family, with `SHOTS` demonstrations and some queries each.

    Args:
        families: Families by name.
        rng: Source of randomness.
        concepts: Number of concepts of each family; a family without parameters has one, shown as
            often.
        queries: Number of events of each concept beyond the demonstrations.
        description: Text of the progress bar.
    """
    scenes, numbers, known = [], [], 0
    for family in tqdm(families.values(), desc=description, unit='family', file=sys.stderr):
        params = family.sample_concepts(rng, concepts)
        events = family.sample(rng, params, SHOTS + queries)
        scenes.append(scene_batch_from_events(events.pad(MAX_ENTITIES)))
        _, same = np.unique(params.round(6), axis=0, return_inverse=True)
        if params.shape[1] == 0:
            same = np.zeros(concepts, dtype=int)
        numbers.append(known + same.ravel())
        known += int(same.max()) + 1
    return Pool(
        scene=SceneBatch.concatenate(scenes),
        families=np.repeat(np.arange(len(families)), concepts),
        names=tuple(families),
        concepts=np.concatenate(numbers),
    )
