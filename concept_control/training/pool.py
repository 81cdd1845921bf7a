"""A pool of concepts with demonstrations and labelled candidates, held ready for training.

Sampling concepts costs more than learning from them once, so a pool is filled ahead, drawn from
many times, and rebuilt every few hundred steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from concept_control.concepts.family import Family, per_event, random_colors
from concept_control.energy.inference.code_inference import candidate_masks, candidate_outcomes
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.errors import EventError
from concept_control.training.config import TrainingConfig
from concept_control.world.events import DEFAULT_SIZE, Events

LARGEST_DISTANCE = 3.0
"""Label of outcomes from which a concept cannot be satisfied at all [workspace units]."""


def labelled_outcomes(
    rng: np.random.Generator, family: Family, events: Events, params: np.ndarray, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw outcomes beside the demonstrated ones and measure how far they are from satisfaction.

    Args:
        rng: Source of randomness.
        family: Family of the concepts.
        events: B events in which the concepts hold.
        params: (C, P) concepts, B a multiple of C.
        count: Number k of candidates per event.

    Returns:
        outcomes (B, 1 + k, N, 2), the demonstrated one first, and distances (B, 1 + k), both in
        workspace units; all distances are 0 where the family generates nothing.
    """
    outcomes = candidate_outcomes(rng, scene_batch_from_events(events), count)
    if not family.generates:
        return outcomes, torch.zeros(outcomes.shape[:2])
    many = events.repeat(1 + count)
    candidates = with_last_state(many, outcomes.flatten(0, 1))
    distances = np.nan_to_num(
        np.asarray(family.error(candidates, per_event(params, many)), dtype=np.float32),
        nan=LARGEST_DISTANCE,
        posinf=LARGEST_DISTANCE,
    )
    distances = distances.clip(0.0, LARGEST_DISTANCE).reshape(len(events), -1)
    return outcomes, torch.from_numpy(distances)


def labelled_masks(
    rng: np.random.Generator, family: Family, events: Events, params: np.ndarray, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw masks beside the demonstrated ones and judge under which the concepts hold.

    Arguments as for `labelled_outcomes`.

    Returns:
        masks (B, 1 + k, N), the demonstrated one first, and (B, 1 + k) whether the concept holds
        under each; true throughout where the family identifies nothing.
    """
    masks = candidate_masks(rng, scene_batch_from_events(events), count)
    if not family.identifies:
        return masks, torch.ones(masks.shape[:2], dtype=torch.bool)
    many = events.repeat(1 + count)
    candidates = replace(many, attention=masks.flatten(0, 1))
    holds = np.asarray(family.holds(candidates, per_event(params, many)), dtype=bool)
    return masks, torch.from_numpy(holds.reshape(len(events), -1))


def with_last_state(
    events: Events, positions: torch.Tensor, bottoms: torch.Tensor | None = None
) -> Events:
    """Return events of the same T whose last state is `positions` (B, N, 2) and `bottoms`."""
    last = events.bottoms[:, -1] if bottoms is None else bottoms
    return replace(
        events,
        positions=torch.cat([events.positions[:, :-1], positions[:, None]], dim=1),
        bottoms=torch.cat([events.bottoms[:, :-1], last[:, None]], dim=1),
    )


def holds_in_last_state(
    family: Family, demonstrations: Events, params: np.ndarray
) -> torch.Tensor:
    """Tell (C,) for which concepts the last states alone are demonstrations, as 0 or 1."""
    shown = demonstrations
    last = replace(shown, positions=shown.positions[:, -1:], bottoms=shown.bottoms[:, -1:])
    holds = np.asarray(family.holds(last, params)).reshape(len(params), -1)
    return torch.from_numpy(holds.all(axis=1).astype(np.float32))


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


def alike(rng: np.random.Generator, family: Family, events: Events, chosen: np.ndarray) -> Events:
    """Give all entities of some concepts (C,) one colour and one size, where that decides nothing.

    Points without colours of their own are what a first user tries.
    """
    each = len(events) // len(chosen)
    rows = torch.from_numpy(np.repeat(chosen, each))
    colors, sizes = events.colors.clone(), events.sizes.clone()
    if not family.reads_colors:
        one = np.where(rng.random((len(chosen), 1)) < 0.5, 0.5, rng.random((len(chosen), 3)))
        drawn = torch.from_numpy(np.repeat(one, each, axis=0)).to(colors)
        colors[rows] = drawn[rows, None].expand_as(colors[rows])
    if not family.reads_sizes:
        sizes[rows] = DEFAULT_SIZE
    return replace(events, colors=colors, sizes=sizes)


def role_colored(rng: np.random.Generator, events: Events, chosen: np.ndarray) -> Events:
    """Give subjects, attended and others of some concepts (C,) a colour each, in all events.

    On a table the same red block is put between the same two others five times; that must not
    change where it is put.
    """
    each = len(events) // len(chosen)
    rows = torch.from_numpy(np.repeat(chosen, each))
    drawn = np.repeat(random_colors(rng, (len(chosen), 3)), each, axis=0)
    palette = torch.from_numpy(drawn).to(events.colors)
    role = torch.where(events.subjects.bool(), 0, torch.where(events.attention > 0.5, 1, 2))
    colors = palette.gather(1, role.unsqueeze(-1).expand(-1, -1, 3))
    colors = colors + torch.from_numpy(rng.normal(0.0, 0.02, colors.shape)).to(colors)
    colors = torch.where(rows[:, None, None], colors.clamp(0, 1), events.colors)
    return replace(events, colors=colors)


ENTITY_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 11)
ENTITY_SHARES = (0.05, 0.05, 0.09, 0.16, 0.18, 0.2, 0.12, 0.12, 0.03)

_REDRAWS = 5
"""Times that concepts are drawn anew because one of them has hardly any scene to be shown in."""

ALIKE_SHARE = 0.2
"""Share of concepts shown with entities that all look alike."""

ROLE_COLORED_SHARE = 0.15
"""Share of concepts demonstrated with one colour for each role: the same few blocks every time."""


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
        self.families = [families[name] for name in sorted(families)]
        self.num_types = 1 + max(max(family.token_types) for family in self.families)
        self._batches: dict[int, ConceptBatch] = {}
        for count in ENTITY_COUNTS:
            self._fill(count, config.pool_size)

    def draw(self, size: int) -> ConceptBatch:
        """Return `size` concepts over one random number of entities."""
        shares = np.array(ENTITY_SHARES) * [count in self._batches for count in ENTITY_COUNTS]
        count = int(self.rng.choice(ENTITY_COUNTS, p=shares / shares.sum()))
        batch = self._batches[count]
        index = torch.from_numpy(self.rng.choice(len(batch), min(size, len(batch)), replace=False))
        return batch.select(index)

    def _fill(self, count: int, size: int) -> None:
        """Draw the group of concepts with so many entities, if any family has scenes of them."""
        able = [family for family in self.families if _fits(family, count)]
        if not able:
            return
        numbers = self.rng.multinomial(size, np.full(len(able), 1 / len(able)))
        self._batches[count] = ConceptBatch.concatenate(
            [
                self._draw_family(family, int(number), count)
                for family, number in zip(able, numbers, strict=True)
                if number
            ]
        )

    def _draw_family(self, family: Family, number: int, count: int) -> ConceptBatch:
        """Draw concepts of one family with demonstrations, tests and labelled candidates."""
        rng = self.rng
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
        types, values = map(torch.from_numpy, family.tokens(params))
        return ConceptBatch(
            demonstrations=scene_batch_from_events(demonstrations),
            tests=scene_batch_from_events(tests),
            outcomes=outcomes,
            distances=distances,
            masks=masks,
            holds=holds,
            flips=(masks != masks[:, :1]).sum(dim=-1).float(),
            types=types,
            values=values,
            generates=torch.full((number,), float(family.generates)),
            # Demonstrated with colours by role, it may be the colours that are meant.
            identifies=torch.from_numpy(float(family.identifies) * ~by_role).float(),
            static=holds_in_last_state(family, demonstrations, params),
        )

    def _sample(
        self, family: Family, number: int, count: int
    ) -> tuple[np.ndarray, Events, Events]:
        """Draw concepts, their demonstrations and tests; others where some cannot be shown."""
        shots = self.config.num_demonstrations
        for left in reversed(range(_REDRAWS)):
            params = family.sample_concepts(self.rng, number)
            try:
                shown, tests = (family.sample(self.rng, params, n, count) for n in (shots, 1))
                break
            except EventError:
                if not left:
                    raise
        return params, shown, tests


def _fits(family: Family, count: int) -> bool:
    """Tell whether all concepts of a family have events of so many entities."""
    rng = np.random.default_rng(0)
    try:
        family.sample(rng, family.sample_concepts(rng, 64), 1, num_entities=count)
    except EventError:
        return False
    return True
