"""Families of concepts: a sampler of demonstrations and an independent predicate each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from concept_control.errors import EventError
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import Events

MAX_ENTITIES = 8
"""Largest number of entities in a sampled event."""

NUM_TOKENS = 4
"""K, number of tokens in the privileged description of a concept."""

TOKEN_VALUES = 12
"""V, number of values of a token."""

STILL_TOLERANCE = 1e-3
"""Largest distance that an entity that is no subject may move [workspace units]."""

SIZE_RANGE = (0.1, 0.26)
"""Range of the side lengths of sampled entities [workspace units]; a 4 cm block has 0.167."""


Length = Callable[[float], str]
"""Writes a length in workspace units for people, in the unit that they think in: "48 mm"."""


class Scenes(NamedTuple):
    """B events as arrays, drawn or to be judged; lengths in workspace units.

    Attributes:
        positions: (B, T, N, 2) places.
        colors: (B, N, 3) RGB in [0, 1].
        sizes: (B, N) side lengths.
        present: (B, N) bool.
        subjects: (B, N) bool; where nothing is moved, the marker if there is one.
        attended: (B, N) bool.
    """

    positions: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray
    present: np.ndarray
    subjects: np.ndarray
    attended: np.ndarray

    @classmethod
    def from_events(cls, events: Events) -> Scenes:
        """Return what events show."""
        positions, colors, sizes = (
            getattr(events, name).cpu().numpy().astype(float)
            for name in ('positions', 'colors', 'sizes')
        )
        return cls(positions, colors, sizes, *masks(events))

    @property
    def last(self) -> np.ndarray:
        """Places (B, N, 2) in the last state."""
        return self.positions[:, -1]

    @property
    def candidates(self) -> np.ndarray:
        """Mask (B, N) of the entities that may be attended beside a marker."""
        return self.present & ~self.subjects


@dataclass
class Draft:
    """B = C * E events under construction, all arrays concept-major; N includes padding.

    Attributes:
        positions: (B, T, N, 2) workspace units.
        colors: (B, N, 3) RGB in [0, 1].
        sizes: (B, N) side lengths, workspace units.
        count: (B,) number of entities present, the first ones until `finish` shuffles them.
        subjects: (B, N) bool.
        attention: (B, N) bool.
        shot: (B,) number of each event among the demonstrations of its concept, from 0.
        bottoms: (B, T, N) heights of the lower faces; None where nothing is stacked.
        heights: (B, N) vertical side lengths; None for cubes.
        rims: (B, N) thickness of the walls of open boxes, 0 for what is solid; None for no box.
    """

    positions: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray
    count: np.ndarray
    subjects: np.ndarray
    attention: np.ndarray
    shot: np.ndarray
    bottoms: np.ndarray | None = None
    heights: np.ndarray | None = None
    rims: np.ndarray | None = None

    @property
    def present(self) -> np.ndarray:
        """Mask (B, N) of the entities that are no padding."""
        return np.arange(self.sizes.shape[1]) < self.count[:, None]

    def rows(self, index: np.ndarray) -> Scenes:
        """Return some of the scenes as they are now."""
        roles = self.present[index], self.subjects[index], self.attention[index]
        return Scenes(self.positions[index], self.colors[index], self.sizes[index], *roles)

    def finish(self, rng: np.random.Generator) -> Events:
        """Return events with the entities shuffled, so that an index tells nothing."""
        order = np.argsort(rng.random(self.sizes.shape), axis=1)
        rows = np.arange(len(order))[:, None]
        return Events(
            positions=self.positions[rows, :, order].transpose(0, 2, 1, 3).astype(np.float32),
            colors=self.colors[rows, order].astype(np.float32),
            sizes=self.sizes[rows, order].astype(np.float32),
            present=self.present[rows, order],
            subjects=self.subjects[rows, order],
            attention=self.attention[rows, order].astype(np.float32),
            bottoms=None
            if self.bottoms is None
            else self.bottoms[rows, :, order].transpose(0, 2, 1).astype(np.float32),
            heights=None if self.heights is None else self.heights[rows, order],
            rims=None if self.rims is None else self.rims[rows, order],
        )


def draft(
    rng: np.random.Generator,
    num_events: int,
    num_steps: int,
    fewest: int,
    num_entities: int | None = None,
) -> Draft:
    """Draw B random scenes in which nothing moves and nothing is attended.

    Args:
        rng: Random generator.
        num_events: B, number of scenes.
        num_steps: T, number of states.
        fewest: Smallest number of entities.
        num_entities: Number of entities in every scene; None draws `fewest` to `MAX_ENTITIES`.

    Raises:
        EventError: if `num_entities` is less than `fewest`.
    """
    if num_entities is not None and num_entities < fewest:
        raise EventError(f'{num_entities} entities; this family needs at least {fewest}')
    width = num_entities or MAX_ENTITIES
    count = np.full(num_events, width)
    if num_entities is None:
        count = rng.integers(fewest, MAX_ENTITIES + 1, num_events)
    first = rng.uniform(-0.95, 0.95, (num_events, 1, width, 2))
    return Draft(
        positions=np.repeat(first, num_steps, axis=1),
        colors=random_colors(rng, (num_events, width)),
        sizes=rng.uniform(*SIZE_RANGE, (num_events, width)),
        count=count,
        subjects=np.zeros((num_events, width), dtype=bool),
        attention=np.zeros((num_events, width), dtype=bool),
        shot=np.arange(num_events),
    )


def random_colors(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw (*shape, 3) colours: three quarters near a named one, a quarter anything."""
    index = rng.integers(len(NAMED_COLORS), size=shape)
    named = seen_color(rng, np.array(list(NAMED_COLORS.values()))[index])
    anything = rng.random((*shape, 3))
    return np.where(rng.random(shape)[..., None] < 0.75, named, anything)


def seen_color(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """Return colours (..., 3) under random light: scaled and with noise."""
    light = rng.uniform(0.7, 1.25, (*rgb.shape[:-1], 1))
    return np.clip(rgb * light + rng.normal(0.0, 0.03, rgb.shape), 0.0, 1.0)


def few_colors(rng: np.random.Generator, shape: tuple[int, ...], number: int) -> np.ndarray:
    """Draw colours (B, N, 3), those of each scene out of so many, so that some are alike."""
    palette = random_colors(rng, (shape[0], number))
    index = rng.integers(number, size=shape)
    return seen_color(rng, palette[np.arange(shape[0])[:, None], index])


@dataclass(frozen=True, eq=False)
class Family(ABC):
    """A family of concepts; a concept is one row of parameters.

    Attributes:
        name: Name of the family.
        description: One sentence.
        token_types: Token types of its privileged description, unique over all families.
        held_out: Whether it is kept from training, to judge how new concepts are learned.
        generates: Whether its concepts can be made to hold by moving subjects.
        identifies: Whether its concepts tell which entities are attended.
        reads_colors: Whether it depends on colours if a concept holds.
        reads_sizes: Whether it depends on sizes if a concept holds.
        tolerance: Default tolerance of the predicate [workspace units].
        num_steps: T, number of states of its demonstrations; None draws one or two.
        min_entities: Smallest number of entities in its demonstrations.
    """

    name: str
    description: str
    token_types: tuple[int, ...]
    held_out: bool = field(default=False, kw_only=True)
    generates: ClassVar[bool] = True
    identifies: ClassVar[bool] = True
    reads_colors: ClassVar[bool] = False
    reads_sizes: ClassVar[bool] = False
    tolerance: ClassVar[float] = 0.1
    num_steps: ClassVar[int | None] = 2
    min_entities: ClassVar[int] = 1

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        """Draw parameters (C, P) of concepts; P = 0 for a family of one concept."""
        return np.zeros((num_concepts, 0))

    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        """Draw C * E demonstrations, concept-major: events in which the concept holds.

        Args:
            rng: Random generator.
            params: (C, P) parameters of the concepts.
            num_events: E, number of demonstrations of each concept.
            num_entities: Number of entities in every event; None draws one for each.

        Raises:
            EventError: if the concept needs more entities, or no demonstration is found.
        """
        rows = np.repeat(params, num_events, axis=0)
        num_steps = int(rng.integers(1, 3)) if self.num_steps is None else self.num_steps
        scene = draft(rng, len(rows), num_steps, self.entities_needed(rows), num_entities)
        scene.shot = np.tile(np.arange(num_events), len(params))
        self.arrange(rng, rows, scene)
        return scene.finish(rng)

    def entities_needed(self, rows: np.ndarray) -> int:
        """Return how many entities every event needs to demonstrate concepts (B, P)."""
        return self.min_entities

    @abstractmethod
    def arrange(self, rng: np.random.Generator, rows: np.ndarray, scene: Draft) -> None:
        """Change random scenes in place so that the concepts hold in them.

        Args:
            rng: Random generator.
            rows: (B, P) parameters of each event's concept.
            scene: B random scenes, see `draft`.
        """

    @abstractmethod
    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        """Return (B,) distances to satisfaction [workspace units]; infinite where roles are wrong.

        Args:
            events: B events; their last state is judged.
            params: (C, P) with B a multiple of C (concept-major), or (B, P).
        """

    def tokens(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the privileged description for training: types (C, K) and values (C, K, V).

        Unused tokens have type -1 and zero values.
        """
        types, values = blank_tokens(len(params))
        types[:, 0] = self.token_types[0]
        described = self.describe(params)
        values[:, 0, : described.shape[1]] = described
        return types, values

    def describe(self, params: np.ndarray) -> np.ndarray:
        """Return (C, <= V) values of about unit scale that tell concepts apart."""
        return params

    def meaning(self, params: np.ndarray, length: Length) -> str:
        """Say what the predicate asks for, with its numbers.

        Args:
            params: (P,) parameters of one concept.
            length: Writer of lengths.
        """
        return self.description

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray | None:
        """Return the attention (B, N) that geometry and looks demand; None if any may be right."""
        return None

    def holds(
        self, events: Events, params: np.ndarray, tolerance: float | None = None
    ) -> np.ndarray:
        """Return (B,) whether the concept holds and nothing but subjects was moved."""
        limit = self.tolerance if tolerance is None else tolerance
        with np.errstate(invalid='ignore'):
            good = self.error(events, params) <= limit
        if self.generates:
            good &= others_stood_still(events)
        return good


def blank_tokens(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return types (C, K) and values (C, K, V) of descriptions without tokens."""
    types = np.full((count, NUM_TOKENS), -1, dtype=np.int64)
    return types, np.zeros((count, NUM_TOKENS, TOKEN_VALUES), dtype=np.float32)


def per_event(params: np.ndarray, events: Events) -> np.ndarray:
    """Return parameters (C, P) repeated to one row per event (B, P), concept-major.

    Raises:
        EventError: if B is no multiple of C.
    """
    params = np.atleast_2d(np.asarray(params, dtype=float))
    times, rest = divmod(len(events), len(params))
    if rest:
        raise EventError(f'{len(events)} events for {len(params)} concepts; expected a multiple')
    return np.repeat(params, times, axis=0)


def last_positions(events: Events) -> np.ndarray:
    """Return (B, N, 2) positions of the last state."""
    return events.positions[:, -1].cpu().numpy().astype(float)


def masks(events: Events) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return present, subjects and attended as (B, N) bool."""
    return (
        events.present.cpu().numpy(),
        events.subjects.cpu().numpy(),
        events.attention.cpu().numpy() > 0.5,
    )


def path_lengths(events: Events) -> np.ndarray:
    """Return (B, N) distances from the first to the last state [workspace units]."""
    return (events.centers[:, -1] - events.centers[:, 0]).norm(dim=-1).cpu().numpy()


def mean_of(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Average (B, N, D) over a (B, N) mask; NaN where it is empty."""
    with np.errstate(invalid='ignore', divide='ignore'):
        return (values * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None]


def marker_mean(values: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Return means (B, 1, ...) of values (B, N, ...) over the subjects (B, N), zero for none."""
    gate = subjects.reshape(*subjects.shape, *[1] * (values.ndim - 2))
    total = (values * gate).sum(axis=1, keepdims=True)
    return total / np.maximum(gate.sum(axis=1, keepdims=True), 1)


def marker_distances(positions: np.ndarray, subjects: np.ndarray) -> np.ndarray:
    """Return (B, N) distances of positions (B, N, 2) from the mean of the subjects (B, N)."""
    return np.linalg.norm(positions - marker_mean(positions, subjects), axis=-1)


def others_stood_still(events: Events) -> np.ndarray:
    """Return (B,) whether nothing but subjects moved."""
    moved = path_lengths(events)
    present, subjects, _ = masks(events)
    return ~((moved > STILL_TOLERANCE) & present & ~subjects).any(axis=1)


def outside_of(
    value: np.ndarray, least: np.ndarray | float, most: np.ndarray | float
) -> np.ndarray:
    """Return how far values are outside the intervals from `least` to `most`."""
    return np.maximum(np.maximum(least - value, value - most), 0.0)
