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

from concept_control.concepts.family import random_colors
from concept_control.energy.inference.candidates import candidate_masks, candidate_outcomes
from concept_control.energy.scene_batch import SceneBatch, scene_batch_from_events
from concept_control.errors import EventError
from concept_control.training.config import TrainingConfig
from concept_control.world.events import DEFAULT_SIZE, Events

ENTITY_COUNTS = (1, 2, 3, 4, 5, 6, 7, 8, 11)
ENTITY_SHARES = (0.05, 0.05, 0.09, 0.16, 0.18, 0.2, 0.12, 0.12, 0.03)
NUM_TESTS = 1
"""Events per concept that carry candidates."""

LARGEST_DISTANCE = 3.0

_REDRAWS = 5
"""Times that concepts are drawn anew because one of them has hardly any scene to be shown in."""

PLAIN_SHARE = 0.2
"""Share of concepts shown with things that all look alike."""

ROLE_COLORED_SHARE = 0.15
"""Share of concepts demonstrated with one colour for each role: the same few blocks every time."""


@dataclass
class ConceptBatch:
    """C concepts over scenes of the same number N of entity slots.

    Attributes:
        family: (C,) index into the pool's list of names.
        demonstrations: C * D events.
        tests: C * M events.
        outcomes: (C, M, 1 + k, N, 2) candidate last positions, the demonstrated one first.
        distances: (C, M, 1 + k) workspace units to where the concept holds.
        masks: (C, M, 1 + k', N) candidate attention, the demonstrated one first.
        holds: (C, M, 1 + k') whether the concept holds under them.
        flips: (C, M, 1 + k') entities in which a mask differs from the demonstrated one.
        types: (C, K) token types, -1 for none.
        values: (C, K, V) token values.
        generates: (C,) 1 if outcomes are judged.
        identifies: (C,) 1 if masks are judged.
        static: (C,) 1 if the concept holds in what the demonstrations came to, however that was.
    """

    family: torch.Tensor
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
        return self.family.shape[0]

    def select(self, index: torch.Tensor) -> ConceptBatch:
        """Return the concepts at `index`."""
        shots = self.demonstrations.num_events // len(self)
        tests = self.tests.num_events // len(self)
        plain = {
            name: value[index]
            for name, value in vars(self).items()
            if name not in ('demonstrations', 'tests')
        }
        return ConceptBatch(
            demonstrations=self.demonstrations.select(_rows(index, shots)),
            tests=self.tests.select(_rows(index, tests)),
            **plain,
        )

    @staticmethod
    def concatenate(batches: list[ConceptBatch]) -> ConceptBatch:
        """Join batches of equal N."""
        joined: dict[str, Any] = {}
        for name in vars(batches[0]):
            values = [getattr(batch, name) for batch in batches]
            if name in ('demonstrations', 'tests'):
                joined[name] = SceneBatch(
                    *(torch.cat(parts) for parts in zip(*values, strict=True))
                )
            else:
                joined[name] = torch.cat(values)
        return ConceptBatch(**joined)


@dataclass
class _Source:
    """What is needed to label further candidates of one concept."""

    family: Any
    params: np.ndarray
    tests: Events


class ConceptPool:
    """Concepts of many families, grouped by the number of entities.

    Args:
        families: name -> family object (`concept_control.concepts.families()`).
        config: sizes.
        rng: where the randomness comes from.
    """

    def __init__(
        self, families: Mapping[str, Any], config: TrainingConfig, rng: np.random.Generator
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
        count = self._draw_count()
        batch = self._batches[count]
        index = self.rng.choice(len(batch), min(size, len(batch)), replace=False)
        return batch.select(torch.from_numpy(index))

    def draw_indexed(self, size: int) -> tuple[int, torch.Tensor, ConceptBatch]:
        """Return the group, the rows and the concepts of a draw, for `add_hard`."""
        count = self._draw_count()
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
            count: the group, from `draw_indexed`.
            index: (C,) the rows, from `draw_indexed`.
            outcomes: (C, M, h, N, 2) positions in which the energy was low, or None.
            masks: (C, M, h, N) masks under which it was low, or None.
        """
        batch = self._batches[count]
        sources = self._sources[count]
        alike: dict[tuple[int, int], list[int]] = {}
        for position, row in enumerate(index.tolist()):
            key = (int(batch.family[row]), sources[row].tests.num_steps)
            alike.setdefault(key, []).append(position)
        for positions in alike.values():
            rows = [int(index[p]) for p in positions]
            source = sources[rows[0]]
            events = Events.concatenate([sources[row].tests for row in rows])
            params = np.stack([sources[row].params for row in rows])
            if outcomes is not None and source.family.generates:
                hard = outcomes[positions].flatten(0, 1)
                distances = _label_outcomes(source.family, events, params, hard)
                distances = distances.unflatten(0, (len(rows), NUM_TESTS))
                slots = self._slots(batch.outcomes.shape[2], hard.shape[1])
                for row, position, distance in zip(rows, positions, distances, strict=True):
                    batch.outcomes[row][:, slots] = outcomes[position]
                    batch.distances[row][:, slots] = distance
            if masks is not None and source.family.identifies:
                hard = masks[positions].flatten(0, 1)
                holds = _label_masks(source.family, events, params, hard)
                holds = holds.unflatten(0, (len(rows), NUM_TESTS))
                slots = self._slots(batch.masks.shape[2], hard.shape[1])
                for row, position, hold in zip(rows, positions, holds, strict=True):
                    batch.masks[row][:, slots] = masks[position]
                    batch.holds[row][:, slots] = hold
                    differs = batch.masks[row] != batch.masks[row][:, :1]
                    batch.flips[row] = differs.sum(dim=-1).float()

    def _slots(self, size: int, number: int) -> torch.Tensor:
        return torch.from_numpy(1 + self.rng.choice(size - 1, number, replace=False))

    def _draw_count(self) -> int:
        shares = np.array(ENTITY_SHARES) * [count in self._batches for count in ENTITY_COUNTS]
        return int(self.rng.choice(ENTITY_COUNTS, p=shares / shares.sum()))

    def _fill(self, count: int, size: int) -> None:
        batch, sources = self._make(count, size)
        if batch is not None:
            self._batches[count] = batch
            self._sources[count] = sources

    def _make(self, count: int, size: int) -> tuple[ConceptBatch | None, list[_Source]]:
        able = [i for i, family in enumerate(self.families) if _fits(family, count)]
        if not able:
            return None, []
        shares = np.array([self.config.shares.get(self.names[i], 1.0) for i in able])
        numbers = self.rng.multinomial(size, shares / shares.sum())
        parts: list[ConceptBatch] = []
        sources: list[_Source] = []
        for index, number in zip(able, numbers, strict=True):
            if number:
                part, source = self._make_family(index, int(number), count)
                parts.append(part)
                sources.extend(source)
        return ConceptBatch.concatenate(parts), sources

    def _sample(self, family: Any, number: int, count: int) -> tuple[np.ndarray, Events, Events]:
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

    def _make_family(
        self, index: int, number: int, count: int
    ) -> tuple[ConceptBatch, list[_Source]]:
        family, rng, config = self.families[index], self.rng, self.config
        params, demonstrations, tests = self._sample(family, number, count)
        style = rng.random(number)
        plain = style < PLAIN_SHARE
        demonstrations, tests = (_plain(rng, family, e, plain) for e in (demonstrations, tests))
        by_role = (style > 1 - ROLE_COLORED_SHARE) & family.generates & (not family.reads_colors)
        demonstrations = _role_colored(rng, demonstrations, by_role)

        after = tests.positions[:, -1].numpy()
        before = tests.positions[:, 0].numpy()
        subjects = tests.subjects.numpy()
        present = tests.present.numpy()
        outcomes = np.concatenate(
            [
                after[:, None],
                candidate_outcomes(rng, after, before, subjects, present, config.num_outcomes),
            ],
            axis=1,
        )
        if family.generates:
            distances = _label_outcomes(family, tests, params, torch.from_numpy(outcomes))
        else:
            distances = torch.zeros(outcomes.shape[:2])
        attention = tests.attention.numpy()
        masks = np.concatenate(
            [
                attention[:, None],
                candidate_masks(rng, attention, subjects, present, config.num_masks),
            ],
            axis=1,
        )
        masks_ = torch.from_numpy(masks)
        if family.identifies:
            holds = _label_masks(family, tests, params, masks_)
        else:
            holds = torch.ones(masks.shape[:2], dtype=torch.bool)
        types, values = family.tokens(params)
        all_types = np.full((number, self.num_tokens), -1)
        all_types[:, : types.shape[1]] = types
        all_values = np.zeros((number, self.num_tokens, self.num_values), np.float32)
        all_values[:, : values.shape[1], : values.shape[2]] = values

        def grouped(value: torch.Tensor) -> torch.Tensor:
            return value.unflatten(0, (number, NUM_TESTS))

        batch = ConceptBatch(
            family=torch.full((number,), index),
            demonstrations=scene_batch_from_events(demonstrations),
            tests=scene_batch_from_events(tests),
            outcomes=grouped(torch.from_numpy(outcomes)),
            distances=grouped(distances),
            masks=grouped(masks_),
            holds=grouped(holds),
            flips=grouped((masks_ != masks_[:, :1]).sum(dim=-1).float()),
            types=torch.from_numpy(all_types),
            values=torch.from_numpy(all_values),
            generates=torch.full((number,), float(family.generates)),
            # Demonstrated with colours by role, it may be the colours that are meant.
            identifies=torch.from_numpy(float(family.identifies) * ~by_role).float(),
            static=is_static(family, demonstrations, params),
        )
        sources = [
            _Source(family, params[row], tests[slice(row * NUM_TESTS, (row + 1) * NUM_TESTS)])
            for row in range(number)
        ]
        return batch, sources


def _plain(rng: np.random.Generator, family: Any, events: Events, plain: np.ndarray) -> Events:
    """Give all things of some concepts (C,) one colour and one size, where that decides nothing.

    Points without colours of their own are what a first user tries.
    """
    rows = torch.from_numpy(np.repeat(plain, len(events) // len(plain)))
    colors, sizes = events.colors.clone(), events.sizes.clone()
    if not family.reads_colors:
        one = np.where(rng.random((len(plain), 1)) < 0.5, 0.5, rng.random((len(plain), 3)))
        each = torch.from_numpy(np.repeat(one, len(events) // len(plain), axis=0)).to(colors)
        colors[rows] = each[rows, None].expand_as(colors[rows])
    if not family.reads_sizes:
        sizes[rows] = DEFAULT_SIZE
    return _with(events, colors=colors, sizes=sizes)


def _role_colored(rng: np.random.Generator, events: Events, chosen: np.ndarray) -> Events:
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
    return _with(
        events, colors=torch.where(rows[:, None, None], colors.clamp(0, 1), events.colors)
    )


def _fits(family: Any, count: int) -> bool:
    """Tell whether all concepts of a family have events of so many entities."""
    rng = np.random.default_rng(0)
    try:
        family.sample(rng, family.sample_concepts(rng, 64), 1, num_entities=count)
    except EventError:
        return False
    return True


def is_static(family: Any, demonstrations: Events, params: np.ndarray) -> torch.Tensor:
    """Tell (C,) for which concepts the last states alone are demonstrations, as 0 or 1."""
    last = replace(demonstrations, positions=demonstrations.positions[:, -1:])
    holds = np.asarray(family.holds(last, params)).reshape(len(params), -1)
    return torch.from_numpy(holds.all(axis=1).astype(np.float32))


def _rows(index: torch.Tensor, each: int) -> torch.Tensor:
    return (index[:, None] * each + torch.arange(each)).flatten()


def _label_outcomes(
    family: Any, events: Events, params: np.ndarray, outcomes: torch.Tensor
) -> torch.Tensor:
    """Return (B, k) distances of candidate outcomes (B, k, N, 2); params (C, P) of B = C * M."""
    batch, count = outcomes.shape[:2]
    repeated = events.repeat(count)
    positions = outcomes.flatten(0, 1)
    if events.num_steps > 1:
        moved = torch.cat([repeated.positions[:, :-1], positions[:, None]], dim=1)
    else:
        moved = positions[:, None]
    candidates = _with(repeated, positions=moved)
    each = np.repeat(params, batch // len(params) * count, axis=0)
    distances = np.nan_to_num(
        np.asarray(family.error(candidates, each), dtype=np.float32),
        nan=LARGEST_DISTANCE,
        posinf=LARGEST_DISTANCE,
    )
    return torch.from_numpy(distances.clip(0.0, LARGEST_DISTANCE)).reshape(batch, count)


def _label_masks(
    family: Any, events: Events, params: np.ndarray, masks: torch.Tensor
) -> torch.Tensor:
    """Return (B, k) whether the concept holds under candidate masks (B, k, N)."""
    batch, count = masks.shape[:2]
    candidates = _with(events.repeat(count), attention=masks.flatten(0, 1))
    each = np.repeat(params, batch // len(params) * count, axis=0)
    holds = torch.as_tensor(np.asarray(family.holds(candidates, each), dtype=bool))
    return holds.reshape(batch, count)


def _with(events: Events, **changes: Any) -> Events:
    return replace(events, **changes)
