"""The words shipped with the package: a name for one concept of a family."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from concept_control.concepts.family import NAMED_COLORS, Family
from concept_control.concepts.registry import families
from concept_control.concepts.shape import Circle, Line, Shape, Square, Triangle
from concept_control.events import Events


@dataclass(frozen=True)
class NamedConcept:
    """A word: one concept of a family and how it is used in expressions.

    Attributes:
        name: the word.
        family: whose concept it is.
        params: (1, P) parameters of the concept.
        min_subjects: fewest subjects.
        max_subjects: most subjects; None for any number.
        min_arguments: fewest arguments.
        max_arguments: most arguments; None for any number.
        selects: whether it tells things apart, and may be used as a selector.
        acts: whether it can be made to hold.
        description: one sentence.
    """

    name: str
    family: Family
    params: np.ndarray
    min_subjects: int
    max_subjects: int | None
    min_arguments: int
    max_arguments: int | None
    selects: bool
    acts: bool
    description: str = field(default='')

    def demonstrations(self, seed: int, count: int = 5) -> Events:
        """Draw `count` demonstrations in the particle world."""
        rng = np.random.default_rng([seed, *self.name.encode()])
        return self.family.sample(rng, self.params, count)

    def holds(self, events: Events, tolerance: float | None = None) -> np.ndarray:
        """Tell for which of B events the concept holds, by geometry (workspace units)."""
        return self.family.holds(events, self.params, tolerance)

    def error(self, events: Events) -> np.ndarray:
        """Return (B,) distances to satisfaction [workspace units]."""
        return self.family.error(events, self.params)

    def true_attention(self, events: Events) -> np.ndarray:
        """Return the (B, N) things the word tells apart, by geometry and true colours."""
        attention = self.family.true_attention(events, self.params)
        return events.attention.cpu().numpy() > 0.5 if attention is None else attention


def vocabulary() -> dict[str, NamedConcept]:
    """Return every word by name."""
    known = families()
    words = [_selector(name, known['color'], rgb) for name, rgb in NAMED_COLORS.items()]
    words += [_selector(name, known['size'], params) for name, params in _SIZES.items()]
    words += [_relation(known[name], 1) for name in _UNARY_RELATIONS]
    words.append(_relation(known['between'], 2))
    words += [_shape(shape) for shape in (Line(), Triangle(), Square(), Circle())]
    words += [_marked(known[name]) for name in ('closest', 'furthest')]
    words += [
        _selector(name, known['quantity'], (n,), f'{name} of the things, whichever')
        for name, n in _QUANTITIES.items()
    ]
    words.append(_selector('moved', known['moved'], (), 'the things that moved'))
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
)

_SIZES = {'big': (0.185, 1.0), 'small': (0.148, -1.0)}
"""Thresholds in workspace units: a block of 4 cm on the table is neither."""

_QUANTITIES = {'one': 1.0, 'two': 2.0, 'three': 3.0, 'many': 4.0}


def _selector(
    name: str, family: Family, params: tuple[float, ...], description: str = ''
) -> NamedConcept:
    return NamedConcept(
        name,
        family,
        np.array([params], dtype=float).reshape(1, -1),
        0,
        0,
        0,
        None,
        True,
        False,
        description or f'the {name} things',
    )


def _relation(family: Family, num_arguments: int) -> NamedConcept:
    return NamedConcept(
        name=family.name,
        family=family,
        params=np.zeros((1, 0)),
        min_subjects=1,
        max_subjects=1,
        min_arguments=num_arguments,
        max_arguments=num_arguments,
        selects=False,
        acts=True,
        description=family.description,
    )


def _shape(family: Shape) -> NamedConcept:
    return NamedConcept(
        name=family.name,
        family=family,
        params=np.zeros((1, 0)),
        min_subjects=family.fewest,
        max_subjects=family.most,
        min_arguments=0,
        max_arguments=0,
        selects=False,
        acts=True,
        description=family.description,
    )


def _marked(family: Family) -> NamedConcept:
    return NamedConcept(
        name=family.name,
        family=family,
        params=np.zeros((1, 0)),
        min_subjects=1,
        max_subjects=1,
        min_arguments=0,
        max_arguments=0,
        selects=True,
        acts=False,
        description=family.description,
    )
