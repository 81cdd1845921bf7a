"""The words shipped with the package: a name for one concept of a family."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from concept_control.concepts.family import Family, Length
from concept_control.concepts.named.shape import Shape
from concept_control.concepts.named.stacking import Tower
from concept_control.concepts.registry import families, stacking_families
from concept_control.world.colors import NAMED_COLORS
from concept_control.world.events import Events


@dataclass(frozen=True)
class NamedConcept:
    """A word: one concept of a family, and how expressions use it.

    Attributes:
        name: The word.
        family: Family of the concept.
        params: (1, P) parameters of the concept.
        subjects: Fewest and most subjects; None for any number.
        arguments: Fewest and most arguments; None for any number.
        selects: Whether it identifies entities, and may be used as a selector.
        acts: Whether it can be made to hold.
        description: One sentence.
        is_mirrored: Whether the things are named the other way round: what the concept moves comes
            after the semicolon.
    """

    name: str
    family: Family
    params: np.ndarray
    subjects: tuple[int, int | None]
    arguments: tuple[int, int | None]
    selects: bool
    acts: bool
    description: str = ''
    is_mirrored: bool = False

    def demonstrations(self, seed: int, count: int = 5) -> Events:
        """Draw `count` demonstrations in the particle world; each word has seeds of its own."""
        rng = np.random.default_rng([seed, *self.name.encode()])
        return self.family.sample(rng, self.params, count)

    def meaning(self, length: Length) -> str:
        """Say what the predicate asks for in numbers."""
        meaning = self.family.meaning(self.params[0], length)
        return f'the second on the first: {meaning}' if self.is_mirrored else meaning

    def holds(self, events: Events, tolerance: float | None = None) -> np.ndarray:
        """Return (B,) whether the concept holds by geometry; tolerance in workspace units."""
        return self.family.holds(events, self.params, tolerance)

    def error(self, events: Events) -> np.ndarray:
        """Return (B,) distances to satisfaction [workspace units]."""
        return self.family.error(events, self.params)

    def true_attention(self, events: Events) -> np.ndarray:
        """Return the mask (B, N) of what the word identifies, by geometry and true looks."""
        attention = self.family.true_attention(events, self.params)
        return events.attention.cpu().numpy() > 0.5 if attention is None else attention


def vocabulary() -> dict[str, NamedConcept]:
    """Return every word by name."""
    known = families() | stacking_families()
    words = [
        *(_selector(name, known['color'], rgb) for name, rgb in NAMED_COLORS.items()),
        *(_selector(name, known['size'], params) for name, params in _SIZES.items()),
        *(
            named_concept(known[name], subjects=(1, 1), arguments=(1, 1))
            for name in _UNARY_RELATIONS
        ),
        replace(
            named_concept(known['on_top_of'], subjects=(1, 1), arguments=(1, 1)),
            name='under',
            description='lie under another thing, which is put on it',
            is_mirrored=True,
        ),
        # The family `inside` is that of squares seen from above.
        replace(named_concept(known['within'], subjects=(1, 1), arguments=(1, 1)), name='inside'),
        named_concept(known['between'], subjects=(1, 1), arguments=(2, 2)),
        *(
            named_concept(shape, subjects=(shape.fewest, shape.most))
            for shape in map(known.get, _SHAPES)
            if isinstance(shape, Shape)
        ),
        named_concept(known['tower'], subjects=(Tower.fewest, Tower.most)),
        *(
            named_concept(known[name], subjects=(1, 1), selects=True)
            for name in ('closest', 'furthest')
        ),
        *(
            _selector(name, known['quantity'], (n,), f'{name} of the things, whichever')
            for name, n in _QUANTITIES.items()
        ),
        _selector('moved', known['moved'], (), 'the things that moved'),
    ]
    return {word.name: word for word in words}


_UNARY_RELATIONS = (
    'near',
    'far',
    'left_of',
    'right_of',
    'above',
    'below',
    'aligned_x',
    'aligned_y',
    'on_top_of',
    'higher_than',
    'lower_than',
    'beside',
)

_SIZES = {'big': (0.185, 1.0), 'small': (0.148, -1.0)}
"""Thresholds in workspace units: a block of 4 cm on the table is neither."""

_QUANTITIES = {'one': 1.0, 'two': 2.0, 'three': 3.0, 'many': 4.0}

_SHAPES = ('line', 'triangle', 'square', 'circle')


def _selector(
    name: str, family: Family, params: tuple[float, ...], description: str = ''
) -> NamedConcept:
    """Return a word that identifies without a marker."""
    word = named_concept(family, arguments=(0, None), selects=True)
    return replace(
        word,
        name=name,
        params=np.array([params], dtype=float).reshape(1, -1),
        description=description or f'the {name} things',
    )


def named_concept(
    family: Family,
    subjects: tuple[int, int] = (0, 0),
    arguments: tuple[int, int | None] = (0, 0),
    selects: bool = False,
) -> NamedConcept:
    """Return the word for the only concept of a family without parameters.

    Args:
        family: Family, whose name it has.
        subjects: Fewest and most subjects.
        arguments: Fewest and most arguments; None for any number.
        selects: Whether it identifies things, instead of acting.
    """
    return NamedConcept(
        name=family.name,
        family=family,
        params=np.zeros((1, 0)),
        subjects=subjects,
        arguments=arguments,
        selects=selects,
        acts=not selects,
        description=family.description,
    )
