"""Roles: which entities of a scene the selectors of a term name.

The same for those who identify with the learned energy and for the judge, who knows the truth.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from concept_control.language.expression import All, ById, Named, Selector, Term, Tool, mentions
from concept_control.world.entity import TOOL_ID
from concept_control.world.tabletop import Tabletop

Ids = tuple[int, ...]


class RoleFinder(ABC):
    """Finds who is meant in a scene; a subclass says what a concept picks there."""

    def __init__(self, scene: Tabletop) -> None:
        self.scene = scene

    @abstractmethod
    def selects(self, name: str) -> bool:
        """Tell whether a concept identifies things."""

    @abstractmethod
    def identified(self, name: str, marker: Ids) -> Ids:
        """Return the ids that a concept picks, given those of its marker."""

    def roles_of(self, term: Term) -> tuple[Ids, Ids]:
        """Return the ids that stand before and after the semicolon of a term."""
        elsewhere: set[int] = set()
        for selector in (*term.subjects, *term.arguments):
            if not mentions(selector, All):
                elsewhere |= set(self.select(selector))
        return self._group(term.subjects, elsewhere), self._group(term.arguments, elsewhere)

    def select(self, selector: Selector, elsewhere: Collection[int] = ()) -> Ids:
        """Return the ids that a selector names; `all` leaves out those named elsewhere."""
        match selector:
            case Tool():
                return (TOOL_ID,)
            case ById(number):
                return (number,)
            case All():
                apart = {TOOL_ID, *elsewhere}
                return tuple(i for i in self.scene.ids if i not in apart)
            case Named(name):
                return self.identified(name, ())
            case Term(name, subjects, _):
                named = self._group(subjects, elsewhere)
                # "near(red; square(all))" stands for the entities that form the shape.
                return self.identified(name, named) if self.selects(name) else named

    def _group(self, selectors: Sequence[Selector], elsewhere: Collection[int]) -> Ids:
        return tuple(dict.fromkeys(i for s in selectors for i in self.select(s, elsewhere)))
