"""A pool of concepts with demonstrations and labelled candidates, held ready for training.

Sampling concepts costs more than learning from them once, so a pool is filled ahead, drawn from
many times, and rebuilt every few hundred steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from concept_control.concepts.family import Family
from concept_control.energy.scene_batch import scene_batch_from_events
from concept_control.errors import EventError
from concept_control.training.concept_batch import NUM_TESTS, ConceptBatch
from concept_control.training.config import TrainingConfig
from concept_control.training.labels import (
    holds_in_last_state,
    labelled_masks,
    labelled_outcomes,
    masks_hold,
    outcome_distances,
)
from concept_control.training.recoloring import alike, role_colored
from concept_control.world.events import Events

ENTITY_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 11)
ENTITY_SHARES = (0.05, 0.05, 0.09, 0.16, 0.18, 0.2, 0.12, 0.12, 0.03)

_REDRAWS = 5
"""Times that concepts are drawn anew because one of them has hardly any scene to be shown in."""

ALIKE_SHARE = 0.2
"""Share of concepts shown with entities that all look alike."""

ROLE_COLORED_SHARE = 0.15
"""Share of concepts demonstrated with one colour for each role: the same few blocks every time."""


@dataclass
class _Source:
    """What is needed to label further candidates of one concept.

    Attributes:
        family: Family of the concept.
        params: (P,) parameters of the concept.
        tests: `NUM_TESTS` events that carry its candidates.
    """

    family: Family
    params: np.ndarray
    tests: Events


class ConceptPool:
    """Concepts of many families, grouped by the number of entities.

    Args:
        families: Families by name (`concept_control.concepts.families()`).
        config: Sizes of the pool.
        rng: Source of randomness.
    """

    def __init__(
        self, families: Mapping[str, Family], config: TrainingConfig, rng: np.random.Generator
    ) -> None:
        self.config = config
        self.rng = rng
        self.names = sorted(families)
        self.families = [families[name] for name in self.names]
        self.num_types = 1 + max(max(family.token_types) for family in self.families)
        self.num_tokens = 1
        self.num_values = 1
        for family in self.families:
            types, values = family.tokens(family.sample_concepts(rng, 1))
            self.num_tokens = max(self.num_tokens, types.shape[1])
            self.num_values = max(self.num_values, values.shape[2])
        self._batches: dict[int, ConceptBatch] = {}
        self._sources: dict[int, list[_Source]] = {}
        for count in ENTITY_COUNTS:
            self._fill(count, config.pool_size)

    def draw(self, size: int) -> ConceptBatch:
        """Return `size` concepts over one random number of entities."""
        return self.draw_indexed(size)[2]

    def draw_indexed(self, size: int) -> tuple[int, torch.Tensor, ConceptBatch]:
        """Return the group, the rows and the concepts of a draw, for `add_hard`."""
        shares = np.array(ENTITY_SHARES) * [count in self._batches for count in ENTITY_COUNTS]
        count = int(self.rng.choice(ENTITY_COUNTS, p=shares / shares.sum()))
        batch = self._batches[count]
        index = torch.from_numpy(self.rng.choice(len(batch), min(size, len(batch)), replace=False))
        return count, index, batch.select(index)

    def add_hard(
        self,
        count: int,
        index: torch.Tensor,
        outcomes: torch.Tensor | None,
        masks: torch.Tensor | None,
    ) -> None:
        """Put found candidates, labelled by the particle world, over random older ones.

        Args:
            count: Group, from `draw_indexed`.
            index: (C,) rows, from `draw_indexed`.
            outcomes: (C, M, h, N, 2) positions in which the energy was low, or None.
            masks: (C, M, h, N) masks under which it was low, or None.
        """
        batch = self._batches[count]
        sources = self._sources[count]
        similar: dict[tuple[int, int], list[int]] = {}
        for position, row in enumerate(index.tolist()):
            key = (int(batch.family[row]), sources[row].tests.num_steps)
            similar.setdefault(key, []).append(position)
        for positions in similar.values():
            rows = [int(index[p]) for p in positions]
            family = sources[rows[0]].family
            events = Events.concatenate([sources[row].tests for row in rows])
            params = np.stack([sources[row].params for row in rows])
            if outcomes is not None and family.generates:
                hard = outcomes[positions].flatten(0, 1)
                distances = outcome_distances(family, events, params, hard)
                distances = distances.unflatten(0, (len(rows), NUM_TESTS))
                slots = self._slots(batch.outcomes.shape[2], hard.shape[1])
                for row, position, distance in zip(rows, positions, distances, strict=True):
                    batch.outcomes[row][:, slots] = outcomes[position]
                    batch.distances[row][:, slots] = distance
            if masks is not None and family.identifies:
                hard = masks[positions].flatten(0, 1)
                holds = masks_hold(family, events, params, hard)
                holds = holds.unflatten(0, (len(rows), NUM_TESTS))
                slots = self._slots(batch.masks.shape[2], hard.shape[1])
                for row, position, hold in zip(rows, positions, holds, strict=True):
                    batch.masks[row][:, slots] = masks[position]
                    batch.holds[row][:, slots] = hold
                    batch.flips[row] = _flips(batch.masks[row])

    def _slots(self, size: int, number: int) -> torch.Tensor:
        return torch.from_numpy(1 + self.rng.choice(size - 1, number, replace=False))

    def _fill(self, count: int, size: int) -> None:
        """Draw the group of concepts with so many entities, if any family has scenes of them."""
        able = [i for i, family in enumerate(self.families) if _fits(family, count)]
        if not able:
            return
        numbers = self.rng.multinomial(size, np.full(len(able), 1 / len(able)))
        batches: list[ConceptBatch] = []
        sources: list[_Source] = []
        for index, number in zip(able, numbers, strict=True):
            if number:
                batch, source = self._draw_family(index, int(number), count)
                batches.append(batch)
                sources.extend(source)
        self._batches[count] = ConceptBatch.concatenate(batches)
        self._sources[count] = sources

    def _draw_family(
        self, index: int, number: int, count: int
    ) -> tuple[ConceptBatch, list[_Source]]:
        """Draw concepts of one family with demonstrations, tests and labelled candidates."""
        family, rng = self.families[index], self.rng
        params, demonstrations, tests = self._sample(family, number, count)
        style = rng.random(number)
        is_alike = style < ALIKE_SHARE
        demonstrations, tests = (alike(rng, family, e, is_alike) for e in (demonstrations, tests))
        by_role = (style > 1 - ROLE_COLORED_SHARE) & family.generates & (not family.reads_colors)
        demonstrations = role_colored(rng, demonstrations, by_role)
        outcomes, distances = labelled_outcomes(
            rng, family, tests, params, self.config.num_outcomes
        )
        masks, holds = labelled_masks(rng, family, tests, params, self.config.num_masks)
        types, values = self._tokens(family, params)
        by_concept = (number, NUM_TESTS)
        batch = ConceptBatch(
            family=torch.full((number,), index),
            demonstrations=scene_batch_from_events(demonstrations),
            tests=scene_batch_from_events(tests),
            outcomes=outcomes.unflatten(0, by_concept),
            distances=distances.unflatten(0, by_concept),
            masks=masks.unflatten(0, by_concept),
            holds=holds.unflatten(0, by_concept),
            flips=_flips(masks.unflatten(0, by_concept)),
            types=types,
            values=values,
            generates=torch.full((number,), float(family.generates)),
            # Demonstrated with colours by role, it may be the colours that are meant.
            identifies=torch.from_numpy(float(family.identifies) * ~by_role).float(),
            static=holds_in_last_state(family, demonstrations, params),
        )
        sources = [
            _Source(family, params[row], tests[slice(row * NUM_TESTS, (row + 1) * NUM_TESTS)])
            for row in range(number)
        ]
        return batch, sources

    def _sample(
        self, family: Family, number: int, count: int
    ) -> tuple[np.ndarray, Events, Events]:
        """Draw concepts, their demonstrations and tests; others where some cannot be shown.

        Raises:
            EventError: if that happens again and again.
        """
        for attempt in range(_REDRAWS):
            params = family.sample_concepts(self.rng, number)
            shots = self.config.num_demonstrations
            try:
                demonstrations = family.sample(self.rng, params, shots, num_entities=count)
                tests = family.sample(self.rng, params, NUM_TESTS, num_entities=count)
            except EventError:
                if attempt + 1 == _REDRAWS:
                    raise
            else:
                break
        return params, demonstrations, tests

    def _tokens(self, family: Family, params: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the privileged types (C, K) and values (C, K, V), padded to the pool's sizes."""
        types, values = family.tokens(params)
        all_types = np.full((len(params), self.num_tokens), -1)
        all_types[:, : types.shape[1]] = types
        all_values = np.zeros((len(params), self.num_tokens, self.num_values), np.float32)
        all_values[:, : values.shape[1], : values.shape[2]] = values
        return torch.from_numpy(all_types), torch.from_numpy(all_values)


def _fits(family: Family, count: int) -> bool:
    """Tell whether all concepts of a family have events of so many entities."""
    rng = np.random.default_rng(0)
    try:
        family.sample(rng, family.sample_concepts(rng, 64), 1, num_entities=count)
    except EventError:
        return False
    return True


def _flips(masks: torch.Tensor) -> torch.Tensor:
    """Return (..., k) entities in which masks (..., k, N) differ from the first of each event."""
    return (masks != masks[..., :1, :]).sum(dim=-1).float()
