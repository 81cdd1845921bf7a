"""What a family of concepts is: a sampler of demonstrations and an independent predicate."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from concept_control.errors import EventError
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import Events

MAX_ENTITIES = 8
"""Most entities a sampled event has."""

NUM_TOKENS = 4
"""K, tokens in the privileged description of a concept."""

TOKEN_VALUES = 12
"""V, numbers a token carries."""

STILL_TOLERANCE = 1e-3
"""Entities that are no subjects may move at most this far [workspace units]."""

SIZE_RANGE = (0.1, 0.26)
"""Side lengths of sampled entities [workspace units]; a 4 cm block on the table has 0.167."""


@dataclass
class Draft:
    """B = C * E events under construction, all arrays concept-major; N includes padding.

    Attributes:
        positions: (B, T, N, 2) workspace units.
        colors: (B, N, 3).
        sizes: (B, N).
        count: (B,) entities present; they are the first ones until `finish` shuffles them.
        subjects: (B, N) bool.
        attention: (B, N) bool.
    """

    positions: np.ndarray
    colors: np.ndarray
    sizes: np.ndarray
    count: np.ndarray
    subjects: np.ndarray
    attention: np.ndarray

    @property
    def present(self) -> np.ndarray:
        """(B, N) bool."""
        return np.arange(self.sizes.shape[1]) < self.count[:, None]

    def finish(self, rng: np.random.Generator) -> Events:
        """Shuffle the entities, so that no index means anything, and make events of them."""
        order = np.argsort(rng.random(self.sizes.shape), axis=1)
        rows = np.arange(len(order))[:, None]
        return Events(
            positions=self.positions[rows, :, order].transpose(0, 2, 1, 3).astype(np.float32),
            colors=self.colors[rows, order].astype(np.float32),
            sizes=self.sizes[rows, order].astype(np.float32),
            present=self.present[rows, order],
            subjects=self.subjects[rows, order],
            attention=self.attention[rows, order].astype(np.float32),
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
        rng: source of randomness.
        num_events: B.
        num_steps: T.
        fewest: entities every event needs.
        num_entities: exactly so many; None draws `fewest` to `MAX_ENTITIES` for each event.
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
    )


def random_colors(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw (*shape, 3) colours: half near a named one as a camera sees it, half anything."""
    index = rng.integers(len(NAMED_COLORS), size=shape)
    named = seen_color(rng, np.array(list(NAMED_COLORS.values()))[index])
    anything = rng.random((*shape, 3))
    return np.where(rng.random(shape)[..., None] < 0.75, named, anything)


def seen_color(rng: np.random.Generator, rgb: np.ndarray) -> np.ndarray:
    """Return colours (..., 3) as they look under some light: scaled, tinted and noisy."""
    light = rng.uniform(0.7, 1.25, (*rgb.shape[:-1], 1))
    return np.clip(rgb * light + rng.normal(0.0, 0.03, rgb.shape), 0.0, 1.0)


class Family(ABC):
    """A family of concepts with parameters; a concept is one row of parameters.

    Attributes:
        name: of the family.
        description: one sentence.
        generates: whether a concept of it can be made to hold by moving subjects.
        identifies: whether a concept of it tells which entities are attended.
        held_out: whether it is kept from training, to judge what nobody trained.
        reads_colors: whether colours decide whether a concept holds.
        reads_sizes: the same of sizes.
        tolerance: of the predicate where none is given [workspace units].
        token_types: the globally unique token types of its privileged description.
    """

    name: str
    description: str
    generates: bool = True
    identifies: bool = True
    held_out: bool = False
    reads_colors: bool = False
    reads_sizes: bool = False
    tolerance: float = 0.1
    token_types: tuple[int, ...]

    def sample_concepts(self, rng: np.random.Generator, num_concepts: int) -> np.ndarray:
        """Draw parameters (C, P) of concepts; a family of one concept has none, P = 0."""
        return np.zeros((num_concepts, 0))

    @abstractmethod
    def sample(
        self,
        rng: np.random.Generator,
        params: np.ndarray,
        num_events: int,
        num_entities: int | None = None,
    ) -> Events:
        """Draw demonstrations: C * num_events events, concept-major, in which the concept holds.

        Args:
            rng: source of randomness.
            params: (C, P) concepts.
            num_events: E, demonstrations of each.
            num_entities: exactly so many in every event; None: a random number.
        """

    @abstractmethod
    def error(self, events: Events, params: np.ndarray) -> np.ndarray:
        """Return (B,) distances to satisfaction [workspace units]; infinite where hopeless.

        Args:
            events: B events; their last state is judged.
            params: (C, P) with B a multiple of C (concept-major), or (B, P).
        """

    def tokens(self, params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return types (C, K) and values (C, K, V): the privileged description for training.

        Unused tokens have type -1 and zero values.
        """
        types, values = blank_tokens(len(params))
        types[:, 0] = self.token_types[0]
        described = self.describe(params)
        values[:, 0, : described.shape[1]] = described
        return types, values

    def describe(self, params: np.ndarray) -> np.ndarray:
        """Return (C, <= V) numbers of about unit scale that tell concepts apart."""
        return params

    def true_attention(self, events: Events, params: np.ndarray) -> np.ndarray | None:
        """Return the (B, N) attention that geometry and colours demand; None: the one given."""
        return None

    def holds(
        self, events: Events, params: np.ndarray, tolerance: float | None = None
    ) -> np.ndarray:
        """Tell for which of B events the concept holds, and nothing else was moved."""
        limit = self.tolerance if tolerance is None else tolerance
        with np.errstate(invalid='ignore'):
            good = self.error(events, params) <= limit
        if self.generates:
            good &= others_stood_still(events)
        return good


def blank_tokens(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return types (C, K) and values (C, K, V) of descriptions without any token yet."""
    types = np.full((count, NUM_TOKENS), -1, dtype=np.int64)
    return types, np.zeros((count, NUM_TOKENS, TOKEN_VALUES), dtype=np.float32)


def per_event(params: np.ndarray, events: Events) -> np.ndarray:
    """Repeat concepts (C, P) to one row an event (B, P), concept-major.

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
    """Return (B, N) how far things are from where they were first [workspace units]."""
    return (events.positions[:, -1] - events.positions[:, 0]).norm(dim=-1).cpu().numpy()


def mean_of(values: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Average (B, N, D) over a (B, N) mask; NaN where it is empty."""
    with np.errstate(invalid='ignore', divide='ignore'):
        return (values * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None]


def others_stood_still(events: Events) -> np.ndarray:
    """Tell for which of B events nothing but subjects moved."""
    moved = path_lengths(events)
    present, subjects, _ = masks(events)
    return ~((moved > STILL_TOLERANCE) & present & ~subjects).any(axis=1)
