"""Recognition of events: which concepts hold now and did not before, and of which entities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from concept_control.energy.model import ConceptModel
from concept_control.energy.scene_batch import settled
from concept_control.errors import GroundingError
from concept_control.language.expression import Named, Term
from concept_control.language.grounding import roles_of
from concept_control.language.library import ConceptLibrary, LibraryConcept
from concept_control.recognition.calibration import calibrate, evidence
from concept_control.world.events import Events
from concept_control.world.tabletop import Tabletop

LIKELY = 0.5
"""Score from which a statement is taken for what happened."""

NUM_CHANCES = 128
"""Random outcomes from which the rarity of a statement is estimated."""

MAX_ROLES = 256
"""Assignments of entities to the roles of a concept that are tried."""


@dataclass(frozen=True)
class Statement:
    """The statement that a concept came to hold.

    Attributes:
        name: Name of the concept.
        subjects: Ids of its subjects.
        arguments: Ids of its arguments; empty for shapes.
        after: Probability that it holds now.
        before: Probability that it held before.
        rarity: Share of random places of what moved in which it would be likely: the smaller,
            the more the statement says.
    """

    name: str
    subjects: tuple[int, ...]
    arguments: tuple[int, ...]
    after: float
    before: float
    rarity: float

    @property
    def score(self) -> float:
        """Probability that it holds now and did not before."""
        return self.after * (1.0 - self.before)

    def text(self, names: dict[int, str] | None = None) -> str:
        """Return it as an expression, things called by `names` where they have one."""
        names = names or {}

        def listed(ids: Sequence[int]) -> str:
            return ', '.join(names.get(i, f'#{i}') for i in ids)

        inside = listed(self.subjects)
        if self.arguments:
            inside += '; ' + listed(self.arguments)
        return f'{self.name}({inside})'


class Recogniser:
    """Names events with the concepts of a library that act.

    Args:
        model: Model whose energies are compared.
        library: Concepts that may name events.
    """

    def __init__(self, model: ConceptModel, library: ConceptLibrary) -> None:
        self._model, self._library = model, library
        # What a mirrored word says another says, too, of what moved.
        self._concepts = [c for c in library if c.acts and not c.is_mirrored]
        self._curves = calibrate(model, self._concepts)

    def recognise(
        self,
        before: Tabletop,
        after: Tabletop,
        subjects: Sequence[int],
        arguments: Sequence[int] = (),
    ) -> list[Statement]:
        """Return the best statement of each concept, what most likely happened first.

        Likely statements come by how rare they are; "between" says more than "left of", which
        holds of half of all places. The unlikely ones follow by their score.

        Args:
            before: Scene at the start.
            after: Scene at the end, with the same ids.
            subjects: Ids of what moved.
            arguments: Ids of what it is about; empty to try every choice.
        """
        found = []
        for concept in self._concepts:
            roles = list(_roles(concept, before.ids, tuple(subjects), tuple(arguments)))
            if roles:
                found.append(self._best(concept, before, after, roles[:MAX_ROLES]))
        return sorted(
            found,
            key=lambda s: (
                (0, s.rarity, -s.score) if s.score >= LIKELY else (1, -s.score, s.rarity)
            ),
        )

    def _best(
        self,
        concept: LibraryConcept,
        before: Tabletop,
        after: Tabletop,
        roles: list[tuple[tuple[int, ...], tuple[int, ...]]],
    ) -> Statement:
        curve = self._curves[concept.name]

        def probabilities(state: Tabletop, which: Sequence[int]) -> np.ndarray:
            outcomes = np.repeat(state.positions[None], len(which), 0)
            events = _events(before, outcomes, state.bottoms, [roles[i] for i in which])
            return chances_of(events)

        def chances_of(events: Events) -> np.ndarray:
            return curve.probability(evidence(self._model, events, concept.code))

        every = range(len(roles))
        now, then = probabilities(after, every), probabilities(before, every)
        best = int(np.argmax(now * (1.0 - then)))
        subjects, arguments = roles[best]
        rng = np.random.default_rng(0)
        chances = np.repeat(after.positions[None], NUM_CHANCES, axis=0)
        moved = before.mask(subjects)
        chances[:, moved] = rng.uniform(-0.95, 0.95, (NUM_CHANCES, moved.sum(), 2))
        events = settled(_events(before, chances, after.bottoms, [roles[best]] * NUM_CHANCES))
        likely = chances_of(events) >= LIKELY
        return Statement(
            concept.name,
            subjects,
            arguments,
            float(now[best]),
            float(then[best]),
            float(likely.mean()),
        )


def _roles(
    concept: LibraryConcept,
    ids: tuple[int, ...],
    moved: tuple[int, ...],
    arguments: tuple[int, ...],
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the possible subjects and arguments, given what moved."""
    fewest, most = concept.subjects
    others = tuple(i for i in ids if i not in moved)
    if concept.arguments[1] == 0:
        # A shape: what moved belongs to it, and some of what stood there may.
        for extra in range(len(others), -1, -1):
            count = len(moved) + extra
            if fewest <= count and (most is None or count <= most):
                for joined in combinations(others, extra):
                    yield tuple(i for i in ids if i in moved or i in joined), ()
        return
    if not fewest <= len(moved) <= (len(ids) if most is None else most):
        return
    few, many = concept.arguments
    if arguments:
        if few <= len(arguments) and (many is None or len(arguments) <= many):
            yield moved, arguments
        return
    for count in range(max(few, 1), min(len(others), many or len(others)) + 1):
        for chosen in combinations(others, count):
            yield moved, chosen


def _events(
    before: Tabletop,
    outcomes: np.ndarray,
    bottoms: np.ndarray,
    roles: list[tuple[tuple[int, ...], tuple[int, ...]]],
) -> Events:
    """Return events (B,) of one scene with outcomes (B, N, 2), heights (N,) and roles of each."""
    count = len(outcomes)
    return Events(
        positions=np.stack([np.repeat(before.positions[None], count, 0), outcomes], axis=1),
        **before.bodies(count),
        bottoms=np.repeat(np.stack([before.bottoms, bottoms])[None], count, 0),
        subjects=np.array([before.mask(s) for s, _ in roles]),
        attention=np.array([before.mask(a or s) for s, a in roles], dtype=np.float32),
    )


def names_of(scene: Tabletop, model: ConceptModel, library: ConceptLibrary) -> dict[int, str]:
    """Return for each thing the first word of the library that picks it and nothing else."""
    names: dict[int, str] = {}
    with torch.no_grad():
        for concept in library:
            if not concept.by_appearance:
                continue
            try:
                picked, _ = roles_of(Term('it', (Named(concept.name),)), scene, model, library)
            except GroundingError:
                continue
            if len(picked) == 1:
                names.setdefault(picked[0], concept.name)
    return names
