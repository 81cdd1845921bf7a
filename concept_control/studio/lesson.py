"""A lesson: examples shown on the table, and what a model makes of them so far."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np
import torch

from concept_control.energy.code import ConceptCode
from concept_control.energy.model import ConceptModel
from concept_control.errors import CodeError, StudioError
from concept_control.studio.table import Table, rest_heights
from concept_control.teaching.cross_validation import leave_one_out
from concept_control.teaching.teach import usage_of
from concept_control.world.demonstrations import demonstration, join, shown_roles
from concept_control.world.events import Events
from concept_control.world.tabletop import moved_ids

HEAT_SIDE = 36
"""Cells of the heat map along a side of the table."""

NUM_TRIES, NUM_SCENES = 3, 8
"""Number of scenes shown as tries after each example, and most that they are chosen from."""

HELD = 1e-3
"""Largest energy of a try in which the concept holds: that of 0.03 beyond a bound."""


@dataclass(frozen=True)
class Example:
    """One example: the table before and after, who moved, and what it is about.

    Attributes:
        before: Table before.
        after: Table after; the same where nothing moves and things are pointed at.
        meant: Ids of what it is about, none that moved.
    """

    before: Table
    after: Table
    meant: tuple[int, ...]

    @property
    def moved(self) -> tuple[int, ...]:
        """Ids of what moved."""
        return moved_ids(self.before.tabletop(), self.after.tabletop())

    @property
    def sentence(self) -> str:
        """What the example shows, for people."""
        meant = self.before.names(self.meant)
        if not self.moved:
            return f'meant: {meant}'
        moved = f'{self.before.names(self.moved)} moved'
        below = {i for above in self.moved for i in self.after.on(above)} - {*self.moved}
        if below:
            is_in = any(self.after.thing(i).is_open for i in below)
            moved += f' {"into" if is_in else "onto"} {self.before.names(sorted(below))}'
        return f'{moved}; it is about {meant}' if meant else moved

    @property
    def is_stacked(self) -> bool:
        """Whether something that moved rests on something else."""
        return any(self.after.on(i) for i in self.moved)

    @property
    def roles(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids of what acts and of what it is about.

        Several things that were piled up make a shape, in which each is both.
        """
        subjects, about = shown_roles(self.after.tabletop(), self.moved)
        is_shape = self.is_stacked and subjects == about and {*self.meant} <= {*about}
        return (subjects, about) if is_shape else (self.moved, self.meant)

    @cached_property
    def event(self) -> Events:
        """The example as one event, made once: that takes 2 ms.

        Raises:
            EventError: if nothing moved and nothing is meant.
        """
        return demonstration(self.before.tabletop(), self.after.tabletop(), *self.roles)


@dataclass(frozen=True)
class Understanding:
    """What the examples so far were understood to mean.

    Attributes:
        code: Code of the concept.
        sentences: What the code says, the most certain first.
        tries: Scenes that were solved with it, to be accepted or corrected.
        proposal: Example that would decide between readings; None where there is no doubt.
    """

    code: ConceptCode
    sentences: tuple[str, ...]
    tries: tuple[Example, ...] = ()
    proposal: Example | None = None


def events_of(examples: Sequence[Example]) -> Events:
    """Return examples as demonstrations."""
    return join([example.event for example in examples])


def understand(model: ConceptModel, examples: Sequence[Example]) -> Understanding:
    """Infer what some examples mean; nothing is tried yet.

    Raises:
        EventError: if an example shows nothing.
        StudioError: if there is no example.
    """
    if not examples:
        raise StudioError('there is no example yet; drag something and keep it as an example')
    code = model.infer(events_of(examples))
    return Understanding(code, tuple(in_words(text, examples) for text in model.explain(code)))


def try_out(
    model: ConceptModel, understanding: Understanding, example: Example, rng: np.random.Generator
) -> Iterator[Understanding]:
    """Yield what was understood with more and more tries, at last with the example that decides.

    Args:
        model: Model that inferred it.
        understanding: What was understood.
        example: Example whose things are tried with, moved and meant as there.
        rng: Random generator of the scenes.
    """
    code = understanding.code
    for tries in _tried(model, code, example, rng):
        understanding = replace(understanding, tries=tries)
        yield understanding
    if len(example.moved) == 1:
        yield replace(understanding, proposal=_proposed(model, code, example, rng))


class _NotAskedError(Exception):
    """Nobody asks any more for what is being computed."""


def compare(
    model: ConceptModel, examples: Sequence[Example], seed: int, is_asked: Callable[[], bool]
) -> str:
    """Hold each example out once; return the verdict, '' if it is not asked for any more.

    Args:
        model: Model that infers.
        examples: Two examples or more.
        seed: Seed of the inferences.
        is_asked: Function that is called after each of them, and tells whether to go on.
    """

    def go_on() -> None:
        if not is_asked():
            raise _NotAskedError

    events = events_of(examples)
    try:
        return leave_one_out(model, events, usage_of(events), seed, go_on).text
    except _NotAskedError:
        return ''


def in_words(sentence: str, examples: Sequence[Example]) -> str:
    """Return a sentence that names things where all examples moved, or meant, the same."""
    moved = {example.before.names(example.moved) for example in examples}
    meant = {example.before.names(example.meant) for example in examples}
    if len(moved) == 1 and (name := moved.pop()):
        sentence = sentence.replace('it stands', f'{name} stands')
    if len(meant) == 1 and (name := meant.pop()):
        sentence = sentence.replace('what is meant', name)
    return sentence


def guess_meant(
    model: ConceptModel,
    before: Table,
    after: Table,
    examples: Sequence[Example],
    code: ConceptCode | None,
) -> tuple[int, ...]:
    """Guess what an example is about that moved something.

    What was put on something is about that. Else the first example is about the nearest thing, a
    later one about as many as the one before it: those whose outcome the examples so far explain
    best.

    Args:
        model: Model that infers.
        before: Table before.
        after: Table after.
        examples: Examples that were kept before.
        code: Code of these; None where there is none yet.
    """
    example = Example(before, after, ())
    others = [i for i in before.ids if i not in example.moved]
    if example.is_stacked:
        _, about = shown_roles(after.tabletop(), example.moved)
        return tuple(i for i in about if i in others)
    if code is None or not examples:
        place = np.array(after.thing(example.moved[0]).position)
        others.sort(key=lambda i: float(np.linalg.norm(place - after.thing(i).position)))
        return tuple(others[:1])
    number = len(examples[-1].meant)
    sets = list(combinations(others, number))
    if number == 0 or len(sets) <= 1:
        return sets[0] if sets else ()
    events = Events.concatenate([Example(before, after, meant).event for meant in sets])
    try:
        scores = model.implausibility(events, code)
    except CodeError:
        return sets[0]
    return sets[int(scores.argmin())]


def heat_map(
    model: ConceptModel,
    code: ConceptCode,
    table: Table,
    thing_id: int,
    roles: tuple[tuple[int, ...], tuple[int, ...]],
) -> np.ndarray:
    """Return the energies (S, S) of one thing at the cells of the table, first row at y = -1.

    Args:
        model: Model that computes the energy.
        code: Code of a concept.
        table: Table as it is.
        thing_id: Id of the thing that is imagined everywhere, on what is there.
        roles: Ids of what acts and of what it is about, as in `Example.roles`.

    Raises:
        CodeError: if the concept says nothing of places.
    """
    subjects, meant = roles
    if thing_id not in subjects or subjects != meant:
        subjects, meant = (thing_id,), tuple(i for i in meant if i != thing_id)
    scene = table.tabletop()
    cells = grid_places()
    row = scene.ids.index(thing_id)
    attention = scene.mask(meant).astype(float)
    start = scene.events(scene.mask(subjects), attention).repeat(len(cells))
    positions = torch.as_tensor(scene.positions, dtype=torch.float32).repeat(len(cells), 1, 1)
    positions[:, row] = torch.as_tensor(cells, dtype=torch.float32)
    bottoms = torch.as_tensor(scene.bottoms, dtype=torch.float32).repeat(len(cells), 1)
    bottoms[:, row] = torch.as_tensor(heights_at(table, thing_id, cells), dtype=torch.float32)
    energies = model.action_energy(start.with_outcome(positions, bottoms), code)
    return np.asarray(energies).reshape(HEAT_SIDE, HEAT_SIDE)


def heights_at(table: Table, thing_id: int, places: np.ndarray) -> np.ndarray:
    """Return the heights (K,) at which a thing would rest at places (K, 2)."""
    away = {thing_id, *table.above(thing_id)}
    others = [thing for thing in table.things if thing.id not in away]
    return rest_heights(places, table.thing(thing_id).size, others)


def grid_places() -> np.ndarray:
    """Return the middles (S * S, 2) of the heat map's cells, rows of equal y first."""
    middles = (np.arange(HEAT_SIDE) + 0.5) / HEAT_SIDE * 2 - 1
    x, y = np.meshgrid(middles, middles)
    return np.stack([x.ravel(), y.ravel()], axis=-1)


def identified(model: ConceptModel, code: ConceptCode, table: Table) -> tuple[int, ...]:
    """Return the ids of the things on a table that a concept means."""
    scene = table.tabletop()
    mask = model.identify(scene.events(), code)[0].bool().tolist()
    return tuple(i for i, is_meant in zip(scene.ids, mask) if is_meant)


def _tried(
    model: ConceptModel, code: ConceptCode, example: Example, rng: np.random.Generator
) -> Iterator[tuple[Example, ...]]:
    """Solve new scenes as the code says: place what moves, or point at what is meant.

    Scenes without room for it are shown last, if at all: from those nothing is to be learned.
    """
    held: list[Example] = []
    others: list[tuple[float, Example]] = []
    for _ in range(NUM_SCENES):
        scene = example.before.shuffled(rng)
        if not example.moved:
            held.append(Example(scene, scene, identified(model, code, scene)))
        else:
            before = _scene_of(scene, example)
            outcome = model.generate(before, code, int(rng.integers(2**31)))
            energy = float(model.action_energy(outcome, code))
            tried = _moved(scene, example, outcome)
            if energy > HELD:
                others.append((energy, tried))
                continue
            held.append(tried)
        yield tuple(held)
        if len(held) == NUM_TRIES:
            return
    best = [tried for _, tried in sorted(others, key=lambda each: each[0])]
    yield (*held, *best)[:NUM_TRIES]


def _proposed(
    model: ConceptModel, code: ConceptCode, example: Example, rng: np.random.Generator
) -> Example | None:
    """Return the example that would decide; None where there is none, or it could not stand."""
    scene, (moved,) = example.before.shuffled(rng), example.moved
    try:
        outcome = model.propose(_scene_of(scene, example), code)
        place = outcome.positions[0, -1, scene.ids.index(moved)].tolist()
        return Example(scene, scene.dragged(moved, *place), example.meant)
    except (CodeError, StudioError):
        return None


def _moved(scene: Table, example: Example, outcome: Events) -> Example:
    """Return a scene with what the example acts on where its outcome has it."""
    places = torch.cat([outcome.positions, outcome.bottoms.unsqueeze(-1)], dim=-1)
    found = dict(zip(scene.ids, places[0, -1].tolist()))
    after = scene.moved({i: found[i] for i in example.roles[0]})
    moved = Example(scene, after, ()).moved
    return Example(scene, after, tuple(i for i in example.meant if i not in moved))


def _scene_of(table: Table, example: Example) -> Events:
    scene = table.tabletop()
    subjects, meant = example.roles
    return scene.events(scene.mask(subjects), scene.mask(meant).astype(float))
